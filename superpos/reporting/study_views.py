"""The views of one study: each read once, with plain number columns, and matrices by key.

    noise level of a target = sqrt(mean of the squared standard errors of its entries over the pairs i < j)

Two estimates of the same target from other samples lie about sqrt(2) noise levels apart, as root mean square
over the pairs.

Views of a row a draw are long: a study with 199 draws of exchanged labels has 2.5 million measures. So they
are read piece by piece, and what a figure of one set needs of every draw is read for that set alone
(`StudyData.rows_of`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from superpos.analysis.best_match import best_matches
from superpos.arrays import Float
from superpos.catalogue import MEASURED, NOTED, names
from superpos.db.results import Results
from superpos.db.studies import newest_study
from superpos.db.view_rows import plain, read_rows
from superpos.errors import ArgumentError, shown
from superpos.kinds.controls import FEATURES
from superpos.reporting import long_tables

TARGET_AXES = names("model", "dataset", "activations", "directions", "target", roles=("compared", "setting"))
"""Axes that name a target in the views."""
FIT_GROUP_AXES = (
    *TARGET_AXES,
    *names("kernel", roles=("compared", "derived", "setting")),
    *names("joint", roles=("setting",)),
    *names("fit", roles=("compared", "setting")),
    "config_key",
)
"""Axes that are not searched over for a best match."""
ROW_ORDER = (
    *TARGET_AXES,
    "layer_a",
    "layer_b",
    "energy",
    "s",
    "n_dims",
    "optimiser",
    "sigma",
    "feature",
    "feature_a",
    "feature_b",
    "label_replicate",
    "stage",
    "run_id",
    "probe_key",
    "measure",
    "predictor",
    "psm_key",
    "psm_key_b",
    "joint_key",
    "fit_key",
)
"""Columns that put the rows of a view in one order on every database system."""
SHOWN_OF_DRAWS = {
    "probe_results": ("feature", "label_replicate", "roc_auc", "config_key"),
    "geometry_results": ("measure", "kernel", "softening", "n_dims", "value", "value_scaled"),
    "explained_results": ("predictor", "kernel", "softening", "r2", "r2_unique", "ceiling"),
}
"""What figures show of every draw, beside the axes of its target."""
OF_FITS = (
    "fun_joint",
    "status_joint",
    "distance_joint",
    "distance_start",
    "distance_final",
    "distance_moved",
    "distance_drift",
    "distance_return",
    "distance_simplex",
    "distance_identity",
    "distance_polish",
    "recovery",
    "energy_start",
    "energy_final",
    "energy_gap",
    "relative_gradient",
    "verdict",
    "verdict_polished",
    "status",
    "n_features",
    "psm_key",
    "joint_key",
    "target_key",
    "fit_key",
    "config_key",
)
"""What figures show of every re-optimised fit, beside its axes."""
_TYPES = [(column.name, column.type) for column in (*MEASURED, *NOTED)]
NUMBERS = {name for name, kind in _TYPES if kind == "number"} - {n for n, kind in _TYPES if kind != "number"}
"""Columns that may be NULL: NULL becomes NaN, also in a column that is NULL throughout."""


class StudyViews:
    """Views of one study, read when first asked for."""

    def __init__(self, results: Results, study: str) -> None:
        self.results = results
        self.study = study
        self._matrices: dict[str, Float] = {}
        self._phis: dict[str, Float | None] = {}

    def _frame(self, view: str) -> pd.DataFrame:
        return _in_order(self.results.frame(view, study=self.study))

    def _long(
        self, view: str, only: Mapping[str, str] | None = None, below: Mapping[str, int] | None = None
    ) -> pd.DataFrame:
        """Return a view that may have a row a draw."""
        return plain(self._read(view, self.results.columns(view), only, below))

    def of_draws(self, view: str, only: Mapping[str, str]) -> pd.DataFrame:
        """Return what figures show of the rows of every draw with some values, words as categories.

        Read at each call. Columns are the axes of the target and those of `SHOWN_OF_DRAWS`.
        """
        wanted = (*TARGET_AXES, *SHOWN_OF_DRAWS[view])
        return self._read(view, [name for name in self.results.columns(view) if name in wanted], only)

    def _read(
        self,
        view: str,
        columns: Sequence[str],
        only: Mapping[str, str] | None = None,
        below: Mapping[str, int] | None = None,
    ) -> pd.DataFrame:
        return _in_order(read_rows(self.results.database, self._study_id, view, columns, only, below))

    @cached_property
    def _study_id(self) -> int:
        with self.results.database.read() as connection:
            found = newest_study(connection, self.study)
        if found is None:
            raise ArgumentError("study", f"{shown(self.study)} is not in {self.results.label}")
        return found[0]

    @cached_property
    def models(self) -> pd.DataFrame:
        """`model_results`: what models were read from."""
        return self._frame("model_results")

    @cached_property
    def fits(self) -> pd.DataFrame:
        """`fit_results`: axes and the columns of `OF_FITS`, words as categories, `fit_key` as a rank."""
        there = self.results.columns("fit_results")
        wanted = {*names(roles=("compared", "derived", "setting", "searched")), *OF_FITS}
        columns = [name for name in there if name in wanted]
        rows = read_rows(self.results.database, self._study_id, "fit_results", columns, ranked=True)
        return _in_order(rows)

    @cached_property
    def joints(self) -> pd.DataFrame:
        """`joint_results`."""
        return self._long("joint_results")

    @cached_property
    def matches(self) -> pd.DataFrame:
        """`best_matches`; where the analysis stage has not run yet, the same choice made here."""
        stored = self._long("best_matches")
        if not stored.empty or self.fits.empty:
            return stored
        return best_matches(self._long("fit_results"), FIT_GROUP_AXES).rows

    @cached_property
    def psms(self) -> pd.DataFrame:
        """`psm_results` that have a matrix."""
        return self._long("psm_results")

    @cached_property
    def answers(self) -> pd.DataFrame:
        """`answers`, in the order in which they were given."""
        return self.results.frame("answers", study=self.study)

    @cached_property
    def own_energies(self) -> pd.DataFrame:
        """`geometry_results` of the measure `own_energy`, as `of_draws` gives it."""
        return self.of_draws("geometry_results", {"measure": "own_energy"})

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """`psm_pairs`."""
        return self._long("psm_pairs")

    @cached_property
    def near_copies(self) -> pd.DataFrame:
        """`near_copies`."""
        return self._frame("near_copies")

    @cached_property
    def probes(self) -> pd.DataFrame:
        """`probe_results`; where there are many, of the features' labels and the first draws only."""
        many = self.n_probes > long_tables.AT_MOST_ROWS
        below = {"label_replicate": long_tables.FIRST_DRAWS} if many else None
        return self._long("probe_results", below=below)

    @cached_property
    def scores(self) -> pd.DataFrame:
        """`probe_results` of every draw, as `of_draws` gives it."""
        return self.of_draws("probe_results", {})

    @cached_property
    def n_probes(self) -> int:
        """How many rows `probe_results` has."""
        view = sa.table("probe_results", sa.column("study"))
        query = sa.select(sa.func.count()).select_from(view).where(view.c.study == self.study)
        with self.results.database.read() as connection:
            return int(connection.scalar(query) or 0)

    @cached_property
    def weights(self) -> pd.DataFrame:
        """`fit_weights` of the features themselves: those of controls are of nobody's features."""
        return self._long("fit_weights", {"target": FEATURES})

    @cached_property
    def layer_similarity(self) -> pd.DataFrame:
        """`layer_similarity`."""
        return self._long("layer_similarity")

    @cached_property
    def features(self) -> pd.DataFrame:
        """`dataset_features`, in the order of each set."""
        frame = self._frame("dataset_features")
        return frame.sort_values(["dataset", "corpus", "feature_index"], kind="stable", ignore_index=True)

    @cached_property
    def progress(self) -> pd.DataFrame:
        """`study_progress`."""
        return self._frame("study_progress")

    @cached_property
    def runs(self) -> pd.DataFrame:
        """`runs`."""
        return self._frame("runs")

    def psm(self, psm_key: str) -> Float:
        """Return a target matrix, (n, n); read once."""
        if psm_key not in self._matrices:
            self._matrices[psm_key] = self.results.psm(psm_key).matrix
        return self._matrices[psm_key]

    def joint_psm(self, joint_key: str) -> Float:
        """Return the optimal matrix of a joint fit, (n, n)."""
        return self.results.joint_arrays(joint_key)[2]

    def final_psm(self, fit_key: str) -> Float | None:
        """Return the matrix after re-optimisation, (n, n), None where the study did not keep it."""
        return self.results.final_matrix(fit_key)

    @cached_property
    def noise(self) -> pd.Series:
        """Noise level of every target that has one, by `psm_key`."""
        return noise_levels(self.pairs)

    def phi_of(self, dataset: str, target_key: str) -> Float | None:
        """Return the phi coefficients of a target's features, (n, n), None where there are no labels."""
        rows = self.features[self.features["dataset"] == dataset]
        keys = rows["dataset_key"].unique()
        if len(keys) != 1:
            return None  # the same set on several texts: the labels are not those of one of them
        key = str(keys[0])
        if key not in self._phis:
            try:
                self._phis[key] = self.results.phi(key)
            except ArgumentError:  # directions without labels
                self._phis[key] = None
        phi = self._phis[key]
        order = {str(name): index for index, name in enumerate(rows["feature"])}
        names = self.feature_names(target_key)
        if phi is None or len(phi) != len(order) or not set(names) <= set(order):
            return None
        chosen = [order[name] for name in names]
        return phi[np.ix_(chosen, chosen)]

    def feature_names(self, target_key: str) -> tuple[str, ...]:
        """Return the names of a target's rows."""
        return self.results.feature_names(target_key)


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    order = [column for column in ROW_ORDER if column in frame.columns]
    frame = frame.sort_values(order, kind="stable", ignore_index=True)
    for column in frame.columns:
        if column in NUMBERS:
            frame[column] = pd.to_numeric(frame[column]).astype("float64")
    return frame


