"""One study read from the database: each view once, with plain number columns, and matrices by key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from superpos.analysis.best_match import best_matches
from superpos.arrays import Float
from superpos.db.results import Results
from superpos.errors import ArgumentError
from superpos.reporting.selection import DIRECTION_SETTING, keep_main, main_fits, main_joints

TARGET_AXES = (
    "model",
    "revision",
    "model_weights",
    "model_seed",
    "dataset",
    "corpus",
    "hookpoint",
    "layer",
    "pooling",
    "method",
    "probe_C",
    "split_seed",
    "space",
    "target",
    "replicate",
    "similarity",
    "rbf_scale",
)
"""Axes that name a target in the views."""
FIT_GROUP_AXES = (
    *TARGET_AXES,
    "energy",
    "s",
    "kernel",
    "self_energy",
    "softening",
    "gauge",
    "importance_mode",
    "joint_polish",
    "backend",
    "optimiser",
    "lambda_x",
    "sigma",
    "sigma_rule",
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
    "psm_key",
    "psm_key_b",
    "joint_key",
    "fit_key",
)
"""Columns that put the rows of a view in one order on every database system."""
MEASURES = (
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
    "angle",
    "energy_joint",
    "energy_start",
    "energy_final",
    "norm_error",
    "relative_gradient",
    "min_eigenvalue",
    "importance_entropy",
    "gradient_norm",
    "distance",
    "fun",
    "fun_joint",
    "spearman",
    "p_value",
    "roc_auc",
    "mcc",
    "f1",
    "balanced_accuracy",
    "average_precision",
    "accuracy",
    "norm",
    "value",
    "value_low",
    "value_high",
    "standard_error",
    "value_min",
    "value_max",
    "reliability",
    "logit",
    "weight",
)
"""Columns that may be NULL: NULL becomes NaN, also in a column that is NULL throughout."""


class Subject(NamedTuple):
    """What a set of figures is about: a feature set at a hookpoint of a model; both empty if imported."""

    model: str
    revision: str
    weights: str
    dataset: str
    hookpoint: str

    @property
    def label(self) -> str:
        """Name for people."""
        revision = f" @ {self.revision}" if self.revision else ""
        random = " (random weights)" if self.weights == "random" else ""
        parts = (self.dataset, f"{self.model}{revision}{random}", self.hookpoint)
        return " · ".join(part for part in parts if part)


def place(subject: Subject, layer: int) -> str:
    """Return where a subject's directions of a layer are, for people: what has no layers is not given one."""
    if layer >= 0:
        return f"layer {layer}"
    return {"embed": "rows of the embedding", "unembed": "rows of the unembedding"}.get(
        subject.hookpoint, "as imported"
    )


