"""Does geometry predict how the labels correlate? Phi coefficients beside the entries of the target matrices.

phi_ij  correlation of the labels of features i and j over the samples
rho     Spearman correlation of phi and the target's entries over the pairs i < j
interval: features are drawn with replacement (pairs share them, so pairs are no units of their own); with
c_i the number of times that i was drawn, pairs weigh c_i c_j, and the interval has the 2.5 and 97.5
percentiles of the weighted correlation of the ranks that the pairs have among all pairs
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from superpos.analysis import average_ranks, spearman
from superpos.analysis.settings import main_targets
from superpos.arrays import Float
from superpos.reporting.looks import scheme_labels, scheme_of, target_style, weights_style
from superpos.reporting.selection import similarities
from superpos.reporting.study_data import StudyData, best_layer
from superpos.reporting.study_views import records
from superpos.reporting.style import FAINT, INK, LineStyle, layer_ticks, new_figure
from superpos.reporting.subjects import PRETRAINED, Subject
from superpos.reporting.svg import Figure, Handle, line_handle
from superpos.seeding import generator

MIN_FEATURES = 4
"""Fewer features have too few pairs for a correlation."""
MIN_RESAMPLED = 6
"""Features from which there is an interval."""
N_RESAMPLES = 2000
LEVEL = (2.5, 97.5)


class LabelCorrelation(NamedTuple):
    """Rank correlation of phi and the entries of one target."""

    similarity: str
    weights: str
    layer: int
    rho: float
    low: float
    """NaN where there are too few features for an interval."""
    high: float
    n_features: int


class LabelCorrelations(NamedTuple):
    """All layers, and the pairs of one of them."""

    rows: tuple[LabelCorrelation, ...]
    layer: int
    """Where the probes read best."""
    phi: dict[str, Float]
    """Phi of the pairs of `layer`, by similarity, (m,)."""
    entries: dict[str, Float]
    """The target's entries, (m,)."""

    def table(self) -> pd.DataFrame:
        """Return one row a target."""
        return pd.DataFrame(self.rows, columns=list(LabelCorrelation._fields))


def label_correlations(data: StudyData, subject: Subject) -> LabelCorrelations | None:
    """Return the correlations; None without labels, with few features, or where phi is the same for all."""
    own, untrained = data.of(subject, data.psms), data.untrained_of(subject, data.psms)
    own, untrained = (frame[frame["target"] == "features"] for frame in (own, untrained))
    rows: list[LabelCorrelation] = []
    pairs: dict[tuple[str, int], tuple[Float, Float]] = {}
    trained = weights_style(subject.weights or PRETRAINED).label
    parts = [(trained, own)]
    for scheme, label in scheme_labels(untrained).items():
        parts.append((label, untrained[untrained["model_weights"] == scheme]))
    for similarity in similarities(own) if not own.empty else ():
        for weights, frame in parts:
            chosen = main_targets(frame[frame["similarity"] == similarity])
            # Of several seeds of random weights and the like, the first one.
            chosen = chosen.sort_values(["layer", "model_seed"], kind="stable").drop_duplicates("layer")
            for layer, psm_key, target_key in records(chosen, "layer", "psm_key", "target_key"):
                phi = data.phi_of(subject.dataset, str(target_key))
                if phi is None or len(phi) < MIN_FEATURES:
                    continue
                matrix = data.psm(str(psm_key))
                upper = np.triu_indices(len(phi), 1)
                rho = spearman(phi[upper], matrix[upper])
                if rho is None:
                    continue
                low, high = interval(phi, matrix)
                rows.append(LabelCorrelation(similarity, weights, int(layer), rho, low, high, len(phi)))
                if weights == trained:
                    pairs[similarity, int(layer)] = (phi[upper], matrix[upper])
    if not pairs:
        return None
    layer = best_layer(data, subject, tuple(sorted({layer for _, layer in pairs})))
    return LabelCorrelations(
        tuple(rows),
        layer,
        {name: phi for (name, at), (phi, _) in pairs.items() if at == layer},
        {name: entries for (name, at), (_, entries) in pairs.items() if at == layer},
    )


def _style(weights: str) -> LineStyle:
    """Return how weights are drawn, by the label of their scheme."""
    if weights == weights_style(PRETRAINED).label:
        return target_style("features")
    return weights_style(scheme_of(weights) or weights)


def interval(phi: Float, matrix: Float) -> tuple[float, float]:
    """Return the bootstrap interval over features of the rank correlation of two matrices, (n, n) each."""
    n = len(phi)
    if n < MIN_RESAMPLED:
        return float("nan"), float("nan")
    first, second = np.triu_indices(n, 1)
    x, y = average_ranks(phi[first, second]), average_ranks(matrix[first, second])
    drawn = generator("analysis", name="label_correlation", replicate=0).integers(0, n, size=(N_RESAMPLES, n))
    counts = np.stack([np.bincount(row, minlength=n) for row in drawn]).astype(np.float64)
    weights = counts[:, first] * counts[:, second]
    total = weights.sum(axis=1)
    mean_x, mean_y = weights @ x / total, weights @ y / total
    covariance = weights @ (x * y) / total - mean_x * mean_y
    spread = (weights @ (x * x) / total - mean_x**2) * (weights @ (y * y) / total - mean_y**2)
    defined = spread > 1e-12
    values = covariance[defined] / np.sqrt(spread[defined])
    if not values.size:
        return float("nan"), float("nan")
    low, high = np.percentile(values, LEVEL)
    return float(low), float(high)


def draw_label_correlations(numbers: LabelCorrelations) -> Figure:
    """Draw a row a similarity: the correlation over layers, and the pairs of one layer."""
    names = tuple(dict.fromkeys(row.similarity for row in numbers.rows))
    figure = new_figure(2.6 * len(names) + 0.6)
    axes = figure.subplots(len(names), 2, width_ratios=(1.5, 1.0))
    shown: dict[str, Handle] = {}
    for index, similarity in enumerate(names):
        lines, points = axes[index]
        schemes = list(dict.fromkeys(row.weights for row in numbers.rows))
        for place, weights in enumerate(schemes):
            rows = [row for row in numbers.rows if (row.similarity, row.weights) == (similarity, weights)]
            style = _style(weights)
            shift = 0.12 * (place - (len(schemes) - 1) / 2)  # bars side by side
            x = [row.layer + shift for row in rows]
            look: dict[str, Any] = {
                "color": style.colour, "linestyle": style.dashes, "marker": style.marker,
                "linewidth": style.width,
            }  # fmt: skip
            lines.plot(x, [row.rho for row in rows], **look)
            shown[weights] = line_handle(label=weights, **look)
            lines.vlines(
                x, [row.low for row in rows], [row.high for row in rows], color=style.colour, linewidth=1.0
            )
        ticks = sorted({row.layer for row in numbers.rows})
        lines.set_xticks(layer_ticks(ticks, 2))
        if len(ticks) == 1:
            lines.set_xlim(ticks[0] - 1, ticks[0] + 1)
        lines.axhline(0.0, color=FAINT, linewidth=0.8)
        lines.set_ylim(-1.05, 1.05)
        lines.grid(axis="y")
        lines.set_ylabel(f"{similarity}\nSpearman with phi", bold=True)
        lines.set_xlabel("layer")
        if similarity in numbers.phi:
            points.scatter(numbers.phi[similarity], numbers.entries[similarity], s=14, color=INK, alpha=0.6)
        points.set_xlabel(f"phi of the labels (layer {numbers.layer})")
        points.set_ylabel("similarity of the directions")
        points.grid()
    figure.legend(list(shown.values()))
    return figure
