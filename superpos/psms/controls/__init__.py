"""The project's own kinds of target, one a module under `KIND`; see `superpos.kinds.controls`."""
