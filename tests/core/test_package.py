"""`import superpos` costs nothing, and what it promises is there when it is asked for."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import superpos
from superpos.version import __version__

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("numpy", "pandas", "scipy", "sqlalchemy", "matplotlib", "pyarrow", "numba", "torch", "ray", "rich")


def test_nothing_heavy_is_imported_until_it_is_asked_for() -> None:
    script = (
        "import sys, time\n"
        "began = time.process_time()\n"
        "import superpos\n"
        "spent = time.process_time() - began\n"
        "assert set(superpos.__all__) <= set(dir(superpos))\n"
        f"print(spent, [name for name in {HEAVY} if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT, timeout=120
    )
    spent, _, loaded = done.stdout.strip().partition(" ")
    assert loaded == "[]"
    assert float(spent) < 0.3  # of the processor


def test_every_promised_name_is_there() -> None:
    for name in superpos.__all__:
        assert getattr(superpos, name) is getattr(superpos, name)
    assert superpos.plot.psm.__module__ == "superpos.plot.matrix"
    with pytest.raises(AttributeError, match="module 'superpos' has no attribute 'geometries'"):
        superpos.geometries  # noqa: B018 (the access is what is tested)


def test_functions_are_not_hidden_by_modules() -> None:
    # A module of the name of a function would take its place once something imports it.
    modules = {path.stem for path in (ROOT / "superpos").iterdir()}
    assert modules & {"connect", "geometry", "run", "test"} == set()
    assert callable(superpos.geometry)


def test_the_version_is_that_of_the_distribution() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert superpos.__version__ == __version__ == project["version"]
