"""Read results: any view as a data frame, any array by the key the views show."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Any

import pandas as pd
import sqlalchemy as sa

from superpos.arrays import Float
from superpos.db.engine import Database
from superpos.db.migrate import require_current
from superpos.db.progress import study_names
from superpos.db.tables import (
    datasets,
    direction_rows,
    direction_sets,
    fit_arrays,
    fit_axes,
    joint_fits,
    psms,
    targets,
)
from superpos.db.views import shown_views
from superpos.errors import ArgumentError, InputError, allowed, shown
from superpos.specs.hook_names import UNKNOWN_LAYER, read_place

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

    def studies(self) -> tuple[str, ...]:
        """Return the names of the studies, in the order in which they were first registered."""
        return study_names(self._database)

    def frame(self, view: str, study: str | None = None, **equals: Any) -> pd.DataFrame:
        """Return a view as a data frame, by study and by any other columns' values.

        Parameters
        ----------
        view
            One of `VIEWS`.
        study
            Keep this study's rows only.
        **equals
            Column = value filters, put into the SQL; a hookpoint by any of its names, which may hold a layer.

        Raises
        ------
        ArgumentError
            For an unknown view or column.
        InputError
            For an unknown study.
        """
        if view not in VIEWS:
            raise ArgumentError("view", f"{shown(view)} is unknown; {allowed(view, VIEWS)}")
        if study is not None and study not in self.studies():
            raise InputError(
                f"study {shown(study)} is not in {self.label}; {allowed(study, self.studies() or ('none',))}"
            )
        with self._database.read() as connection:
            columns = [column["name"] for column in sa.inspect(connection).get_columns(view)]
            conditions = dict(equals) if study is None else {"study": study, **equals}
            if isinstance(name := equals.get("hookpoint"), str):
                place = read_place(name, equals.get("layer", UNKNOWN_LAYER))
                conditions["hookpoint"] = place[0]
                if place[1] != UNKNOWN_LAYER:
                    conditions["layer"] = place[1]
            for name in conditions:
                if name not in columns:
                    raise ArgumentError(name, f"is no column of {view}; {allowed(name, columns)}")
            table = sa.table(view, *(sa.column(name) for name in columns))
            query = sa.select(table).where(*(table.c[name] == value for name, value in conditions.items()))
            return pd.read_sql_query(query, connection)

    def psm(self, psm_key: str) -> Float:
        """Return a target similarity matrix, (n, n)."""
        matrix: Float = self._one(sa.select(psms.c.matrix).where(psms.c.key == psm_key), "psm_key", psm_key)[
            0
        ]
        return matrix

    def joint_arrays(self, joint_key: str) -> tuple[Float, Float, Float]:
        """Return vectors (n, f), logits (n,) and optimal similarity matrix (n, n) of a joint fit."""
        columns = (joint_fits.c.vectors, joint_fits.c.logits, joint_fits.c.similarities)
        row = self._one(sa.select(*columns).where(joint_fits.c.key == joint_key), "joint_key", joint_key)
        return row[0], row[1], row[2]

    def fit_arrays(self, fit_key: str) -> tuple[Float, Float] | None:
        """Return final vectors (n, f) and similarity matrix (n, n), None where they were not kept."""
        joint_key, _, axes_key = fit_key.partition(".")
        query = (
            sa.select(fit_arrays.c.vectors, fit_arrays.c.similarities)
            .join(joint_fits, joint_fits.c.joint_id == fit_arrays.c.joint_id)
            .join(fit_axes, fit_axes.c.fit_axes_id == fit_arrays.c.fit_axes_id)
            .where(joint_fits.c.key == joint_key, fit_axes.c.key == axes_key)
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return None if row is None else (row[0], row[1])

    def polished_vectors(self, fit_key: str) -> Float | None:
        """Return the vectors, (n, f), that Powell's end becomes when it is polished; None where not kept.

        Their similarity matrix lies `distance_polish` from that of `fit_arrays`.
        """
        joint_key, _, axes_key = fit_key.partition(".")
        query = (
            sa.select(fit_arrays.c.polished)
            .join(joint_fits, joint_fits.c.joint_id == fit_arrays.c.joint_id)
            .join(fit_axes, fit_axes.c.fit_axes_id == fit_arrays.c.fit_axes_id)
            .where(joint_fits.c.key == joint_key, fit_axes.c.key == axes_key)
        )
        with self._database.read() as connection:
            vectors: Float | None = connection.scalar(query)
        return vectors

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
        if row[0] is None:
            raise ArgumentError(argument, f"{shown(key)} has no such array in {self.label}")
        return tuple(row)
