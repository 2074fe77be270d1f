"""`superpos datasets`: what it prints is what was built; bad input is one line and writes nothing."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import autoencoders as made
import datasets as hf
import numpy as np
import pytest
from rich.console import Console
from safetensors.numpy import save_file

from superpos.cli import dataset_console
from superpos.cli.dataset_pages import FeaturePage, SetPage
from superpos.cli.parser import main
from superpos.datasets.artifacts import content_digest, load_dataset
from superpos.datasets.build import build_dataset
from superpos.datasets.labels import several_examples
from superpos.datasets.tokens import load_tokens
from superpos.kinds.builders import BUILDERS
from superpos.models import bundled_model
from superpos.records.data import TokenExample
from superpos.specs.datasets import CorpusSpec
from superpos.specs.feature_sets import bundled_sets, load_feature_set
from superpos.specs.studyfile import load_study
from superpos.stages.plan import plan_study

ROOT = Path(__file__).resolve().parents[2]
NANO = bundled_model("nano")
Run = Callable[..., str]
WORD_LISTS = [name for name in bundled_sets() if load_feature_set(name).builder == "token_list"]
WORDS = ["the", "of", "and", "in", "on", "a", "day", "crew", "3", "were", "le", "et", "par", "la", "ce"]


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to stand in."""
    folder = tmp_path / "workplace"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """Forty short texts, one a line, in two languages: made of numbered sentences."""
    path = tmp_path / "texts.jsonl"
    english = "On day {n} the Crew of NASA counted {m} parcels, and 3 of them were OPEN in the hall.\n"
    french = "Le jour {n}, l'équipe a compté {m} colis, et 3 étaient ouverts dans la grande salle.\n"
    lines = [
        json.dumps({"text": "".join(one.format(n=i, m=7 * i + k) for k in range(4)), "lang": lang})
        for i in range(20)
        for lang, one in (("en", english), ("fr", french))
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs an action which must succeed, and returns what it printed."""

    def call(*arguments: str | Path) -> str:
        outcome = main(["datasets", *map(str, arguments)])
        out, err = capsys.readouterr()
        assert outcome == 0, err
        return out

    return call


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str], workplace: Path) -> Run:
    """Return a function that runs an action which must be refused, leave nothing, and say one line."""

    def call(*arguments: str | Path) -> str:
        before = sorted(workplace.rglob("*"))
        capsys.readouterr()  # what the preparation said
        try:
            outcome = main(["datasets", *map(str, arguments)])
        except SystemExit as error:  # argparse leaves this way
            outcome = int(error.code or 0)
        out, err = capsys.readouterr()
        assert (outcome, out) == (2, ""), err
        assert sorted(workplace.rglob("*")) == before
        lines = err.strip().splitlines()
        assert len(lines) == 1, err
        assert lines[0].startswith("superpos")
        return lines[0]

    return call


# --- list ---------------------------------------------------------------------------------------------------


def test_list_is_one_plain_line_a_set(run: Run) -> None:
    rows = [line.split("\t") for line in run("list").splitlines()]
    assert [row[0] for row in rows] == sorted(bundled_sets())
    assert {len(row) for row in rows} == {5}
    by_name = {row[0]: row[1:] for row in rows}
    assert by_name["text_features"][:3] == ["text_features", "11", "standard library"]
    assert by_name["weekdays"][:3] == ["token_list", "7", "the model's own matrix"]
    assert by_name["athlete_sport"][:2] == ["entities", "5"]
    assert by_name["natural_language"][:3] == ["documents", "?", "(name one)"]
    assert by_name["compound_words"][:3] == ["ngrams", "21", "(name one)"]


def test_list_as_json_names_every_feature(run: Run) -> None:
    rows = {row["name"]: row for row in json.loads(run("list", "--json"))}
    assert sorted(rows) == sorted(bundled_sets())
    assert rows["planets"]["features"][:3] == ["Mercury", "Venus", "Earth"]
    assert rows["political_party"]["features"] == ["Democratic", "Republican"]
    assert rows["natural_language"]["features"] is None
    assert [name for name in rows if rows[name]["needs_corpus"]] == [
        "compound_words",
        "dependency",
        "latex_syntax",
        "morphology",
        "natural_language",
        "part_of_speech",
        "programming_language",
        "text_distribution",
    ]


# --- show ---------------------------------------------------------------------------------------------------


def test_show_says_what_was_built(run: Run, text: Path, workplace: Path) -> None:
    arguments = ("text_features", "--corpus", text, "--n-samples", "300", "--seed", "3", "--examples", "4")
    page = json.loads(run("show", *arguments, "--json"))
    study = f"[models.nano]\n{page['usage']}[[blocks]]\n"
    (workplace / "study.toml").write_text(study, encoding="utf-8")
    spec = load_study(workplace / "study.toml").datasets[0]  # the lines for a study mean the set shown
    tokens = build_dataset(spec, NANO)
    assert page["content_digest"] == content_digest(tokens)
    assert page["n_samples"] == 300
    assert [row["feature"] for row in page["features"]] == list(tokens.feature_names)
    documents = {
        f"{text.name}:{number}": line for number, line in enumerate(text.read_text().splitlines(), 1)
    }
    for column, row in enumerate(page["features"]):
        positives = int(tokens.labels[:, column].sum())
        assert (row["n_positive"], row["n_negative"]) == (positives, 300 - positives)
        assert row["balance"] == pytest.approx(positives / 300)
        assert len(row["examples"]) == min(4, positives)
        for example in row["examples"]:
            whole = example["before"] + example["token"] + example["after"]
            line = documents[example["document"]]  # pieces of characters show as U+FFFD
            pattern = re.escape(whole).replace(chr(0xFFFD), ".?")
            assert re.search(pattern, json.loads(line)["text"])
    digits = next(row for row in page["features"] if row["feature"] == "contains_digit")
    assert digits["examples"]
    assert all(re.search("[0-9]", example["token"]) for example in digits["examples"])
    expected = np.corrcoef(tokens.labels[:, 5], tokens.labels[:, 6])[0, 1]
    assert page["phi"][5][6] == pytest.approx(expected)
    assert sorted(path.name for path in workplace.iterdir()) == ["study.toml"]


@pytest.mark.parametrize("count", [1, 2, 7, 10_000])
def test_examples_are_spread_over_the_positive_samples(count: int, text: Path) -> None:
    spec = replace(load_feature_set("text_features"), corpus=CorpusSpec("text", str(text)))
    tokens = build_dataset(replace(spec, n_sequences=30, n_samples=200, min_positives=5), NANO)
    table = load_tokens(NANO)
    several = several_examples(tokens, table.token_bytes, table.special, count)
    if count == 1:
        assert tuple(found[0] if found else None for found in several) == tokens.examples
    for column, found in enumerate(several):
        samples = np.flatnonzero(tokens.labels[:, column])
        assert len(found) == min(count, len(samples))
        # Each of as many equal parts of the positives gives one.
        for part, example in zip(np.array_split(samples, len(found)) if found else [], found, strict=True):
            spelled = [
                table.token_bytes[tokens.token_ids[start + position]].decode("utf-8", "replace")
                for start, position in zip(
                    tokens.sequence_starts[tokens.sample_sequences[part]],
                    tokens.sample_positions[part],
                    strict=True,
                )
            ]
            if len(samples) % len(found) == 0:
                assert example.token in spelled
    assert sum(map(len, several)) > 0


def test_show_in_plain_text_marks_each_example(run: Run, text: Path) -> None:
    out = run("show", "text_features", "--corpus", text, "--n-samples", "200", "--examples", "2")
    shown = out.split("examples (")[1].split("phi coefficients")[0].splitlines()[1:]
    lines = [line for line in shown if line.startswith("      ") and "no positive" not in line]
    assert len(lines) >= 15
    assert all(line.count("⟦") == line.count("⟧") == 1 for line in lines)
    assert "\x1b" not in out
    assert re.search(r"contains_digit +\d+ +\d+ +█*░* +\d+\.\d %   ok", out)
    usage = tomllib.loads(out.split("in a study\n")[1])
    assert usage["datasets"]["text_features"] == {
        "corpus": str(text),
        "n_samples": 200,
        "n_sequences": 20,
        "min_positives": 5,
    }


def test_show_on_a_terminal_is_in_colour(
    text: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = io.StringIO()
    console = Console(
        file=stream, force_terminal=True, color_system="truecolor", width=200, soft_wrap=True, no_color=False
    )
    monkeypatch.setattr("superpos.cli.datasets.new_console", lambda: console)
    assert main(["datasets", "show", "text_features", "--corpus", str(text), "--n-samples", "100"]) == 0
    out = stream.getvalue()
    assert "⟦" not in out
    assert re.search("\x1b\\[1;30;43m[^\x1b]*[0-9]", out)  # a digit in black on yellow
    assert re.search("\x1b\\[30;48;2;255;\\d+;\\d+m", out)  # a positive coefficient on a red ground
    assert main(["datasets", "list"]) == 0
    assert "superpos datasets show NAME" in stream.getvalue()
    assert capsys.readouterr().out == ""


def test_text_never_steers_the_terminal() -> None:
    assert dataset_console.visible("a\n\tb\x1b[31m\x00\ufeffé 漢") == "a⏎⇥b\\x1b[31m\\x00\\ufeffé 漢"
    example = TokenExample("[red]x", "[/]", "\r\n", "d")
    assert dataset_console.marked(example) == "[red]x⟦[/]⟧\\r⏎"
    stream = io.StringIO()
    page = SetPage(
        name="[bold]s",
        builder="tokens",
        description="",
        source="[blue]",
        features=(FeaturePage("[b]", 1, 1, "ok", (example,)), FeaturePage("c", 0, 2, "no_positives")),
        usage="[datasets.x]\n",
        phi=np.eye(2),
        phi_meant=np.eye(2, dtype=bool),
    )
    dataset_console.print_page(Console(file=stream, width=200, highlight=False, soft_wrap=True), page)
    out = stream.getvalue()
    for piece in (
        "[bold]s",
        "source: [blue]",
        "  [b]\n",
        "[red]x⟦[/]⟧",
        "no positive sample",
        "[datasets.x]",
    ):
        assert piece in out


def test_many_features_give_the_largest_pairs_in_place_of_the_matrix(run: Run, text: Path) -> None:
    words = {f"f{i}": [word] for i, word in enumerate(WORDS)}
    Path("many.toml").write_text(
        f'builder = "tokens"\ncorpus = "{text}"\nn_sequences = 30\nn_samples = 900\n[features]\n'
        + "\n".join(f"{name} = {json.dumps(value)}" for name, value in words.items()),
        encoding="utf-8",
    )
    out = run("show", "many.toml")
    pairs = re.findall(r"^    ([+-]\d\.\d\d)  (\S+), (\S+)$", out.split("largest phi")[1], re.MULTILINE)
    assert len(pairs) == 10
    sizes = [abs(float(value)) for value, _, _ in pairs]
    assert sizes == sorted(sizes, reverse=True)
    page = json.loads(run("show", "many.toml", "--json"))
    names = list(words)
    for value, first, second in pairs:
        assert page["phi"][names.index(first)][names.index(second)] == pytest.approx(float(value), abs=0.006)
    assert 'set = "many.toml"' in out


def test_documents_with_a_label_key(run: Run, text: Path) -> None:
    arguments = ("natural_language", "--corpus", text, "--label-key", "lang", "--n-samples", "200")
    out = run("show", *arguments)
    assert "two exclusive classes" in out
    assert "en and fr have the opposite labels on every sample" in out
    usage = tomllib.loads(out.split("in a study\n")[1])["datasets"]["natural_language"]
    assert (usage["corpus"], usage["label_key"]) == (str(text), "lang")


def test_keys_of_the_set_stay_when_another_text_is_named(run: Run, text: Path, workplace: Path) -> None:
    Path("lang.toml").write_text('builder = "documents"\nlabel_key = "lang"\nmin_documents = 5\n')
    page = json.loads(run("show", "lang.toml", "--corpus", text, "--n-samples", "100", "--json"))
    assert [row["feature"] for row in page["features"]] == ["en", "fr"]
    (workplace / "study.toml").write_text(f"[models.nano]\n{page['usage']}[[blocks]]\n", encoding="utf-8")
    spec = load_study(workplace / "study.toml").datasets[0]
    assert spec.corpus.label_key == "lang"
    assert content_digest(build_dataset(spec, NANO)) == page["content_digest"]


def test_words_and_their_tokens(run: Run) -> None:
    page = json.loads(run("show", "colours", "--json"))
    table = load_tokens(NANO)
    words = load_feature_set("colours").options.words  # type: ignore[union-attr]  (a token list)
    assert [row["feature"] for row in page["features"]] == list(words)
    assert any(len(row["tokens"]) > 1 for row in page["features"])
    for row in page["features"]:
        assert "".join(row["tokens"]) == f" {row['feature']}"
        assert len(row["tokens"]) == len(table.encode(f" {row['feature']}"))
    assert any("several_tokens" in note for note in page["notes"])
    out = run("show", "digits")
    assert "⟦ 7⟧" in out
    assert "refuses" not in out


def test_a_tokenizer_of_ones_own(run: Run, refused: Run, tmp_path: Path) -> None:
    out = run("show", "digits", "--tokenizer", NANO / "tokenizer.json")
    assert f"tokenizer: {NANO / 'tokenizer.json'}" in out
    shown, study = run("show", "digits", "--model", NANO).split("in a study\n")
    assert out.splitlines()[4:] == [*shown.splitlines()[4:], "in a study", "    [datasets.digits]"]
    assert tomllib.loads(study)["models"] == {"nano": {"name": str(NANO)}}
    assert "no such tokenizer file" in refused("show", "digits", "--tokenizer", tmp_path)
    assert "not allowed with" in refused("show", "digits", "--tokenizer", NANO, "--model", "nano")
    (tmp_path / "tokenizer.json").write_text("{}")
    assert "tokenizer.json: cannot be read as a tokenizer: " in refused(
        "show", "digits", "--tokenizer", tmp_path
    )
    assert "superpos: --model: is empty" in refused("show", "digits", "--model", "")
    said = refused("show", "digits", "--model", "none")
    assert "model none: no such folder or GGUF file, not bundled" in said


def test_imported_directions_show_quartiles(run: Run, tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(6, 5))
    save_file({"W": rows, "b": np.zeros(5)}, tmp_path / "sae.safetensors")
    Path("sae.toml").write_text(
        f'builder = "directions"\nfile = "{tmp_path}/sae.safetensors"\ntensor = "W"\nrows = [0, 2, 3, 5]\n'
    )
    page = json.loads(run("show", "sae.toml", "--json"))
    chosen = rows[[0, 2, 3, 5]]
    norms = np.sqrt((chosen**2).sum(axis=1))
    cosines = [chosen[i] @ chosen[j] / norms[i] / norms[j] for i in range(4) for j in range(i)]
    assert page["norm_quartiles"] == pytest.approx(np.percentile(norms, [0, 25, 50, 75, 100]))
    assert page["cosine_quartiles"] == pytest.approx(np.percentile(cosines, [0, 25, 50, 75, 100]))
    assert (page["n_features"], page["width"]) == (4, 5)
    assert [row["feature"] for row in page["features"]] == ["row_0", "row_2", "row_3", "row_5"]
    assert "names: row_0, row_2" in run("show", "sae.toml")


def planned(lines: str, workplace: Path) -> None:
    """Plan a study of these lines, which must be accepted as they are."""
    from superpos.stages.plan import plan_study

    (workplace / "pasted.toml").write_text(lines, encoding="utf-8")
    assert plan_study(load_study(workplace / "pasted.toml")).study.name == "pasted"


@pytest.mark.parametrize("name", [*WORD_LISTS, "athlete_sport", "political_party", "python_words"])
def test_plan_accepts_the_lines_that_show_prints(name: str, run: Run, workplace: Path) -> None:
    out = run("show", name, *(["--n-samples", "300"] if name == "python_words" else []))
    lines = out.split("in a study\n")[1]
    assert all(line.startswith("    ") or not line for line in lines.splitlines())
    planned(textwrap.dedent(lines), workplace)


def test_plan_accepts_the_lines_for_a_text_and_for_files(
    run: Run, text: Path, tmp_path: Path, workplace: Path
) -> None:
    given = ("--corpus", text, "--label-key", "lang", "--n-samples", "60")
    planned(json.loads(run("show", "natural_language", *given, "--json"))["study"], workplace)
    rows = np.random.default_rng(0).normal(size=(4, 3))
    np.savez(tmp_path / "v.npz", rows)
    planned(json.loads(run("import", tmp_path / "v.npz", "--json"))["study"], workplace)
    np.savez(tmp_path / "t.npz", np.exp(-((rows[:, None] - rows[None]) ** 2).sum(axis=2)))
    planned(json.loads(run("import", tmp_path / "t.npz", "--psm", "rbf", "--json"))["study"], workplace)


def test_words_that_a_tokenizer_cannot_tell_apart_have_no_lines(run: Run, tmp_path: Path) -> None:
    """Nothing is printed for pasting that a study would refuse."""
    tokenizer = json.loads((NANO / "tokenizer.json").read_text(encoding="utf-8"))
    tokenizer["normalizer"] = {"type": "Lowercase"}
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    Path("cases.toml").write_text('builder = "token_list"\nwords = ["Abc", "abc"]\n', encoding="utf-8")
    out = run("show", "cases.toml", "--tokenizer", tmp_path)
    assert "a study with this tokenizer refuses the set: datasets.cases.words" in out
    assert "in a study" not in out


# --- build --------------------------------------------------------------------------------------------------


def test_build_writes_what_it_prints(run: Run, refused: Run, text: Path) -> None:
    arguments = (
        "build",
        "text_features",
        "--corpus",
        text,
        "--n-samples",
        "150",
        "--out",
        "out/set.safetensors",
    )
    page = json.loads(run(*arguments, "--json"))
    tokens = load_dataset(Path("out/set.safetensors"))
    assert content_digest(tokens) == page["content_digest"]
    assert len(tokens.sample_sequences) == page["n_samples"] == 150
    assert "set.safetensors exists; give another name, or --force" in refused(*arguments)
    run(*arguments, "--seed", "1", "--force")
    assert content_digest(load_dataset(Path("out/set.safetensors"))) != page["content_digest"]
    assert "does not end in .safetensors" in refused(*arguments[:-1], "set.npz")
    assert "is a folder" in refused(*arguments[:-1], make_folder("x.safetensors"))
    said = refused("build", "weekdays", "--out", "w.safetensors")
    assert "weekdays: builder token_list makes directions without samples" in said
    assert "--out" in refused("build", "text_features")


def make_folder(name: str) -> Path:
    Path(name).mkdir()
    return Path(name)


# --- import -------------------------------------------------------------------------------------------------


def write_probing_folder(place: Path, **columns: Any) -> Path:
    """A folder of the family `features` as the paper's code wrote it: 30 rows with BOS, two features."""
    rng = np.random.default_rng(1)
    rows: dict[str, Any] = {"tokens": [[0, *map(int, rng.integers(2, 300, size=23))] for _ in range(30)]}
    for name in ("noun", "verb"):
        rows[f"{name}|probe_indices"] = [[3, 7 + row % 4, 20] for row in range(30)]
        rows[f"{name}|probe_classes"] = [[1, -1, 1 if row % 2 else -1] for row in range(30)]
    hf.Dataset.from_dict(rows | columns).save_to_disk(str(place))
    return place


def test_import_of_a_folder_writes_a_set_that_a_study_can_name(
    run: Run, tmp_path: Path, workplace: Path
) -> None:
    folder = write_probing_folder(tmp_path / "ewt.pyth.24.30")
    page = json.loads(run("import", folder, "--json"))
    assert {row["feature"]: row["n_positive"] for row in page["features"]} == {"noun": 45, "verb": 45}
    content = tomllib.loads(Path("ewt.toml").read_text(encoding="utf-8"))
    assert content == {
        "description": "Imported: ewt.pyth.24.30",
        "builder": "sparse_probing",
        "folder": str(folder),
        "ctx_len": 21,
    }
    study = f"[models.nano]\n{page['usage']}[[blocks]]\n"
    (workplace / "study.toml").write_text(study, encoding="utf-8")
    spec = load_study(workplace / "study.toml").datasets[0]
    assert spec.name == "ewt"
    assert content_digest(build_dataset(spec, NANO)) == page["content_digest"]
    shown = json.loads(run("show", "ewt.toml", "--json"))
    assert shown["features"] == page["features"]
    assert not any("small one" in note for note in shown["notes"])


def test_import_beside_the_set_file_is_relative(run: Run, refused: Run, workplace: Path) -> None:
    write_probing_folder(workplace / "data" / "latex.pyth.24.30")
    run("import", "data/latex.pyth.24.30", "--out", "sets.toml", "--ctx-len", "10")
    content = tomllib.loads(Path("sets.toml").read_text(encoding="utf-8"))
    assert (content["folder"], content["ctx_len"]) == ("data/latex.pyth.24.30", 10)
    assert "sets.toml exists" in refused("import", "data/latex.pyth.24.30", "--out", "sets.toml")
    moved = workplace.rename(workplace.with_name("moved"))
    spec = load_feature_set(str(moved / "sets.toml"))
    assert len(build_dataset(spec, NANO).sample_sequences) == 30 * 2 - 7  # 3 and 7 to 9, but not 10 and 20


def test_a_folder_with_a_mistake_writes_nothing(refused: Run, tmp_path: Path) -> None:
    bad = write_probing_folder(tmp_path / "bad", **{"noun|probe_classes": [[1, -1, 2]] * 30})
    said = refused("import", bad)
    assert "row 0" in said
    assert "noun|probe_classes" in said
    beyond = write_probing_folder(tmp_path / "beyond", tokens=[[0, *([10**6] * 23)]] * 30)
    said = refused("import", beyond)
    assert str(10**6) in said
    assert "checked with the tokenizer of model nano; --model or --tokenizer names another" in said
    assert "checked with" not in refused("import", beyond, "--tokenizer", NANO)
    assert "not a data set" in refused("import", make_folder("empty"))
    assert "none: no such file or folder" in refused("import", "none")
    assert "--psm: applies to files only" in refused("import", bad, "--psm", "cosine")
    assert "--tensor: applies to files only" in refused("import", bad, "--tensor", "x")
    assert "does not end in .toml" in refused("import", bad, "--out", "x.txt")


def test_import_of_directions_and_matrices(run: Run, refused: Run, tmp_path: Path, workplace: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(4, 3))
    np.savez(tmp_path / "v.npz", first=rows, second=rows[:2])
    assert "holds first, second; name one with `tensor`" in refused("import", tmp_path / "v.npz")
    (tmp_path / "names.txt").write_text("a\nb\nc\nd\n", encoding="utf-8")
    extra = ("--names-file", tmp_path / "names.txt", "--hookpoint", "resid", "--layer", "3")
    out = run("import", tmp_path / "v.npz", "--tensor", "first", *extra, "--variance", "covector")
    assert "names: a, b, c, d" in out
    spec = load_feature_set("v.toml")
    assert spec.builder == "directions"
    assert (spec.options.hookpoint, spec.options.layer) == ("resid", 3)  # type: ignore[union-attr]
    extra = ("--tensor", "first", "--force", "--hookpoint", "blocks.5.hook_resid_post")
    run("import", tmp_path / "v.npz", *extra)
    said = Path("v.toml").read_text(encoding="utf-8")
    assert 'hookpoint = "resid"' in said
    assert "layer = 5" in said
    assert "4 is not the layer of hookpoint" in refused("import", tmp_path / "v.npz", *extra, "--layer", "4")
    page = json.loads(
        run("import", tmp_path / "v.npz", "--tensor", "first", "--rows", "3,1", "--force", "--json")
    )
    assert [row["feature"] for row in page["features"]] == ["row_3", "row_1"]
    assert load_feature_set("v.toml").options.rows == (3, 1)  # type: ignore[union-attr]
    assert "'x' is not a whole number" in refused("import", tmp_path / "v.npz", "--rows", "1,x")
    similarities = np.exp(-((rows[:, None] - rows[None]) ** 2).sum(axis=2))
    np.savetxt(tmp_path / "t.csv", similarities, delimiter=",")
    page = json.loads(run("import", tmp_path / "t.csv", "--psm", "rbf", "--out", "deep/t.toml", "--json"))
    off = similarities[np.triu_indices(4, 1)]
    assert page["rbf_quartiles"] == pytest.approx(np.percentile(off, [0, 25, 50, 75, 100]))
    assert (load_feature_set("deep/t.toml").builder, page["builder"]) == ("psm", "psm")
    study = f"[models.nano]\n{page['usage']}[[blocks]]\n"
    (workplace / "study.toml").write_text(study, encoding="utf-8")
    assert load_study(workplace / "study.toml").datasets[0].options == load_feature_set("deep/t.toml").options
    similarities[0, 1] += 0.1
    np.savetxt(tmp_path / "skew.csv", similarities, delimiter=",")
    assert "not symmetric: row 0" in refused("import", tmp_path / "skew.csv", "--psm", "rbf")
    rows[2, 1] = np.nan
    np.savez(tmp_path / "nan.npz", rows)
    assert "row 2 (row_2), column 1: nan is not a finite number" in refused("import", tmp_path / "nan.npz")
    assert "--variance: applies to directions" in refused(
        "import", tmp_path / "t.csv", "--psm", "rbf", "--variance", "vector"
    )
    assert "--rows: applies to directions" in refused(
        "import", tmp_path / "t.csv", "--psm", "rbf", "--rows", "1"
    )
    (tmp_path / "weights.pt").write_bytes(b"x")
    assert "weights.pt: is no file of tensors" in refused("import", tmp_path / "weights.pt")
    assert "--ctx-len: applies to folders only" in refused("import", tmp_path / "t.csv", "--ctx-len", "9")


def test_import_of_autoencoders(run: Run, refused: Run, tmp_path: Path, workplace: Path) -> None:
    place = made.dictionary_learning(tmp_path)
    page = json.loads(run("import", place, "--rows", "3,20", "--out", "latents.toml", "--json"))
    assert (page["builder"], page["width"], page["n_features"]) == ("sae", made.D, 2)
    assert "columns of decoder.weight, one for each of 24 latents" in page["notes"][0]
    assert "a study of model nano refuses it as it is: " in page["notes"][1]
    assert page["usage"].endswith("d_model = 16\n")  # else no study of the bundled model takes it
    (workplace / "study.toml").write_text(page["study"], encoding="utf-8")
    (directions,) = plan_study(load_study(workplace / "study.toml")).directions
    assert (directions.hookpoint, directions.layer) == ("resid", 1)
    assert load_feature_set("latents.toml").options.rows == (3, 20)
    (tmp_path / "some.txt").write_text("7\n4\n9\n", encoding="utf-8")
    lone = made.linear_layers()["decoder.weight"]
    save_file({"decoder.weight": lone.numpy()}, tmp_path / "lone.safetensors")
    assert 'builder = "sae" (import: --part)' in refused("import", tmp_path / "lone.safetensors")
    assert "say d_model = N, or orientation" in refused(
        "import", tmp_path / "lone.safetensors", "--part", "decoder"
    )
    listed = ("--rows-file", tmp_path / "some.txt", "--most", "2", "--d-model", "16")
    page = json.loads(run("import", tmp_path / "lone.safetensors", *listed, "--json"))
    assert [feature["feature"] for feature in page["features"]] == ["latent_7", "latent_4"]
    for option, value in (("--psm", "cosine"), ("--variance", "vector"), ("--names-file", "x")):
        assert f"{option}: applies to no autoencoder" in refused("import", place, option, value)


# --- mistakes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "the following arguments are required: ACTION"),
        (("shw",), "'shw' is unknown; allowed: list, show, build, import (did you mean 'show'?)"),
        (("show",), "the following arguments are required: NAME|FILE.toml"),
        (("show", "weekday"), "feature set 'weekday' is unknown; allowed: "),
        (("show", "none.toml"), "none.toml: no such set file"),
        (("show", "natural_language"), "natural_language: needs a text; name it with --corpus"),
        (("show", "natural_language", "--label-key", "x"), "natural_language: needs a text"),
        (("show", "weekdays", "--corpus", "x"), "--corpus: does not apply: builder token_list reads no text"),
        (
            ("show", "occupation", "--label-key", "x"),
            "--label-key: does not apply: prompts need no text",
        ),
        (("show", "text_features", "--corpus", "none.txt"), "none.txt: no such file or folder; a corpus is"),
        (("show", "text_features", "--corpus", "hub:a/b"), "--max-documents: 0 would read a whole data set"),
        (
            ("show", "text_features", "--label-key", "x"),
            "label_key: 'x' does not apply: the standard library",
        ),
        (("show", "text_features", "--n-samples", "0"), "'0' is not a whole number of at least 1"),
        (("show", "text_features", "--n-samples", "5"), "--n-samples: 5 must be at least 20"),
        (("show", "text_features", "--seed", "-1"), "'-1' is not a whole number of at least 0"),
        (("show", "text_features", "--examples", "x"), "'x' is not a whole number of at least 1"),
        (("import", "x.npz", "--psm", "dot"), "'dot' is unknown; allowed: cosine, rbf"),
    ],
)
def test_mistakes_on_the_command_line(arguments: tuple[str, ...], said: str, refused: Run) -> None:
    assert said in refused(*arguments)


