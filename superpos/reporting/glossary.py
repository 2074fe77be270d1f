"""What the glossary of the page says of kinds, from their registers."""

from __future__ import annotations

from collections.abc import Iterator

from superpos.kinds import Register
from superpos.kinds.controls import CONTROLS
from superpos.kinds.energies import ENERGIES, Energy
from superpos.kinds.similarities import SIMILARITIES
from superpos.reporting.looks import K, in_order, known


def kinds_of(register: Register[K]) -> Iterator[K]:
    """Yield the kinds of a register in the order of figures, those left out whose package is broken."""
    for name in in_order(register, register.names()):
        kind = known(register, name)
        if kind is not None:
            yield kind


def kernels_in_words() -> str:
    """Return every energy with its formula: `exp = exp(cos), riesz:s = sgn(s) r⁻ˢ`."""
    return ", ".join(f"{_spelling(energy)} = {energy.formula}" for energy in kinds_of(ENERGIES))


def controls_in_words() -> str:
    """Return every control with its meaning."""
    controls = [control for control in kinds_of(CONTROLS) if control.is_control]
    return "; ".join(f"{control.label}: {_clause(control.meaning)}" for control in controls)


def similarities_in_words() -> dict[str, str]:
    """Return the names of the similarities, and their meanings."""
    kinds = list(kinds_of(SIMILARITIES))
    names = ", ".join(kind.title for kind in kinds)
    return {
        "names": names[:1].upper() + names[1:],
        "meanings": "; ".join(f"{_clause(kind.meaning)}, {kind.formula}" for kind in kinds),
    }


def _spelling(energy: Energy) -> str:
    return f"{energy.name}:{energy.parameter.name}" if energy.parameter else energy.name


def _clause(sentence: str) -> str:
    """Return a sentence as a part of another one."""
    first = sentence[:1] if sentence[1:2].isupper() else sentence[:1].lower()
    return first + sentence[1:].rstrip(".")
