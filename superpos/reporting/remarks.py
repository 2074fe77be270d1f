"""Sentences that stand beside figures: what `shuffled_labels` exchanged, directions that hardly differ."""

from __future__ import annotations

from collections.abc import Sequence

from superpos.reporting.study_data import StudyData
from superpos.reporting.study_views import records
from superpos.reporting.subjects import Subject

EXCHANGED = {
    "groups": "whole documents or entities exchange their labels, which are constant within them",
    "rows": "samples exchange their labels within a document or entity, and those of equal size as wholes",
    "mixed": "each feature's samples exchange labels within or between documents, as its labels vary or not",
}
"""What a value of `label_permutation` stands for."""


def shuffled_labels(data: StudyData, subjects: Sequence[Subject]) -> str:
    """Return what the control exchanged in each set of some subjects; empty where it was not run."""
    sets: dict[str, list[str]] = {}
    for subject in subjects:
        rows = data.of(subject, data.psms)
        for unit in sorted(set(rows["label_permutation"]) & EXCHANGED.keys()):
            names = sets.setdefault(unit, [])
            if subject.dataset not in names:
                names.append(subject.dataset)
    if not sets:
        return ""
    parts = [f"{EXCHANGED[unit]} ({', '.join(names)})" for unit, names in sorted(sets.items())]
    return f"Shuffled labels: {'; '.join(parts)}."


def near_copies(data: StudyData, subject: Subject) -> str:
    """Return which pairs of a subject's features are almost parallel at every layer; empty without any."""
    rows = data.of(subject, data.near_copies)
    columns = ("feature_a", "feature_b", "value_min", "value_max")
    found = {
        f"{first} and {second} ({low:.4f})": None
        for first, second, low, high in records(rows, *columns)
        for low in [low if abs(low) < abs(high) else high]
    }
    if not found:
        return ""
    return f"Almost one direction (|cosine| above 0.999 at every layer): {', '.join(found)}."
