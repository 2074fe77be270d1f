"""Features counted twice, and what `shuffled_labels` exchanged, from the study file to the views."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_study import Notes, Tiny, count

from superpos.db.engine import Database
from superpos.db.results import Results
from superpos.db.trace import trace
from superpos.models import bundled_model
from superpos.specs.studyfile import load_study
from superpos.stages.estimate import estimate
from superpos.stages.executor import SerialExecutor
from superpos.stages.pipeline import run_study
from superpos.stages.plan import plan_study
from superpos.stages.recompute import recompute
from superpos.stages.tasks import TASKS

BLOCK = """
[[blocks]]
layers = [0, 1]
targets = ["features", "shuffled_labels"]
gauges = ["unit"]
n_dims = [2]
max_iter = 20
[[blocks.reoptimisations]]
sigmas = [0.1]
xtol = 1e-2
ftol = 1e-2
max_iter = 1
"""
TOKENS = """
[datasets.tokens]
builder = "tokens"
corpus = "{corpus}"
n_sequences = 40
ctx_len = 24
n_samples = 300
min_positives = 20
{keys}
[datasets.tokens.features]
digit = "[0-9]"
letter = "[A-Za-z]"
letter_again = "[a-zA-Z]"
no_letter = "^[^A-Za-z]*$"
space = "^ "
"""
PEOPLE = """
[datasets.people]
builder = "entities"
entities = "people.csv"
ctx_len = 32
templates = ["They met {name}", "The book is about {name}"]
"""


def run(folder: Path, database: Database, sets: str, model: Any = "nano") -> tuple[Results, list[str]]:
    path = folder / "study.toml"
    path.write_text(f'name = "copies"\n[models.m]\nname = "{model}"\n{sets}{BLOCK}', encoding="utf-8")
    notes = Notes()
    plan = plan_study(load_study(path))
    run_study(database, plan, SerialExecutor(TASKS), notes, data_folder=database.default_data_folder)
    return Results(database), notes.said


def planned(folder: Path, database: Database) -> list[tuple[str, ...]]:
    found = estimate(plan_study(load_study(folder / "study.toml")), database)
    assert found.as_dict()["left_out"] == [one._asdict() for one in found.left_out]
    return [tuple(one) for one in found.left_out]


def statuses(results: Results, dataset: str) -> dict[str, tuple[str, str]]:
    rows = results.frame("dataset_features", study="copies", dataset=dataset)
    return {row.feature: (row.status, row.duplicate_of) for row in rows.itertuples()}


def pair_names(results: Results, dataset: str) -> set[str]:
    pairs = results.frame("psm_pairs", study="copies", dataset=dataset)
    return set(pairs["feature_a"]) | set(pairs["feature_b"])


def test_copies_among_labels_have_no_probe(
    new_database: Callable[[str], Database], tiny: Tiny, tmp_path: Path
) -> None:
    database = new_database("drop")
    sets = TOKENS.format(corpus=tiny.corpus, keys="")
    results, notes = run(tmp_path, database, sets, tiny.model)
    assert statuses(results, "tokens") == {
        "digit": ("ok", ""),
        "letter": ("ok", ""),
        "letter_again": ("duplicate", "letter"),
        "no_letter": ("opposite", "letter"),
        "space": ("ok", ""),
    }
    assert pair_names(results, "tokens") == {"digit", "letter", "space"}
    assert set(results.frame("psm_results", study="copies")["n_features"]) == {3}
    probes = results.frame("probe_results", study="copies").query("label_replicate == -1")
    assert dict(zip(probes["feature"], probes["status"], strict=True))["no_letter"] == "opposite"
    said = [line for line in notes if "left out" in line]
    keeps = 'on every sample; duplicates = "keep" keeps it)'
    assert said == [
        f"data set tokens: feature letter_again is left out (duplicate of letter: the same labels {keeps}",
        f"data set tokens: feature no_letter is left out (opposite of letter: the opposite labels {keeps}",
    ]
    assert planned(tmp_path, database) == [
        ("tokens", "letter_again", "duplicate", "letter"),
        ("tokens", "no_letter", "opposite", "letter"),
    ]
    row = results.frame("probe_results", study="copies").iloc[0]
    for key in (row["direction_key"], results.frame("dataset_features")["dataset_key"].iloc[0]):
        assert recompute(database, key, database.default_data_folder).agrees


def test_copies_are_kept_when_asked(
    new_database: Callable[[str], Database], tiny: Tiny, tmp_path: Path
) -> None:
    database = new_database("keep")
    sets = TOKENS.format(corpus=tiny.corpus, keys='duplicates = "keep"')
    results, notes = run(tmp_path, database, sets, tiny.model)
    assert {status for status, _ in statuses(results, "tokens").values()} == {"ok"}
    assert len(pair_names(results, "tokens")) == 5
    assert any("letter and letter_again have the same labels on every sample" in line for line in notes)
    near = results.frame("near_copies", study="copies").set_index(["feature_a", "feature_b"])
    assert set(near["n_layers"]) == {2}
    assert near.loc[("letter", "letter_again"), "value_min"].item() == pytest.approx(1.0, abs=1e-9)
    assert near.loc[("letter", "no_letter"), "value_max"].item() == pytest.approx(-1.0, abs=1e-9)
    assert any("letter and no_letter are almost one direction at every layer" in line for line in notes)
    assert planned(tmp_path, database) == []
    with database.write() as connection:  # not almost parallel at one of the two layers
        pair = "value > 0.999 AND psm_id = (SELECT MIN(psm_id) FROM psm_entries WHERE value > 0.999)"
        connection.exec_driver_sql(f"UPDATE psm_entries SET value = 0.99 WHERE {pair}")  # noqa: S608 (own text)
    left = results.frame("near_copies", study="copies")
    assert list(zip(left["feature_a"], left["feature_b"], strict=True)) == [
        ("letter", "no_letter"),
        ("letter_again", "no_letter"),
    ]


def test_near_copies_are_no_duplicates(new_database: Callable[[str], Database], tmp_path: Path) -> None:
    rows = np.random.default_rng(0).standard_normal((4, 6))
    one, other = rows.copy(), rows.copy()
    one[1], other[1] = rows[0] + 1e-3 * rows[2], rows[0] + 1e-3 * rows[3]
    one[3] = 2.0 * rows[2]
    np.savez(tmp_path / "one.npz", rows=one)
    np.savez(tmp_path / "other.npz", rows=other)
    sets = "".join(
        f'[datasets.{name}]\nbuilder = "directions"\nfile = "{name}.npz"\nlayer = {layer}\n'
        for layer, name in enumerate(("one", "other"))
    )
    results, notes = run(tmp_path, new_database("near"), sets)
    near = results.frame("near_copies", study="copies").sort_values(["dataset", "feature_a"])
    assert [tuple(row) for row in near[["dataset", "feature_a", "feature_b", "n_layers"]].to_numpy()] == [
        ("one", "row_0", "row_1", 1),
        ("one", "row_2", "row_3", 1),  # a multiple: no equal row, one direction
        ("other", "row_0", "row_1", 1),
    ]
    assert sum("almost one direction" in line for line in notes) == 3


@pytest.mark.parametrize("duplicates", ["drop", "keep"])
def test_copies_among_imported_rows(
    new_database: Callable[[str], Database], tmp_path: Path, duplicates: str
) -> None:
    rows = np.random.default_rng(1).standard_normal((3, 8))
    rows = np.vstack([rows, rows[1], -rows[2]])
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    np.savez(tmp_path / "vectors.npz", rows=rows)
    np.savez(tmp_path / "matrix.npz", rows=(unit @ unit.T).astype(np.float32))
    keys = f'names = ["a", "b", "c", "d", "e"]\nduplicates = "{duplicates}"\n'
    sets = f"""
