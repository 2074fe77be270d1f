"""What takes the samples, through a study: the control `covariance` and the space `pattern`.

Whose samples, in which units; made again alone bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from loaded_weights import state
from tiny_study import Notes, Tiny, count, read_views, run_tiny

from superpos.activations.inspection import tokenizer_file
from superpos.activations.shards import read_shards
from superpos.datasets.artifacts import load_dataset
from superpos.datasets.splits import split_by_group, split_groups
from superpos.datasets.token_classes import token_classes
from superpos.datasets.tokens import load_tokens
from superpos.db.activations import read_shard_rows
from superpos.db.ceilings import ceiling_works
from superpos.db.engine import Database
from superpos.db.probes import direction_works
from superpos.db.progress import study_progress
from superpos.db.results import Results
from superpos.errors import InputError
from superpos.probes.resample import AskedPsm, noise_ceilings
from superpos.psms import cosine, rbf
from superpos.psms.controls.covariance import normal_shares
from superpos.psms.controls.permuted import permuted_directions
from superpos.psms.spaces import whiten
from superpos.records.data import FeatureStatus
from superpos.records.plan import StudyPlan
from superpos.specs.studyfile import load_study
from superpos.stages import sampled
from superpos.stages.plan import plan_study
from superpos.stages.probe_inputs import feature_statuses, read_probe_data
from superpos.stages.recompute import recompute
from superpos.stages.resampled import n_halvings

STAGES = ("datasets", "activations", "probes", "whitening", "psms")
STUDY = """
name = "tiny"
noise_ceiling = {ceiling}
[models.net]
name = "{model}"
[datasets.text_features]
corpus = "{corpus}"
n_sequences = 40
ctx_len = 24
n_samples = 200
min_positives = 20
[datasets.digits]
matrices = ["embed", "unembed"]
ctx_len = 24
[datasets.vectors]
builder = "directions"
file = "vectors.csv"
[[blocks]]
name = "probed"
datasets = ["text_features"]
layers = [0]
method = "{method}"
spaces = {spaces}
targets = {targets}
replicates = 3
similarities = ["cosine", "rbf"]
rbf_scales = "median"
kernels = ["exp"]
n_dims = 4
reoptimisations = []
[[blocks]]
name = "rows"
datasets = ["digits", "vectors"]
targets = ["features", "covariance"]
replicates = 2
kernels = ["exp"]
n_dims = 4
reoptimisations = []
"""
VECTORS = "one,1,0.25,0.5\ntwo,0.25,1,-0.125\nthree,0.5,-0.125,1\n"


def planned(
    tiny: Tiny,
    method: str = "logistic",
    spaces: str = '["raw", "scaled", "whitened"]',
    targets: str = '["features", "covariance", "gaussian"]',
    ceiling: int = 0,
) -> StudyPlan:
    (tiny.folder / "vectors.csv").write_text(VECTORS, encoding="utf-8")
    file = tiny.folder / "sampled.toml"
    places = {"model": tiny.model, "corpus": tiny.corpus}
    file.write_text(
        STUDY.format(**places, method=method, spaces=spaces, targets=targets, ceiling=ceiling),
        encoding="utf-8",
    )
    return plan_study(load_study(file))


def training_samples(database: Database, plan: StudyPlan, folder: Path) -> tuple[Any, Any]:
    """Activations and training rows, by plain means."""
    key = next(one.key for one in plan.datasets if one.name == "text_features")
    tokens = load_dataset(folder / "datasets" / f"{key.hex()}.safetensors")
    with database.read() as connection:
        values = read_shards(folder, read_shard_rows(connection, 1))
    usable = np.array([status is FeatureStatus.OK for status in feature_statuses(tokens)])
    return values, split_by_group(tokens.labels[:, usable], split_groups(tokens))


def rows(frame: pd.DataFrame, **axes: Any) -> pd.DataFrame:
    for name, value in axes.items():
        frame = frame[frame[name] == value]
    return frame


@pytest.mark.parametrize("method", ["logistic", "mean_difference"])
def test_sums_of_the_samples_of_probes_are_a_control(
    method: str, tiny: Tiny, new_database: Callable[[str], Database]
) -> None:
    plan, database, notes = planned(tiny, method), new_database("sampled"), Notes()
    run_tiny(database, plan, reporter=notes, stages=STAGES)
    results, folder = Results(database), database.default_data_folder
    probed = rows(results.frame("psm_results"), dataset="text_features")
    drawn = rows(probed, target="covariance")
    assert len(drawn) == 3 * 3 * 2
    assert not drawn["min_eigenvalue"].isna().any()

    values, train = training_samples(database, plan, folder)
    own = values[train].astype(np.float64)
    scale = 10.0 * np.maximum(own.std(axis=0), 1e-3) if method == "logistic" else np.ones(own.shape[1])
    sigma = np.cov(own.T, bias=True)
    features = results.directions(rows(probed, target="features")["direction_key"].iloc[0])
    for replicate in range(3):
        shares = normal_shares(len(values), len(features.coef_raw), own.shape[1], replicate)[train]
        raw = ((own - own.mean(axis=0)) / scale**2).T @ shares
        expected = {
            "raw": raw.T,
            "scaled": raw.T * scale,
            "whitened": whiten(raw.T, sigma, covector=method == "logistic"),
        }
        for space, directions in expected.items():
            key = rows(drawn, space=space, replicate=replicate, similarity="cosine")["psm_key"].item()
            np.testing.assert_allclose(results.psm(key), cosine(directions), atol=2e-6)
        # Under the RBF they have the norms of the features, and their C.
        one = rows(drawn, space="raw", replicate=replicate, similarity="rbf").iloc[0]
        norms = np.linalg.norm(features.coef_raw, axis=1) / np.linalg.norm(raw.T, axis=1)
        matrix = rbf(raw.T * norms[:, None], one["rbf_scale_resolved"])
        np.testing.assert_allclose(results.psm(one["psm_key"]), matrix, atol=1e-9)
    scales = probed[probed["similarity"] == "rbf"].groupby("space")["rbf_scale_resolved"]
    assert (scales.nunique() == 1).all()

    progress = {row.stage: row for row in study_progress(database, "tiny")}["psms"]
    assert (progress.undone, progress.failed) == (0, 0)
    for key in rows(drawn, replicate=2)["psm_key"]:
        assert recompute(database, key, folder).agrees
    again = Notes()
    run_tiny(database, plan, reporter=again, stages=STAGES)
    assert again.started == []


def test_rows_of_a_matrix_are_drawn_near_its_mean_and_imported_vectors_have_none(
    tiny: Tiny, new_database: Callable[[str], Database]
) -> None:
    plan, database = planned(tiny), new_database("rows")
    assert [line for line in plan.notes if "covariance" in line] == [
        "blocks.rows: data set vectors has no control covariance: it is imported, without samples"
    ]
    run_tiny(database, plan, stages=STAGES)
    results = Results(database)
    drawn = rows(results.frame("psm_results"), target="covariance")
    assert set(drawn["dataset"]) == {"text_features", "digits"}
    classes = token_classes(load_tokens(tokenizer_file(plan.models[0].spec)))
    matrix = state(tiny.model)["embed_in.weight"].double().numpy()[classes >= 0]
    n = int(rows(drawn, dataset="digits")["n_features"].iloc[0])
    for row in rows(drawn, dataset="digits", hookpoint="embed").itertuples():
        shares = normal_shares(len(matrix), n, matrix.shape[1], row.replicate)
        near = matrix.mean(axis=0) + shares.T @ (matrix - matrix.mean(axis=0)) / np.sqrt(len(matrix) - 1)
        np.testing.assert_allclose(results.psm(row.psm_key), cosine(near), atol=1e-9)
        assert recompute(database, row.psm_key, database.default_data_folder).agrees


def test_bits_do_not_depend_on_how_the_work_is_cut(
    tiny: Tiny, new_database: Callable[[str], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(tiny)
    whole, cut = new_database("whole"), new_database("cut")
    run_tiny(whole, plan, stages=STAGES)
    monkeypatch.setattr(sampled, "MOST_TARGETS", 2)
    monkeypatch.setattr(sampled, "DRAWN_BYTES", 1)
    run_tiny(cut, plan, stages=STAGES)
    assert read_views(cut)["psm_results"] == read_views(whole)["psm_results"]
    assert count(whole, "targets", "kind = 'covariance' AND status = 'done'") == 18 + 4


def test_activations_that_are_gone_are_made_again(
    tiny: Tiny, new_database: Callable[[str], Database]
) -> None:
    plan, database = planned(tiny), new_database("gone")
    run_tiny(database, plan, stages=STAGES[:-1])
    files = sorted((database.default_data_folder / "activations").rglob("*.safetensors"))
    before = files[0].read_bytes()
    files[0].write_bytes(before[:-1] + bytes([before[-1] ^ 0x40]))
    run_tiny(database, plan, stages=("psms",))
    assert files[0].read_bytes() == before
    assert count(database, "targets", "status = 'planned'") == 0
    assert count(database, "cell_failures") == 0
    files[0].unlink()
    drawn = rows(Results(database).frame("psm_results"), target="covariance", dataset="text_features")
    assert recompute(database, drawn["psm_key"].iloc[0], database.default_data_folder).agrees


def test_a_target_that_fails_is_no_fault_of_the_others(
    tiny: Tiny, new_database: Callable[[str], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, database = planned(tiny), new_database("fails")
    genuine = sampled.build_or_refuse

    def unlucky(work: Any) -> Any:
        if (work.kind, work.replicate, work.space, work.similarity) == ("covariance", 1, "raw", "rbf"):
            raise np.linalg.LinAlgError("did not converge")
        return genuine(work)

    monkeypatch.setattr(sampled, "build_or_refuse", unlucky)
    run_tiny(database, plan, stages=STAGES)
    assert count(database, "targets", "status = 'planned'") == 1
    assert count(database, "cell_failures", "stage = 'psms'") == 1
    monkeypatch.undo()
    run_tiny(database, plan, stages=("psms",))
    assert count(database, "targets", "status = 'planned'") == 0
    assert count(database, "cell_failures") == 0


@pytest.mark.parametrize("method", ["logistic", "lda"])
def test_patterns_are_weights_times_the_covariance(
    method: str, tiny: Tiny, new_database: Callable[[str], Database]
) -> None:
    targets = '["features", "covariance", "gaussian", "permuted", "shuffled_entries", "shuffled_labels"]'
    plan = planned(tiny, method, '["raw", "pattern"]', targets, ceiling=20)
    database = new_database("patterns")
    run_tiny(database, plan, stages=(*STAGES, "ceilings"))
    results, folder = Results(database), database.default_data_folder
    probed = rows(results.frame("psm_results"), dataset="text_features")
    seen = rows(probed, space="pattern")
    assert len(seen) == (1 + 5 * 3) * 2

    values, train = training_samples(database, plan, folder)
    own = values[train].astype(np.float64)
    sigma = np.cov(own.T, bias=True)
    for row in rows(seen, similarity="cosine").itertuples():
        if row.target in ("features", "shuffled_labels"):
            weights = results.directions(row.direction_key).coef_raw
            np.testing.assert_allclose(results.psm(row.psm_key), cosine(weights @ sigma), atol=1e-9)
    first = rows(probed, space="raw", target="features")["direction_key"].iloc[0]
    weights = results.directions(first).coef_raw
    for replicate in range(3):
        shares = normal_shares(len(values), len(weights), own.shape[1], replicate)[train]
        vectors = shares.T @ (own - own.mean(axis=0))  # N(0, Sigma), as a mean difference of random labels
        key = rows(seen, target="covariance", replicate=replicate, similarity="cosine")["psm_key"].item()
        np.testing.assert_allclose(results.psm(key), cosine(vectors), atol=1e-9)
        both = rows(probed, target="gaussian", replicate=replicate, similarity="cosine")["psm_key"]
        assert both.nunique() == 1  # drawn in the space itself: of the shape alone, as in any other
        one = rows(seen, target="permuted", replicate=replicate, similarity="cosine")["psm_key"].item()
        expected = cosine(permuted_directions(weights @ sigma, replicate))
        np.testing.assert_allclose(results.psm(one), expected, atol=1e-9)
    scales = rows(probed, similarity="rbf").groupby("space")["rbf_scale_resolved"]
    assert (scales.nunique() == 1).all()

    known = rows(seen, target="features")
    assert set(known["n_resamples"]) == {20}
    assert known["reliability"].between(0.0, 1.0).all()
    entries = rows(results.frame("psm_pairs"), space="pattern").dropna(subset=["value_low"])
    assert len(entries) > 20
    assert entries["value"].between(entries["value_low"], entries["value_high"]).all()
    for key in [*known["psm_key"], *rows(seen, replicate=1)["psm_key"]]:
        assert recompute(database, key, folder).agrees
    again = Notes()
    run_tiny(database, plan, reporter=again, stages=(*STAGES, "ceilings"))
    assert again.started == []


def test_differences_of_means_are_patterns_as_they_are(tiny: Tiny) -> None:
    plan = planned(tiny, "mean_difference", '["raw", "pattern"]')
    (said,) = [line for line in plan.notes if "pattern" in line]
    assert said == (
        "blocks.probed: mean_difference has no space pattern of its own: its directions are patterns already "
        "(space raw)"
    )
    assert {target.space for target in plan.targets} == {"raw"}
    with pytest.raises(
        InputError, match=r"blocks\.probed: text_features have no target under similarity cos"
    ):
        planned(tiny, "mean_difference", '["pattern"]')


def test_the_ceiling_of_a_pattern_counts_samples_as_its_draws_do(
    tiny: Tiny, new_database: Callable[[str], Database]
) -> None:
    """The interval is that of patterns under the covariance of the drawn samples, by NumPy."""
    plan, database = planned(tiny, "lda", '["pattern"]', '["features"]', ceiling=20), new_database("drawn")
    run_tiny(database, plan, stages=(*STAGES, "ceilings"))
    direction_id = int(one_value(database, "SELECT direction_id FROM direction_sets WHERE d_hook = 32"))
    (work,) = direction_works(database, [direction_id])
    folder = database.default_data_folder
    key = next(one.key for one in plan.datasets if one.name == "text_features")
    data = read_probe_data(work, folder / "datasets" / f"{key.hex()}.safetensors", folder)
    own = data.activations[data.train_rows].astype(np.float64)
    (ceiling,) = [one for one in ceiling_works(database, stored_psm(database)) if one.psms]

    def plain(drawn: Any) -> np.ndarray:
        sigma = np.cov(own.T, bias=True, fweights=drawn.counts)
        return cosine(drawn.raw @ sigma)

    (psm,) = [one for one in ceiling.psms if one.similarity == "cosine"]
    (found,) = noise_ceilings(
        *data[:5],
        work.settings,
        [AskedPsm(psm.matrix, "cosine", plain)],
        halves=n_halvings(20),
        bootstraps=20,
    )
    pairs = rows(Results(database).frame("psm_pairs"), similarity="cosine", space="pattern")
    upper = np.triu_indices(len(found.low), 1)
    np.testing.assert_allclose(pairs["value_low"], found.low[upper], atol=1e-8)
    np.testing.assert_allclose(pairs["value_high"], found.high[upper], atol=1e-8)


def one_value(database: Database, query: str) -> Any:
    with database.read() as connection:
        return connection.exec_driver_sql(query).scalar()


def stored_psm(database: Database) -> int:
    query = "SELECT psm_id FROM targets WHERE space = 'pattern' AND similarity = 'cosine'"
    return int(one_value(database, query))
