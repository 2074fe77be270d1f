"""Which releases of numba the engine takes, and what it says of others."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numba
import pytest

from superpos.errors import ArgumentError
from superpos.fits.compiled.machine.options import ENTRY, INLINE, OPTIONS, PASTE, compiled
from superpos.fits.compiled.machine.versions import BEYOND, OLDEST, check_numba


@compiled(OPTIONS)
def _called(start: int, twice: bool) -> int:
    return start + (start if twice else 0)


@compiled(INLINE)
def _inlined(start: int) -> int:
    return start + 1


@compiled(PASTE)
def _pasted(start: int) -> int:
    return _called(start, twice=False)


@compiled({**ENTRY, "cache": False})
def _both(k: int) -> int:
    return _called(1, twice=True) + _called(k, k > 1) + _inlined(1) + _inlined(2) + _pasted(3)


ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("version", ["0.62.0", "0.68.1", "0.68.0rc1", numba.__version__])
def test_known_releases_pass(version: str) -> None:
    check_numba(version)


@pytest.mark.parametrize("version", ["0.61.2", "0.69.0", "0.69.0rc1", "1.0.0", "1", "0.dev", ""])
def test_other_releases_are_refused_in_one_line(version: str) -> None:
    with pytest.raises(ArgumentError) as raised:
        check_numba(version)
    message = str(raised.value)
    assert raised.value.argument == "backend"
    assert "\n" not in message
    for part in (version, "numba>=0.62,<0.69", "'scipy'"):
        assert part in message


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("numba.__version__ = '9.9.9'", "9.9.9 is installed"),
        ("numba.config.DISABLE_JIT = 1", "no compiled engine under NUMBA_DISABLE_JIT"),
    ],
)
def test_a_numba_that_cannot_serve_is_an_error_of_input_and_no_crash(setting: str, said: str) -> None:
    code = (
        f"import numba, numpy; {setting}\n"
        "from superpos.errors import InputError\n"
        "from superpos.fits import fit_joint\n"
        "for _ in range(2):\n"
        "    try:\n"
        "        fit_joint(numpy.eye(3), n_dims=2, max_iter=1)\n"
        "    except InputError as error:\n"
        "        print(error)\n"
        "print(fit_joint(numpy.eye(3), n_dims=2, max_iter=1, backend='scipy').nit)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, second, reference = ran.stdout.splitlines()
    assert first == second
    assert said in first
    assert int(reference) == 1


def test_the_package_asks_for_the_same_releases() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    oldest, beyond = (".".join(map(str, release)) for release in (OLDEST, BEYOND))
    assert f"numba>={oldest},<{beyond}" in project["dependencies"]
    pinned = re.search(r"^numba==(.+)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert pinned is not None
    check_numba(pinned[1])


def test_no_function_is_compiled_once_more_for_a_literal() -> None:
    assert _both(5) == 2 + 10 + 2 + 3 + 3
    for function in (_called, _inlined):
        assert len(function.signatures) == 1
    assert not _pasted.signatures
