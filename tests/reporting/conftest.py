"""The synthetic study, for tests of the report."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from superpos.db.engine import Database


def _load() -> ModuleType:
    """Import the module beside this file: folders of tests are no packages."""
    if "synthetic_study" not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            "synthetic_study", Path(__file__).with_name("synthetic_study.py")
        )
        assert spec is not None
        assert spec.loader is not None
        sys.modules["synthetic_study"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["synthetic_study"])
    return sys.modules["synthetic_study"]


_module = _load()
Plan = _module.Plan
Place = _module.Place
SYNTAX = _module.SYNTAX
build = _module.build


@pytest.fixture(scope="session")
def make_study(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Return a function that writes plans into a fresh database and returns its URL."""

    def make(*plans: Any, pairs: bool = True, url: str = "") -> str:
        url = url or f"sqlite:///{tmp_path_factory.mktemp('db') / 'superpos.db'}"
        database = Database(url)
        build(database, plans, pairs=pairs)
        database.dispose()
        return url

    return make


@pytest.fixture(scope="session")
def study_plan() -> type[Any]:
    return Plan


@pytest.fixture(scope="session")
def place() -> type[Any]:
    return Place


@pytest.fixture(scope="session")
def full_study(make_study: Callable[..., str]) -> str:
    """Return the URL of a database with the whole synthetic study."""
    return make_study(Plan())


@pytest.fixture(scope="session")
def small_study(make_study: Callable[..., str]) -> str:
    """Return the URL of a database with one small data set, for tests that render."""
    return make_study(
        Plan(datasets={"python_syntax": SYNTAX}, layers=(0, 1), controls=("permuted",), sweep=())
    )
