"""Read results: any view as a data frame, any array by the key the views show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from superpos.arrays import Float
from superpos.db.engine import Database
from superpos.db.filters import check_column, conditions, named
from superpos.db.migrate import require_current
from superpos.db.progress import StageProgress, study_names, study_progress
from superpos.db.tables import (
    datasets,
    direction_rows,
    direction_sets,
    fit_arrays,
    fits,
    joint_fits,
    psms,
    targets,
)
from superpos.db.views import shown_views
from superpos.errors import ArgumentError, DatabaseError, InputError, allowed, shown
from superpos.records.named import Psm
from superpos.records.tables_in_html import html_table
from superpos.stage_names import STAGES

VIEWS: dict[str, str] = {**shown_views(), "runs": "one row per recorded execution"}
"""What `Results.frame` gives, and what has a row there; `docs/schema.md` has every column."""


@dataclass(frozen=True, slots=True, eq=False)
class Directions:
    """Arrays of one set of directions; rows follow `feature_names`. Only probes have all of them."""

    feature_names: tuple[str, ...]
    coef_raw: Float
    """(n, d)."""
    coef_scaled: Float | None
    """(n, d)."""
    intercept: Float | None
    """(n,)."""
    scale: Float | None
    """(d,), or (n, d) where features have samples of their own."""
    coef_whitened: Float | None
    """(n, r), with the inner products of the whitened directions; where a study asked for them."""


class Results:
    """A database opened for analysis; nothing here writes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, url: str | None = None) -> Results:
        """Open a database.

        Raises
        ------
        DatabaseError
            If it cannot be reached, is empty, or is at another schema revision.
        """
        database = Database(url)
        try:
            require_current(database)
        except BaseException:
            database.dispose()
            raise
        return cls(database)

    @property
    def database(self) -> Database:
        """The database that is read; its address may hold a password."""
        return self._database

    @property
    def label(self) -> str:
        """The URL without its password."""
        return self._database.label

    def close(self) -> None:
        """Close the connections."""
        self._database.dispose()

    def __enter__(self) -> Results:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        counts = self._counts()
        said = ", ".join(f"{name} ({_said(stages)})" for name, stages in counts.items())
        return f"<Results of {self.label}: {said or 'no study'}>"

    def _repr_html_(self) -> str:
        counts = {name: {stage.stage: stage for stage in found} for name, found in self._counts().items()}
        stages = [name for name in STAGES if any(name in found for found in counts.values())]
        rows = [
            (name, *(_of_planned(found.get(stage)) for stage in stages)) for name, found in counts.items()
        ]
        return html_table(f"Results of {self.label}", ("study", *stages), rows)

    def _counts(self) -> dict[str, tuple[StageProgress, ...]]:
        """Return the progress of every study; nothing of a database that has gone away since."""
        try:
            return {name: study_progress(self._database, name) for name in self.studies()}
        except DatabaseError:
            return {}

    def studies(self) -> tuple[str, ...]:
        """Return the names of the studies, in the order in which they were first registered."""
        return study_names(self._database)

    def columns(self, view: str) -> tuple[str, ...]:
        """Return the columns of a view, in its order.

        Raises
        ------
        ArgumentError
            For an unknown view, with the nearest name.
        """
        if view not in VIEWS:
            raise ArgumentError("view", f"{shown(view)} is unknown; {allowed(view, VIEWS)}")
        with self._database.read() as connection:
            return tuple(column["name"] for column in sa.inspect(connection).get_columns(view))

    def frame(
        self,
        view: str,
        columns: str | Sequence[str] | None = None,
        study: str | Sequence[str] | None = None,
        **equals: Any,
    ) -> pd.DataFrame:
        """Return a view as a data frame, by study and by any other columns' values.

        Parameters
        ----------
        view
            One of `VIEWS`.
        columns
            Columns to read, in this order; every one by default.
        study
            Keep the rows of this study, or of these studies, only.
        **equals
            Filters, put into the SQL: a column and its value, several values (`sigma=[0, 0.1]`), or None for
            what is missing. Numbers are compared within rounding. A hookpoint goes by any of its names, which
            may hold a layer.

        Raises
        ------
        ArgumentError
            For an unknown view or column, or a value that a column cannot have.
        InputError
            For an unknown study.
        """
        there = self.columns(view)
        wanted = named(columns)
        for name in wanted or ():
            check_column(view, there, name)
        filters = dict(equals)
        if (studies := named(study)) is not None:
            for name in studies:
                self.check_study(name)
            filters["study"] = studies
        conditions_ = conditions(view, there, filters)
        table = sa.table(view, *(sa.column(name) for name in there))
        query = sa.select(*(table.c[name] for name in (wanted or there))).where(*conditions_)
        with self._database.read() as connection:
            return pd.read_sql_query(query, connection)

    def check_study(self, name: str) -> None:
        """Refuse a study that the database does not hold; raises `InputError` with the nearest name."""
        known = self.studies()
        if name not in known:
            raise InputError(
                f"study {shown(name)} is not in {self.label}; {allowed(name, known or ('none',))}"
            )

    def psm(self, psm_key: str, target_key: str | None = None) -> Psm:
        """Return a target similarity matrix (n, n) with the names of its features.

        Parameters
        ----------
        psm_key
            As views show it.
        target_key
            Whose names it gets where equal matrices of several targets share the key; without it features are
            numbered where the targets name them differently.

        Raises
        ------
        ArgumentError
            For a key that names none, or a target with another matrix.
        """
        query = sa.select(psms.c.matrix, psms.c.similarity, psms.c.psm_id).where(psms.c.key == psm_key)
        matrix, similarity, psm_id = self._one(query, "psm_key", psm_key)
        condition = targets.c.psm_id == psm_id
        if target_key is not None:
            condition &= targets.c.key == target_key
        query = (
            sa.select(targets.c.direction_id, targets.c.kind).where(condition).order_by(targets.c.target_id)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        if target_key is not None and not rows:
            raise ArgumentError("target_key", f"{shown(target_key)} is no target with the matrix {psm_key}")
        found = {
            self._names(direction_sets.c.direction_id == direction)
            for direction in {int(row[0]) for row in rows}
        }
        numbers = tuple(str(index) for index in range(len(matrix)))
        kinds = ", ".join(dict.fromkeys(row[1] for row in rows))
        return Psm(matrix, found.pop() if len(found) == 1 else numbers, similarity, kinds, psm_key)

    def joint_arrays(self, joint_key: str) -> tuple[Float, Float, Float]:
        """Return vectors (n, f), logits (n,) and optimal similarity matrix (n, n) of a joint fit."""
        columns = (joint_fits.c.vectors, joint_fits.c.logits, joint_fits.c.similarities)
        row = self._one(sa.select(*columns).where(joint_fits.c.key == joint_key), "joint_key", joint_key)
        return row[0], row[1], row[2]

    def fit_arrays(self, fit_key: str) -> tuple[Float, Float] | None:
        """Return final vectors (n, f) and similarity matrix (n, n), None where they were not kept.

        Raises
        ------
        ArgumentError
            In a database made of an archive, which has the matrix alone (`final_matrix`).
        """
        row = self._of_fit(fit_key, fit_arrays.c.vectors, fit_arrays.c.similarities)
        if row is None:
            return None
        if row[0].size == 0:
            raise ArgumentError("fit_key", f"{shown(fit_key)} has no vectors in {self.label}")
        return row[0], row[1]

    def final_matrix(self, fit_key: str) -> Float | None:
        """Return the final similarity matrix, (n, n), None where it was not kept."""
        row = self._of_fit(fit_key, fit_arrays.c.similarities)
        matrix: Float | None = None if row is None else row[0]
        return matrix

    def polished_vectors(self, fit_key: str) -> Float | None:
        """Return the vectors, (n, f), that Powell's end becomes when it is polished; None where not kept.

        Their similarity matrix lies `distance_polish` from that of `fit_arrays`.
        """
        row = self._of_fit(fit_key, fit_arrays.c.polished)
        vectors: Float | None = None if row is None else row[0]
        return vectors

    def _of_fit(self, fit_key: str, *columns: sa.Column[Any]) -> tuple[Any, ...] | None:
        """Return arrays of a re-optimised fit, None where they were not kept."""
        with self._database.read() as connection:
            row = connection.execute(_kept_of(fit_key, *columns)).first()
        return None if row is None else tuple(row)

    def directions(self, direction_key: str) -> Directions:
        """Return the vectors of one set of directions: probe weights, rows of a matrix, or imported ones.

        Raises
        ------
        ArgumentError
            For a key that names none; an imported similarity matrix has no vectors.
        """
        c = direction_sets.c
        columns = (c.coef_raw, c.coef_scaled, c.intercept, c.scale, c.coef_whitened)
        query = sa.select(*columns).where(c.key == direction_key)
        row = self._one(query, "direction_key", direction_key)
        arrays = {column.name: array for column, array in zip(columns, row, strict=True)}
        return Directions(feature_names=self._names(direction_sets.c.key == direction_key), **arrays)

    def feature_names(self, target_key: str) -> tuple[str, ...]:
        """Return the names of the rows of a target's similarity matrix."""
        chosen = sa.select(targets.c.direction_id).where(targets.c.key == target_key).scalar_subquery()
        return self._names(direction_sets.c.direction_id == chosen)

    def phi(self, dataset_key: str) -> Float:
        """Return the phi coefficients between the labels of a data set, (n, n).

        Raises
        ------
        ArgumentError
            For a key that names none, or directions without labels.
        """
        query = sa.select(datasets.c.phi).where(datasets.c.key == dataset_key)
        phi: Float = self._one(query, "dataset_key", dataset_key)[0]
        return phi

    def _names(self, condition: sa.ColumnElement[bool]) -> tuple[str, ...]:
        query = (
            sa.select(direction_rows.c.feature)
            .join(direction_sets, direction_sets.c.direction_id == direction_rows.c.direction_id)
            .where(condition)
            .order_by(direction_rows.c.row_index)
        )
        with self._database.read() as connection:
            return tuple(connection.scalars(query))

    def _one(self, query: sa.Select[Any], argument: str, key: str) -> tuple[Any, ...]:
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise ArgumentError(argument, f"{shown(key)} names nothing in {self.label}")
        if row[0] is None or np.size(row[0]) == 0:  # an archive leaves most arrays out
            raise ArgumentError(argument, f"{shown(key)} has no such array in {self.label}")
        return tuple(row)


def _kept_of(fit_key: str, *columns: sa.Column[Any]) -> sa.Select[Any]:
    """Return the query of arrays of a fit."""
    a = fit_arrays.c
    of_fit = sa.and_(a.joint_id == fits.c.joint_id, a.fit_axes_id == fits.c.fit_axes_id)
    return sa.select(*columns).join(fits, of_fit).where(fits.c.key == fit_key)


def _said(stages: tuple[StageProgress, ...]) -> str:
    """Return how far a study is, in words."""
    by_name = {stage.stage: stage for stage in stages}
    shown_stages = [by_name[name] for name in ("psms", "fits") if name in by_name]
    words = {"psms": "matrices", "fits": "fits"}
    return ", ".join(f"{one.done:,} of {one.planned:,} {words[one.stage]}" for one in shown_stages)


def _of_planned(stage: StageProgress | None) -> str:
    return "" if stage is None else f"{stage.done:,} of {stage.planned:,}"