def noise_levels(pairs: pd.DataFrame) -> pd.Series:
    """Return the noise level of every matrix of `psm_pairs` that has standard errors, by `psm_key`."""
    known = pairs.dropna(subset=["standard_error"])
    means: pd.Series = (known["standard_error"] ** 2).groupby(known["psm_key"]).mean() ** 0.5
    return means


def quartiles(groups: Any) -> pd.DataFrame:
    """Return one row a group of a grouped column: its keys, `median`, `low`, `high`, `n_values`.

    Quartiles interpolate linearly; there are no missing values among the grouped ones.
    """
    sizes = groups.size()
    if not len(sizes):
        none: pd.DataFrame = sizes.index.to_frame(index=False).assign(median=[], low=[], high=[], n_values=[])
        return none
    # One pass over the groups: each call of `quantile` orders all of them again.
    three = groups.quantile([0.5, 0.25, 0.75]).to_numpy().reshape(-1, 3)
    columns = dict(zip(("median", "low", "high"), three.T, strict=True))
    return pd.DataFrame({**columns, "n_values": sizes.to_numpy()}, index=sizes.index).reset_index()


def records(frame: pd.DataFrame, *columns: str | float) -> Iterator[tuple[Any, ...]]:
    """Yield the values of some columns row by row, as plain Python numbers and text."""
    return zip(*(frame[column].tolist() for column in columns), strict=True)
