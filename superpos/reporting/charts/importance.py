"""What the importance says: how even it is, and what it goes with.

entropy of importance over log n: 1 where all features are equal, 0 where one has everything
weight * n: 1 where a feature has an equal share
"""

from __future__ import annotations

from textwrap import fill
from typing import NamedTuple

import numpy as np
import pandas as pd

from superpos.analysis import spearman
from superpos.arrays import Float
from superpos.reporting.charts.optimisers import spread
from superpos.reporting.looks import kernel_styles
from superpos.reporting.selection import kernels, similarities
from superpos.reporting.study_data import StudyData
from superpos.reporting.style import FAINT, INK, new_figure, shorten
from superpos.reporting.subjects import Subject
from superpos.reporting.svg import Figure, Panel, line_handle

NOTE = 48
"""Characters in a line below a panel: longer ones run into those of the next panel."""


class KernelImportance(NamedTuple):
    """Importance under one similarity and kernel."""

    similarity: str
    kernel: str
    entropy_features: Float
    """Normalised entropies of the joint fits of the features target, (m,)."""
    entropy_controls: Float
    """Those of the controls, (k,)."""
    relative_weights: Float
    """Median of weight * n of each feature over layers and dimensions, (n,); NaN where there is none."""
    low: Float
    """Lower quartiles, (n,)."""
    high: Float
    """Upper quartiles, (n,)."""
    frequency_correlation: float | None
    """Spearman correlation of the medians with the share of positives."""


class Importance(NamedTuple):
    """All kernels, features from rare to frequent."""

    features: tuple[str, ...]
    frequencies: tuple[float, ...]
    """Share of positives among the samples; NaN where there are none."""
    similarities: tuple[str, ...]
    kernels: tuple[str, ...]
    groups: tuple[KernelImportance, ...]

    def table(self) -> pd.DataFrame:
        """Return one row a kernel and feature."""
        rows = [
            (
                g.similarity,
                g.kernel,
                name,
                frequency,
                *map(float, (g.relative_weights[i], g.low[i], g.high[i])),
            )
            for g in self.groups
            for i, (name, frequency) in enumerate(zip(self.features, self.frequencies, strict=True))
        ]
        names = ["similarity", "kernel", "feature", "share_positive", "weight_times_n", "low", "high"]
        return pd.DataFrame(rows, columns=names)


def importance(data: StudyData, subject: Subject) -> Importance | None:
    """Return entropies and weights of the main setting's joint fits; None where there are none."""
    joints, weights = data.main_joints(subject), data.main_weights(subject)
    joints = joints[joints["importance_mode"] == "learned"]
    weights = weights[(weights["target"] == "features") & (weights["importance_mode"] == "learned")]
    if joints.empty:
        return None
    counts = data.probes[["dataset", "feature", "n_positive", "n_train", "n_test"]]
    counts = counts[(counts["dataset"] == subject.dataset) & (counts["n_train"] + counts["n_test"] > 0)]
    counts = counts.drop_duplicates("feature").set_index("feature")
    share = counts["n_positive"] / (counts["n_train"] + counts["n_test"])
    # Features without samples have no frequency and keep the order of their set.
    order = data.features.loc[data.features["dataset"] == subject.dataset, "feature"].tolist()
    place = {feature: index for index, feature in enumerate(dict.fromkeys(order))}
    features = sorted(
        dict.fromkeys(weights["feature"]),
        key=lambda feature: (float(share.get(feature, np.inf)), place.get(feature, len(place)), feature),
    )
    frequencies = tuple(float(share.get(feature, np.nan)) for feature in features)
    groups = []
    for similarity in similarities(joints):
        for kernel in kernels(joints):
            own = joints[(joints["similarity"] == similarity) & (joints["kernel"] == kernel)]
            if own.empty:
                continue
            entropies = own.dropna(subset=["importance_entropy"])
            is_features = entropies["target"] == "features"
            chosen = weights[(weights["similarity"] == similarity) & (weights["kernel"] == kernel)]
            low, median, high = _quartiles(chosen, features)
            present = np.isfinite(median) & np.isfinite(frequencies)
            rho = None
            if int(present.sum()) > 1:
                rho = spearman(median[present], np.array(frequencies)[present])
            groups.append(
                KernelImportance(
                    similarity, kernel,
                    entropies.loc[is_features, "importance_entropy"].to_numpy(np.float64),
                    entropies.loc[~is_features, "importance_entropy"].to_numpy(np.float64),
                    median, low, high, rho,
                )
            )  # fmt: skip
    return Importance(tuple(features), frequencies, similarities(joints), kernels(joints), tuple(groups))


