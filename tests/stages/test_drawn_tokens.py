"""The control `random_tokens` through a study: which sets have it, whose rows, made again bit for bit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from loaded_weights import state
from tiny_study import Notes, Tiny, run_tiny

from superpos.activations.inspection import tokenizer_file
from superpos.datasets.imported import word_tokens
from superpos.datasets.token_classes import token_classes
from superpos.datasets.tokens import load_tokens
from superpos.db.engine import Database
from superpos.db.results import Results
from superpos.psms import cosine
from superpos.psms.controls.random_tokens import random_tokens
from superpos.specs.studyfile import load_study
from superpos.stages.plan import plan_study
from superpos.stages.recompute import recompute

STUDY = """
name = "drawn"
[models.net]
name = "{model}"
[datasets.digits]
matrices = ["embed", "unembed"]
ctx_len = 24
[datasets.finished]
builder = "psm"
file = "finished.csv"
similarity = "cosine"
[[blocks]]
name = "one"
targets = ["features", "random_tokens"]
replicates = 3
similarities = ["cosine", "rbf"]
rbf_scales = "median"
kernels = ["exp"]
n_dims = 4
reoptimisations = []
"""
FINISHED = "name,one,two,three\none,1,0.25,0.5\ntwo,0.25,1,-0.125\nthree,0.5,-0.125,1\n"


def test_rows_of_other_tokens_are_a_control_of_rows_of_a_matrix(
    tiny: Tiny, new_database: Callable[[str], Database]
) -> None:
    file = tiny.folder / "drawn.toml"
    file.write_text(STUDY.format(model=tiny.model), encoding="utf-8")
    (tiny.folder / "finished.csv").write_text(FINISHED, encoding="utf-8")
    plan = plan_study(load_study(file))
    database = new_database("drawn")
    run_tiny(database, plan, stages=("datasets", "activations", "probes", "psms"))
    results = Results(database)
    matrices = results.frame("psm_results")
    drawn = matrices[matrices["target"] == "random_tokens"]
    assert set(drawn["dataset"]) == {"digits"}  # an imported matrix has no tokens
    assert len(drawn) == 2 * 2 * 3
    table = load_tokens(tokenizer_file(plan.models[0].spec))
    classes = token_classes(table)
    digits = word_tokens(next(one.spec for one in plan.datasets if one.name == "digits"), table)
    matrix = state(tiny.model)["embed_in.weight"].double().numpy()
    rows = drawn[(drawn["hookpoint"] == "embed") & (drawn["similarity"] == "cosine")]
    assert len(rows) == 3
    for row in rows.itertuples():
        words = random_tokens(digits, classes, row.replicate, matrix.shape[1])
        wanted = cosine(matrix[[token for (token,) in words]])
        np.testing.assert_array_equal(np.asarray(results.psm(row.psm_key)), wanted)
    scales = matrices[matrices["similarity"] == "rbf"].groupby(["dataset", "hookpoint"])
    assert (scales["rbf_scale_resolved"].nunique() == 1).all()  # C is that of the features
    for key in drawn["psm_key"].iloc[:2]:
        assert recompute(database, key, database.default_data_folder).agrees
    again = Notes()
    run_tiny(database, plan, reporter=again, stages=("datasets", "activations", "probes", "psms"))
    assert again.started == []
