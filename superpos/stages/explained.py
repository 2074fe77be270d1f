"""What every matrix of a study follows from, of the features and of each control; part of `analysis`.

Whatever a target lacks is found, so that databases of before get these rows, too, and a raised version finds
them anew. The features are tested against relabelled features; a control needs no p, it is what features are
compared with. The least energy of an importance is found once for all targets that have it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np

from superpos.analysis.explaining import VERSION, Explained, explain
from superpos.analysis.predictors import Predictor, of_energy, of_labels, of_order
from superpos.arrays import Float
from superpos.bounds.convex import tangent_bound
from superpos.db.analysis import unfinished
from superpos.db.engine import Database
from superpos.db.explained import explained_works, finish_explained, unexplained
from superpos.db.insert import parts
from superpos.db.measures import kernels
from superpos.facts import MIN_ORDERED, ListOrder, order_of_words
from superpos.fits.relaxed import minimum_in_more_dimensions
from superpos.kinds.controls import CONTROLS
from superpos.kinds.potentials import Potential
from superpos.kinds.similarities import SIMILARITIES
from superpos.psms.dimensionality import dimensionality, weighted_dimensionality
from superpos.records.explained import ExplainedRows, ExplainedWork
from superpos.specs.axes import Kernel
from superpos.specs.datasets import KNOWN_ORDER
from superpos.stages.executor import Reporter
from superpos.threads import one_thread

STEP = "explained"
BATCH = 200
"""Targets that are read and written together."""
_NAMES = tuple(field.name for field in fields(Explained))
PROVED = 1e-6
"""Energy, over its size, by which an optimum may lie above its proved bound."""
NO_FREQUENCIES = "the features have no frequencies: no labels on common samples"


def find_explained(database: Database, study_id: int, reporter: Reporter) -> None:
    """Find what every matrix of the study follows from, where it is not there; the driver does it itself."""
    of_fits = kernels(database, study_id)
    missing = unexplained(database, study_id, of_fits, VERSION)
    if not missing:
        return
    optima = Optima()
    reporter.start(STEP, len(missing))
    for ids in parts(missing, BATCH):
        with one_thread():  # of BLAS, so that bits do not depend on the machine's cores
            found = [explained_rows(work, of_fits, optima) for work in explained_works(database, ids)]
        finish_explained(database, found, VERSION)
        reporter.advance(STEP, len(ids))
    unfinished(database)  # answers read them
    reporter.finish(STEP)


def lacking(database: Database, study_id: int) -> bool:
    """Return whether some target of the study lacks what it follows from."""
    return bool(unexplained(database, study_id, kernels(database, study_id), VERSION, limit=1))


def explained_rows(work: ExplainedWork, of_fits: tuple[Potential, ...], optima: Optima) -> ExplainedRows:
    """Return the rows of one target under the kernels of its study."""
    predictors, order = optima.predictors(work, of_fits)
    tested = not CONTROLS.get(work.kind).is_control
    found = explain(work.matrix, predictors, order, tested=tested)
    return ExplainedRows(work.target_id, [_row(one) for one in found], list(_features(work)))


def _row(one: Explained) -> dict[str, Any]:
    kernel = one.kernel or Potential("")
    return {
        **{name: getattr(one, name) for name in _NAMES},
        "energy": kernel.energy,
        "s": kernel.s,
        "softening": kernel.softening,
        "kernel": one.kernel.label if one.kernel else "",
    }


def _features(work: ExplainedWork) -> Iterator[dict[str, Any]]:
    """Yield what each feature has of a dimension; a matrix of distances says nothing of that."""
    if not SIMILARITIES.get(work.similarity).angular:
        return
    shares = dimensionality(work.matrix[None])[0]
    norms = work.norms
    lengths = None if norms is None or not norms.all() else weighted_dimensionality(work.matrix, norms)
    for place, share in enumerate(shares):
        own = None if lengths is None else float(lengths[place])
        yield {"row_index": place, "dimensionality": float(share), "dimensionality_norms": own}


def stated_order(work: ExplainedWork) -> ListOrder | None:
    """Return the order of a target's features: that which their set states, else that of a known list."""
    if work.order == KNOWN_ORDER:
        return order_of_words(work.features)
    if work.order == "none" or len(work.features) < MIN_ORDERED or len(work.places) < len(work.features):
        return None
    return ListOrder("stated", work.places, work.n_listed, work.order == "cyclic")


class Optima:
    """Predictors by the labels they are of, and least energies by their importance, each found once."""

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, Potential], Predictor] = {}
        self._of_labels: dict[tuple[Any, ...], tuple[tuple[Predictor, ...], ListOrder | None]] = {}

    def predictors(
        self, work: ExplainedWork, of_fits: tuple[Potential, ...]
    ) -> tuple[tuple[Predictor, ...], ListOrder | None]:
        """Return what the entries of a target may follow from; the same objects for the same labels."""
        known = (None if one is None else one.tobytes() for one in (work.phi, work.shares))
        order = stated_order(work)
        key = (work.features, *known, work.n_samples, of_fits, order)
        if key not in self._of_labels:
            predictors = (
                *of_labels(work.phi, work.shares, work.n_samples),
                *(self._energy(work, kernel) for kernel in of_fits),
                *of_order(order),
            )
            self._of_labels[key] = predictors, order
        return self._of_labels[key]

    def _energy(self, work: ExplainedWork, kernel: Potential) -> Predictor:
        if work.shares is None:
            return of_energy(None, kernel, NO_FREQUENCIES)
        return self.of(work.shares, kernel)

    def of(self, shares: Float, kernel: Potential) -> Predictor:
        """Return the predictor of a kernel at an importance in proportion to shares (n,)."""
        key = shares.tobytes(), kernel
        if key not in self._known:
            self._known[key] = _optimum(shares / shares.sum(), kernel)
        return self._known[key]


def _optimum(importance: Float, potential: Potential) -> Predictor:
    kernel = Kernel(potential.energy, potential.s, "exclude", potential.softening)
    norms = np.ones(len(importance))
    units = minimum_in_more_dimensions(importance, norms, kernel, "scipy")
    if units is None:
        return of_energy(None, potential, "no least energy was found")
    gram = np.asarray(units @ units.T)
    pairs = ~np.eye(len(importance), dtype=bool)
    weights = np.outer(importance, importance)[pairs]
    energy = float(weights @ potential.value(np.clip(gram, -1.0, 1.0)[pairs]))
    bound = tangent_bound(units, importance, norms, kernel)
    size = float(weights @ np.abs(potential.value(np.clip(gram, -1.0, 1.0)[pairs])))
    if not energy - bound <= PROVED * size:  # NaN as well: an energy that is not convex has many optima
        return of_energy(None, potential, "no end of the energy is proved to be the least one")
    return of_energy(gram, potential)
