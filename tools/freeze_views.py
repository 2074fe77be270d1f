"""Freeze the views of this version for a migration: `python -m tools.freeze_views 0005`.

Writes `migrations/views_0005.py`, from which the migration `0005` creates the views. A revision that
databases have is never written again.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from superpos.db.views import views

FOLDER = Path(__file__).resolve().parents[1] / "migrations"
TEXT = '''"""SQL of the views of schema revision {revision}, frozen; SQLite and PostgreSQL run the same text.

Written by `python -m tools.freeze_views {revision}` from `superpos/db/views`, which has the reasons.
"""

from __future__ import annotations

VIEWS: dict[str, str] = {{
{views}
}}
"""Name to SELECT, in the order in which they can be created."""


def create_all() -> list[str]:
    """Return the statements that create the views."""
    return [f"CREATE VIEW {{name}} AS{{text}}" for name, text in VIEWS.items()]


def drop_all() -> list[str]:
    """Return the statements that drop the views, dependants first."""
    return [f"DROP VIEW {{name}}" for name in reversed(VIEWS)]
'''


def frozen(revision: str) -> str:
    """Return the module that freezes the views as they are."""
    texts = (f'    "{view.name}": """\n{view.select}""",' for view in views())
    return TEXT.format(revision=revision, views="\n".join(texts))


def main(arguments: list[str]) -> None:
    """Write the module of the revision that is named."""
    if len(arguments) != 1 or not re.fullmatch(r"\d{4}", arguments[0]):
        raise SystemExit("usage: python -m tools.freeze_views NNNN")
    path = FOLDER / f"views_{arguments[0]}.py"
    if path.exists():
        raise SystemExit(f"{path}: is frozen already")
    path.write_text(frozen(arguments[0]), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
