"""`superpos datasets show` of a list of words: its lines for a study work with the model that was named."""

from __future__ import annotations

import textwrap
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from word_tokenizers import KINDS, RARE, WORD_LISTS, save_model, save_tokenizer

from superpos.cli.parser import main
from superpos.records.plan import StudyPlan
from superpos.specs.feature_sets import load_feature_set
from superpos.specs.studyfile import load_study
from superpos.stages.plan import plan_study

Show = Callable[..., str]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("models")
    return {kind: save_model(save_tokenizer(kind, place / kind)) for kind in KINDS}


@pytest.fixture
def show(capsys: pytest.CaptureFixture[str]) -> Show:
    def call(*arguments: str | Path) -> str:
        assert main(["datasets", "show", *map(str, arguments)]) == 0
        return capsys.readouterr().out

    return call


def words_of(out: str, folder: Path) -> tuple[str, ...]:
    """Plan the study that was printed, pasted as it is, and return the words of its set."""
    file = folder / "pasted.toml"
    file.write_text(textwrap.dedent(out.split("in a study\n")[1]), encoding="utf-8")
    (planned,) = plan_study(load_study(file)).datasets
    words: tuple[str, ...] = planned.spec.options.words
    return words


@pytest.mark.parametrize("kind", KINDS)
def test_a_study_takes_the_lines_of_every_list(
    kind: str, models: dict[str, Path], show: Show, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in WORD_LISTS:
        out = show(name, "--model", models[kind])
        words = load_feature_set(name).options.words
        if (kind, name) == ("no_seven", "digits"):
            assert "note: left out of the lines below: '7'" in out
            assert "refuses the set: datasets.digits.words: '7' cannot be written" in out
            words = tuple(word for word in words if word != "7")
        assert words_of(out, tmp_path) == words
        assert ('several_tokens = "mean"' in out) is bool(set(RARE) & set(words)), name


def test_what_is_chosen_is_said(models: dict[str, Path], show: Show) -> None:
    out = show("digits", "--model", models["digits_apart"])
    assert "    spelling: without a space\n" in out
    assert (
        "note: the words are read without a space before them; with one, 10 of 10 are several tokens" in out
    )
    assert "⟦7⟧" in out
    assert "    spelling: with a space\n" in show("digits", "--model", models["joined"])
    assert "    spelling: alike with and without a space\n" in show("digits", "--model", models["wordpiece"])


def test_a_set_of_ones_own(
    models: dict[str, Path], show: Show, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Words of the file and of the list it names: what cannot be written is left out of both."""
    monkeypatch.chdir(tmp_path)
    text = 'builder = "token_list"\nlist = "digits"\nwords = ["eight", "漢"]\nleading_space = "auto"\n'
    Path("mine.toml").write_text(text, encoding="utf-8")
    out = show("mine.toml", "--model", models["no_seven"])
    assert words_of(out, tmp_path) == ("0", "1", "2", "3", "4", "5", "6", "8", "9", "eight")
    lines = tomllib.loads(textwrap.dedent(out.split("in a study\n")[1]))
    assert lines["datasets"]["mine"] == {
        "set": "mine.toml",
        "list": "",
        "words": ["0", "1", "2", "3", "4", "5", "6", "8", "9", "eight"],
    }


def test_a_study_that_leaves_the_spelling_open_is_the_one_that_says_it(
    models: dict[str, Path], tmp_path: Path
) -> None:
    """No database takes it for a new revision, whatever the lists that ship say by now."""
    file = tmp_path / "study.toml"

    def plan(kinds: list[str], said: str = "") -> StudyPlan:
        named = "".join(f"[models.{kind}]\nname = '{models[kind]}'\n" for kind in kinds)
        file.write_text(f"{named}[datasets.digits]\n{said}\n[[blocks]]\n", encoding="utf-8")
        return plan_study(load_study(file))

    for kind, in_force in (("joined", "true"), ("digits_apart", "false")):
        left_open, said = plan([kind]), plan([kind], f"leading_space = {in_force}")
        assert left_open.digest == said.digest
        assert [one.key for one in left_open.targets] == [one.key for one in said.targets]
        assert left_open.study != said.study  # what was asked stays as it was asked
    both = plan(["joined", "digits_apart"])
    assert [one.spec.options.leading_space for one in both.datasets] == [True, False]
    assert (
        both.digest
        != plan(["joined", "digits_apart"], "leading_space = false\nseveral_tokens = 'mean'").digest
    )
