"""The project's own pair energies, one kind a module (`superpos.kinds.energies`)."""
