"""What may be compared: root mean squares beside the distances, which grow with n.

Views alone change; every row stays as it is.

Revision: 0006, after 0005.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def _views(name: str) -> ModuleType:
    """Load frozen view texts that lie beside `versions`."""
    path = Path(__file__).resolve().parent.parent / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def upgrade() -> None:
    for statement in _views("views_0005").drop_all():
        op.execute(statement)
    for statement in _views("views_0006").create_all():
        op.execute(statement)


def downgrade() -> None:
    """Go back; nothing is lost."""
    for statement in _views("views_0006").drop_all():
        op.execute(statement)
    for statement in _views("views_0005").create_all():
        op.execute(statement)
