"""What attention and the MLP add to the residual stream of a block, and where each part can be read.

With x the stream before a block, N norms, any of which may be missing, c a number (of Granite, else 1):

    norms before     a = c N(A(N(x)));  y = x + a;      m = c N(M(N(y)));  block output = y + m
    parallel         a = c N(A(N(x)));                  m = c N(M(N(x)));  block output = x + a + m
    norms behind     a = A(x);          y = N(x + a);   m = M(y);          block output = N(y + m)

`attn.z` is what goes into the output projection of A and `attn.out` what comes out of it; `attn.add` is a,
`resid.mid` is y, which a parallel block lacks, and `mlp.add` is m. They are found in the graph of a forward
pass (`superpos.activations.dataflow`): the block's output is taken apart into its terms, and one of these
depends on attention alone. What is found nowhere, or in several ways, is absent, with the reason.

Sources: Xiong et al. 2020 (On Layer Normalization in the Transformer Architecture), figure 1, for the first
and the third; Wang and Komatsuzaki 2021 (GPT-J) for the second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from superpos.activations.dataflow import Graph, Value, scaled, summands
from superpos.specs.hook_names import PARALLEL

NO_PROJECTION = "attention has no one output projection"
NO_TERMS = "a block's output is not the stream before it plus attention and MLP"
NOT_SEEN = "no module of a block gives it or takes it"

ADDED = ("resid.mid", "attn.add", "mlp.add")
"""Hookpoints that the sum of a block makes."""


@dataclass(frozen=True, slots=True)
class Tap:
    """Where a value can be read."""

    path: str
    """Module within the block; empty for the block itself."""
    argument: int | str | None
    """Place or name of the argument of the module that it is; None for what the module gives."""
    rank: int
    """Place among all that goes into modules of the block or comes out: a pass may stop behind it."""
    scale: float = 1.0
    """By which it is multiplied."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Where the values of a block are."""

    taps: dict[str, Tap]
    """By hookpoint."""
    absent: dict[str, str]
    """Why a hookpoint is not there."""
    norm_behind: str = ""
    """Path of the norm that gives `resid.mid`, where norms stand behind the sums."""


class Terms(NamedTuple):
    """The terms of a block's output; None for what is no one value."""

    attention: Value
    mlp: Value | None
    middle: Value | None
    parallel: bool = False
    norm_behind: str = ""


def find_flow(graph: Graph, attention: Iterable[str], norms: Iterable[str], down: str) -> Flow:
    """Return where the values of a block are.

    Parameters
    ----------
    graph
        Of the block.
    attention
        Paths of the linear maps inside attention.
    norms
        Paths of the modules that normalise.
    down
        Path of the MLP's down projection; empty where there is no one.
    """
    taps = {"resid": Tap("", None, len(graph.events) - 1)}
    absent: dict[str, str] = {}

    def tap(hookpoint: str, value: Value | None, path: str | None = None) -> None:
        found = None if value is None else _tap(graph, value, path)
        if found is None:
            absent[hookpoint] = NOT_SEEN
        else:
            taps[hookpoint] = found

    for rank, event in enumerate(graph.events if down else ()):
        if event.path == down:
            taps["mlp.out" if event.argument is None else "mlp.act"] = Tap(down, event.argument, rank)
    projection = _output_projection(graph, attention)
    if not projection:
        return Flow(taps, dict.fromkeys(("attn.z", "attn.out", *ADDED), NO_PROJECTION))
    tap("attn.z", graph.of(projection, inputs=True), projection)
    tap("attn.out", graph.of(projection, inputs=False), projection)
    terms = find_terms(graph, projection, norms)
    if terms is None:
        return Flow(taps, absent | dict.fromkeys(ADDED, NO_TERMS))
    tap("attn.add", terms.attention)
    tap("mlp.add", terms.mlp)
    if terms.parallel:
        absent["resid.mid"] = PARALLEL
    else:
        tap("resid.mid", terms.middle)
    for hookpoint, path in (("attn.add", projection), ("mlp.add", down)):
        if path and hookpoint in taps and not _comes_from(graph, taps[hookpoint], path):
            del taps[hookpoint]
            absent[hookpoint] = NOT_SEEN
    return Flow(taps, absent, terms.norm_behind)


