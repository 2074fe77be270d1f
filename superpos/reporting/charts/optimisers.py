"""Powell's end beside its polished end and the manifold optimiser's: distances, energies, gradients.

    share of the descent = (E_start - E_powell) / (E_start - E_manifold)

for the same joint fit, sigma and trial. 1 means that Powell got as far down as the minimiser that keeps the
norms exactly; above 1 it went further, which only leaving the spheres allows or another basin.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from superpos.arrays import Float
from superpos.reporting.looks import kernel_styles
from superpos.reporting.selection import EXACT, POWELL, kernels, optimiser_label, similarities
from superpos.reporting.study_data import StudyData
from superpos.reporting.style import FAINT, INK, WIDTH, new_figure
from superpos.reporting.subjects import Subject
from superpos.reporting.svg import Figure, Panel, line_handle

CRITICAL = 1e-6
"""Relative gradient below which a point counts as critical (`docs/science.md`, "Certificate")."""
STALLED = 1e-3
"""Relative gradient above which Powell counts as stalled."""
FLOOR = 1e-16
"""Smaller relative gradients, 0 among them, are drawn here."""
SHARE_LIMITS = (-0.25, 1.5)
MIN_DESCENT = 1e-9
"""Descents below this share of the energy are rounding; no share is taken of them."""
LEAST = 1e-6
"""Gap to the bound, in units of energy, up to which a minimum counts as the least energy there is."""
MINIMA = ("strict", "degenerate")
"""Verdicts of minima."""
PAIR_KEYS = ["joint_key", "target_key", "sigma", "sigma_rule", "trial"]


class KernelPairs(NamedTuple):
    """Paired ends of one kernel under one similarity, features target, every sigma, dimension and layer."""

    similarity: str
    kernel: str
    distance_powell: Float
    """Distance to the target at Powell's end, (m,)."""
    distance_polished: Float
    """The same after polishing it on the spheres, (m,)."""
    distance_powell_paired: Float
    """Powell's distance where the manifold optimiser ran too, (k,)."""
    distance_manifold: Float
    """(k,)."""
    descent_share: Float
    """Powell's share of the manifold's descent, (j,)."""
    gradient_powell: Float
    """Relative gradients at Powell's ends."""
    gradient_manifold: Float
    gap_powell: Float
    """Energies over their bounds at Powell's ends."""
    gap_manifold: Float


class Proved(NamedTuple):
    """How far certified minima of the other optimiser are above what no configuration is below."""

    n_minima: int
    n_least: int
    """Those of them within `LEAST` of their bound: no configuration has less energy."""
    median_gap: float
    """Of the others, in units of energy; NaN where there is none."""
    largest_gap: float


class Optimisers(NamedTuple):
    """All pairs."""

    other: str
    """Name of the optimiser beside Powell's method, for people."""
    similarities: tuple[str, ...]
    kernels: tuple[str, ...]
    pairs: tuple[KernelPairs, ...]
    proved: Proved | None = None
    """None where there is no certified minimum with a bound."""

    @property
    def has_manifold(self) -> bool:
        """Whether the other optimiser ran from the same starts."""
        return any(pair.distance_manifold.size for pair in self.pairs)

    def table(self) -> pd.DataFrame:
        """Return medians for each similarity and kernel."""
        rows = [
            {
                "similarity": pair.similarity,
                "kernel": pair.kernel,
                "n_powell": pair.distance_powell.size,
                "median_distance_powell": _median(pair.distance_powell),
                "median_distance_polished": _median(pair.distance_polished),
                "n_paired": pair.distance_manifold.size,
                "median_distance_powell_paired": _median(pair.distance_powell_paired),
                "median_distance_manifold": _median(pair.distance_manifold),
                "median_descent_share": _median(pair.descent_share),
                "median_gradient_powell": _median(pair.gradient_powell),
                "median_gradient_manifold": _median(pair.gradient_manifold),
                "median_gap_powell": _median(pair.gap_powell),
                "median_gap_manifold": _median(pair.gap_manifold),
                "share_powell_above_1e-3": _share(pair.gradient_powell > STALLED),
                "share_manifold_below_1e-6": _share(pair.gradient_manifold < CRITICAL),
            }
            for pair in self.pairs
        ]
        return pd.DataFrame(rows)


