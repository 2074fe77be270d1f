"""Activations of a file through the whole pipeline: what is read, what is refused, what must not matter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from planted_studies import Notes, open_database, run_text
from safetensors.numpy import save_file

from superpos.datasets.planted import dictionary, draw_activations, draw_labels, expand_groups
from superpos.db.engine import Database
from superpos.db.results import Results
from superpos.db.trace import trace
from superpos.errors import InputError
from superpos.specs.studyfile import load_study
from superpos.stages.plan import plan_study
from superpos.stages.recompute import recompute

N, D = 600, 12
STUDY = """
name = "recorded"
[datasets.mine]
builder = "activations"
file = "mine{suffix}"
{keys}
[[blocks]]
targets = ["features", "gaussian", "shuffled_labels"]
kernels = "exp"
reoptimisations = []
{block}
"""


def sample(seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    known = dictionary("simplex", 4)
    rng = np.random.default_rng(seed)
    labels = draw_labels("independent", N, 4, rng)
    told = {"strength": 4.0, "noise": 1.0, "group_noise": 0.0, "decay": 0.0}
    return draw_activations(known, labels, expand_groups(N, 1), D, rotation=rng, samples=rng, **told), labels


def write(
    folder: Path, suffix: str = ".safetensors", metadata: dict[str, str] | None = None, **arrays: Any
) -> None:
    if suffix == ".npz":
        np.savez(folder / "mine.npz", **arrays)
    else:
        save_file(
            {k: np.ascontiguousarray(v) for k, v in arrays.items()}, folder / "mine.safetensors", metadata
        )


def text(keys: str = "", block: str = "", suffix: str = ".safetensors") -> str:
    return STUDY.format(keys=keys, block=block, suffix=suffix)


def entries(results: Results, **wanted: Any) -> NDArray[np.float64]:
    rows = results.frame("psm_pairs")
    for name, value in wanted.items():
        rows = rows[rows[name] == value]
    return rows["value"].to_numpy()


def refused(folder: Path, keys: str = "", block: str = "", suffix: str = ".safetensors") -> str:
    path = folder / "study.toml"
    path.write_text(text(keys, block, suffix), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        plan_study(load_study(path))
    return str(caught.value)


def test_a_file_of_activations_needs_no_model(database: Database, tmp_path: Path, notes: Notes) -> None:
    X, labels = sample()
    write(
        tmp_path,
        activations=X,
        labels=labels,
        groups=np.arange(N) // 3,
        metadata={"features": json.dumps(["a", "b", "c", "d"])},
    )
    results = run_text(database, tmp_path, text('hookpoint = "blocks.3.hook_resid_post"'), notes)
    assert not notes.said
    probes = results.frame("probe_results")
    assert set(probes["feature"]) == {"a", "b", "c", "d"}
    assert set(zip(probes["model"], probes["hookpoint"], probes["layer"], strict=True)) == {
        ("mine", "resid", 3)
    }
    own = probes[probes["label_replicate"] == -1]
    assert own["n_positive"].tolist() == labels.sum(axis=0).tolist()
    assert own["roc_auc"].min() > 0.9
    assert set(results.frame("geometry_results")["target"]) == {"features", "gaussian", "shuffled_labels"}
    row = results.frame("activation_results").iloc[0]
    assert (row["d_hook"], row["n_rows"], row["status"]) == (D, N, "done")
    traced = {one.kind: one.key for one in trace(database, row["activation_key"])}
    for key in (row["activation_key"], own["probe_key"].iloc[0], traced["data set"]):
        assert recompute(database, key, tmp_path / "data").agrees
    with pytest.raises(InputError, match="stands for activations of no model"):
        recompute(database, traced["model"], tmp_path / "data")
    (tmp_path / "data" / traced["file"]).unlink()  # it is made again
    assert recompute(database, own["probe_key"].iloc[0], tmp_path / "data").agrees


def test_arrays_named_after_hookpoints_are_its_places(database: Database, tmp_path: Path) -> None:
    X, labels = sample()
    wide = np.hstack([X, X])
    write(
        tmp_path,
        labels=labels.astype(np.int8),
        **{
            "blocks.0.hook_resid_post": X,
            "layers.4.mlp": wide,
            "layers.2.mlp": wide,
            "hook_embed": X,
            "more": X,
        },
    )
    results = run_text(database, tmp_path, text(block="layers = [0, 4]"))
    rows = results.frame("activation_results")
    found = sorted(zip(rows["hookpoint"], rows["layer"], rows["d_hook"], strict=True))
    assert found == [("embed", -1, D), ("mlp.out", 4, 2 * D), ("resid", 0, D)]
    assert set(results.frame("dataset_features")["feature"]) == {f"feature_{i}" for i in range(4)}
    embed, resid = (entries(results, hookpoint=name) for name in ("embed", "resid"))
    assert np.array_equal(embed, resid)


def test_npz_and_classes_and_half_precision(database: Database, tmp_path: Path) -> None:
    X, _ = sample()
    classes = np.arange(N) % 4
    X[:, :4] += 3.0 * np.eye(4, dtype=np.float32)[classes]
    classes[:30] = -1
    write(
        tmp_path,
        ".npz",
        activations=X.astype(np.float16),
        labels=classes.astype(float),
        groups=np.arange(N) // 2,
    )
    keys = 'names = ["w", "x", "y", "z"]\nmodel = "theirs"'
    results = run_text(database, tmp_path, text(keys, suffix=".npz"))
    own = results.frame("probe_results").query("label_replicate == -1")
    assert own["n_positive"].tolist() == [int((classes == c).sum()) for c in range(4)]
    assert set(own["model"]) == {"theirs"}
    assert results.frame("activation_results")["dtype"].tolist() == ["float16"]


def test_what_must_not_matter(tmp_path: Path) -> None:
    """A rotation, the unit, the order of features and of samples, a feature that is there twice."""
    X, labels = sample()
    groups = np.arange(N)
    order, samples = np.array([2, 0, 3, 1]), np.random.default_rng(5).permutation(N)
    turned = np.linalg.qr(np.random.default_rng(6).standard_normal((D, D)))[0]
    twice = np.hstack([labels, labels[:, :1]])
    plain = {"activations": X, "labels": labels, "groups": groups}
    cases: dict[str, dict[str, Any]] = {
        "plain": {},
        "unit": {"activations": 1000.0 * X},
        "features": {"labels": labels[:, order]},
        "samples": {name: value[samples] for name, value in plain.items()},
        "turned": {"activations": (X.astype(float) @ turned).astype(np.float32)},
        "twice": {"labels": twice},
    }
    found: dict[str, NDArray[np.float64]] = {}
    for name, changes in cases.items():
        folder = tmp_path / name
        folder.mkdir()
        write(folder, **{**plain, **changes})
        results = run_text(
            open_database(folder),
            folder,
            text(block="targets = ['features']").replace(
                'targets = ["features", "gaussian", "shuffled_labels"]\n', ""
            ),
        )
        found[name] = entries(results)
    pairs = np.triu_indices(4, 1)
    matrix = np.eye(4)
    matrix[pairs] = matrix.T[pairs] = found["plain"]
    assert found["unit"] == pytest.approx(found["plain"], abs=1e-6)
    assert found["features"] == pytest.approx(matrix[np.ix_(order, order)][pairs], abs=1e-6)
    assert np.array_equal(found["twice"], found["plain"])
    # The split is drawn by group, so the order of samples moves the probes by what a split moves them; the
    # scaler of the default probe divides each coordinate, so a rotation does the same.
    for name in ("samples", "turned"):
        assert found[name] == pytest.approx(found["plain"], abs=0.12), name


@pytest.mark.parametrize(
    ("arrays", "keys", "said"),
    [
        (
            {"labels": np.eye(4, dtype=np.int8)},
            "",
            "holds no activations: neither an array 'activations' nor",
        ),
        ({"activations": np.ones((30, 3), "f4")}, "", "has no array 'labels'; it holds activations"),
        (
            {"activations": np.ones((30, 3), "f4"), "labels": np.ones((29, 2), "i4")},
            "",
            "labels has 29 rows and activations 30; one a sample",
        ),
        (
            {"activations": np.ones((30, 3), "f4"), "labels": np.full((30, 2), 2)},
            "",
            "labels, row 0, column 0: 2 is no label; allowed: 1, 0, and -1",
        ),
        (
            {"activations": np.ones((30, 3), "f4"), "labels": np.full((30, 2), 0.5)},
            "",
            "labels, row 0: 0.5 is no whole number",
        ),
        (
            {"activations": np.ones((30, 3), "f4"), "labels": np.full(30, np.nan)},
            "",
            "labels, row 0: nan is no whole number",
        ),
        (
            {"activations": np.ones((30, 3), "f4"), "labels": np.zeros(30, int)},
            "",
            "labels has 1 classes of 30 samples; 2 or more are needed",
        ),
        (
            {"activations": np.ones((30, 3), "i4"), "labels": np.ones((30, 2), "i4")},
            "",
            "activations holds",
        ),
        (
            {"activations": np.ones((10, 3), "f4"), "labels": np.ones((10, 2), "i4")},
            "",
            "datasets.mine: 10 samples; at least 20 are needed",
        ),
        (
            {"activations": np.ones((30, 3), "f4"), "labels": np.ones((30, 2), "i4")},
            'groups = "people"',
            "has no array 'people'",
        ),
        (
            {"activations": np.ones((30, 3), "f4"), "labels": np.ones((30, 2), "i4")},
            'names = ["a"]',
            "1 names for 2 features",
        ),
        (
            {
                "activations": np.ones((30, 3), "f4"),
                "layers.3": np.ones((30, 3), "f4"),
                "labels": np.ones((30, 2), "i4"),
            },
            'hookpoint = "resid"\nlayer = 3',
            "activations and layers.3 are both resid of layer 3",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(
    tmp_path: Path, arrays: dict[str, Any], keys: str, said: str
) -> None:
    write(tmp_path, **arrays)
    message = refused(tmp_path, keys)
    assert said in message
    assert "\n" not in message


def test_a_missing_layer_a_missing_file_and_a_missing_model_are_one_line(tmp_path: Path) -> None:
    assert "no such file of activations" in refused(tmp_path)
    X, labels = sample()
    write(tmp_path, labels=labels, **{"layers.3": X})
    assert "layers: 4 is no layer of data set mine, which has 3" in refused(tmp_path, block="layers = [3, 4]")
    assert "cannot be imported; allowed: files that end in .safetensors, .npz" in refused(
        tmp_path, suffix=".pt"
    )
    write(tmp_path, labels=labels, metadata={"features": "no list"}, **{"layers.3": X})
    assert "features of its metadata is no JSON list" in refused(tmp_path)
    path = tmp_path / "study.toml"
    path.write_text("[datasets.text_features]\n[[blocks]]\n", encoding="utf-8")
    with pytest.raises(InputError, match="models: is missing"):
        load_study(path)


def test_a_file_that_changes_between_plan_and_run_is_no_result(tmp_path: Path, notes: Notes) -> None:
    from superpos.stages.executor import SerialExecutor
    from superpos.stages.pipeline import run_study
    from superpos.stages.tasks import TASKS

    X, labels = sample()
    write(tmp_path, activations=X, labels=labels)
    path = tmp_path / "study.toml"
    path.write_text(text(), encoding="utf-8")
    plan = plan_study(load_study(path))
    write(tmp_path, activations=X + 1.0, labels=labels)
    database = open_database(tmp_path)
    run_study(database, plan, SerialExecutor(TASKS), notes, data_folder=tmp_path / "data")
    assert any("its file changed since the study was planned" in said for said in notes.said)
    assert Results(database).frame("probe_results").empty


def test_activations_that_say_nothing_are_left_out(tmp_path: Path, notes: Notes) -> None:
    X, labels = sample()
    bad = X.copy()
    bad[3, 5] = np.nan
    huge = X.astype(float) * 1e300
    write(
        tmp_path,
        labels=labels,
        **{
            "layers.0": X.astype(float),
            "layers.1": np.ones((N, D)),
            "layers.2": bad.astype(float),
            "layers.3": huge,
        },
    )
    results = run_text(open_database(tmp_path), tmp_path, text(), notes)
    rows = results.frame("activation_results").sort_values("layer")
    assert rows["status"].tolist() == ["done"] + ["not_applicable"] * 3
    assert [reason.partition(":")[0] for reason in rows["reason"]] == [
        "",
        "constant",
        "non_finite",
        "non_finite",
    ]
    assert set(results.frame("probe_results")["layer"]) == {0}