class StudyData:
    """Views of one study, read when first asked for."""

    def __init__(self, results: Results, study: str) -> None:
        self.results = results
        self.study = study
        self._matrices: dict[str, Float] = {}
        self._phis: dict[str, Float | None] = {}
        self._chosen: dict[tuple[str, Subject], pd.DataFrame] = {}
        self._parts: dict[tuple[str, Subject, bool], pd.DataFrame] = {}

    def _frame(self, view: str) -> pd.DataFrame:
        frame = self.results.frame(view, study=self.study)
        order = [column for column in ROW_ORDER if column in frame.columns]
        frame = frame.sort_values(order, kind="stable", ignore_index=True)
        for column in MEASURES:
            if column in frame.columns:
                frame[column] = pd.to_numeric(frame[column]).astype("float64")
        return frame

    @cached_property
    def fits(self) -> pd.DataFrame:
        """`fit_results`."""
        return self._frame("fit_results")

    @cached_property
    def joints(self) -> pd.DataFrame:
        """`joint_results`."""
        return self._frame("joint_results")

    @cached_property
    def matches(self) -> pd.DataFrame:
        """`best_matches`; where the analysis stage has not run yet, the same choice made here."""
        stored = self._frame("best_matches")
        if not stored.empty or self.fits.empty:
            return stored
        return best_matches(self.fits, FIT_GROUP_AXES).rows

    @cached_property
    def psms(self) -> pd.DataFrame:
        """`psm_results` that have a matrix."""
        return self._frame("psm_results")

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """`psm_pairs`."""
        return self._frame("psm_pairs")

    @cached_property
    def near_copies(self) -> pd.DataFrame:
        """`near_copies`."""
        return self._frame("near_copies")

    @cached_property
    def probes(self) -> pd.DataFrame:
        """`probe_results`."""
        return self._frame("probe_results")

    @cached_property
    def weights(self) -> pd.DataFrame:
        """`fit_weights`."""
        return self._frame("fit_weights")

    @cached_property
    def layer_similarity(self) -> pd.DataFrame:
        """`layer_similarity`."""
        return self._frame("layer_similarity")

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
            self._matrices[psm_key] = self.results.psm(psm_key)
        return self._matrices[psm_key]

    def joint_psm(self, joint_key: str) -> Float:
        """Return the optimal matrix of a joint fit, (n, n)."""
        return self.results.joint_arrays(joint_key)[2]

    def final_psm(self, fit_key: str) -> Float | None:
        """Return the matrix after re-optimisation, (n, n), None where the study did not keep it."""
        arrays = self.results.fit_arrays(fit_key)
        return None if arrays is None else arrays[1]

    @cached_property
    def noise(self) -> pd.Series:
        """Noise level of every target that has one, by `psm_key`."""
        from superpos.reporting.charts.noise_ceiling import noise_levels

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

    @cached_property
    def subjects(self) -> tuple[Subject, ...]:
        """What there is to draw: all but random weights; where the study has nothing else, these."""
        columns = ["model", "revision", "model_weights", "dataset", "hookpoint"]
        frames = [frame[columns] for frame in (self.probes, self.psms, self.fits) if not frame.empty]
        if not frames:
            return ()
        rows = pd.concat(frames).drop_duplicates().sort_values(columns)
        others = rows[rows["model_weights"] != "random"]
        chosen = rows if others.empty else others
        return tuple(Subject(*(str(value) for value in row)) for row in chosen.itertuples(index=False))

    def of(self, subject: Subject, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the subject's rows of a view."""
        return self._part(subject, frame, random=False)

    def main_fits(self, subject: Subject) -> pd.DataFrame:
        """Return the subject's rows of `fit_results` under the main setting."""
        return self._main("fits", subject)

    def main_matches(self, subject: Subject) -> pd.DataFrame:
        """Return the subject's rows of `best_matches` under the main setting."""
        return self._main("matches", subject)

    def main_joints(self, subject: Subject) -> pd.DataFrame:
        """Return the subject's rows of `joint_results` under the main setting."""
        return self._main("joints", subject)

    def main_weights(self, subject: Subject) -> pd.DataFrame:
        """Return the subject's rows of `fit_weights` under the main setting."""
        return self._main("weights", subject)

    def _main(self, view: str, subject: Subject) -> pd.DataFrame:
        if (view, subject) not in self._chosen:
            choose = main_fits if view in ("fits", "matches") else main_joints
            self._chosen[view, subject] = choose(self.of(subject, getattr(self, view)))
        return self._chosen[view, subject]

    def random_of(self, subject: Subject, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of the network with random weights: of the same name, or the study's only one.

        A study may give random weights a name of their own, so where it has one pretrained model every
        random one counts as its counterpart.
        """
        return self._part(subject, frame, random=True)

    def _part(self, subject: Subject, frame: pd.DataFrame, *, random: bool) -> pd.DataFrame:
        """Return a subject's rows, found once for each view that was read."""
        choose = self._random_rows if random else _own_rows
        view = next((name for name, value in vars(self).items() if value is frame), None)
        if view is None:
            return choose(subject, frame)
        key = (view, subject, random)
        if key not in self._parts:
            self._parts[key] = choose(subject, frame)
        return self._parts[key]

    def _random_rows(self, subject: Subject, frame: pd.DataFrame) -> pd.DataFrame:
        if subject.weights == "random":
            return frame.iloc[:0]
        rows = _equal(
            frame, {"model_weights": "random", "dataset": subject.dataset, "hookpoint": subject.hookpoint}
        )
        named = rows[rows["model"] == subject.model]
        if not named.empty or len({s.model for s in self.subjects if s.model}) > 1:
            return named
        return rows


def best_layer(data: StudyData, subject: Subject, there: Sequence[int]) -> int:
    """Return the layer among some whose probes read best on average; the first one without probes."""
    probes = data.of(subject, data.probes)
    probes = probes[(probes["label_replicate"] == -1) & probes["layer"].isin(there)]
    scores = keep_main(probes, DIRECTION_SETTING, ("hookpoint",)).groupby("layer")["roc_auc"].mean().dropna()
    return there[0] if scores.empty else int(scores.index[int(scores.to_numpy().argmax())])


def quartiles(groups: Any) -> pd.DataFrame:
    """Return one row a group of a grouped column: its keys, `median`, `low`, `high`, `n_values`.

    Quartiles interpolate linearly; there are no missing values among the grouped ones.
    """
    columns = {name: groups.quantile(q) for name, q in (("median", 0.5), ("low", 0.25), ("high", 0.75))}
    return pd.DataFrame({**columns, "n_values": groups.size()}).reset_index()


def records(frame: pd.DataFrame, *columns: str | float) -> Iterator[tuple[Any, ...]]:
    """Yield the values of some columns row by row, as plain Python numbers and text."""
    return zip(*(frame[column].tolist() for column in columns), strict=True)


def _own_rows(subject: Subject, frame: pd.DataFrame) -> pd.DataFrame:
    columns = ("model", "revision", "model_weights", "dataset", "hookpoint")
    return _equal(frame, dict(zip(columns, subject, strict=True)))


def _equal(frame: pd.DataFrame, values: dict[str, str]) -> pd.DataFrame:
    missing = [column for column in values if column not in frame.columns]
    if missing:
        raise ArgumentError("frame", f"lacks the columns {', '.join(missing)}")
    keep = np.ones(len(frame), dtype=np.bool_)
    for column, value in values.items():
        keep &= (frame[column] == value).to_numpy(np.bool_)
    return frame[keep]
