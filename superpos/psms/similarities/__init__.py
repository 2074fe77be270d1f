"""The project's own similarities, one kind a module (`superpos.kinds.similarities`)."""
