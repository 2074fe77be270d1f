"""How well each target is known: reliability per layer, and the entries with their bootstrap intervals."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from superpos.analysis.settings import main_targets
from superpos.arrays import Float
from superpos.reporting.selection import similarities
from superpos.reporting.study_data import StudyData, best_layer
from superpos.reporting.study_views import records
from superpos.reporting.style import FAINT, INK, new_figure, shorten
from superpos.reporting.subjects import Subject, place
from superpos.reporting.svg import Figure, Panel

MAX_NAMED = 60
"""Pairs up to which all are named."""
EXTREMES = 8
"""Pairs named at either end of a longer list."""


class KnownPairs(NamedTuple):
    """How well the target of one similarity is known."""

    similarity: str
    layers: tuple[int, ...]
    reliability: tuple[float, ...]
    """Per layer; NaN where it is undefined."""
    noise: tuple[float, ...]
    """Noise level per layer, in units of the similarity."""
    n_resamples: int
    place: str
    """Name of the layer, or what there is instead."""
    layer: int
    """The layer whose entries are shown: where the probes read best."""
    names: tuple[str, ...]
    """Pairs, by rising similarity."""
    values: Float
    low: Float
    high: Float


def known_pairs(data: StudyData, subject: Subject) -> tuple[KnownPairs, ...]:
    """Return what is known of the subject's targets, one a similarity; none without resampled probes."""
    rows = data.of(subject, data.psms)
    rows = rows[(rows["target"] == "features") & (rows["n_resamples"] > 0)]
    found = []
    for similarity in similarities(rows) if not rows.empty else ():
        own = main_targets(rows[rows["similarity"] == similarity]).sort_values("layer")
        own = own.drop_duplicates("layer")
        shown = best_layer(data, subject, tuple(own["layer"].tolist()))
        key = str(own.loc[own["layer"] == shown, "psm_key"].iloc[0])
        pairs = data.of(subject, data.pairs)
        pairs = pairs[pairs["psm_key"] == key].drop_duplicates(["feature_a", "feature_b"])
        pairs = pairs.dropna(subset=["value", "value_low", "value_high"]).sort_values("value", kind="stable")
        found.append(
            KnownPairs(
                similarity,
                tuple(int(layer) for layer in own["layer"]),
                tuple(float(value) for value in own["reliability"]),
                tuple(float(value) for value in data.noise.reindex(own["psm_key"])),
                int(own["n_resamples"].min()),
                place(subject, shown),
                shown,
                tuple(
                    f"{shorten(a, 24)} – {shorten(b, 24)}"
                    for a, b in records(pairs, "feature_a", "feature_b")
                ),
                *(pairs[column].to_numpy(np.float64) for column in ("value", "value_low", "value_high")),
            )
        )
    return tuple(one for one in found if one.names)


def ceiling_table(known: tuple[KnownPairs, ...]) -> pd.DataFrame:
    """Return one row a similarity and layer."""
    rows = [
        (one.similarity, *point)
        for one in known
        for point in zip(one.layers, one.reliability, one.noise, strict=True)
    ]
    return pd.DataFrame(rows, columns=["similarity", "layer", "reliability", "noise_level"])


def draw_noise_ceiling(known: tuple[KnownPairs, ...]) -> Figure:
    """Draw a column a similarity: reliability over layers above, entries with intervals below."""
    longest = max(len(one.names) for one in known)
    several = any(len(one.layers) > 1 for one in known)
    entries = max(2.2, 0.16 * longest if longest <= MAX_NAMED else 5.0)
    heights = [1.6, entries] if several else [entries]
    figure = new_figure(sum(heights) + 0.8 + (0.5 if several else 0.0))
    axes = figure.subplots(len(heights), len(known), height_ratios=heights)
    for column, one in enumerate(known):
        if several:
            _reliabilities(axes[0, column], one)
        axes[0, column].set_title(one.similarity)
        _entries(axes[-1, column], one)
    return figure


def _reliabilities(axes: Panel, one: KnownPairs) -> None:
    axes.plot(one.layers, one.reliability, color=INK, marker="o", linewidth=2.0)
    axes.axhline(1.0, color=FAINT, linewidth=0.8)
    axes.set_xticks(one.layers[:: max(1, len(one.layers) // 12)])
    lowest = min((value for value in one.reliability if np.isfinite(value)), default=0.0)
    axes.set_ylim(min(0.0, lowest - 0.05), 1.05)
    axes.set_xlabel("layer")
    axes.set_ylabel("reliability")
    axes.grid(axis="y")


def _entries(axes: Panel, one: KnownPairs) -> None:
    places = np.arange(len(one.names))
    axes.hlines(places, one.low, one.high, color=FAINT, linewidth=1.6)
    axes.plot(one.values, places, color=INK, marker="o", markersize=3.5, linestyle="")
    axes.axvline(0.0, color=FAINT, linewidth=0.8)
    named = list(range(len(one.names)))
    if len(named) > MAX_NAMED:
        # Names of neighbours would lie on one another: the extremes stand apart from the axis by lines.
        named = []
        step = len(one.names) / 42.0
        for text, start, end in (("lowest", 0, EXTREMES), ("highest", len(one.names) - EXTREMES, None)):
            chosen = list(reversed(one.names[start:end]))
            axes.text(
                0.02 if text == "highest" else 0.98, len(one.names) - 1 if text == "highest" else 0,
                f"{text}:\n" + "\n".join(chosen), fontsize=6.5, linespacing=1.15,
                ha="left" if text == "highest" else "right", va="top" if text == "highest" else "bottom",
                within="x",
            )  # fmt: skip
        axes.set_ylim(-step, len(one.names) - 1 + step)
    else:
        axes.set_ylim(-0.8, len(one.names) - 0.2)
    axes.set_yticks(named, [one.names[index] for index in named], fontsize=6.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"similarity ({one.place})")
    axes.grid(axis="x")
