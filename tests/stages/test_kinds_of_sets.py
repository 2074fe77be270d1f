"""Sets of every kind through the whole pipeline: spans, positions per feature, words, vectors, matrices."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_study import Notes, read_views

from superpos.datasets.artifacts import load_dataset
from superpos.db.engine import Database
from superpos.db.probes import direction_works
from superpos.db.results import Results
from superpos.errors import InputError
from superpos.models import bundled_model
from superpos.psms import cosine
from superpos.psms.controls.covariance import normal_shares
from superpos.records.plan import StudyPlan
from superpos.specs.studyfile import load_study
from superpos.stages.executor import SerialExecutor
from superpos.stages.pipeline import run_study
from superpos.stages.plan import plan_study
from superpos.stages.probe_inputs import read_probe_data
from superpos.stages.recompute import recompute
from superpos.stages.tasks import TASKS

NAMES = [f"f{index}" for index in range(5)]
STUDY = """
name = "kinds"

[models.nano]

[datasets.digits]
matrices = ["embed", "unembed"]

[datasets.vectors]
builder = "directions"
file = "vectors.npz"
hookpoint = "resid"
layer = 3

[datasets.matrix]
builder = "psm"
file = "matrix.csv"
similarity = "cosine"

[datasets.folder]
builder = "sparse_probing"
folder = "made.nano.24.200"

[datasets.people]
builder = "entities"
entities = "people.csv"
templates = ["They met {name}", "The book is about {name}"]

[datasets.pair]
builder = "entities"
entities = "people.csv"
classes = ["red", "blue"]

