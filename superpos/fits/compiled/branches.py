"""Source of compiled functions that branch on a kind, written from the point functions of the own kinds.

The code of a kernel is the place of its form among the forms of all own energies, by rank; that of a
similarity its place among the own similarities. Codes from `OUTSIDE` on are addresses: the last branch of
every function. A branch that comes out the same for neighbouring codes is written once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from textwrap import indent
from typing import Any, NamedTuple, TypeVar

from superpos.fits.compiled.remade import ENGINE, remade
from superpos.kinds.energies import ENERGIES, Energy, Form
from superpos.kinds.similarities import SIMILARITIES, Similarity
from superpos.specs.axes import Kernel

OUTSIDE = 4096
"""Smallest code that is an address: no memory lies below."""


class Branch(NamedTuple):
    """One form of one of the own energies."""

    energy: Energy
    form: Form


BRANCHES = tuple(
    Branch(energy, form) for energy in ENERGIES.own() for form in energy.forms or (energy.form(1.0),)
)
"""Of energies, by code."""
OWN_SIMILARITIES = SIMILARITIES.own()
"""By code."""
B = TypeVar("B", Branch, Similarity)


def own_similarity(kind: Similarity) -> int | None:
    """Return the code of one of the own similarities; None for others."""
    return next((code for code, own in enumerate(OWN_SIMILARITIES) if own is kind), None)


@lru_cache(maxsize=1024)
def own_code(kernel: Kernel) -> int | None:
    """Return the code of a kernel of one of the own energies; None for others."""
    energy = kernel.kind
    for code, branch in enumerate(BRANCHES):
        if branch.energy is energy and branch.form.when(kernel.s):
            return code
    return None


class Text:
    """Names of compiled point functions in the source of one function; one name a function."""

    def __init__(self) -> None:
        self.scope: dict[str, Any] = {}
        self._names: dict[tuple[int, int], str] = {}
        self._named: list[Any] = []  # kept, for the id of what is gone is given to another function

    def name(self, function: Callable[..., Any], names: Mapping[Any, Any] = ENGINE) -> str:
        """Return the name under which a point function is compiled."""
        key = id(function), id(names)
        if key not in self._names:
            self._names[key] = f"{function.__name__.strip('<>_')}_{len(self._names)}"
            self.scope[self._names[key]] = remade(function, names)
            self._named.append((function, names))
        return self._names[key]


def written(
    header: str,
    branches: Sequence[B],
    branch: Callable[[B, Text], str],
    outside: str,
    scope: Mapping[str, Any],
    *,
    first: str = "pass",
    last: str = "return",
) -> Any:
    """Return a function of Python, not compiled yet.

    Parameters
    ----------
    header
        Name and arguments, one of them `code`.
    branches
        What has a branch, by code.
    branch
        Gives the statements of one.
    outside
        Statements for a kind whose code is an address.
    scope
        What the statements call.
    first, last
        Statements before and after all branches.
    """
    text, parts = Text(), list[tuple[int, str]]()
    for code, one in enumerate(branches):
        said = branch(one, text)
        if parts and parts[-1][1] == said:
            parts[-1] = code, said
        else:
            parts.append((code, said))
    lines = [f"def {header}:", indent(first, "    ")]
    for place, (code, said) in enumerate(parts):
        lines += [f"    {'elif' if place else 'if'} code <= {code}:", indent(said, " " * 8)]
    lines += ["    else:", indent(outside, " " * 8), indent(last, "    ")]
    made: dict[str, Any] = {**scope, **text.scope}
    exec(compile("\n".join(lines), f"<{header}>", "exec"), made)  # noqa: S102 (the text is ours)
    return made[header.partition("(")[0]]
