"""A matrix with names: parts, pairs, frames, notebooks and other libraries."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from superpos.errors import ArgumentError, InputError
from superpos.records.named import Psm
from superpos.records.tables_in_html import html_table

NAMES = ("digit", "capital", "<b>")
MATRIX = np.array([[1.0, 0.2, -0.3], [0.2, 1.0, 0.4], [-0.3, 0.4, 1.0]])


@pytest.fixture
def T() -> Psm:  # noqa: N802 (a matrix)
    return Psm(MATRIX, NAMES, "cosine", key="ab")


def test_numpy_takes_it_for_its_matrix(T: Psm) -> None:
    assert T.shape == np.shape(T) == (3, 3)
    assert len(T) == 3
    np.testing.assert_array_equal(T, MATRIX)
    np.testing.assert_array_equal(MATRIX - T, np.zeros((3, 3)))
    np.testing.assert_array_equal(np.linalg.eigvalsh(T), np.linalg.eigvalsh(MATRIX))
    np.testing.assert_array_equal(T[np.triu_indices(3, 1)], [0.2, -0.3, 0.4])
    assert np.asarray(T, dtype=np.float32).dtype == np.float32


def test_names_subset(T: Psm) -> None:
    assert T["digit", "<b>"] == -0.3
    np.testing.assert_array_equal(T["capital"], MATRIX[1])
    part = T[["<b>", "digit"]]
    assert part.names == ("<b>", "digit")
    np.testing.assert_array_equal(part, [[1.0, -0.3], [-0.3, 1.0]])
    with pytest.raises(ArgumentError, match=r"^name: 'digits' is no feature here; .*did you mean 'digit'"):
        T["digits", "capital"]
    with pytest.raises(ArgumentError, match="is no pair of names"):
        T["digit", "capital", "<b>"]
    with pytest.raises(ArgumentError, match=r"^names: 2 do not fit a matrix of shape \(3, 3\)$"):
        Psm(MATRIX, NAMES[:2], "cosine")


def test_frames(T: Psm) -> None:
    frame = T.to_frame()
    assert list(frame.index) == list(frame.columns) == list(NAMES)
    assert frame.loc["capital", "<b>"] == 0.4
    pairs = T.pairs()
    assert pairs.to_numpy().tolist() == [
        ["capital", "<b>", 0.4], ["digit", "capital", 0.2], ["digit", "<b>", -0.3],
    ]  # fmt: skip


def test_pages_escape_names(T: Psm) -> None:
    page = T._repr_html_()
    assert "<b>" not in page
    assert page.count("&lt;b&gt;") == 2
    large = Psm(np.eye(20), tuple(map(str, range(20))), "rbf")
    assert large._repr_html_().count("<tr>") == 13
    assert "first 12 of 20" in large._repr_html_()
    assert repr(large).endswith("11, … (20 in all)>")
    assert html_table("a & b", ("x",), []).startswith("<table><caption>a &amp; b</caption>")


def test_rsatoolbox_gets_dissimilarities_with_names(T: Psm, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    module = ModuleType("rsatoolbox.rdm")
    module.RDMs = lambda *arguments, **words: given.append((arguments, words))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "rsatoolbox", ModuleType("rsatoolbox"))
    monkeypatch.setitem(sys.modules, "rsatoolbox.rdm", module)
    T.to_rsatoolbox()
    ((array,), words) = given[0]
    assert array.shape == (1, 3, 3)
    np.testing.assert_allclose(array[0], 1.0 - MATRIX)
    assert words["pattern_descriptors"] == {"feature": list(NAMES)}
    monkeypatch.setitem(sys.modules, "rsatoolbox.rdm", None)
    with pytest.raises(InputError, match=r"^to_rsatoolbox: needs the package rsatoolbox \(pip install"):
        T.to_rsatoolbox()