[[blocks]]
layers = [1]
targets = ["features", "permuted", "shuffled_entries", "shuffled_labels", "spectrum", "gaussian"]
gauges = ["unit"]
poolings = ["max", "mean"]
n_dims = [3]
max_iter = 20
[[blocks.reoptimisations]]
sigmas = [0.1]
xtol = 1e-2
ftol = 1e-2
max_iter = 1
"""


def vectors() -> Any:
    return np.random.default_rng(3).normal(size=(5, 16))


def write_files(folder: Path) -> Path:
    """Write a study of all kinds and the files it names."""
    import datasets

    datasets.disable_progress_bars()
    generator = np.random.default_rng(4)
    rows = vectors()
    np.savez(folder / "vectors.npz", decoder=rows)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    with (folder / "matrix.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([name, *line] for name, line in zip(NAMES, unit @ unit.T, strict=True))
    columns: dict[str, list[list[int]]] = {"tokens": []}
    for row in range(200):
        ids = [0, *generator.integers(5, 4000, size=23).tolist()]
        columns["tokens"].append(ids)
        for number, name in enumerate(("a", "b", "c")):
            places = sorted(generator.choice(np.arange(1, 24), size=row % 3, replace=False).tolist())
            columns.setdefault(f"{name}|probe_indices", []).append(places)
            classes = [1 if (ids[place] + number) % 3 == 0 else -1 for place in places]
            columns.setdefault(f"{name}|probe_classes", []).append(classes)
    datasets.Dataset.from_dict(columns).save_to_disk(str(folder / "made.nano.24.200"))
    with (folder / "people.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["name", "label"])
        for number in range(60):
            writer.writerow([f"Anna Berg{number}son", ("red", "blue", "green")[number % 3]])
    path = folder / "kinds.toml"
    path.write_text(STUDY, encoding="utf-8")
    return path


def run(database: Database, plan: StudyPlan, folder: Path) -> list[str]:
    notes = Notes()
    run_study(database, plan, SerialExecutor(TASKS), notes, data_folder=folder)
    return notes.said


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_files(tmp_path_factory.mktemp("kinds"))


def test_every_kind_of_set_goes_through_the_pipeline(
    new_database: Callable[[str], Database], files: Path, tmp_path: Path
) -> None:
    database = new_database("kinds")
    plan = plan_study(load_study(files))
    notes = run(database, plan, tmp_path)
    results = Results(database)
    psms = results.frame("psm_results", study="kinds")

    # Two exclusive classes are left out, once said.
    assert sum("two exclusive classes" in line for line in notes) == 1
    assert set(psms["dataset"]) == {"digits", "vectors", "matrix", "folder", "people"}

    # Axes of directions without probes: no NULL, neutral values.
    axes = psms[psms["target"] == "features"].set_index(["dataset", "hookpoint", "pooling"])
    assert sorted(axes.index) == [
        ("digits", "embed", ""),
        ("digits", "unembed", ""),
        ("folder", "mlp.act", "token"),
        ("matrix", "", ""),
        ("people", "mlp.act", "max"),
        ("people", "mlp.act", "mean"),
        ("vectors", "resid", ""),
    ]
    own = axes.loc[("vectors", "resid", "")]
    assert tuple(own[["model", "model_weights", "model_seed", "method", "space", "layer", "d_hook"]]) == (
        "", "", -1, "imported", "raw", 3, 16,
    )  # fmt: skip
    assert axes.loc[("matrix", "", ""), "space"] == "none"
    assert axes.loc[("digits", "embed", ""), "method"] == "embedding"
    controls = psms.groupby("dataset")["target"].agg(set)
    assert controls["matrix"] == {"features", "shuffled_entries", "spectrum"}
    assert controls["digits"] == controls["matrix"] | {"permuted", "gaussian"}
    assert controls["people"] == controls["digits"] | {"shuffled_labels"}

    # What was imported is what is compared: cosines by a plain formula.
    rows = vectors()
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    for dataset in ("vectors", "matrix"):
        key = axes.xs(dataset, level="dataset")["psm_key"].iloc[0]
        np.testing.assert_allclose(results.psm(key), unit @ unit.T, atol=1e-12)
    pairs = results.frame("psm_pairs", study="kinds", dataset="matrix")
    assert set(pairs["feature_a"]) | set(pairs["feature_b"]) == set(NAMES)

    # Rows of the embedding: the weights themselves.
    from safetensors.numpy import load_file

    weights = load_file(bundled_model("nano") / "model.safetensors")
    embedding = next(value for name, value in weights.items() if "embed_in" in name)
    digits = results.directions(axes.loc[("digits", "embed", ""), "direction_key"])
    assert digits.coef_raw is not None
    from superpos.datasets.tokens import load_tokens

    table = load_tokens(bundled_model("nano"))
    ids = [table.encode(f" {digit}")[0] for digit in range(10)]
    np.testing.assert_array_equal(digits.coef_raw, embedding[ids].astype(np.float64))

    # Every set is fitted, and nothing is left.
    fits = results.frame("fit_results", study="kinds")
    assert set(fits["dataset"]) == set(psms["dataset"])
    assert not results.frame("study_progress", study="kinds")[["failed", "quarantined"]].to_numpy().any()
    before = read_views(database, "kinds")
    run(database, plan, tmp_path)
    assert read_views(database, "kinds") == before

    # Each row alone again.
    for dataset in ("digits", "vectors", "matrix", "folder", "people"):
        row = psms[(psms["dataset"] == dataset) & (psms["target"] == "features")].iloc[0]
        for key in (row["direction_key"], row["psm_key"]):
            assert recompute(database, key, tmp_path).agrees


def test_features_with_positions_of_their_own(
    new_database: Callable[[str], Database], files: Path, tmp_path: Path
) -> None:
    database = new_database("members")
    plan = plan_study(load_study(files))
    run(database, plan, tmp_path)
    key = next(dataset.key for dataset in plan.datasets if dataset.name == "folder")
    tokens = load_dataset(tmp_path / "datasets" / f"{key.hex()}.safetensors")
    assert not tokens.shares_samples
    probes = Results(database).frame("probe_results", study="kinds", dataset="folder")
    probes = probes[probes["label_replicate"] == -1].set_index("feature")
    for column, name in enumerate(("a", "b", "c")):
        own = tokens.members[:, column]
        assert probes.loc[name, "n_train"] + probes.loc[name, "n_test"] == own.sum()
        assert probes.loc[name, "n_positive"] == tokens.labels[own, column].sum()


def test_sums_of_samples_take_those_of_each_feature(
    new_database: Callable[[str], Database], files: Path, tmp_path: Path
) -> None:
    """Patterns and random sums of features that have positions of their own, by NumPy."""
    head = STUDY[: STUDY.index("[[blocks]]")].replace('"kinds"', '"kinds"\nnoise_ceiling = 20', 1)
    block = """[[blocks]]
