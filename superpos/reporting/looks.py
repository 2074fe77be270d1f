"""Order and look of kinds in figures: their registers say both; a kind that nobody here knows is drawn too.

A database may hold kinds of a package that is not installed where the report is written. They come after the
known ones, in grey or a spare colour, under the names that the views give them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import pandas as pd

from superpos.errors import InputError
from superpos.kinds import Kind, Register
from superpos.kinds.controls import CONTROLS
from superpos.kinds.energies import ENERGIES
from superpos.kinds.looks import Look
from superpos.kinds.similarities import SIMILARITIES
from superpos.kinds.weights import WEIGHTS
from superpos.reporting.style import LineStyle, Scale

KERNEL_SPARE = ("#CC79A7", "#56B4E9", "#D55E00", "#8C6D31", "#5E4FA2")
KERNEL_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

K = TypeVar("K", bound=Kind)


def known(register: Register[K], name: str) -> K | None:
    """Return the kind of this name; None where it is unknown here or its package cannot be imported."""
    try:
        return register.get(name)
    except InputError:
        return None


def order_of(register: Register[K], name: str) -> tuple[int, int, str]:
    """Return a sort key: own kinds by rank, then those from elsewhere by rank, then unknown ones by name."""
    kind = known(register, name)
    if kind is None:
        return 2, 0, name
    return int(register.origin(name) is not None), kind.rank, name


def in_order(register: Register[K], names: Iterable[str]) -> tuple[str, ...]:
    """Return names of kinds, each once, in the order of figures."""
    return tuple(sorted(set(names), key=lambda name: order_of(register, name)))


def target_style(target: str) -> LineStyle:
    """Return the style of a kind of target; one that is unknown is grey."""
    control = known(CONTROLS, target)
    return _style(target, Look() if control is None else control.look)


def weights_style(weights: str) -> LineStyle:
    """Return the style of a scheme of weights."""
    scheme = known(WEIGHTS, weights)
    return _style(weights, Look() if scheme is None else scheme.look)


def scheme_labels(rows: pd.DataFrame) -> dict[str, str]:
    """Return the schemes of weights among rows of a view, in the order of figures, with their names."""
    schemes = in_order(WEIGHTS, (str(one) for one in rows["model_weights"].unique()))
    return {scheme: weights_style(scheme).label for scheme in schemes}


def scheme_of(label: str) -> str | None:
    """Return the scheme of weights that figures call so; None where it is none of a package at hand."""
    return next((one for one in WEIGHTS.names() if weights_style(one).label == label), None)


def similarity_scale(similarity: str) -> Scale:
    """Return the colours of a matrix of similarities: two on either side of 0, or one from 0 on."""
    kind = known(SIMILARITIES, similarity)
    low, high = (-1.0, 1.0) if kind is None else (kind.low, kind.high)
    if low < 0.0:
        return Scale(low, high, "RdBu_r", ("blue", "red"))
    return Scale(low, high, "viridis", ("dark", "yellow"))


def _style(name: str, look: Look) -> LineStyle:
    label = look.label or name.replace("_", " ")
    return LineStyle(label, look.colour, look.dashes, look.width, look.marker)


def split_kernel(kernel: str) -> tuple[str, float]:
    """Return energy and s of a kernel as views name it: `riesz:1` is ("riesz", 1.0), `exp` ("exp", 0)."""
    energy, _, number = kernel.rpartition(":")
    try:
        return (energy, float(number)) if energy else (kernel, 0.0)
    except ValueError:  # a reference: package.module:attribute
        return kernel, 0.0


def kernel_order(kernel: str) -> tuple[tuple[int, int, str], float]:
    """Return a sort key: by energy, then by s."""
    energy, s = split_kernel(kernel)
    return order_of(ENERGIES, energy), s


def kernel_styles(kernels: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return colour and marker of each kernel; those that energies of ours give a colour have one marker too.

    The other kernels take the spare colours and markers in turn.
    """
    fixed = [energy.label(s) for energy in ENERGIES.own() for s, _ in energy.colours]
    spare = iter(KERNEL_SPARE * (1 + len(kernels) // len(KERNEL_SPARE)))
    styles = {}
    for index, kernel in enumerate(kernels):
        name, s = split_kernel(kernel)
        energy = known(ENERGIES, name)
        colour = None if energy is None else dict(energy.colours).get(s)
        free = max(1, len(KERNEL_MARKERS) - len(fixed))
        place = fixed.index(kernel) if kernel in fixed else len(fixed) + index % free
        styles[kernel] = (colour or next(spare), KERNEL_MARKERS[place % len(KERNEL_MARKERS)])
    return styles