def find_terms(graph: Graph, projection: str, norms: Iterable[str]) -> Terms | None:
    """Return the terms of a block's output; None where it is not that of one of the three blocks above."""
    given: dict[Value, tuple[Value, str]] = {}
    for path in norms:
        taken, made = graph.of(path, inputs=True), graph.of(path, inputs=False)
        if taken is not None and made is not None:
            given[made] = taken, path
    from_attention = graph.of(projection, inputs=False)
    assert from_attention is not None  # noqa: S101 (it ran, or it would be no output projection)
    whole = {graph.input, from_attention, *given}
    x, end = graph.input, graph.output
    leaves = _leaves(end, whole)
    if x in leaves:
        rest = [leaf for leaf in leaves if leaf != x]
        attention = _alone(graph, from_attention, rest)
        if attention is None or len(rest) + 1 != len(leaves) or len(rest) < 2:
            return None
        others = [leaf for leaf in rest if leaf != attention]
        parallel = not any(graph.depends(other, attention) for other in others)
        middle = None if parallel else _sum(end, [x, attention], whole)
        return Terms(attention, _sum(end, others, whole), middle, parallel)
    if end not in given:
        return None
    end = given[end][0]
    leaves = _leaves(end, whole)
    for middle in leaves:
        before = _leaves(given[middle][0], whole) if middle in given else []
        others, rest = [leaf for leaf in leaves if leaf != middle], [leaf for leaf in before if leaf != x]
        attention = _alone(graph, from_attention, rest)
        if attention is not None and x in before and len(rest) == len(others) == 1:
            return Terms(attention, others[0], middle, norm_behind=given[middle][1])
    return None


def _output_projection(graph: Graph, attention: Iterable[str]) -> str:
    """Return the path of the linear map of attention that no other one comes behind; empty if not one."""
    run = {path: value for path in attention if (value := graph.of(path, inputs=False)) is not None}
    last = [
        path
        for path, value in run.items()
        if not any(graph.depends(other, value) for name, other in run.items() if name != path)
    ]
    return last[0] if len(last) == 1 else ""


def _alone(graph: Graph, from_attention: Value, leaves: list[Value]) -> Value | None:
    """Return the one term that depends on the output projection and on no other term."""
    found = [
        leaf
        for leaf in leaves
        if graph.depends(leaf, from_attention)
        and not any(graph.depends(leaf, other) for other in leaves if other != leaf)
    ]
    return found[0] if len(found) == 1 else None


def _leaves(value: Value, whole: set[Value]) -> list[Value]:
    """Return what a value is the sum of; values of `whole` are not taken apart."""
    parts = None if value in whole else summands(value)
    return [value] if parts is None else [leaf for part in parts for leaf in _leaves(part, whole)]


def _sum(value: Value, wanted: list[Value], whole: set[Value]) -> Value | None:
    """Return the value within a sum that is the sum of the wanted terms and of no other."""
    leaves = _leaves(value, whole)
    if Counter(leaves) == Counter(wanted):
        return value
    parts = None if len(leaves) == 1 else summands(value)
    found = (_sum(part, wanted, whole) for part in parts or ())
    return next((one for one in found if one is not None), None)


def _tap(graph: Graph, value: Value, path: str | None = None) -> Tap | None:
    """Return where a value is seen first, or else the one of which it is a multiple.

    Modules that run more than once in a block are passed over: a hook would see all their runs.
    """
    runs = Counter((event.path, event.argument is None) for event in graph.events)
    product = scaled(value)
    for wanted, scale in ((value, 1.0), product or (None, 1.0)):
        for rank, event in enumerate(graph.events):
            once = runs[event.path, event.argument is None] == 1
            if event.value == wanted and once and path in (None, event.path):
                return Tap(event.path, event.argument, rank, scale)
    return None


def _comes_from(graph: Graph, tap: Tap, projection: str) -> bool:
    """Whether what is read is the output of a projection, or of a module that takes just that."""
    taken = graph.of(tap.path, inputs=True)
    return tap.argument is None and (tap.path == projection or taken == graph.of(projection, inputs=False))
