"""A driver killed before, within and after every commit: what is left is what an undisturbed run leaves."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import sqlalchemy as sa
from tiny_study import Tiny, read_views

import superpos
from superpos.db.commits import Commit
from superpos.db.engine import Database
from superpos.db.migrate import check

ROOT = Path(superpos.__file__).parent
KILLED = Path(__file__).with_name("killed.py")
OF_COMMANDS = {Commit.RETRY, Commit.REBUILD, Commit.COLLECT, Commit.IMPORT, Commit.UPGRADE}
"""Single transactions of commands that run alone."""
BY_HAND = {"db/engine.py", "db/migrate.py"}
"""Modules that commit themselves."""


def calls(name: str) -> list[tuple[str, ast.Call]]:
    """Return every call of a method of this name in the package, with its module."""
    return [
        (str(path.relative_to(ROOT)), node)
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name
    ]


def test_every_commit_of_the_package_is_on_the_list() -> None:
    assert {module for module, _ in calls("commit")} == BY_HAND
    named = set()
    for module, call in calls("write"):
        of_a_database = ast.unparse(call.func).endswith("database.write")
        if of_a_database:
            assert len(call.args) == 1, f"{module}:{call.lineno}: a commit without a name"
            named.add(ast.unparse(call.args[0]))
    assert named == {f"Commit.{commit.name}" for commit in Commit} - {"Commit.UPGRADE"}


def test_a_driver_may_be_killed_at_any_commit(
    database: Database, tiny: Tiny, finished_views: dict[str, list[tuple[str, ...]]], tmp_path: Path
) -> None:
    url = database.url.render_as_string(hide_password=False)
    command = [sys.executable, str(KILLED), url, str(tiny.file()), str(tmp_path / "data")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert {line[0] for line in lines} == {commit.value for commit in set(Commit) - OF_COMMANDS}
    assert [line for line in lines if line[2] != "killed"] == []
    assert read_views(database) == finished_views
    assert check(database) == []
    with database.read() as connection:
        outcomes = connection.execute(sa.text("SELECT outcome FROM runs ORDER BY run_id")).scalars().all()
        assert connection.scalar(sa.text("SELECT COUNT(*) FROM leases")) == 0
    assert outcomes[-1] == "done"
    assert set(outcomes[:-1]) <= {"interrupted", "done"}
