"""From rows of a view to answers: what is compared with what, what carries no claim, what is said."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from superpos.analysis.answering import axes_of, compared, networks
from superpos.analysis.verdicts import answers, strength
from superpos.kinds.questions import QUESTIONS
from superpos.records.answers import STRENGTHS

LOW = QUESTIONS.get("keeps_low")
READ = QUESTIONS.get("read_by_probes")
SETTING = {
    "revision": "", "hookpoint": "mlp.act", "pooling": "token", "method": "logistic", "probe_C": 1.0,
    "split_seed": 0, "space": "raw", "rbf_scale": 0.0, "self_energy": "exclude", "softening": 0.0,
    "gauge": "unit", "importance_mode": "learned", "joint_polish": "on", "lambda_d": 100.0, "restart": 0,
    "backend": "compiled", "lambda_x": 0.0, "sigma_rule": "sigma", "trial": 0, "config_key": "c",
    "similarity": "cosine", "model": "net", "model_weights": "pretrained", "model_seed": -1,
}  # fmt: skip


def fits(
    sets=("a", "b"), layers=(0, 1), kernels=("exp", "log"), n_dims=(3, 6), controls=("permuted",), draws=4,
    optimisers=("manifold",), seed=0, **fixed,
):  # fmt: skip
    """Rows of fit_results: features and draws of controls, every number of its own."""
    rng = np.random.default_rng(seed)
    rows = []
    for name, layer, kernel, f, optimiser, sigma in itertools.product(
        sets, layers, kernels, n_dims, optimisers, (0.0, 0.1)
    ):
        for target, replicate in [("features", 0), *itertools.product(controls, range(draws))]:
            rows.append(
                {
                    **SETTING, "dataset": name, "layer": layer, "kernel": kernel, "n_dims": f, "sigma": sigma,
                    "optimiser": optimiser, "target": target, "replicate": replicate, "n_features": 5,
                    "distance_final": float(rng.uniform(1, 2)), "distance_joint": 0.5, "verdict": "strict",
                    **fixed,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)[list(axes_of(LOW))].assign(distance_joint=0.5)


def test_a_set_is_compared_with_a_control_at_equal_f_layer_kernel_and_sigma():
    frame = fits(controls=("permuted", "gaussian"))
    found = list(compared(LOW, frame))
    assert [(one.subject["dataset"], one.control) for one in found] == [
        ("a", "gaussian"), ("a", "permuted"), ("b", "gaussian"), ("b", "permuted"),
    ]  # fmt: skip
    own = frame[(frame["dataset"] == "b") & (frame["sigma"] == 0.1)]
    value = own.assign(value=own["distance_final"] / np.sqrt(20.0))
    means = value.groupby(["target", "replicate"])["value"].mean()
    expected = means["features", 0] - np.median(means["permuted"])
    comparison = found[3].found
    assert comparison is not None
    assert comparison.estimate == pytest.approx(expected)
    assert (comparison.n_cells, comparison.n_draws) == (8, 4)
    assert found[3].columns == ((0, "exp"), (0, "log"), (1, "exp"), (1, "log"))


def test_another_dimension_of_the_controls_counts_for_nothing():
    frame = fits(n_dims=(3,))
    more = fits(n_dims=(16,), seed=9)
    more = more[more["target"] != "features"]  # controls alone ran at f = 16
    alone, both = (list(compared(LOW, part)) for part in (frame, pd.concat([frame, more])))
    assert [one.found for one in alone] == [one.found for one in both]


def test_order_names_and_copies_of_rows_change_no_number():
    frame = fits(draws=6)
    expected = [one.found for one in compared(LOW, frame)]
    shuffled = frame.sample(frac=1.0, random_state=3)
    assert [one.found for one in compared(LOW, shuffled)] == expected
    doubled = pd.concat([frame, frame])
    assert [one.found for one in compared(LOW, doubled)] == expected


def test_ends_that_are_no_minima_carry_no_claim():
    frame = fits(verdict="not_critical", optimisers=("powell",))
    records = list(answers(LOW, list(compared(LOW, frame))))
    assert {record.strength for record in records} == {"not testable here"}
    assert all(record.estimate is None and record.n_cells == 0 for record in records)
    assert records[0].sentence == (
        "Not testable here: a (cosine, powell): all 8 rows of the features are ends that are no certified "
        "minima."
    )


def test_a_cell_in_which_one_draw_ends_at_no_minimum_costs_that_draw_only():
    frame = fits(sets=("a",), draws=20)
    place = frame[(frame["replicate"] == 7) & (frame["target"] == "permuted") & (frame["sigma"] == 0.1)].index
    frame.loc[place[0], "verdict"] = "saddle"
    (one,) = compared(LOW, frame)
    assert one.found is not None
    assert (one.found.n_cells, one.found.n_draws) == (8, 19)


def test_powell_and_the_exact_optimiser_stand_apart_and_so_do_controls():
    frame = fits(optimisers=("manifold", "powell"), controls=("permuted", "gaussian"))
    records = list(answers(LOW, list(compared(LOW, frame))))
    per_set = [record for record in records if record.dataset]
    assert len(per_set) == 2 * 2 * 2
    assert all(record.n_tests == 2 for record in per_set)  # two sets; no optimiser and no control pooled
    assert {(record.optimiser, record.control) for record in records if not record.dataset} == {
        ("manifold", "gaussian"), ("manifold", "permuted"), ("powell", "gaussian"), ("powell", "permuted"),
    }  # fmt: skip


def test_random_weights_are_a_control_of_the_same_sets_only():
    trained = fits(sets=("a", "b"), controls=())
    random = fits(sets=("a",), controls=(), seed=4, model="drawn", model_weights="random", model_seed=0)
    other = random.assign(model_seed=1, distance_final=random["distance_final"] + 1)
    found = list(compared(LOW, pd.concat([trained, random, other])))
    assert [(one.subject["dataset"], one.control) for one in found] == [("a", "random weights")]
    assert found[0].found is not None
    assert found[0].found.n_draws == 2


def test_two_trained_models_do_not_share_the_random_one_of_another_name():
    parts = [fits(sets=("a",), controls=(), model=name) for name in ("big", "small")]
    random = fits(sets=("a",), controls=(), seed=4, model="small", model_weights="random", model_seed=0)
    found = list(compared(LOW, pd.concat([*parts, random])))
    assert [one.subject["model"] for one in found] == ["small"]


def test_probes_of_permuted_labels_are_a_control_of_the_probes():
    rng = np.random.default_rng(0)
    rows = [
        {**SETTING, "dataset": "a", "layer": layer, "feature": feature, "label_replicate": replicate,
         "roc_auc": rng.uniform(0.4, 0.6) + 0.4 * (replicate < 0)}
        for layer, feature, replicate in itertools.product((0, 1), ("x", "y"), range(-1, 30))
    ]  # fmt: skip
    (one,) = compared(READ, pd.DataFrame(rows)[list(axes_of(READ))])
    assert one.control == "shuffled_labels"
    assert one.found is not None
    assert (one.found.n_cells, one.found.n_draws, one.found.p_value) == (4, 30, 1 / 31)
    record = next(answers(READ, [one]))
    assert record.strength == "shown"
    assert record.sentence.startswith("Shown: a is read better than shuffled labels: mean ROC AUC")


def test_sets_are_counted_each_as_one_trial():
    frame = fits(sets=("a", "b", "c", "d", "e", "f"), draws=4)
    frame.loc[frame["target"] == "features", "distance_final"] = 0.5
    (together,) = [r for r in answers(LOW, list(compared(LOW, frame))) if not r.dataset]
    assert (together.n_independent, together.strength) == (6, "shown")
    assert together.p_value == pytest.approx(2 / 64)
    assert together.sentence.startswith(
        "Shown: 6 of 6 sets (cosine, manifold): each ends closer to its target"
    )
    few = [r for r in answers(LOW, list(compared(LOW, frame[frame["dataset"] < "c"]))) if not r.dataset]
    assert few[0].strength == "not testable here"


def test_a_data_set_at_two_hookpoints_is_one_trial():
    frame = pd.concat([fits(sets=("a",)), fits(sets=("a",), hookpoint="resid", seed=5), fits(sets=("b",))])
    records = list(answers(LOW, list(compared(LOW, frame))))
    assert [r.n_independent for r in records if not r.dataset] == [2]
    assert any(r.sentence.startswith("Not testable here: a at resid (cosine") for r in records)


@pytest.mark.parametrize(
    ("p", "adjusted", "smallest", "n_tests", "expected"),
    [
        (0.005, 0.03, 0.005, 6, "shown"),
        (0.02, 0.12, 0.005, 6, "suggested"),
        (0.3, 0.9, 0.005, 6, "not shown"),
        (0.005, 0.06, 0.005, 12, "not testable here"),  # the family is too large for so few draws
        (0.2, 0.2, 0.2, 1, "not testable here"),
        (0.05, 0.05, 0.05, 1, "shown"),
    ],
)
def test_strength(p, adjusted, smallest, n_tests, expected):
    assert strength(p, adjusted, smallest, n_tests) == expected
    assert expected in STRENGTHS


def test_no_sentence_says_alike_or_nan():
    frame = fits(draws=60, controls=("permuted", "gaussian"))
    frame.loc[frame.index[::17], "distance_final"] = np.nan
    for record in answers(LOW, list(compared(LOW, frame))):
        assert not re.search(r"alike|nan|same", record.sentence, re.IGNORECASE)
        assert record.sentence.endswith(".")
        assert record.low is None or record.low <= record.estimate <= record.high


def test_nothing_to_compare_is_no_answer():
    assert list(compared(LOW, fits(controls=()))) == []
    assert list(compared(LOW, fits().iloc[:0])) == []
    only_controls = fits()
    assert list(compared(LOW, only_controls[only_controls["target"] != "features"])) == []


def test_a_difference_in_one_layer_that_the_mean_does_not_show_names_no_side():
    frame = fits(sets=("a",), layers=(0, 1, 2), kernels=("exp",), n_dims=(3,), draws=60)
    own = frame["target"] == "features"
    frame.loc[own & (frame["layer"] == 0), "distance_final"] = 9.0
    frame.loc[own & (frame["layer"] > 0), "distance_final"] = -2.2
    record = next(answers(LOW, list(compared(LOW, frame))))
    assert record.strength == "shown"
    assert abs(record.estimate) < 0.2
    assert record.sentence.startswith("Shown: a (cosine, manifold) differs, to no one side, from permuted")


def test_categories_and_sets_read_one_by_one_change_no_number():
    frame = fits(controls=("permuted", "gaussian"), kernels=("log", "exp"), draws=5)
    others = fits(sets=("a",), controls=(), model="other", model_weights="random", model_seed=3)
    frame = pd.concat([frame, others], ignore_index=True)[list(axes_of(LOW))]
    wanted = list(compared(LOW, frame))
    assert {one.control for one in wanted} == {"permuted", "gaussian", "random weights"}
    words = {name: "category" for name in frame.columns if frame[name].dtype == "str"}
    assert len(words) > 10
    of = networks(frame)
    assert of == (True, True)
    found = [
        one for name in ("a", "b") for one in compared(LOW, frame[frame["dataset"] == name].astype(words), of)
    ]
    assert found == wanted
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one.found.means, other.found.means)


def test_a_network_of_another_name_is_the_counterpart_of_the_only_one_of_the_study():
    both = pd.concat(
        [fits(sets=("a",)), fits(sets=("b",), model="second"),
         fits(sets=("a",), controls=(), model="shuffled", model_weights="shuffled", model_seed=0)],
        ignore_index=True,
    )[list(axes_of(LOW))]  # fmt: skip
    alone = both[both["dataset"] == "a"]
    assert "shuffled weights" in {one.control for one in compared(LOW, alone)}
    # Of a study with a second model it is nobody's counterpart, though set `a` was run in the first alone.
    assert "shuffled weights" not in {one.control for one in compared(LOW, alone, networks(both))}


OWN = QUESTIONS.get("own_energy")


def own_energies(sets=("a",), draws=5, seed=0):
    """Rows of geometry_results: own energies and another measure, of features and of draws."""
    rng = np.random.default_rng(seed)
    fixed = {name: value for name, value in SETTING.items() if name not in ("kernel", "n_dims")}
    rows = [
        {
            **fixed, "dataset": name, "layer": layer, "kernel": kernel, "n_dims": 0, "softening": 0.0,
            "measure": measure, "target": target, "replicate": replicate,
            "value_scaled": float(rng.uniform(1, 2)),
        }
        for name, layer, kernel, measure in itertools.product(
            sets, (0, 1), ("exp", "log"), ("rank", "own_energy")
        )
        for target, replicate in [("features", 0), *itertools.product(["permuted"], range(draws))]
    ]  # fmt: skip
    return pd.DataFrame(rows)[list(axes_of(OWN))]


def test_an_interval_is_of_the_cells_that_were_compared():
    frame = own_energies()
    # The draws lack one cell of the features: its bootstraps count as little as its value.
    lost = (frame["layer"] == 1) & (frame["kernel"] == "log") & (frame["target"] == "permuted")
    frame = frame[~lost].sample(frac=1.0, random_state=1)
    seen = []

    def drawn(features):
        seen.append(features)
        far = (features["layer"] == 1) & (features["kernel"] == "log")
        noise = np.random.default_rng(4).normal(0.0, 0.1, (12, len(features)))
        return features["value_scaled"].to_numpy() + np.where(far, 1e6, 0.0) + noise

    (one,) = compared(OWN, frame, None, drawn)
    (features,) = seen
    assert set(features["target"]) == {"features"}
    assert set(features["measure"]) == {"own_energy"}
    assert len(features) == 4
    assert one.found is not None
    assert one.found.n_cells == 3
    assert one.found.n_bootstraps == 12
    assert one.found.estimate - 1.0 < one.found.estimate_low <= one.found.estimate <= one.found.estimate_high
    (bare,) = compared(OWN, frame)
    assert bare.found == replace(one.found, estimate_low=None, estimate_high=None, n_bootstraps=0)
    (said,) = (next(answers(OWN, [found])).sentence for found in (one,))
    assert "95 % interval" in said
    assert "12 bootstraps of the samples" in said
    assert "no interval, samples not drawn again" in next(answers(OWN, [bare])).sentence
    shuffled = frame.assign(target=frame["target"].replace("permuted", "shuffled_entries"))
    (itself,) = compared(OWN, shuffled, None, drawn)  # draws that move with the matrix cannot be held
    assert itself.found == bare.found
    assert "no interval, draws of the matrix itself" in next(answers(OWN, [itself])).sentence
    (none,) = compared(OWN, frame, None, lambda _: None)
    assert none == bare


def test_a_choice_that_would_be_made_again_has_no_interval():
    chosen = QUESTIONS.get("which_energy")
    frame = own_energies().rename(columns={"value_scaled": "value"}).assign(measure="force_residual")

    def drawn(_):
        raise AssertionError("asked for bootstraps of a choice")

    found = list(compared(chosen, frame[list(axes_of(chosen))], None, drawn))
    assert [one.found.n_bootstraps for one in found if one.found] == [0] * len(found)
