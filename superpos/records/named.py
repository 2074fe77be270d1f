"""A similarity matrix with the names of its features: what a person holds, subsets, shows and hands on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from superpos.arrays import Float
from superpos.errors import ArgumentError, InputError, allowed, plain, shown
from superpos.records.tables_in_html import html_table

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MOST_SHOWN = 12
"""Rows and columns that a notebook shows."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Psm:
    """A pairwise similarity matrix (n, n) with its names; NumPy takes it for its matrix."""

    matrix: Float
    """(n, n)."""
    names: tuple[str, ...]
    """Of the features, in the order of the rows."""
    similarity: str
    target: str = "features"
    """Kinds of the targets that have this matrix."""
    key: str = ""
    """`psm_key` of the views; empty for a part."""

    def __post_init__(self) -> None:
        """Check; raises `ArgumentError`."""
        if self.matrix.shape != (len(self.names), len(self.names)):
            raise ArgumentError(
                "names", f"{len(self.names)} do not fit a matrix of shape {self.matrix.shape}"
            )

    @property
    def shape(self) -> tuple[int, int]:
        """(n, n)."""
        return len(self.names), len(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Float:
        return np.array(self.matrix, dtype=dtype, copy=copy)

    def __getitem__(self, item: Any) -> Any:
        """Return a number for two names, a part (`Psm`) for a list of names, else what NumPy gives."""
        if isinstance(item, tuple) and item and all(isinstance(one, str) for one in item):
            if len(item) != 2:
                raise ArgumentError("item", f"{shown(item)} is no pair of names")
            return float(self.matrix[self.index(item[0]), self.index(item[1])])
        if isinstance(item, list) and item and all(isinstance(one, str) for one in item):
            rows = [self.index(one) for one in item]
            return Psm(self.matrix[np.ix_(rows, rows)], tuple(item), self.similarity, self.target)
        if isinstance(item, str):
            return self.matrix[self.index(item)]
        return self.matrix[item]

    def index(self, name: str) -> int:
        """Return the row of a feature; raises `ArgumentError` with the nearest name."""
        if name not in self.names:
            raise ArgumentError("name", f"{shown(name)} is no feature here; {allowed(name, self.names)}")
        return self.names.index(name)

    def __repr__(self) -> str:
        names = ", ".join(plain(name, 40) for name in self.names[:MOST_SHOWN])
        more = f", … ({len(self)} in all)" if len(self) > MOST_SHOWN else ""
        return f"<Psm of {len(self)} features ({self.similarity}, {self.target}): {names}{more}>"

    def _repr_html_(self) -> str:
        shown_names = self.names[:MOST_SHOWN]
        rows = [
            (name, *(f"{value:.2f}" for value in self.matrix[row, : len(shown_names)]))
            for row, name in enumerate(shown_names)
        ]
        more = f"; the first {MOST_SHOWN} of {len(self)} features" if len(self) > MOST_SHOWN else ""
        return html_table(f"{self.similarity} similarities ({self.target}){more}", ("", *shown_names), rows)

    def to_frame(self) -> pd.DataFrame:
        """Return the matrix as a data frame with the names on both sides."""
        import pandas as pd

        return pd.DataFrame(self.matrix, index=list(self.names), columns=list(self.names))

    def pairs(self) -> pd.DataFrame:
        """Return a row a pair i < j, the most similar first: feature_a, feature_b, value."""
        import pandas as pd

        first, second = np.triu_indices(len(self), 1)
        names = np.array(self.names, dtype=object)
        frame = pd.DataFrame(
            {"feature_a": names[first], "feature_b": names[second], "value": self.matrix[first, second]}
        )
        return frame.sort_values("value", ascending=False, kind="stable", ignore_index=True)

    def to_rsatoolbox(self) -> Any:
        """Return `rsatoolbox.rdm.RDMs` with the dissimilarities 1 - T and the names as `feature`.

        Raises
        ------
        InputError
            If the package rsatoolbox is not installed.
        """
        try:
            from rsatoolbox.rdm import RDMs
        except ImportError as error:
            raise InputError(
                "to_rsatoolbox: needs the package rsatoolbox (pip install rsatoolbox)"
            ) from error
        return RDMs(
            1.0 - self.matrix[None],
            dissimilarity_measure=f"1 - {self.similarity}",
            descriptors={"target": self.target, "psm_key": self.key},
            pattern_descriptors={"feature": list(self.names)},
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw it with `superpos.plot.psm`; returns the axes."""
        from superpos.plot import psm

        return psm(self, ax=ax)
