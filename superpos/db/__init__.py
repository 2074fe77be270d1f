"""The store: the only code that speaks SQLAlchemy.

- a stage's reads and writes: `datasets`, `activations`, `probes`, `whitening`, `psms` and `measures`,
  `ceilings`, `fits`, `analysis`; its tables: the module of that name in `tables`
- what is read: `views`, an SQL file each; `columns` makes those of tables from the catalogue
- a study: `studies` (registered, its rows), `planned` (what is done of a plan), `progress`, `failures`,
  `runs`
- one row: `trace`, `recompute`, `rebuild`; all of them: `gc`
- the file or server: `urls`, `engine`, `read_only`, `migrate`, `types`, `insert`
- readers: `results` (views as data frames)
"""
