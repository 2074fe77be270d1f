"""What bootstraps of the samples say of the numbers that questions compare: rows of `geometry_results`.

A bootstrap draws the same groups of samples for every layer of a set, so that its numbers in all layers and
under all kernels are one draw.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from superpos.analysis.answering import Drawn
from superpos.arrays import Float
from superpos.db.engine import Database
from superpos.db.insert import parts
from superpos.db.measures import matrices
from superpos.db.resamples import resampled, resampled_ids
from superpos.kinds.controls import FEATURES
from superpos.kinds.questions import Question
from superpos.psms.measuring import Answer
from superpos.stages.measure_intervals import BATCH, drawn_measures
from superpos.threads import one_thread

VIEW = "geometry_results"
KEY = "psm_key"
Place = tuple[str, str, float]
"""Measure, label of the kernel, softening."""


class Bootstraps:
    """Measures of the bootstraps of a study's matrices, found for one set after another."""

    def __init__(self, database: Database, study_id: int) -> None:
        self._database = database
        self._ids = resampled_ids(database, study_id)

    def of(self, rows: pd.DataFrame) -> Rows:
        """Return the bootstraps of the features' matrices among rows, which have `KEY`."""
        keys = rows.loc[rows["target"] == FEATURES, KEY].unique()
        ids = {str(key): self._ids[str(key)] for key in keys if str(key) in self._ids}
        found: dict[int, dict[Place, Answer]] = {}
        for part in parts(sorted(set(ids.values())), BATCH):
            widths = dict(zip(part, matrices(self._database, part).widths, strict=True))
            with one_thread():
                for one in resampled(self._database, part, widths):
                    found[one.psm_id] = {
                        (stored.measure, label, stored.place.columns["softening"]): answer
                        for stored, answer in drawn_measures(one).items()
                        for label in ["".join(stored.place.said)]
                    }
        return Rows(rows[KEY], {key: found[psm_id] for key, psm_id in ids.items()})


class Rows:
    """Rows that were read, and the bootstraps of their matrices."""

    def __init__(self, keys: pd.Series, found: dict[str, dict[Place, Answer]]) -> None:
        self._keys, self._found = keys, found

    def of(self, question: Question) -> Drawn | None:
        """Return what the bootstraps say to a question; None where there are none."""
        if not self._found:
            return None

        def drawn(features: pd.DataFrame) -> Float | None:
            answers = self._answers(features)
            if answers is None:
                return None
            value, scaled = (
                np.stack([getattr(one, name) for one in answers], axis=1) for name in ("value", "scaled")
            )
            return np.stack(
                [
                    question.value(_replaced(features, own, other)).to_numpy(np.float64)
                    for own, other in zip(value, scaled, strict=True)
                ]
            )

        return drawn

    def _answers(self, features: pd.DataFrame) -> list[Answer] | None:
        """Return the bootstraps of every row, as many of each; None where a row has none."""
        keys = self._keys.loc[features.index].astype("str")
        places = zip(
            keys, features["measure"].astype("str"), features["kernel"].astype("str"), features["softening"],
            features["n_dims"], strict=True,
        )  # fmt: skip
        found = [
            self._found.get(key, {}).get((measure, kernel, float(softening))) if not n_dims else None
            for key, measure, kernel, softening, n_dims in places
        ]
        there = [one for one in found if one is not None]
        if not found or len(there) < len(found) or len({len(one.value) for one in there}) > 1:
            return None
        return there


def _replaced(features: pd.DataFrame, value: Float, scaled: Float) -> pd.DataFrame:
    """Return rows with the numbers of one bootstrap; a question reads one of the two or both."""
    numbers = {"value": value, "value_scaled": scaled}
    return features.assign(**{name: column for name, column in numbers.items() if name in features.columns})
