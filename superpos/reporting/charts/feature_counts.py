"""How many positives each feature has, which were left out, and what one looks like in the text."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

import pandas as pd

from superpos.records.data import TokenExample
from superpos.reporting.study_data import StudyData
from superpos.reporting.study_views import records
from superpos.reporting.style import INK, new_figure, shorten
from superpos.reporting.svg import Figure

COLOURS = {
    "ok": "#3d6d9e",
    "no_positives": "#CC6677",
    "no_negatives": "#CC6677",
    "too_few": "#DDCC77",
    "duplicate": "#9aa5b1",
    "opposite": "#9aa5b1",
}

SPACE = "·"
"""Stands for a space in a token."""
CONTEXT = 60
"""Characters of text shown on either side of an example."""


class FeatureCount(NamedTuple):
    """One feature."""

    feature: str
    n_positive: int
    n_negative: int
    status: str
    example: TokenExample | None
    duplicate_of: str = ""
    """The feature that is kept in its place, of one that is left out as a copy."""

    @property
    def left_out(self) -> str:
        """Why it has no direction, for people; empty if it has one."""
        if self.duplicate_of:
            return f"{self.status} of {self.duplicate_of}"
        return "" if self.status == "ok" else self.status.replace("_", " ")

    @property
    def share(self) -> float:
        """Share of positives among the samples; 0 where there are none."""
        total = self.n_positive + self.n_negative
        return self.n_positive / total if total else 0.0


class FeatureCounts(NamedTuple):
    """One feature set."""

    dataset: str
    corpus: str
    n_samples: int
    n_tokens: int
    n_documents: int
    features: tuple[FeatureCount, ...]

    @property
    def spelled(self) -> str:
        """How the words of a list are written, in a sentence or two; empty for any other set."""
        shown = [feature.example.token for feature in self.features if feature.example]
        if self.n_samples or not shown:
            return ""
        n = len(self.features)
        each = (
            "Each word is one token."
            if self.n_tokens == n
            else f"The {n} words are {self.n_tokens} tokens; the row of a word is the mean of theirs."
        )
        space = any(token.startswith(SPACE) for token in shown)
        return f"{each} " + (
            f"{SPACE} stands for a space in a token." if space else "No token holds a space."
        )


def feature_counts(data: StudyData) -> tuple[FeatureCounts, ...]:
    """Return every feature set of the study, features in the order of the set."""
    sets = []
    for (dataset, corpus), rows in data.features.groupby(["dataset", "corpus"], sort=True):
        names = ("feature", "n_positive", "n_negative", "status", "example", "duplicate_of")
        features = tuple(
            FeatureCount(str(name), int(positive), int(negative), str(status), example(stored), str(of))
            for name, positive, negative, status, stored, of in records(rows, *names)
        )
        n_samples, n_tokens, n_documents = next(records(rows, "n_samples", "n_tokens", "n_documents"))
        sets.append(
            FeatureCounts(
                str(dataset), str(corpus), _whole(n_samples), _whole(n_tokens), _whole(n_documents), features
            )
        )
    return tuple(sets)


def example(value: Any) -> TokenExample | None:
    """Return the stored example of a feature: JSON text, or the mapping it stands for."""
    stored = json.loads(value) if isinstance(value, str) else value
    if not isinstance(stored, dict):
        return None
    return visible(
        TokenExample(*(str(stored.get(key, "")) for key in ("before", "token", "after", "document")))
    )


def visible(found: TokenExample) -> TokenExample:
    """Return an example on one line: signs for line breaks and the token's spaces, long blanks shortened."""
    before, after = (re.sub(r"[ \t]{2,}", " ", line_breaks(text)) for text in (found.before, found.after))
    token = line_breaks(found.token).replace(" ", SPACE).replace("\t", "⇥")
    return TokenExample(before[-CONTEXT:].lstrip(), token, after[:CONTEXT].rstrip(), found.document)


def line_breaks(text: str) -> str:
    """Return a text with ↵ for each line break."""
    return "↵".join(text.splitlines()) + ("↵" if text.endswith(("\n", "\r")) else "")


def counts_table(sets: tuple[FeatureCounts, ...]) -> pd.DataFrame:
    """Return one row a feature."""
    rows = [
        (one.dataset, one.corpus, f.feature, f.n_positive, f.n_negative, f.share, f.status, f.duplicate_of)
        for one in sets
        for f in one.features
    ]
    counts = ["n_positive", "n_negative", "share_positive"]
    columns = ["dataset", "corpus", "feature", *counts, "status", "duplicate_of"]
    return pd.DataFrame(rows, columns=columns)


def draw_feature_counts(sets: tuple[FeatureCounts, ...]) -> Figure:
    """Draw a panel of bars a feature set, with counts beside them."""
    columns = min(2, len(sets))
    n_rows = -(-len(sets) // columns)
    tallest = max(len(one.features) for one in sets)
    figure = new_figure(n_rows * (0.25 * tallest + 0.8))
    axes = figure.subplots(n_rows, columns)
    for position, panel in enumerate(axes.flat):
        if position >= len(sets):
            panel.set_axis_off()
            continue
        one = sets[position]
        largest = max((f.n_positive for f in one.features), default=1) or 1
        for row, feature in enumerate(one.features):
            panel.barh(row, feature.n_positive, height=0.7, color=COLOURS.get(feature.status, "#9aa5b1"))
            note = f"  left out: {shorten(feature.left_out)}" if feature.left_out else ""
            text = f"{feature.n_positive:,} ({100 * feature.share:.1f} %){note}"
            panel.text(feature.n_positive + 0.015 * largest, row, text, va="center", fontsize=8, color=INK)
        panel.set_yticks(range(len(one.features)), [shorten(f.feature) for f in one.features])
        panel.set_ylim(len(one.features) - 0.4, -0.6)
        panel.set_xlim(0, largest * 1.42)
        panel.set_title(f"{shorten(one.dataset)} ({one.n_samples:,} samples)")
        panel.set_xlabel("positives")
        panel.tick_params(axis="y", length=0)
        panel.grid(axis="x")
    return figure


def _whole(value: Any) -> int:
    return 0 if pd.isna(value) else int(value)