[datasets.vectors]
builder = "directions"
file = "vectors.npz"
{keys}
[datasets.matrix]
builder = "psm"
similarity = "cosine"
file = "matrix.npz"
{keys}
"""
    database = new_database(duplicates)
    results, notes = run(tmp_path, database, sets)
    left_out = {"d": ("duplicate", "b"), "e": ("opposite", "c")} if duplicates == "drop" else {}
    wanted = {name: left_out.get(name, ("ok", "")) for name in "abcde"}
    for dataset in ("vectors", "matrix"):
        assert statuses(results, dataset) == wanted
        assert pair_names(results, dataset) == {
            name for name, (status, _) in wanted.items() if status == "ok"
        }
    sizes = results.frame("psm_results", study="copies")["n_features"]
    assert set(sizes) == {3 if left_out else 5}
    assert sum("is left out" in line for line in notes) == 2 * len(left_out)
    for key in set(results.frame("psm_results", study="copies")["direction_key"]):
        assert recompute(database, key, database.default_data_folder).agrees
        shown = next(row for row in trace(database, key) if row.kind == "directions").columns
        assert ("left_out" in shown) == bool(left_out)
    assert planned(tmp_path, new_database("empty")) == [
        (dataset, name, *found) for dataset in ("vectors", "matrix") for name, found in left_out.items()
    ]


def test_equal_rows_of_an_embedding_matrix(
    new_database: Callable[[str], Database], tiny_model: Path, tmp_path: Path
) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    from superpos.datasets.tokens import load_tokens

    table = load_tokens(bundled_model("nano"))
    one, two, three = (table.encode(f" {digit}")[0] for digit in (1, 2, 3))
    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    with torch.no_grad():
        rows = model.get_input_embeddings().weight
        rows[two] = rows[one]
    folder = tmp_path / "untrained"
    model.save_pretrained(folder)
    shutil.copy(tiny_model / "tokenizer.json", folder)
    assert len({one, two, three}) == 3
    sets = '[datasets.words]\nbuilder = "token_list"\nwords = ["1", "2", "3", "4"]\nctx_len = 32\n'
    database = new_database("words")
    results, notes = run(tmp_path, database, sets, folder)
    assert pair_names(results, "words") == {"1", "3", "4"}
    assert any("feature 2 is left out (duplicate of 1: the same row of the embed matrix" in n for n in notes)
    key = results.frame("psm_results", study="copies")["direction_key"].iloc[0]
    assert trace(database, key)[0].columns["left_out"] == [{"feature": "2", "of": "1", "status": "duplicate"}]


def test_sets_of_one_feature_are_not_applicable(
    new_database: Callable[[str], Database], tiny: Tiny, tmp_path: Path
) -> None:
    np.savez(tmp_path / "vectors.npz", rows=np.ones((3, 4)))
    tokens = TOKENS.format(corpus=tiny.corpus, keys="")
    tokens = tokens[: tokens.index("digit =")] + 'letter = "[A-Za-z]"\nsame = "[a-zA-Z]"\nagain = "[A-z]"\n'
    tokens = tokens.replace('again = "[A-z]"', 'again = "[a-zA-Z]+"')
    sets = f'[datasets.vectors]\nbuilder = "directions"\nfile = "vectors.npz"\n{tokens}'
    database = new_database("one")
    results, notes = run(tmp_path, database, sets, tiny.model)
    assert count(database, "direction_sets", "status = 'not_applicable'") == 1 + 4
    assert results.frame("psm_results", study="copies").empty
    assert sum("all 3 rows are the same, so one direction is left (row_0); geometry" in n for n in notes) == 1
    assert any(
        "one feature is left, letter, whose labels same, again repeat on every sample" in n for n in notes
    )
    progress = results.frame("study_progress", study="copies").set_index("stage")
    assert progress.loc["fits", "not_applicable"] == progress.loc["fits", "planned"]
    assert not progress[["failed", "quarantined"]].to_numpy().any()


def write_people(folder: Path, labels: Callable[[int], str], number: int = 40) -> None:
    lines = ["name,label", *(f"Anna Berg{index}son,{labels(index)}" for index in range(number))]
    (folder / "people.csv").write_text("\n".join(lines), encoding="utf-8")


def test_what_was_exchanged_is_recorded(
    new_database: Callable[[str], Database], tiny: Tiny, tmp_path: Path
) -> None:
    write_people(tmp_path, lambda index: ("red", "blue", "green")[index % 3])
    database = new_database("units")
    sets = TOKENS.format(corpus=tiny.corpus, keys="") + PEOPLE
    results, _ = run(tmp_path, database, sets, tiny.model)
    probes = results.frame("probe_results", study="copies")
    found = probes.groupby(["dataset", "label_replicate"])["label_permutation"].agg(set).to_dict()
    assert found == {
        ("people", -1): {""},
        ("people", 0): {"groups"},
        ("tokens", -1): {""},
        ("tokens", 0): {"rows"},
    }
    psms = results.frame("psm_results", study="copies").query("target == 'shuffled_labels'")
    assert dict(zip(psms["dataset"], psms["label_permutation"], strict=True)) == {
        "people": "groups",
        "tokens": "rows",
    }
    fit = results.frame("fit_results", study="copies", dataset="people", target="shuffled_labels").iloc[0]
    rows = {row.kind: row.columns for row in trace(database, fit["fit_key"])}
    assert rows["probe set"]["label_permutation"] == "groups"
    assert (
        "labels are constant within groups, which change places; 28 groups"
        in (rows["probe set"]["permutation_note"])
    )
    for key in set(psms["direction_key"]):
        assert recompute(database, key, database.default_data_folder).agrees


def test_labels_that_cannot_change_places_are_not_applicable(
    new_database: Callable[[str], Database], tmp_path: Path
) -> None:
    """One feature varies within sequences, the other is constant in two that differ in size."""
    import datasets

    datasets.disable_progress_bars()
    columns: dict[str, list[list[int]]] = {"tokens": [], "a|probe_indices": [], "a|probe_classes": []}
    for row in range(4):
        places = list(range(1, 12 + 3 * row))
        columns["tokens"].append([0, *range(100 * row + 5, 100 * row + 30)])
        columns["a|probe_indices"].append(places)
        columns["a|probe_classes"].append([1 if place % 2 else -1 for place in places])
    columns["b|probe_indices"] = columns["a|probe_indices"]
    columns["b|probe_classes"] = [
        [1 if row % 2 else -1] * len(places) for row, places in enumerate(columns["a|probe_indices"])
    ]
    datasets.Dataset.from_dict(columns).save_to_disk(str(tmp_path / "made.nano.40.4"))
    sets = '[datasets.folder]\nbuilder = "sparse_probing"\nfolder = "made.nano.40.4"\n'
    database = new_database("fixed")
    results, notes = run(tmp_path, database, sets)
    said = "cannot be permuted: they are alike within every group and in all groups of one size"
    assert [line for line in notes if "shuffled_labels" in line] == [
        f"data set folder: shuffled_labels: labels of b: {said}"
    ]
    assert set(results.frame("psm_results", study="copies")["target"]) == {"features"}
    progress = results.frame("study_progress", study="copies").set_index("stage")
    assert progress.loc["probes", "not_applicable"] == 2
    assert not progress[["failed", "quarantined"]].to_numpy().any()


def test_the_choice_is_read_from_a_set_file_and_part_of_the_key(tmp_path: Path) -> None:
    from superpos.errors import InputError

    (tmp_path / "mine.toml").write_text('set = "text_features"\nduplicates = "keep"\n', encoding="utf-8")
    text = 'name = "s"\n[models.nano]\n[datasets.{name}]\n{keys}\n[[blocks]]\nlayers = [0]\n'

    def keys(name: str, lines: str) -> tuple[str, bytes]:
        path = tmp_path / "study.toml"
        path.write_text(text.format(name=name, keys=lines), encoding="utf-8")
        dataset = plan_study(load_study(path)).datasets[0]
        return dataset.spec.duplicates, dataset.key

    default, dropped = keys("text_features", ""), keys("text_features", 'duplicates = "drop"')
    kept, mine = keys("text_features", 'duplicates = "keep"'), keys("mine", 'set = "mine.toml"')
    assert default == dropped
    assert (default[0], kept[0]) == ("drop", "keep")
    assert mine == kept
    assert default[1] != kept[1]
    with pytest.raises(InputError) as caught:
        keys("text_features", 'duplicates = "x"')
    assert str(caught.value) == (
        f"{tmp_path / 'study.toml'}: datasets.text_features.duplicates: 'x' is unknown; allowed: drop, keep"
    )
