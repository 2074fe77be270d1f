"""The project's own measures of a matrix, one a module under `KIND`; see `superpos.kinds.measures`."""