def optimisers(data: StudyData, subject: Subject, other: str = EXACT) -> Optimisers | None:
    """Return Powell's ends of the features target beside another optimiser's; None where Powell did not run.

    Columns and fields are named after the optimiser that keeps the norms exactly, whichever it is.
    """
    rows = data.main_fits(subject)
    rows = rows[rows["target"] == "features"]
    powell, manifold = rows[rows["optimiser"] == POWELL], rows[rows["optimiser"] == other]
    if powell.empty:
        return None
    pairs = []
    for similarity in similarities(rows):
        for kernel in kernels(rows):
            own = powell[(powell["similarity"] == similarity) & (powell["kernel"] == kernel)]
            beside = manifold[(manifold["similarity"] == similarity) & (manifold["kernel"] == kernel)]
            if not own.empty:
                pairs.append(_pair(similarity, kernel, own, beside))
    return Optimisers(
        optimiser_label(other), similarities(rows), kernels(rows), tuple(pairs), proved(manifold)
    )


def proved(rows: pd.DataFrame) -> Proved | None:
    """Return how far the certified minima among rows of `fit_results` are above their bounds."""
    gaps = rows.loc[rows["verdict"].isin(MINIMA), "energy_gap"].dropna().to_numpy(np.float64)
    if not gaps.size:
        return None
    others = gaps[gaps > LEAST]
    largest = float(others.max()) if others.size else float("nan")
    return Proved(gaps.size, gaps.size - others.size, _median(others), largest)


def _pair(similarity: str, kernel: str, powell: pd.DataFrame, manifold: pd.DataFrame) -> KernelPairs:
    polished = powell[["distance_final", "distance_polish"]].dropna()
    values = ["distance_final", "energy_start", "energy_final"]
    both = powell[[*PAIR_KEYS, *values]].merge(
        manifold[[*PAIR_KEYS, *values]], on=PAIR_KEYS, suffixes=("", "_manifold")
    )
    distances = both[["distance_final", "distance_final_manifold"]].dropna()
    descent = both["energy_start"] - both["energy_final"]
    full = both["energy_start_manifold"] - both["energy_final_manifold"]
    taken = full > MIN_DESCENT * both["energy_start"].abs()
    share = (descent[taken] / full[taken]).dropna()
    return KernelPairs(
        similarity,
        kernel,
        polished["distance_final"].to_numpy(np.float64),
        polished["distance_polish"].to_numpy(np.float64),
        distances["distance_final"].to_numpy(np.float64),
        distances["distance_final_manifold"].to_numpy(np.float64),
        share.to_numpy(np.float64),
        powell["relative_gradient"].dropna().to_numpy(np.float64),
        manifold["relative_gradient"].dropna().to_numpy(np.float64),
        powell["energy_gap"].dropna().to_numpy(np.float64),
        manifold["energy_gap"].dropna().to_numpy(np.float64),
    )


def draw_optimisers(numbers: Optimisers) -> Figure:
    """Draw a row of panels a similarity: four, or two where only Powell ran."""
    styles = kernel_styles(numbers.kernels)
    both = numbers.has_manifold
    titles = (
        ("polished", numbers.other, "energy", "relative gradient")
        if both
        else ("polished", "relative gradient")
    )
    width = WIDTH if both else 0.6 * WIDTH
    figure = new_figure(2.75 * len(numbers.similarities) + 0.5, width=width)
    axes = figure.subplots(len(numbers.similarities), len(titles))
    for row, similarity in enumerate(numbers.similarities):
        pairs = [pair for pair in numbers.pairs if pair.similarity == similarity]
        first, last = axes[row, 0], axes[row, -1]
        _scatter(first, [(p.kernel, p.distance_powell, p.distance_polished) for p in pairs], styles)
        first.set_ylabel(f"{similarity}\npolished end to target", bold=True)
        first.set_xlabel("Powell end to target")
        _gradients(last, pairs, styles)
        if both:
            second, third = axes[row, 1], axes[row, 2]
            _scatter(
                second, [(p.kernel, p.distance_powell_paired, p.distance_manifold) for p in pairs], styles
            )
            second.set_ylabel(f"{numbers.other} end to target")
            second.set_xlabel("Powell end to target")
            _strips(third, [(p.kernel, p.descent_share) for p in pairs], styles, SHARE_LIMITS)
            third.axhline(1.0, color=INK, linewidth=0.8)
            third.set_ylim(SHARE_LIMITS[0] - 0.08, SHARE_LIMITS[1] + 0.08)
            third.set_ylabel("Powell's share of the descent")
        if row == 0:
            for panel, title in zip(axes[row], titles, strict=True):
                panel.set_title(title)
    _legend(figure, styles, numbers.other)
    return figure


