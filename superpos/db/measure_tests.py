"""Measures of a study's matrices by place, and what is stored of their tests: table `measure_tests`.

A place is everything but the draw: directions, space, similarity. Draws of labels have directions of their
own, which are those of the features but for the labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa

from superpos.arrays import Float, Int
from superpos.db.engine import Database
from superpos.db.tables import direction_sets, psm_measures, targets
from superpos.kinds.controls import FEATURES

Where = tuple[str, str, float, float, int]
"""Measure, energy, s, softening, dimension."""


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredPlace:
    """The matrix of some features and those of its controls, as columns of `StudyMeasures.values`."""

    target_id: int
    own: int
    draws: dict[str, Int]
    """By control, in the order of the replicates."""


@dataclass(frozen=True, slots=True, eq=False)
class StudyMeasures:
    """Every measure of every matrix of a study."""

    where: tuple[Where, ...]
    values: Float
    """(m, number of matrices); NaN where it is not defined or was not asked."""
    places: tuple[MeasuredPlace, ...]


def study_measures(database: Database, study_id: int) -> StudyMeasures:
    """Return the measures of a study by place."""
    of_study = sa.text("SELECT target_id FROM study_targets WHERE study_id = :study_id")
    t, d, m = targets.c, direction_sets.c, psm_measures.c
    query = (
        sa.select(
            t.target_id, t.kind, t.replicate, t.psm_id, sa.func.coalesce(d.activation_id, 0), d.dataset_id,
            sa.func.coalesce(d.model_id, 0), d.hookpoint, d.config_key, sa.cast(d.settings, sa.Text), t.space,
            t.similarity, t.rbf_scale, d.label_replicate, t.direction_id,
        )
        .join(direction_sets, d.direction_id == t.direction_id)
        .where(t.psm_id.is_not(None), t.target_id.in_(of_study))
        .order_by(t.target_id)
    )  # fmt: skip
    of_matrices = sa.select(t.psm_id).where(t.psm_id.is_not(None), t.target_id.in_(of_study))
    measured = sa.select(m.psm_id, m.measure, m.energy, m.s, m.softening, m.n_dims, m.value).where(
        m.psm_id.in_(of_matrices), *_asked()
    )
    given = {"study_id": study_id}
    with database.read() as connection:
        rows = connection.execute(query, given).all()
        columns: dict[int, int] = {}
        for row in rows:
            columns.setdefault(row[3], len(columns))
        lines: dict[Where, dict[int, float]] = {}
        for psm_id, *where, value in connection.execute(measured, given):
            lines.setdefault(tuple(where), {})[columns[psm_id]] = np.nan if value is None else value
    values = np.full((len(lines), len(columns)), np.nan)
    for index, line in enumerate(lines.values()):
        values[index, list(line)] = list(line.values())
    return StudyMeasures(tuple(lines), values, tuple(_places([tuple(row) for row in rows], columns)))


def _asked() -> tuple[sa.ColumnElement[bool], ...]:
    """Return what leaves out measures that only other studies asked for: they share matrices."""
    m = psm_measures.c
    kernels = sa.text("SELECT energy, s, softening FROM study_kernels WHERE study_id = :study_id")
    dimensions = sa.text("SELECT psm_id, n_dims FROM study_dimensions WHERE study_id = :study_id")
    return (
        sa.or_(m.energy == "", sa.tuple_(m.energy, m.s, m.softening).in_(kernels)),
        sa.or_(m.n_dims == 0, sa.tuple_(m.psm_id, m.n_dims).in_(dimensions)),
    )


def _places(rows: list[tuple[Any, ...]], columns: dict[int, int]) -> Iterator[MeasuredPlace]:
    """Yield the places that have features and a control."""
    features: dict[tuple[Any, ...], tuple[int, int]] = {}
    drawn: dict[tuple[Any, ...], dict[str, dict[int, int]]] = {}
    for target_id, kind, replicate, psm_id, *rest in rows:
        activation, *others, label_replicate, direction_id = rest
        # Directions without activations are told apart by themselves: draws of labels have none.
        place = (activation or ("directions", direction_id), *others)
        if kind == FEATURES and label_replicate == -1:
            features[place] = (target_id, columns[psm_id])
        elif kind != FEATURES:
            drawn.setdefault(place, {}).setdefault(kind, {})[replicate] = columns[psm_id]
    for place, (target_id, own) in features.items():
        controls = drawn.get(place, {})
        if controls:
            ordered = {kind: np.array([of[r] for r in sorted(of)]) for kind, of in controls.items()}
            yield MeasuredPlace(target_id, own, ordered)