def _quartiles(rows: pd.DataFrame, features: list[str]) -> tuple[Float, Float, Float]:
    values = (rows["weight"] * rows["n_features"]).groupby(rows["feature"])
    columns = [values.quantile(q).reindex(features).to_numpy(np.float64) for q in (0.25, 0.5, 0.75)]
    return columns[0], columns[1], columns[2]


def draw_importance(numbers: Importance) -> Figure:
    """Draw entropies above and weights per feature below, a column a similarity."""
    styles = kernel_styles(numbers.kernels)
    n_columns = len(numbers.similarities)
    heights = (0.42 * len(numbers.kernels) + 0.5, 0.3 * len(numbers.features) + 0.5)
    figure = new_figure(sum(heights) + 1.2)
    axes = figure.subplots(2, n_columns, height_ratios=heights, sharex="row")
    for column, similarity in enumerate(numbers.similarities):
        groups = [group for group in numbers.groups if group.similarity == similarity]
        _entropies(axes[0, column], groups, numbers.kernels, styles)
        axes[0, column].set_title(similarity)
        _weights(axes[1, column], groups, numbers, styles)
        if column == 0:
            axes[1, column].set_yticks(
                range(len(numbers.features)),
                [
                    shorten(name) + (f" ({100 * share:.1f} %)" if np.isfinite(share) else "")
                    for name, share in zip(numbers.features, numbers.frequencies, strict=True)
                ],
            )
            axes[0, column].set_yticks(range(len(numbers.kernels)), numbers.kernels)
        else:
            axes[0, column].set_yticks([])
            axes[1, column].set_yticks(range(len(numbers.features)), [])
    axes[1, 0].set_xlim(left=0.0)  # last, for it ends the scaling of the whole row
    _legend(figure, styles)
    return figure


def _entropies(
    axes: Panel, groups: list[KernelImportance], kernels: tuple[str, ...], styles: dict[str, tuple[str, str]]
) -> None:
    for group in groups:
        colour, marker = styles[group.kernel]
        row = kernels.index(group.kernel)
        for values, offset, filled in (
            (group.entropy_controls, 0.2, False),
            (group.entropy_features, -0.2, True),
        ):
            axes.scatter(
                values, row + offset + 0.6 * spread(values.size), s=15, marker=marker,
                facecolors=colour if filled else "none", edgecolors=colour,
                linewidths=0.0 if filled else 0.7, alpha=0.65,
            )  # fmt: skip
            if values.size:
                median = float(np.median(values))
                axes.plot(
                    [median, median], [row + offset - 0.17, row + offset + 0.17], color=INK, linewidth=1.6
                )
    axes.set_xlim(-0.03, 1.03)
    axes.set_ylim(len(kernels) - 0.45, -0.55)
    axes.set_xlabel("entropy of the importance / log n")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")


def _weights(
    axes: Panel, groups: list[KernelImportance], numbers: Importance, styles: dict[str, tuple[str, str]]
) -> None:
    axes.axvline(1.0, color=FAINT, linewidth=1.0)
    notes = []
    for index, group in enumerate(groups):
        colour, marker = styles[group.kernel]
        rows = np.arange(len(numbers.features)) + (index - (len(groups) - 1) / 2) * 0.24
        axes.hlines(rows, group.low, group.high, color=colour, linewidth=1.3, alpha=0.7)
        axes.plot(group.relative_weights, rows, linestyle="", marker=marker, color=colour, markersize=5)
        if group.frequency_correlation is not None:
            notes.append(f"{group.kernel} {group.frequency_correlation:+.2f}")
    axes.set_ylim(len(numbers.features) - 0.4, -0.6)
    said = fill(f"Spearman with frequency: {', '.join(notes)}", NOTE) if notes else ""
    axes.set_xlabel("\n".join(filter(None, ("weight × n (1 = equal share)", said))))
    axes.tick_params(axis="y", length=0)
    axes.grid()


def _legend(figure: Figure, styles: dict[str, tuple[str, str]]) -> None:

    handles = [
        line_handle(linestyle="", color=colour, marker=marker, label=kernel)
        for kernel, (colour, marker) in styles.items()
    ]
    handles.append(line_handle(linestyle="", color=INK, marker="o", label="features (filled)"))
    handles.append(
        line_handle(linestyle="", color=INK, marker="o", markerfacecolor="none", label="controls (open)")
    )
    figure.legend(handles)
