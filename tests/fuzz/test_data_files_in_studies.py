"""Damaged data files that a study names: planning and running refuse them, and no database is made."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import datasets
import pytest
from whole_files import DOCUMENTS, KINDS, PEOPLE, PREDICATES, TREEBANK

from superpos.cli.parser import main
from superpos.cluster import pool

SETS = {
    "npz": 'builder = "directions"\nfile = CORPUS\ntensor = "w"\n',
    "safetensors": 'builder = "directions"\nfile = CORPUS\n',
    "csv": 'builder = "directions"\nfile = CORPUS\n',
    "csv_psm": 'builder = "psm"\nfile = CORPUS\nsimilarity = "cosine"\n',
    "jsonl": DOCUMENTS,
    "json": DOCUMENTS,
    "parquet": DOCUMENTS,
    "saved_set": DOCUMENTS,
    "text": PREDICATES,
    "conllu": TREEBANK,
    "entities": PEOPLE,
    "paper_folder": 'builder = "sparse_probing"\nfolder = CORPUS\n',
}
"""What a study says of each format."""
HARM = {
    "text": b"\xff\xfea\0b\0",
    "entities": b"name,label\nA\0 B,x\n",
    "csv": b"a,1\nb,x\n",
    "csv_psm": b"1,9\n9,1\n",
}
"""What is written over files that are still whole when they are cut in half."""


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("command", ["plan", "run"])
def test_no_row_is_written(name: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_ray(*_: Any) -> Any:
        raise AssertionError("bad input must be found before Ray is started")

    monkeypatch.setattr(pool, "RayExecutor", no_ray)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    datasets.disable_progress_bars()
    (kind,) = (kind for kind in KINDS if kind.name == name)
    place = kind.make(tmp_path)
    datasets.enable_progress_bars()
    victim = next(place.glob("*.arrow")) if place.is_dir() else place
    content = victim.read_bytes()
    victim.write_bytes(HARM.get(name, content[: len(content) // 2]))
    assert str(place) in refused(command, SETS[name].replace("CORPUS", json.dumps(str(place))), tmp_path)


def a_link_to_itself(place: Path) -> None:
    place.symlink_to(place)


def a_long_name(place: Path) -> None:
    assert len(place.name) > 255


@pytest.mark.parametrize("name", ["npz", "csv_psm", "jsonl", "saved_set", "text", "conllu", "entities"])
@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, a_link_to_itself, a_long_name])
def test_places_that_are_something_else(
    name: str, make: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (kind,) = (kind for kind in KINDS if kind.name == name)
    suffix = {"npz": ".npz", "csv_psm": ".csv", "jsonl": ".jsonl", "conllu": ".conllu"}.get(kind.name, ".txt")
    place = tmp_path / (("x" * 300 if make is a_long_name else "x") + suffix)
    make(place)
    said = refused("plan", SETS[name].replace("CORPUS", json.dumps(str(place))), tmp_path)
    assert ("File name too long" if make is a_long_name else place.name) in said


def refused(command: str, definition: str, folder: Path) -> str:
    """Plan or run a study of one set; return the one line that refuses it, without a trace of the study."""
    (folder / "mine.toml").write_text(definition, encoding="utf-8")
    study = folder / "s.toml"
    study.write_text('name = "s"\n[models.nano]\n[[blocks]]\n[datasets.mine]\nset = "mine.toml"\n')
    said = io.StringIO()
    with redirect_stdout(io.StringIO()), redirect_stderr(said):
        status = main([command, str(study), "--db", f"sqlite:///{folder / 'results.db'}"])
    assert status == 2, said.getvalue()
    (line,) = said.getvalue().splitlines()
    assert not (folder / "results.db").exists()
    assert not (folder / "superpos-data").exists()
    return line