datasets = ["folder"]
layers = [1]
spaces = ["raw", "whitened", "pattern"]
targets = ["features", "covariance"]
replicates = 2
n_dims = 2
reoptimisations = []
"""
    path = files.with_name("sums.toml")
    path.write_text(head + block, encoding="utf-8")
    database, plan = new_database("sums"), plan_study(load_study(path))
    run(database, plan, tmp_path)
    results = Results(database)
    psms = (
        results.frame("psm_results", study="kinds").set_index(["space", "target", "replicate"]).sort_index()
    )
    assert len(psms) == 3 * (1 + 2)
    (work,) = direction_works(database, [1])
    data = read_probe_data(work, tmp_path / "datasets" / f"{work.dataset_key.hex()}.safetensors", tmp_path)
    weights = results.directions(psms["direction_key"].iloc[0]).coef_raw
    n, width = data.activations.shape
    patterns = np.empty_like(weights)
    drawn = {space: np.empty((2, *weights.shape)) for space in ("raw", "pattern")}
    for column in range(3):
        rows = data.train_rows[:, column]
        own = data.activations[rows].astype(np.float64)
        scale = 10.0 * np.maximum(own.std(axis=0), 1e-3)
        patterns[column] = np.cov(own.T, bias=True) @ weights[column]
        for replicate in range(2):
            shares = normal_shares(n, 3, width, replicate)[rows, column]
            vector = (own - own.mean(axis=0)).T @ shares / np.sqrt(len(own) - 1.0)
            drawn["pattern"][replicate, column] = vector
            drawn["raw"][replicate, column] = vector / scale**2
    found = results.psm(psms.loc[("pattern", "features", 0), "psm_key"])
    np.testing.assert_allclose(found, cosine(patterns), atol=1e-9)
    for space, directions in drawn.items():
        for replicate in range(2):
            found = results.psm(psms.loc[(space, "covariance", replicate), "psm_key"])
            np.testing.assert_allclose(found, cosine(directions[replicate]), atol=1e-9)
    assert set(psms.loc[("pattern", "features"), "n_resamples"]) == {20}
    for key in psms["psm_key"]:
        assert recompute(database, key, tmp_path).agrees


def test_two_exclusive_classes_are_fitted_when_asked(
    new_database: Callable[[str], Database], files: Path, tmp_path: Path
) -> None:
    text = STUDY.replace(
        'gauges = ["unit"]', 'gauges = ["unit"]\nfit_two_classes = true\ndatasets = ["pair"]'
    )
    path = files.with_name("pair.toml")
    path.write_text(text, encoding="utf-8")
    database = new_database("pair")
    run(database, plan_study(load_study(path)), tmp_path)
    psms = Results(database).frame("psm_results", study="kinds")
    features = psms[psms["target"] == "features"]
    assert set(features["dataset"]) == {"pair"}
    np.testing.assert_allclose(features["value_median"], -1.0, atol=1e-6)  # one-vs-rest of two classes


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ('similarities = ["rbf"]\ndatasets = ["matrix"]', "matrix have no target under similarity rbf"),
        ('targets = ["permuted"]\ndatasets = ["matrix"]', "matrix have no target under similarity cosine"),
    ],
)
def test_a_block_without_targets_is_refused(files: Path, change: str, says: str) -> None:
    keys = [line.split(" = ")[0] for line in change.splitlines()]
    kept = [line for line in STUDY.splitlines() if line.split(" = ")[0] not in keys]
    path = files.with_name("empty.toml")
    path.write_text("\n".join(kept).replace("[[blocks]]", f"[[blocks]]\n{change}", 1), encoding="utf-8")
    with pytest.raises(InputError, match=says):
        plan_study(load_study(path))


def test_a_word_of_several_tokens_is_refused_before_anything_runs(files: Path) -> None:
    path = files.with_name("words.toml")
    path.write_text(STUDY.replace("[datasets.digits]", "[datasets.planets]"), encoding="utf-8")
    with pytest.raises(InputError, match=r"datasets\.planets\.words: .*tokens.*several_tokens"):
        plan_study(load_study(path))
    path.write_text(
        STUDY.replace("[datasets.digits]", '[datasets.planets]\nseveral_tokens = "mean"'), encoding="utf-8"
    )
    assert "planets" in {dataset.name for dataset in plan_study(load_study(path)).datasets}
