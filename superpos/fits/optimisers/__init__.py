"""The project's own optimisers of the re-optimisation, one kind a module (`superpos.kinds.optimisers`)."""
