"""The page on extending: its table has every register, and its examples are kinds that work."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from superpos.db.engine import Database
from superpos.db.migrate import ensure_current
from superpos.db.views import _view
from superpos.kinds import Kind, Register

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
EXAMPLES = {
    re.match(r"# (\S+)", block)[1]: block  # type: ignore[index]
    for block in re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
}


def registers() -> list[Register[Any]]:
    """Every register of the package: those of `superpos.kinds`, and that of the chapters."""
    names = [f"superpos.kinds.{path.stem}" for path in (ROOT / "superpos" / "kinds").glob("*.py")]
    modules = map(importlib.import_module, [*sorted(names), "superpos.reporting.sections"])
    found = [value for module in modules for value in vars(module).values() if isinstance(value, Register)]
    return list({id(one): one for one in found}.values())


def rows() -> list[list[str]]:
    table = PAGE.partition("| family |")[2].partition("\n\n")[0]
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_the_table_has_every_register() -> None:
    wanted = {(one.package.replace(".", "/"), one.group) for one in registers()}
    assert {(package, group) for _, _, package, group, _ in rows()} == wanted


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_a_row_names_the_module_of_its_register_and_a_folder_of_tests(row: list[str]) -> None:
    _, module, _, group, tests = row
    values = vars(importlib.import_module(module)).values()
    assert group in {value.group for value in values if isinstance(value, Register)}
    assert any((ROOT / tests).glob("test_*.py"))


@pytest.mark.parametrize("path", EXAMPLES)
def test_an_example_is_a_kind_of_the_family_whose_folder_it_names(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"an_example_of_the_page_{Path(path).stem}"
    (tmp_path / f"{name}.py").write_text(EXAMPLES[path], encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    kind = importlib.import_module(name).KIND
    (register,) = [one for one in registers() if one.package == str(Path(path).parent).replace("/", ".")]
    assert isinstance(kind, Kind)
    assert isinstance(kind, register.record)
    assert kind.name == Path(path).stem
    assert kind.name not in register
    kind.check()


def test_the_view_of_the_page_can_be_asked(tmp_path: Path) -> None:
    (sql,) = re.findall(r"^```text\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    (tmp_path / "largest_matrices.sql").write_text(sql, encoding="utf-8")
    view = _view(tmp_path / "largest_matrices.sql")
    assert view.rows.startswith("one row per ")
    database = Database(f"sqlite:///{tmp_path / 'superpos.db'}")
    ensure_current(database)
    with database.read() as connection:
        columns = connection.execute(sa.text(view.select)).keys()
    database.dispose()
    assert {"study", "similarity", "n_features", "psm_key"} <= set(columns)


def test_the_groups_of_the_package_are_those_of_registers() -> None:
    groups = re.findall(r'entry-points\."([\w.]+)"', PAGE)
    assert groups
    assert set(groups) <= {one.group for one in registers()}
