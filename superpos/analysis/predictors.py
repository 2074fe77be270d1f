"""What a similarity matrix may follow from: predictors, each a number for every pair of features.

    label_phi      phi_ij, correlation of the labels of two features over the samples
    label_npmi     log(p_ij / (p_i p_j)) / -log p_ij, normalised pointwise mutual information of the labels;
                   p_i the share of samples with label i, p_ij of those with both; -1 where p_ij = 0, 1 where
                   it is 1
    energy         <x_i, x_j> at the least energy of n unit vectors whose importance is p_i, in n - 1
                   dimensions or more: the energy alone, which sees nothing of the matrix
    list_line      minus the distance of two words along the line of their list
    list_circle    minus their distance round the circle
    list_lag       a level for each such distance: any matrix that depends on it alone (word statistics)

The joint share follows from phi: p_ij = p_i p_j + phi_ij sqrt(p_i (1 - p_i) p_j (1 - p_j)), n_samples p_ij a
whole number.

Why the energy's optimum is taken at the labels' frequencies. An optimum that is found from the matrix (the
end of its joint fit, the minimum near its configuration) resembles the matrix whatever that is, a control's
as much as the features', so that no share of it is the energy's. From n - 1 dimensions on an energy that is
convex in the cosine has one Gram matrix of least energy, which the importance alone decides; with p_i as
importance, sum_ij p_i p_j K is what two features cost that are active independently of each other. At equal
importance it is the regular simplex, all of whose entries are one: the energy then predicts the level of the
entries (which the measure `own_energy` is about) and nothing of their pattern.

Sources: G. U. Yule, On the methods of measuring association between two attributes (1912), phi; G. Bouma,
Normalized (pointwise) mutual information in collocation extraction (2009).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from superpos.analysis.list_orders import lags, levels
from superpos.arrays import Float
from superpos.facts import ListOrder
from superpos.kinds.potentials import Potential

Name = Literal["label_phi", "label_npmi", "energy", "list_line", "list_circle", "list_lag"]
DIGITS = 6
"""Of the energy's cosines: those of one importance are equal, but for what the descent leaves."""
LABEL_DIGITS = 9
"""Of coefficients of labels: equal counts give equal ones, whatever the order of the sums."""


@dataclass(frozen=True, slots=True, eq=False)
class Predictor:
    """A number for every pair of features."""

    name: Name
    entries: Float | None
    """Of the pairs i < j, (m,), or a column for every level, (m, q); None where there are none."""
    kernel: Potential | None = None
    """Of `energy`."""
    reason: str = ""
    """Why there are no entries."""
    instead_of: tuple[Name, ...] = ()
    """Predictors of the same thing, beside which it is not put; it is put beside no other one's models."""
    directed: bool = False
    """Whether only large correlations count: near in the list, alike."""

    @property
    def has_levels(self) -> bool:
        """Whether it says which pairs are alike, without saying how."""
        return self.entries is not None and self.entries.ndim > 1

    @property
    def is_main(self) -> bool:
        """Whether it is beside the others in their models."""
        return self.entries is not None and not self.instead_of


def of_labels(phi: Float | None, shares: Float | None, n_samples: int) -> tuple[Predictor, ...]:
    """Return the predictors of the labels.

    Parameters
    ----------
    phi
        Phi coefficients (n, n); None where features have no labels on common samples.
    shares
        Share of the samples that have each label, (n,); None where it is not known.
    n_samples
        Number of samples.
    """
    if phi is None:
        why = "the features have no labels on common samples"
        return Predictor("label_phi", None, reason=why), _npmi(None, why)
    pairs = np.triu_indices(len(phi), 1)
    first = _varied("label_phi", np.round(phi[pairs], LABEL_DIGITS), "all pairs of labels have the same phi")
    if shares is None or n_samples <= 0:
        return first, _npmi(None, "the labels' counts are not known")
    spread = np.sqrt(shares * (1.0 - shares))
    joint = np.outer(shares, shares) + phi * np.outer(spread, spread)
    joint = np.clip(np.round(joint[pairs] * n_samples), 0.0, n_samples) / n_samples
    product = np.outer(shares, shares)[pairs]
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.log(joint / product) / -np.log(joint)
    found = np.where(joint <= 0.0, -1.0, np.where(joint >= 1.0, 1.0, found))
    found = np.asarray(np.round(found, LABEL_DIGITS), dtype=np.float64)
    return first, _npmi(found, "no two labels go together, or all pairs do alike")


def of_energy(gram: Float | None, kernel: Potential, reason: str = "") -> Predictor:
    """Return the predictor of the least energy.

    Parameters
    ----------
    gram
        Cosines at the least energy, (n, n); None where there is none.
    kernel
        Of the energy.
    reason
        Why there is none.
    """
    if gram is None:
        return Predictor("energy", None, kernel, reason)
    entries = np.round(gram[np.triu_indices(len(gram), 1)], DIGITS)
    why = "at equal importance the least energy is that of the regular simplex: all pairs are alike"
    return _varied("energy", entries, why, kernel)


def of_order(order: ListOrder | None) -> tuple[Predictor, ...]:
    """Return the predictors of words in a list with an order; none where there is no such list."""
    if order is None:
        return ()
    places = np.array(order.places, dtype=np.int64)
    line, circle = lags(places), lags(places, order.size)
    own = circle if order.cyclic else line
    alike = "all words are equally far apart"
    return (
        _varied("list_line", -line.astype(np.float64), alike, directed=True),
        _varied("list_circle", -circle.astype(np.float64), alike, directed=True),
        Predictor(
            "list_lag",
            levels(own) if np.ptp(own) > 0 else None,
            reason="" if np.ptp(own) > 0 else alike,
            instead_of=("list_line", "list_circle"),
        ),
    )


def _npmi(entries: Float | None, why: str) -> Predictor:
    if entries is None or np.ptp(entries) == 0.0:
        return Predictor("label_npmi", None, reason=why, instead_of=("label_phi",))
    return Predictor("label_npmi", entries, instead_of=("label_phi",))


def _varied(
    name: Name, entries: Float, why: str, kernel: Potential | None = None, *, directed: bool = False
) -> Predictor:
    if not np.isfinite(entries).all():
        return Predictor(name, None, kernel, "it is not finite for some pair", directed=directed)
    if entries.size == 0 or np.ptp(entries) == 0.0:
        return Predictor(name, None, kernel, why, directed=directed)
    return Predictor(name, entries, kernel, directed=directed)
