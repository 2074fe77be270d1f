"""Damaged data files of every format: read all the same, or refused in one line with nothing written.

480 files by default; `SUPERPOS_FUZZED_DATA_FILES=5000` tries so many. The same files in every run.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from random import Random

import datasets
import pytest
from damage import damaged
from whole_files import KINDS, Kind

from superpos.errors import SuperposError

N_FILES = int(os.environ.get("SUPERPOS_FUZZED_DATA_FILES", "480"))
SECONDS = 10.0
"""Processor time that one file may take: the largest holds 200 KB."""
LONGEST_LINE = 1500
"""Characters of a message, paths included."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A whole place of every kind."""
    datasets.disable_progress_bars()
    places = {kind.name: kind.make(tmp_path_factory.mktemp(kind.name)) for kind in KINDS}
    datasets.enable_progress_bars()
    return places


@pytest.fixture(autouse=True)
def _standing_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)


def files_of(place: Path) -> list[Path]:
    return [place] if place.is_file() else sorted(file for file in place.rglob("*") if file.is_file())


def outcome(kind: Kind, place: Path, out: Path) -> tuple[int, str]:
    """Return the exit status and what was said on standard error; a function that refuses counts as 2."""
    said = io.StringIO()
    with redirect_stdout(io.StringIO()), redirect_stderr(said):
        try:
            return kind.read(place, out), said.getvalue()
        except SuperposError as error:
            return error.exit_status, f"superpos: {error}\n"


def complaint(kind: Kind, trial: Path, name: str, out: Path) -> str:
    """Read a damaged place; return what is wrong with how it went, empty if nothing is."""
    began = time.process_time()
    try:
        status, said = outcome(kind, trial / name, out)
    except Exception as error:  # whatever comes through here would be a traceback
        return f"{type(error).__name__}: {str(error)[:200]}"
    lines = said.strip().splitlines()
    if (seconds := time.process_time() - began) > SECONDS:
        return f"took {seconds:.0f} s"
    if status == 0:
        return ""
    if status != 2:
        return f"status {status}: {said[:200]}"
    if len(lines) != 1 or not lines[0].startswith("superpos: ") or len(lines[0]) > LONGEST_LINE:
        return f"not one line: {said[:300]}"
    # A set file with another path in it may be whole: then that path is what is named.
    if trial.name not in lines[0] and kind.name != "set_file":
        return f"names no file: {lines[0]}"
    return f"wrote {[file.name for file in out.iterdir()]}" if any(out.iterdir()) else ""


@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
def test_whole_files(kind: Kind, whole: dict[str, Path], tmp_path: Path) -> None:
    status, said = outcome(kind, whole[kind.name], tmp_path)
    assert status == (2 if kind.is_refused else 0), said


@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
def test_damaged_files(kind: Kind, whole: dict[str, Path], tmp_path: Path) -> None:
    contents = [file.read_bytes() for place in whole.values() for file in files_of(place)]
    wrong = []
    for number in range(max(1, N_FILES // len(KINDS))):
        draw = Random(f"{kind.name}/{number}")  # noqa: S311 (damage, no secrets)
        trial, out = tmp_path / "a-trial", tmp_path / "out"
        shutil.copytree(whole[kind.name].parent, trial)
        out.mkdir()
        name = whole[kind.name].name
        victim = draw.choice(files_of(trial / name))
        done, content = damaged(victim.read_bytes(), contents, draw)
        victim.write_bytes(content)
        if said := complaint(kind, trial, name, out):
            wrong.append(f"{number}, {victim.relative_to(trial)} {done}: {said}")
        shutil.rmtree(trial)
        shutil.rmtree(out)
    sys.stdout.write(f"{number + 1} damaged files of kind {kind.name}, {len(wrong)} of them wrong\n")
    assert not wrong, "\n".join(wrong)
