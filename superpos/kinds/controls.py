"""Kinds of target: the features' own matrix, and the controls it is read against.

A control says what it draws from, and gives one function for it. A matrix of a similarity is
T = k(a), where the argument a is a matrix of cosines or of squared distances between rows:

    draws from      gives         is made as
    nothing                       k(a(P)), the features themselves
    directions      `directions`  k(a(draw of P)), under every similarity
    matrix          `matrix`      draw of T, under every similarity; imported matrices have it too
    matrix          `arguments`   k(draw of a), under similarities whose argument is named there; imported
                                  matrices have it where k can be inverted
    labels                        k(a(P)), P the directions of probes trained on permuted labels
    tokens        `tokens`        k(a(P)), P rows of the same matrix of the model for other tokens; sets of
                                  rows of a matrix of a model have it
    samples       `shares`        k(a(P)), P sums of centred samples with these shares: of the training
                                  samples of probes, or of the rows of a model's matrix

What draws from the model is no target, but a scheme of weights (`superpos.kinds.weights`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from superpos.arrays import Float, Int
from superpos.errors import ArgumentError, allowed, shown
from superpos.kinds.looks import Look
from superpos.kinds.register import Kind, Register

FEATURES = "features"
"""The target that is no control."""
DrawsFrom = Literal["nothing", "directions", "matrix", "labels", "tokens", "samples"]
SOURCES: tuple[str, ...] = get_args(DrawsFrom)
ARGUMENTS = ("cosine", "squared_distance")
"""What similarities are functions of."""

DrawRows = Callable[[Float, int], Float]
"""(directions (n, d), replicate) -> directions (n, any width)."""
DrawShape = Callable[[int, int, int], Float]
"""(n, d, replicate) -> directions (n, any width)."""
DrawMatrix = Callable[[Float, int, int], Float]
"""(matrix (n, n), replicate, width) -> matrix (n, n); width = d of the directions, n where there are none."""
DrawTokens = Callable[[Sequence[Sequence[int]], Int, int, int], list[tuple[int, ...]]]
"""(tokens of each word, class of every token of the vocabulary, replicate, width) -> as many words of as many
tokens. A class below 0 is never drawn. Raises `ArgumentError` where there are not enough tokens."""
DrawShares = Callable[[int, int, int, int], Float]
"""(n_samples, n, d, replicate) -> shares (n_samples, n): direction i is the sum over the samples of each one,
centred, times its share of i, over sqrt(n_samples - 1). Rows are in the order of the samples of the set; a
direction with samples of its own takes those alone."""

_N, _D = 6, 9
"""Shape of the directions that a control from elsewhere is tried on."""
_SEED = (7919, 104729)
"""Of these directions: none that a control would draw with by itself."""
_SAMPLES = 40
"""Samples that a control of samples is tried on."""
_FUNCTIONS: Mapping[str, tuple[str, ...]] = {
    "directions": ("directions",),
    "matrix": ("matrix", "arguments"),
    "tokens": ("tokens",),
    "samples": ("shares",),
}
"""Which function a control gives, by what it draws from."""
_SAME = 1e-6
"""Largest difference of two similarities that count as the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control(Kind):
    """One kind of target."""

    draws_from: DrawsFrom
    keeps: str
    """What of the features it keeps, a sentence."""
    destroys: str
    """What of the features it destroys, a sentence; empty for `features`."""
    directions: DrawRows | None = None
    """Of controls that draw from directions."""
    of_shape: DrawShape | None = None
    """As `directions`, but of their shape alone: under a similarity that does not see norms this is drawn
    instead, and targets of one (n, d, replicate) share one matrix, which is fitted once."""
    matrix: DrawMatrix | None = None
    """Of controls that draw from the matrix of any similarity."""
    arguments: Mapping[str, DrawMatrix] = field(default_factory=dict)
    """Of controls that draw from cosines or squared distances: one function for each of `ARGUMENTS` that it
    is known for. Cosines have diagonal 1, squared distances have diagonal 0."""
    tokens: DrawTokens | None = None
    """Of controls that draw from tokens."""
    shares: DrawShares | None = None
    """Of controls that draw from samples."""
    look: Look = field(default_factory=Look)

    def __post_init__(self) -> None:
        """Check that it has the one function that it needs; raises `ArgumentError`."""
        Kind.__post_init__(self)
        if self.draws_from not in SOURCES:
            raise ArgumentError(
                "draws_from", f"{shown(self.draws_from)}; {allowed(self.draws_from, SOURCES)}"
            )
        wanted = _FUNCTIONS.get(self.draws_from, ())
        given = [name for names in _FUNCTIONS.values() for name in names if getattr(self, name)]
        if len(given) != min(1, len(wanted)) or not set(given) <= set(wanted):
            need = " or ".join(wanted) or "no function"
            raise ArgumentError(
                "draws_from", f"{self.draws_from} needs {need}; got {', '.join(given) or 'none'}"
            )
        if self.of_shape is not None and self.directions is None:
            raise ArgumentError("of_shape", f"does not apply to what draws from {self.draws_from}")
        for name in self.arguments:
            if name not in ARGUMENTS:
                raise ArgumentError("arguments", f"{shown(name)} is unknown; {allowed(name, ARGUMENTS)}")
        for name in ("keeps", "destroys") if self.is_control else ("keeps",):
            if not getattr(self, name).strip():
                raise ArgumentError(name, "is empty; say in a sentence what of the features it is")

    @property
    def is_control(self) -> bool:
        """Whether it is a control, which has replicates; else it is `features`."""
        return self.draws_from != "nothing"

    @property
    def of_matrix(self) -> bool:
        """Whether an imported matrix has it, for want of directions."""
        return self.draws_from in ("nothing", "matrix")

    @property
    def of_labels(self) -> bool:
        """Whether its directions come from probes on permuted labels."""
        return self.draws_from == "labels"

    @property
    def of_tokens(self) -> bool:
        """Whether its directions are rows of other tokens, as sets of rows of a model's matrix have them."""
        return self.draws_from == "tokens"

    @property
    def of_samples(self) -> bool:
        """Whether its directions are sums of samples, as probes and rows of a model's matrix have them."""
        return self.draws_from == "samples"

    @property
    def handed_in(self) -> bool:
        """Whether its directions are made elsewhere: of labels, tokens or samples, not of the directions."""
        return self.of_labels or self.of_tokens or self.of_samples

    @property
    def label(self) -> str:
        """As figures name it."""
        return self.look.label or self.name.replace("_", " ")

    def check(self) -> None:
        """Try it on generic input, where a control must differ from the features.

        Raises
        ------
        ArgumentError
            If a function gives a wrong shape, numbers that are not finite, a matrix that is not symmetric or
            has another diagonal, another draw when it is called again, the same draw for every replicate, the
            features themselves, or other cosines by `of_shape` than by `directions`.
        """
        if not self.is_control:
            raise ArgumentError("draws_from", "nothing is no control; there is one kind `features`")
        rows = np.random.default_rng(_SEED).standard_normal((_N, _D))
        if self.directions is not None:
            self._try(self.directions, rows)
            if self.of_shape is not None:
                for replicate in (0, 1):
                    _check_shape(self.directions(rows.copy(), replicate), self.of_shape(_N, _D, replicate))
        if self.matrix is not None:
            self._try_matrix("matrix", self.matrix, _cosines(rows))
        for name, draw in self.arguments.items():
            argument = _cosines(rows) if name == "cosine" else _squares(rows)
            self._try_matrix(f"arguments[{name!r}]", draw, argument)
        if self.tokens is not None:
            self._try_tokens(self.tokens)
        if self.shares is not None:
            self._try_shares(self.shares)

    def _try_tokens(self, draw: DrawTokens) -> None:
        """Try words of one and of two tokens in a vocabulary of four classes."""
        name, words = "tokens", ((3,), (7, 8), (15,))
        classes = np.arange(400) % 4 - 1
        first, again, other = (draw(words, classes, replicate, _D) for replicate in (0, 0, 1))
        if [len(word) for word in first] != [len(word) for word in words]:
            raise ArgumentError(name, "gives words of other numbers of tokens")
        drawn = [token for word in first for token in word]
        if not set(drawn) <= set(np.flatnonzero(classes >= 0)) or set(drawn) & {3, 7, 8, 15}:
            raise ArgumentError(name, "gives tokens of the words themselves, or some that are never drawn")
        if first != again or first == other:
            raise ArgumentError(name, "must give one draw for each replicate; seed it by the replicate")

    def _try_shares(self, draw: DrawShares) -> None:
        """Try shares of samples."""
        name = "shares"
        first, again, other = (draw(_SAMPLES, _N, _D, replicate) for replicate in (0, 0, 1))
        if np.shape(first) != (_SAMPLES, _N):
            raise ArgumentError(name, f"gives shape {np.shape(first)}; use (n_samples, n) = {_SAMPLES, _N}")
        if not np.all(np.isfinite(first)):
            raise ArgumentError(name, "gives numbers that are not finite")
        _check_draws(name, first, again, other)

    def _try(self, draw: DrawRows, given: Float) -> None:
        name = "directions"
        first, again, other = (draw(given.copy(), replicate) for replicate in (0, 0, 1))
        shape = np.shape(first)
        if len(shape) != 2 or shape[0] != _N or shape[1] < 1:
            raise ArgumentError(name, f"gives shape {shape} for directions {given.shape}; use ({_N}, any)")
        if not np.all(np.isfinite(first)):
            raise ArgumentError(name, "gives numbers that are not finite")
        _check_draws(name, first, again, other)
        if np.max(np.abs(_cosines(first) - _cosines(given))) < _SAME:
            raise ArgumentError(name, "gives back the features: their cosines are the same")

    def _try_matrix(self, name: str, draw: DrawMatrix, given: Float) -> None:
        first, again, other = (draw(given.copy(), replicate, _D) for replicate in (0, 0, 1))
        if np.shape(first) != given.shape:
            raise ArgumentError(name, f"gives shape {np.shape(first)} for a matrix {given.shape}")
        if not np.all(np.isfinite(first)):
            raise ArgumentError(name, "gives numbers that are not finite")
        if np.max(np.abs(first - first.T)) > 0.0:
            raise ArgumentError(name, "gives a matrix that is not exactly symmetric")
        if np.any(np.diag(first) != np.diag(given)):
            raise ArgumentError(name, f"gives a matrix whose diagonal is not {np.diag(given)[0]:g}")
        _check_draws(name, first, again, other)
        if np.max(np.abs(first - given)) < _SAME:
            raise ArgumentError(name, "gives back the features: the matrix is the same")


