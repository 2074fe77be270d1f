"""What a set of figures is about, and which rows of a view are its own."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from superpos.errors import ArgumentError
from superpos.reporting.looks import weights_style
from superpos.reporting.style import SEPARATOR

PRETRAINED = "pretrained"
"""The model's own weights; those of every other scheme stand beside them in figures."""
TRAINED = ("", PRETRAINED)
"""Weights of what figures are of: trained ones, or none."""
SUBJECT_AXES = ("model", "revision", "model_weights", "dataset", "hookpoint")
"""Columns of the views that name a subject."""


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
        weights = "" if self.weights in TRAINED else f" ({weights_style(self.weights).label})"
        parts = (self.dataset, f"{self.model}{revision}{weights}", self.hookpoint)
        return SEPARATOR.join(part for part in parts if part)

    @property
    def axes(self) -> dict[str, str]:
        """Columns of the views that name the subject, with its values."""
        return dict(zip(SUBJECT_AXES, self, strict=True))


def place(subject: Subject, layer: int) -> str:
    """Return where a subject's directions of a layer are, for people: what has no layers is not given one."""
    if layer >= 0:
        return f"layer {layer}"
    return {"embed": "rows of the embedding", "unembed": "rows of the unembedding"}.get(
        subject.hookpoint, "as imported"
    )


def own_rows(subject: Subject, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a view that are the subject's."""
    return rows_with(frame, subject.axes)


def rows_with(frame: pd.DataFrame, values: dict[str, str]) -> pd.DataFrame:
    """Return the rows of a view with these values; raises `ArgumentError` where it lacks a column."""
    missing = [column for column in values if column not in frame.columns]
    if missing:
        raise ArgumentError("frame", f"lacks the columns {', '.join(missing)}")
    keep = np.ones(len(frame), dtype=np.bool_)
    for column, value in values.items():
        keep &= (frame[column] == value).to_numpy(np.bool_)
    return frame[keep]
