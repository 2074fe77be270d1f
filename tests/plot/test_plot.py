"""Drawings: numbers that are drawn are those of the frame, on the axes that were given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import superpos
from superpos.errors import ArgumentError


@pytest.fixture
def ax() -> Any:
    return Figure().subplots()


def own(**columns: Any) -> pd.DataFrame:
    base = {
        "dataset": "words", "hookpoint": "mlp.act", "model_weights": "pretrained", "target": "features",
        "measure": "own_energy", "kernel": "exp", "value_scaled": 0.5, "softening": 0.0,
    }  # fmt: skip
    return pd.DataFrame(
        [{**base, **dict(zip(columns, row, strict=True))} for row in zip(*columns.values(), strict=True)]
    )


def test_a_matrix_is_drawn_with_its_names_and_range(ax: Any) -> None:
    T = superpos.Psm(np.array([[1.0, -0.5], [-0.5, 1.0]]), ("a$x$", "b"), "cosine")
    assert T.plot(ax) is ax
    (image,) = ax.images
    np.testing.assert_array_equal(image.get_array(), T.matrix)
    assert image.get_clim() == (-1.0, 1.0)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a$x$", "b"]
    large = Figure().subplots()
    superpos.plot.psm(np.eye(45), ax=large, similarity="rbf")
    assert large.images[0].get_clim() == (0.0, 1.0)
    assert [label.get_text() for label in large.get_xticklabels()] == ["0", "10", "20", "30", "40"]
    with pytest.raises(ArgumentError, match=r"^names: 1 do not fit a matrix of shape \(2, 2\)$"):
        superpos.plot.psm(T, names=["a"])


def test_own_energies_stand_in_strips(ax: Any) -> None:
    frame = own(
        dataset=["words"] * 4 + ["digits"],
        target=["features", "gaussian", "gaussian", "features", "features"],
        model_weights=["pretrained", "pretrained", "pretrained", "random", ""],
        value_scaled=[0.5, 1.0, 1.1, 0.7, 2.0],
    )
    assert superpos.plot.own_energy(frame, ax=ax) is ax
    drawn = {line.get_label().lower(): sorted(line.get_xdata()) for line in ax.lines}
    drawn = {label: values for label, values in drawn.items() if not label.startswith("_")}
    assert drawn == {"features": [0.5, 2.0], "gaussian": [1.0, 1.1], "random weights": [0.7]}
    assert [label.get_text() for label in ax.get_yticklabels()] == ["digits (mlp.act)", "words (mlp.act)"]
    with pytest.raises(ArgumentError, match=r"^kernel: 'log' has no own energies here"):
        superpos.plot.own_energy(frame, kernel="log")
    with pytest.raises(ArgumentError, match=r"^frame: lacks measure, kernel"):
        superpos.plot.own_energy(frame.drop(columns=["measure", "kernel"]))
    with pytest.raises(ArgumentError, match=r"^frame: has no row to draw"):
        superpos.plot.own_energy(frame[:0])


def test_each_scheme_of_weights_has_a_mark_of_its_own(ax: Any) -> None:
    schemes = ["random", "rerandomized", "rerandomized", "elsewhere:KIND"]
    frame = own(
        dataset=["words"] * 4,
        target=["features"] * 4,
        model_weights=schemes,
        value_scaled=[0.5, 0.6, 0.7, 0.8],
    )
    superpos.plot.own_energy(frame, ax=ax)
    drawn = {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}
    assert {name: sorted(line.get_xdata()) for name, line in drawn.items()} == {
        "random weights": [0.5], "rerandomized weights": [0.6, 0.7], "elsewhere:KIND weights": [0.8],
    }  # fmt: skip
    assert len({line.get_color() for line in drawn.values()}) == 3


def test_answers_are_a_forest_of_one_question(ax: Any) -> None:
    frame = pd.DataFrame(
        {
            "question": "own_energy", "dataset": ["a", "b", "", "c"], "hookpoint": ["mlp.act", "", "", ""],
            "control": ["permuted", "shuffled_labels", "permuted", "permuted"],
            "estimate": [0.1, -0.2, 0.3, None],
            "low": [0.05, None, None, None], "high": [0.2, None, None, None],
            "unit": "scaled", "strength": ["shown", "not shown", "suggested", "not testable here"],
        }
    )  # fmt: skip
    assert superpos.plot.answers(frame, ax=ax) is ax
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "all sets / permuted", "a (mlp.act) / permuted", "b / shuffled labels",
    ]  # fmt: skip
    marks = [line for line in ax.lines if line.get_marker() == "o"]
    assert [line.get_xdata()[0] for line in marks] == [0.3, 0.1, -0.2]
    assert [line.get_markerfacecolor() == line.get_color() for line in marks] == [False, True, False]
    assert [0.05, 0.2] in [list(line.get_xdata()) for line in ax.lines]
    with pytest.raises(ArgumentError, match="several questions"):
        superpos.plot.answers(frame.assign(question=["a", "b", "c", "d"]))
    with pytest.raises(ArgumentError, match="has no answer with an estimate"):
        superpos.plot.answers(frame[3:])
