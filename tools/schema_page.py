"""Write `docs/schema.md` from a fresh database: `python -m tools.schema_page > docs/schema.md`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import sqlalchemy as sa

from superpos.catalogue import meaning, unit
from superpos.db.engine import Database
from superpos.db.migrate import ensure_current, newest_revision
from superpos.db.results import VIEWS
from superpos.db.tables import metadata

INTRODUCTION = """# Schema

Written by `python -m tools.schema_page`; schema revision {revision}. Read through the views; the
tables behind them may change with a migration. [Queries](sql-cookbook.md), [terms](glossary.md),
[conventions](science.md).

- Keys are 32 hexadecimal digits (16 bytes): SHA-256 over the canonical JSON of what was asked for,
  of the keys of the inputs, and of the algorithm version of the stage. `superpos trace KEY` follows
  one up to the text.
- No axis is NULL: what does not apply has the neutral value named below. A NaN or infinite number
  is NULL, and the status beside it says why.
- Arrays (BLOB / bytea) open with `<dtype>:<shape>;` in ASCII, then come the little-endian bytes in
  C order: `<f8:11,10;` opens 11 rows of 10 doubles.
- Distances are Minkowski distances with p = 2 over all n^2 entries and grow with n; between sets of
  different n only the columns `rms_...` may be compared.
- Energies and objectives of a study are of vectors in units of the start radius (1 under cosine).
  Equal matrices have equal energies, whatever their unit of length. Vectors and norms are in full
  units.
- Status of a fit: `converged`, `polished`, `max_iter`, `stalled`, `unbounded`, `corner`,
  `non_finite`; [what each means](science.md#statuses).
- Verdict: `strict` or `degenerate` local minimum, `saddle`, `not_critical`, `not_applicable`;
  [what each means](science.md#certificate).
"""


def document() -> str:
    """Return the whole document."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Database(f"sqlite:///{Path(folder) / 'schema.db'}") as database,
    ):
        ensure_current(database)
        with database.read() as connection:
            inspector = sa.inspect(connection)
            columns = {view: [c["name"] for c in inspector.get_columns(view)] for view in VIEWS}
    parts = [INTRODUCTION.format(revision=newest_revision()), "## Views\n"]
    for view in VIEWS:
        parts.append(f"### `{view}`: {VIEWS[view]}\n")
        parts.append("| column | meaning | unit |\n|---|---|---|")
        parts.extend(f"| `{name}` | {meaning(view, name)} | {unit(view, name)} |" for name in columns[view])
        parts.append("")
    parts.append("## Tables\n")
    parts.append("| table | columns | refers to |\n|---|---|---|")
    for table in metadata.sorted_tables:
        names = ", ".join(f"`{column.name}`" for column in table.columns)
        parents = ", ".join(sorted({f"`{key.column.table.name}`" for key in table.foreign_keys}))
        parts.append(f"| `{table.name}` | {names} | {parents} |")
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document())