def _scatter(axes: Panel, groups: list[tuple[str, Float, Float]], styles: dict[str, tuple[str, str]]) -> None:
    if not any(x.size for _, x, _ in groups):
        _absent(axes)
        return
    largest = (
        max(float(np.max(values)) for _, *pair in groups for values in pair if values.size) * 1.05 or 1.0
    )
    axes.plot([0.0, largest], [0.0, largest], color=FAINT, linewidth=0.8, zorder=1)
    for kernel, x, y in groups:
        colour, marker = styles[kernel]
        axes.scatter(x, y, s=16, color=colour, marker=marker, alpha=0.55, linewidths=0)
    axes.set_xlim(0.0, largest)
    axes.set_ylim(0.0, largest)
    axes.set_box_aspect(1)
    axes.grid()


def _strips(
    axes: Panel,
    groups: list[tuple[str, Float]],
    styles: dict[str, tuple[str, str]],
    limits: tuple[float, float],
) -> None:
    if not any(values.size for _, values in groups):
        _absent(axes)
        return
    for position, (kernel, values) in enumerate(groups):
        colour, marker = styles[kernel]
        x = position + spread(values.size)
        axes.scatter(x, np.clip(values, *limits), s=14, color=colour, marker=marker, alpha=0.5, linewidths=0)
        outside = int(np.sum((values < limits[0]) | (values > limits[1])))
        if outside:
            axes.text(position, limits[1], f"{outside} off scale", ha="center", va="bottom", fontsize=8)
        if values.size:
            median = float(np.clip(np.median(values), *limits))
            axes.plot([position - 0.3, position + 0.3], [median, median], color=INK, linewidth=1.8)
    axes.set_xticks(range(len(groups)), [kernel for kernel, _ in groups])
    axes.set_xlim(-0.6, len(groups) - 0.4)
    axes.grid(axis="y")


def _gradients(axes: Panel, pairs: list[KernelPairs], styles: dict[str, tuple[str, str]]) -> None:
    axes.set_yscale("log")
    for position, pair in enumerate(pairs):
        colour, marker = styles[pair.kernel]
        for offset, values, filled in (
            (-0.2, pair.gradient_powell, True),
            (0.2, pair.gradient_manifold, False),
        ):
            axes.scatter(
                position + offset + 0.5 * spread(values.size),
                np.maximum(values, FLOOR),
                s=13,
                marker=marker,
                facecolors=colour if filled else "none",
                edgecolors=colour,
                alpha=0.55,
                linewidths=0.0 if filled else 0.8,
            )
    for level, name in ((CRITICAL, "critical"), (STALLED, "stalled")):
        axes.axhline(level, color=INK, linewidth=0.8, linestyle=(0, (3, 2)))
        axes.text(len(pairs) - 0.42, level, name, ha="right", va="bottom", fontsize=8, color=INK)
    axes.set_xticks(range(len(pairs)), [pair.kernel for pair in pairs])
    axes.set_xlim(-0.6, len(pairs) - 0.4)
    axes.set_ylabel("relative gradient at the end")
    axes.grid(axis="y")


def spread(count: int, width: float = 0.32) -> Float:
    """Return offsets that spread points of a strip over `width`, the same every time, (count,)."""
    steps = (np.arange(count, dtype=np.float64) * 0.6180339887498949) % 1.0
    return np.asarray((steps - 0.5) * width, dtype=np.float64)


def _absent(axes: Panel) -> None:
    axes.text(0.5, 0.5, "not run in this study", ha="center", va="center", within="xy")
    axes.set_xticks([])
    axes.set_yticks([])


def _legend(figure: Figure, styles: dict[str, tuple[str, str]], other: str) -> None:

    handles = [
        line_handle(linestyle="", color=colour, marker=marker, label=kernel)
        for kernel, (colour, marker) in styles.items()
    ]
    handles.append(line_handle(linestyle="", color=INK, marker="o", label="Powell (filled)"))
    handles.append(
        line_handle(linestyle="", color=INK, marker="o", markerfacecolor="none", label=f"{other} (open)")
    )
    figure.legend(handles)


def _median(values: Float) -> float:
    return float(np.median(values)) if values.size else float("nan")


def _share(flags: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> float:
    return float(np.mean(flags)) if flags.size else float("nan")
