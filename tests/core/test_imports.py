"""Any module can be the first that is imported: none leans on what another has loaded by chance."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys

import pytest

import superpos

SCRIPT = """
import importlib, json, os, sys
import numpy, pandas, sqlalchemy, scipy.stats, scipy.optimize, rich.console  # shared by all, and slow
failed = []
for name in json.loads(sys.argv[1]):
    child = os.fork()
    if child == 0:
        status = 1
        try:
            importlib.import_module(name)
            status = 0
        except BaseException as error:
            print(f"{name}: {error!r}", flush=True)
        os._exit(status)
    if os.waitpid(child, 0)[1]:
        failed.append(name)
sys.exit(1 if failed else 0)
"""
PACKAGES = ("cli", "db")
"""What a command loads first, and what fills the tables: the others are imported by these."""


@pytest.mark.parametrize("package", PACKAGES)
def test_a_module_is_imported_alone(package: str) -> None:
    path = [f"{folder}/{package}" for folder in superpos.__path__]
    names = [one.name for one in pkgutil.walk_packages(path, f"superpos.{package}.")]
    assert len(names) > 3
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, json.dumps(names)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
