"""`superpos.test`: directions at hand against controls that are drawn here, or that come with them.

A draw r of a control is the one that a study would draw for directions of this shape. The statistic of a test
is a measure of the matrix; on its scale (0 at the bound, 1 orthogonal) where it has one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from superpos.analysis.against_control import compare
from superpos.analysis.permutation import holm
from superpos.arrays import Float
from superpos.at_hand.matrices import Given, measured, read_given, read_potentials
from superpos.errors import ArgumentError, allowed, shown
from superpos.kinds.controls import CONTROLS
from superpos.psms import build_psm
from superpos.records.named import Psm
from superpos.specs.axes import check_count

MEASURED = ("own_energy", "frame_potential", "coherence", "mean_length")
"""What is tested if nothing is said: few, for each is a test of the family."""
NEEDS = {"labels": "labels and activations", "tokens": "a matrix of a model", "samples": "activations"}
"""What controls need that directions alone do not bring, by what they draw from."""
BY = ["measure", "kernel", "softening", "n_dims"]


def against_controls(
    P: ArrayLike | Psm,
    controls: str | Sequence[str] | Mapping[str, Sequence[ArrayLike]] = ("permuted", "gaussian"),
    *,
    replicates: int = 199,
    measures: Sequence[str] = MEASURED,
    kernels: Any = ("exp",),
    n_dims: Sequence[int] = (),
    similarity: str = "cosine",
) -> pd.DataFrame:
    """Return how measures of directions differ from those of controls, with p, by the pipeline's own code.

    Parameters
    ----------
    P : array_like, (n, d) or (n, n), or Psm
        Directions, one row a feature, or a similarity matrix, which has the controls that draw from it.
    controls
        Names of controls (`docs/kinds.md`), or a mapping of names of your own to draws, each an array like P:
        other tokens' rows, probes on permuted labels.
    replicates
        Draws R of each named control; no p is below 1 / (R + 1).
    measures, kernels, n_dims, similarity
        As in `superpos.geometry`.

    Returns
    -------
    DataFrame
        A row a measure, kernel, dimension and control: value, control_median, estimate (their difference),
        low, high (value minus the 97.5 % and 2.5 % quantiles of the draws; NaN below 39 draws), n_draws,
        p_value (two-sided), p_smallest (the least that so many draws can give), p_adjusted (Holm over the
        rows of one control, which are one family), scaled (whether values are on the scale of the measure).
        A measure that is not defined for these matrices has no row.

    Raises
    ------
    ArgumentError
        For an unknown control, one that needs labels (those take a study), or draws of another shape.
    """
    potentials = read_potentials(kernels)
    given = read_given(P, similarity)
    count = check_count("replicates", replicates, 1)
    frames = []
    for name, draws in _draws(given, controls, count, similarity):
        matrices = [given.matrix, *(draw.matrix for draw in draws)]
        widths = [given.width, *(draw.width for draw in draws)]
        found = measured(matrices, widths, similarity, potentials, tuple(n_dims), tuple(measures))
        rows = [_row(key, part, name) for key, part in found.groupby(BY, sort=False)]
        frame = pd.DataFrame([row for row in rows if row])
        if not frame.empty:
            frame["p_adjusted"] = holm(frame["p_value"].to_numpy())
        frames.append(frame)
    whole = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    if whole.empty:
        raise ArgumentError("measures", "none of them is defined for these matrices and their controls")
    return whole


def _draws(
    given: Given,
    controls: str | Sequence[str] | Mapping[str, Sequence[ArrayLike]],
    replicates: int,
    similarity: str,
) -> Iterator[tuple[str, list[Given]]]:
    """Yield each control with its draws."""
    if isinstance(controls, Mapping):
        for name, draws in controls.items():
            found = [read_given(draw, similarity) for draw in draws]
            if not found:
                raise ArgumentError("controls", f"{shown(name)} has no draw")
            for draw in found:
                if draw.matrix.shape != given.matrix.shape:
                    n = len(given.matrix)
                    raise ArgumentError(
                        "controls", f"{shown(name)} has a draw of {len(draw.matrix)} features, not {n}"
                    )
            yield name, found
        return
    for name in [controls] if isinstance(controls, str) else controls:
        _check_control(name, given)
        yield name, [Given(_drawn(name, given, r, similarity), given.directions) for r in range(replicates)]


def _check_control(name: str, given: Given) -> None:
    drawn = [kind for kind in CONTROLS.usable() if not kind.handed_in]
    known = [kind.name for kind in drawn if kind.is_control]
    control = CONTROLS.get(name, "controls")
    if not control.is_control:
        raise ArgumentError("controls", f"{shown(name)} is no control; {allowed(name, known)}")
    if control.handed_in:
        needs = NEEDS[control.draws_from]
        said = f"{name} needs {needs}, which a study has; give your own draws as a mapping"
        raise ArgumentError("controls", said)
    if given.directions is None and not control.of_matrix:
        have = ", ".join(kind for kind in known if CONTROLS.get(kind).of_matrix)
        raise ArgumentError("controls", f"{name} needs directions; a similarity matrix has {have}")


def _drawn(name: str, given: Given, replicate: int, similarity: str) -> Float:
    record = build_psm(
        kind=name,
        similarity=similarity,
        directions=given.directions,
        target=None if given.directions is not None else given.matrix,
        replicate=replicate,
    )
    return record.matrix


def _row(key: Any, part: pd.DataFrame, control: str) -> dict[str, Any] | None:
    """Return one test; None where the measure is not defined for the features or for a draw."""
    scaled = bool(part["value_scaled"].notna().all())
    values = part.sort_values("matrix")["value_scaled" if scaled else "value"].to_numpy(dtype=np.float64)
    found = compare(values[:1], values[1:, None], np.zeros(1, dtype=np.int64))
    if found is None:
        return None
    return {
        **dict(zip(BY, key, strict=True)),
        "control": control,
        "value": values[0],
        "control_median": float(np.median(values[1:])),
        "estimate": found.estimate,
        "low": np.nan if found.low is None else found.low,
        "high": np.nan if found.high is None else found.high,
        "n_draws": found.n_draws,
        "p_value": found.p_value,
        "p_smallest": found.p_smallest,
        "scaled": scaled,
    }