def _check_shape(drawn: Float, of_shape: Float) -> None:
    """Refuse two ways to one control that differ where norms are not seen."""
    if np.shape(of_shape) != drawn.shape or np.max(np.abs(_cosines(drawn) - _cosines(of_shape))) > _SAME:
        raise ArgumentError("of_shape", "gives other cosines than directions does")


def _check_draws(name: str, first: Float, again: Float, other: Float) -> None:
    if not np.array_equal(first, again):
        raise ArgumentError(name, "gives another draw when it is called again; seed it by the replicate")
    if np.array_equal(first, other):
        raise ArgumentError(name, "gives one draw for every replicate; seed it by the replicate")


def _cosines(rows: Float) -> Float:
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = np.asarray((unit @ unit.T + (unit @ unit.T).T) / 2.0, dtype=np.float64)
    np.fill_diagonal(cosines, 1.0)
    return cosines


def _squares(rows: Float) -> Float:
    return np.asarray(np.sum((rows[:, None] - rows[None]) ** 2, axis=-1), dtype=np.float64)


def _of_function(name: str, function: Callable[..., Any]) -> Control:
    """Take a plain function of (directions, replicate) for a control."""
    said = (function.__doc__ or "").strip().splitlines()
    return Control(
        name=name,
        version=1,
        meaning=said[0] if said else "Directions drawn by a function of the user.",
        draws_from="directions",
        keeps="What the function keeps.",
        destroys="What the function destroys.",
        directions=function,
    )


CONTROLS: Register[Control] = Register(
    "target",
    Control,
    package="superpos.psms.controls",
    group="superpos.controls",
    wrap=_of_function,
)
"""Kinds of target by name."""