def test_a_corpus_without_the_label_is_one_line(refused: Run, text: Path) -> None:
    said = refused("show", "natural_language", "--corpus", text)
    assert "no document has a label" in said
    assert "'lanx'" in refused("show", "natural_language", "--corpus", text, "--label-key", "lanx")
    said = refused("show", "text_features", "--corpus", text, "--n-samples", "100000")
    assert "corpus too small" in said


# --- the process --------------------------------------------------------------------------------------------


def test_no_action_loads_torch_or_the_database(text: Path, tmp_path: Path) -> None:
    heavy = ("torch", "transformers", "ray", "sklearn", "sqlalchemy", "matplotlib", "numba")
    small = ["--corpus", str(text), "--n-samples", "100"]
    commands = [["list"], ["show", "digits"], ["show", "occupation"], ["show", "text_features", *small]]
    commands.append(["build", "text_features", *small, "--out", "a.safetensors"])
    commands.append(["import", str(write_probing_folder(tmp_path / "ewt.pyth.24.30"))])
    script = (
        "import sys\n"
        "from superpos.cli.parser import main\n"
        f"for command in {commands!r}:\n"
        "    assert main(['datasets', *command]) == 0\n"
        f"print('LOADED', [name for name in {heavy} if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "LOADED []"


def test_help_names_every_action_and_option(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, words in (
        (["--help"], ["datasets"]),
        (["datasets", "--help"], ["list", "show", "build", "import"]),
        (["datasets", "show", "--help"], ["--corpus", "--label-key", "--model", "--tokenizer", "--examples"]),
        (["datasets", "build", "--help"], ["--out", "--force", "--n-samples", "--seed"]),
        (["datasets", "import", "--help"], ["--psm", "--tensor", "--names-file", "--variance"]),
    ):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert not caught.value.code
        out = capsys.readouterr().out
        assert all(word in out for word in words)


def test_builders_are_all_among_those_this_page_was_written_for() -> None:
    assert {load_feature_set(name).builder for name in bundled_sets()} <= set(BUILDERS.names())
