"""What is said of the keys of a study file: every key, and nothing that the readers do not do."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from superpos.errors import InputError
from superpos.kinds.builders import BUILDERS
from superpos.kinds.controls import CONTROLS
from superpos.kinds.energies import ENERGIES
from superpos.specs import explain
from superpos.specs.explain import Key, Section, explained, sections
from superpos.specs.studyfile import load_study

TABLES: dict[str, Callable[[str], str]] = {
    "study": lambda line: f"{line}\n[models.nano]\n[datasets.text_features]\n[[blocks]]\n",
    "models": lambda line: f"[models.nano]\n{line}\n[datasets.text_features]\n[[blocks]]\n",
    "corpora": lambda line: (
        f'[models.nano]\n[corpora.x]\npath = "stdlib"\n{line}\n[datasets.text_features]\n[[blocks]]\n'
    ),
    "datasets": lambda line: f"[models.nano]\n[datasets.text_features]\n{line}\n[[blocks]]\n",
    "blocks": lambda line: f"[models.nano]\n[datasets.text_features]\n[[blocks]]\n{line}\n",
    "kernels": lambda line: (
        f'[models.nano]\n[datasets.text_features]\n[[blocks]]\n[[blocks.kernels]]\nenergy = "exp"\n{line}\n'
    ),
    "reoptimisations": lambda line: (
        f"[models.nano]\n[datasets.text_features]\n[[blocks]]\n[[blocks.reoptimisations]]\n{line}\n"
    ),
}
"""The smallest study with one more line in each of its tables."""
TOLD = {
    "tokens": "features = { a = ['a'], b = ['b'] }",
    "regex": "features = { a = 'a', b = 'b' }",
    "ngrams": "phrases = ['a b', 'b c']",
    "documents": "",
    "conllu": "features = { a = 'upos=A', b = 'upos=B' }",
    "entities": "entities = 'occupation'",
    "sparse_probing": "folder = 'x'",
    "token_list": "words = ['a', 'b']",
    "directions": "file = 'x.csv'",
    "psm": "file = 'x.csv'\nsimilarity = 'cosine'",
}
"""What each builder has to be told."""


def read(folder: Path, text: str) -> dict[str, Any]:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return load_study(path).as_dict()


def section(name: str) -> Section:
    return next(one for one in sections() if one.name == name)


def allowed_keys(folder: Path, text: str) -> set[str]:
    """The keys that the message about an unknown one names."""
    with pytest.raises(InputError) as caught:
        read(folder, text)
    found = re.search(r"unknown key; allowed: ([^()]*)$", str(caught.value))
    assert found, str(caught.value)
    return set(found[1].split(", "))


@pytest.mark.parametrize("name", TABLES)
def test_every_key_that_is_read_is_explained(tmp_path: Path, name: str) -> None:
    keys = {key.name for key in section(name).keys}
    if name == "corpora":
        keys -= {"parts"}
    assert keys - allowed_keys(tmp_path, TABLES[name]("zzzzzz = 1")) <= {"parts"}
    assert allowed_keys(tmp_path, TABLES[name]("zzzzzz = 1")) <= keys | {"parts"}


@pytest.mark.parametrize("name", TOLD)
def test_every_key_of_a_builder_is_explained(tmp_path: Path, name: str) -> None:
    told = f'builder = "{name}"\n{TOLD[name]}\ncorpus = "stdlib"\nzzzzzz = 1\n'
    text = f"[models.nano]\n[datasets.x]\n{told}[[blocks]]\n"
    keys = {key.name for key in (*section(name).keys, *section("datasets").keys)}
    assert allowed_keys(tmp_path, text) == keys


def test_builders_that_are_told_nothing_have_no_section() -> None:
    own = {name for name in BUILDERS.names() if BUILDERS.origin(name) is None}
    without = own - {one.name for one in sections()}
    assert without == {name for name in own if not BUILDERS.get(name).keys}
    assert not without & set(TOLD)


def is_written(key: Key) -> bool:
    """Whether the default of a key is what a file may say, not words."""
    try:
        tomllib.loads(f"x = {key.default}")
    except tomllib.TOMLDecodeError:
        return False
    return True


@pytest.mark.parametrize("name", TABLES)
def test_defaults_are_those_that_a_silent_file_has(tmp_path: Path, name: str) -> None:
    silent = read(tmp_path, TABLES[name](""))
    for key in section(name).keys:
        if is_written(key) and key.name not in ("extends", "revisions", "steps", "description"):
            assert read(tmp_path, TABLES[name](f"{key.name} = {key.default}")) == silent, key.label


def test_no_key_is_without_a_meaning() -> None:
    for one in sections():
        for key in one.keys:
            assert key.meaning, key.label
            assert key.meaning[-1] == ".", key.label
            assert key.type, key.label


def test_allowed_values_are_those_of_the_registers_and_types() -> None:
    def names(label: str) -> tuple[str, ...]:
        return tuple(choice.name for choice in explained(label)[0].choices)

    assert names("targets") == CONTROLS.names()
    assert names("energy") == ENERGIES.names()
    assert names("builder") == BUILDERS.names()
    assert names("spaces") == ("raw", "scaled", "whitened", "pattern")
    assert names("self_energy") == ("exclude", "include")
    assert names("n_dims") == ()
    assert all(choice.meaning for choice in explained("targets")[0].choices)


def test_a_kind_of_another_package_is_among_them(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = next(iter(CONTROLS))
    monkeypatch.setattr(CONTROLS, "names", lambda: ("features", "permuted", "theirs", "broken"))
    monkeypatch.setattr(CONTROLS, "get", lambda *_: kind)

    def origin(name: str) -> Any:
        if name == "broken":
            raise InputError("stranger 1.0: control 'broken' cannot be imported")
        return None if name in ("features", "permuted") else type("Origin", (), {"label": "stranger 1.0"})

    monkeypatch.setattr(CONTROLS, "origin", origin)
    choices = explained("targets")[0].choices
    assert [choice.origin for choice in choices] == ["", "", "stranger 1.0", "another package"]
    assert choices[3].meaning == "stranger 1.0: control 'broken' cannot be imported"


def test_keys_are_found_by_name_and_by_table() -> None:
    assert [key.label for key in explained("gtol")] == ["blocks.gtol", "reoptimisations.gtol"]
    assert [key.default for key in explained("gtol")] == ["1e-05", "1e-08"]
    assert [key.table for key in explained("reoptimisations.gtol")] == ["[[blocks.reoptimisations]]"]


def test_an_unknown_key_suggests_the_nearest() -> None:
    with pytest.raises(
        InputError, match=r"^'n_dim' is no key of a study file; .* \(did you mean 'n_dims'\?\)$"
    ):
        explained("n_dim")


def test_it_says_only_what_json_can_hold() -> None:
    assert json.dumps([[key.default, key.meaning] for one in sections() for key in one.keys])
    assert explain.FILE.name == "study.toml"
