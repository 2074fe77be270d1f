"""A study under several schemes of weights: one model each, from the plan to probes and embedding rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import sqlalchemy as sa
from loaded_weights import state
from tiny_study import Tiny, run_tiny

from superpos.activations.shards import read_shards
from superpos.db.activations import read_shard_rows
from superpos.db.engine import Database
from superpos.db.migrate import ensure_current
from superpos.db.results import Results
from superpos.kinds.weights import WEIGHTS
from superpos.records.plan import StudyPlan
from superpos.specs.studyfile import load_study
from superpos.stages.plan import plan_study

SCHEMES = ("shuffled", "rerandomized", "shuffled_keep_embeddings")
STUDY = """
name = "schemes"
{models}
[datasets.text_features]
corpus = "{corpus}"
n_sequences = 40
ctx_len = 24
n_samples = 200
min_positives = 20
[datasets.digits]
matrices = ["embed", "unembed"]
ctx_len = 24
[[blocks]]
name = "resid"
hookpoints = ["embed", "resid"]
layers = [0]
kernels = ["exp"]
n_dims = [4]
"""


def plan(tiny: Tiny, schemes: tuple[str, ...] = SCHEMES, seeds: str = "[0, 1]") -> StudyPlan:
    models = "".join(
        f'[models.{name}]\nname = "{tiny.model}"\nweights = "{name}"\nseeds = {seeds}\n' for name in schemes
    )
    file = tiny.folder / "schemes.toml"
    file.write_text(STUDY.format(models=models, corpus=tiny.corpus), encoding="utf-8")
    return plan_study(load_study(file))


def test_every_scheme_and_seed_is_a_model_with_keys_of_its_own(tiny: Tiny) -> None:
    drawn = tuple(kind.name for kind in WEIGHTS if kind.seeded)
    planned = plan(tiny, drawn)
    n = 2 * len(drawn)
    assert {(one.spec.weights, one.spec.seed) for one in planned.models} == {
        (name, seed) for name in drawn for seed in (0, 1)
    }
    assert len({one.key for one in planned.models}) == n
    assert len({one.key for one in planned.activations}) == len(planned.activations) == 2 * n
    assert len(planned.datasets) == 2  # texts and words know nothing of weights
    # More schemes and seeds change no key of what was planned before.
    fewer = plan(tiny, ("random",), "[0]")
    assert {one.key for one in fewer.targets} < {one.key for one in planned.targets}


def test_a_study_of_three_schemes(tiny: Tiny, new_database: Callable[[str], Database]) -> None:
    database = new_database("schemes")
    ensure_current(database)
    planned = plan(tiny)
    run_tiny(database, planned, stages=("datasets", "activations", "probes", "psms"))
    results = Results(database)
    sites = results.frame("activation_results")
    assert len(sites) == 12
    assert set(sites["status"]) == {"done"}
    assert (sites["agreement"] < 2e-5).all()
    matrices = results.frame("psm_results")
    features = matrices[matrices["target"] == "features"]
    counts = features.groupby(["model_weights", "model_seed"]).size().to_dict()
    assert counts == {(name, seed): 4 for name in SCHEMES for seed in (0, 1)}

    def directions(scheme: str, seed: int, hookpoint: str, dataset: str = "digits") -> np.ndarray:
        axes = ["model_weights", "model_seed", "hookpoint", "dataset"]
        row = features.set_index(axes).loc[(scheme, seed, hookpoint, dataset)]
        return results.directions(row["direction_key"]).coef_raw

    # What extraction wrote at the embedding, and rows that were read without it, are of the same matrix.
    query = sa.text(
        "SELECT a.activation_id, m.weights, m.seed FROM activation_sets a JOIN models m USING (model_id) "
        "WHERE a.hookpoint = 'embed'"
    )
    with database.read() as connection:
        written = {
            (weights, seed): read_shards(database.default_data_folder, read_shard_rows(connection, number))
            for number, weights, seed in connection.execute(query).all()
        }
    assert written.keys() == {(name, seed) for name in SCHEMES for seed in (0, 1)}
    for (scheme, seed), values in written.items():
        matrix = state(tiny.model, scheme, seed)["embed_in.weight"].numpy()
        assert {row.tobytes() for row in values} <= {row.tobytes() for row in matrix}
    table = state(tiny.model, "shuffled", 1)["embed_in.weight"].double().numpy()
    rows = directions("shuffled", 1, "embed")
    assert all((table == row).all(axis=1).any() for row in rows)
    own = state(tiny.model)["embed_in.weight"].double().numpy()
    for seed in (0, 1):  # kept embeddings are those of the files, whatever the seed
        kept = directions("shuffled_keep_embeddings", seed, "embed")
        assert all((own == row).all(axis=1).any() for row in kept)
        assert not np.array_equal(kept, directions("shuffled", seed, "embed"))
    np.testing.assert_array_equal(
        directions("shuffled_keep_embeddings", 0, "unembed"),
        directions("shuffled_keep_embeddings", 1, "unembed"),
    )
    probes = [directions(name, seed, "resid", "text_features") for name in SCHEMES for seed in (0, 1)]
    assert len({rows.tobytes() for rows in probes}) == 6
