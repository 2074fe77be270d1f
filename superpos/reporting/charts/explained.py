"""What the target matrices follow from, over layers: shares that predictors explain, alone and uniquely."""

from __future__ import annotations

import pandas as pd

from superpos.analysis.against_control import FLOOR
from superpos.analysis.settings import main_targets
from superpos.reporting.charts.geometry import Geometry, Panel, by_scheme
from superpos.reporting.looks import scheme_labels
from superpos.reporting.selection import layers, targets
from superpos.reporting.study_data import StudyData
from superpos.reporting.study_views import quartiles, records
from superpos.reporting.subjects import Subject

CEILING = "noise ceiling"
"""Group of what a perfect predictor could explain of the features' matrices."""
SHARES = {"r2": "alone", "r2_unique": "unique"}
"""Columns of the view that are shown, and what panels call them."""
PREDICTORS = ("label_phi", "label_npmi", "energy", "list_line", "list_circle", "list_lag")


def explained(data: StudyData, subject: Subject, similarity: str) -> Geometry | None:
    """Return the shares of the subject's matrices; None where no predictor explains any of the features'."""
    own, others = (
        main_targets(_long(rows[rows["similarity"] == similarity]))
        for rows in data.rows_of("explained_results", subject)
    )
    features = own[own["target"] == "features"]
    if features.empty:
        return None
    others = others[others["target"] == "features"]
    ceilings = features.assign(value=features["ceiling"]).dropna(subset=["value"])
    rows = pd.concat(
        [
            own.assign(group=own["target"].astype("str")),
            by_scheme(others),
            ceilings.assign(group=CEILING),
        ]
    )
    axes = [*Panel._fields, "group", "layer"]
    panels = {Panel(*row) for row in records(features, *Panel._fields)}
    return Geometry(
        similarity,
        tuple(sorted(panels, key=_place)),
        layers(rows),
        (
            *targets(own),
            *scheme_labels(others).values(),
            *((CEILING,) if len(ceilings) else ()),
        ),
        quartiles(rows.groupby(axes, sort=True)["value"]),
    )


def _known(shares: pd.Series) -> pd.Series:
    """Return shares that are 0 but for rounding as 0: a line of them looks like a finding."""
    return shares.mask(shares.abs() <= FLOOR, 0.0)


def _long(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row for every share that is there, named by `measure`."""
    parts = [
        rows.assign(
            measure=rows["predictor"].astype("str") + f", {said}", value=_known(rows[column]), n_dims=0
        )
        for column, said in SHARES.items()
    ]
    found = pd.concat(parts).dropna(subset=["value"])
    # What a predictor explains alone is the same beside any kernel, unless it is the energy's.
    alike = found["measure"].isin([f"{name}, {SHARES['r2']}" for name in PREDICTORS if name != "energy"])
    first = found["kernel"].astype("str").where(~alike, "")
    found = found.assign(kernel=first, softening=found["softening"].where(~alike, 0.0))
    return found.drop_duplicates([name for name in found.columns if name not in SHARES])


def _place(panel: Panel) -> tuple[int, str, float, str]:
    predictor, _, said = panel.measure.partition(", ")
    return PREDICTORS.index(predictor), panel.kernel, panel.softening, said
