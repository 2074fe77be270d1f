"""Tests of every measure of a study against each of its controls, part of the stage `analysis`.

One control stands beside the measure in `geometry_results`: permuted labels where they are drawn, since they
leave the most of the features as it is, else the first of the register. All are in the view `geometry_tests`.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from superpos.analysis.measure_tests import measure_tests
from superpos.db.engine import Database
from superpos.db.measure_tests import study_measures
from superpos.errors import InputError
from superpos.kinds.controls import CONTROLS


def tests_of_measures(database: Database, study_id: int) -> list[dict[str, Any]]:
    """Return rows of the table `measure_tests`, without the study."""
    found = study_measures(database, study_id)
    rows: list[dict[str, Any]] = []
    for place in found.places:
        first = min(place.draws, key=_order)
        for control in sorted(place.draws, key=_order):
            tests = measure_tests(found.values[:, place.own], found.values[:, place.draws[control]])
            for index in np.flatnonzero(np.isfinite(tests.p_value)):
                measure, energy, s, softening, n_dims = found.where[index]
                rows.append(
                    {
                        "target_id": place.target_id,
                        "measure": measure,
                        "energy": energy,
                        "s": s,
                        "softening": softening,
                        "n_dims": n_dims,
                        "control": control,
                        "is_first": int(control == first),
                        "estimate": float(tests.estimate[index]),
                        "p_value": float(tests.p_value[index]),
                        "p_smallest": float(tests.p_smallest[index]),
                        "n_replicates": int(tests.n_replicates[index]),
                    }
                )
    return rows


def _order(control: str) -> tuple[bool, int, str]:
    """Return the place of a control: labels first, then by the register, then the unknown."""
    try:
        kind = CONTROLS.get(control)
    except InputError:  # of a package that is gone: its draws are in the database still
        return True, sys.maxsize, control
    return kind.draws_from != "labels", kind.rank, control
