"""Kernels in a study file: `exp`, `riesz:1`, a table, the name of a list of these, or a user's own energy.

An energy of the user's is a reference, `package.module:attribute` or `package.module:attribute:1`; to read it
is to import its module.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Mapping
from dataclasses import fields
from importlib.util import find_spec
from typing import Any

from superpos.errors import InputError, allowed, shown
from superpos.kinds.energies import ENERGIES, Parameter
from superpos.kinds.options import option_of
from superpos.specs.axes import Kernel
from superpos.specs.fields import know_field, read_field
from superpos.specs.limits import MOST_TABLES
from superpos.specs.study import Block
from superpos.specs.toml_table import Table

LIST_NAME = re.compile(r"[A-Za-z0-9_-]+")
"""Names of lists of kernels and of re-optimisations: what TOML takes without quotes."""


def named_kernels(table: Table) -> dict[str, tuple[Kernel, ...]]:
    """Return the lists of `[kernels]` by name; raises `InputError` for a name that is an energy's."""
    found: dict[str, tuple[Kernel, ...]] = {}
    for name in list_names(table):
        if name in ENERGIES:
            raise table.fail(name, "is the name of an energy; choose another for a list of kernels")
        values = table.take_list(name, (str, dict))
        found[name] = tuple(read_kernel(table, f"{name}[{i}]", value) for i, value in enumerate(values))
        check_list(table, name, found[name])
    return found


def list_names(table: Table) -> tuple[str, ...]:
    """Return the names of the lists in a table; raises `InputError` for one that needs quotes."""
    for name in table.unread:
        if not LIST_NAME.fullmatch(name):
            raise table.fail(name, "is no name of a list; use letters, digits, - and _")
    return table.unread


def check_list(table: Table, key: str, values: Collection[Any]) -> None:
    """Refuse a list that is empty, or too long to be taken for every block that names it."""
    if not values:
        raise table.fail(key, "is empty; give at least one value")
    if len(values) > MOST_TABLES:
        raise table.fail(key, f"holds {len(values):,} values; at most {MOST_TABLES:,}")


def read_kernels(table: Table, named: Mapping[str, tuple[Kernel, ...]]) -> tuple[Kernel, ...]:
    """Return the kernels of a block; a name of `named` stands for the kernels of that list."""
    default: tuple[Kernel, ...] = option_of(Block, "kernels").default
    know_field(table, Block, "kernels", kinds=(str, dict), default=tuple(one.label for one in default))
    if not table.has("kernels"):
        return default
    found: list[Kernel] = []
    for index, value in enumerate(table.take_list("kernels", (str, dict))):
        if isinstance(value, str) and value in named:
            found.extend(named[value])
            check_list(table, "kernels", found)
        else:
            found.append(read_kernel(table, f"kernels[{index}]", value, tuple(named)))
    return tuple(found)


def read_kernel(table: Table, key: str, value: Any, names: tuple[str, ...] = ()) -> Kernel:
    """Read `exp`, `log`, `riesz:1`, or a table with energy, s, self_energy and softening.

    Parameters
    ----------
    table
        The table that holds it.
    key
        Its key there.
    value
        Text or a table.
    names
        Names of lists that might be meant, for the message.
    """
    if isinstance(value, str):
        energy, exponent = _parts(value)
        if energy not in ENERGIES and ":" not in energy:
            choices = allowed(energy, (*(kind.spelling for kind in ENERGIES.usable()), *names))
            raise table.fail(key, f"{shown(value)} is unknown; {choices}")
        try:
            parameter = ENERGIES.get(energy).parameter
        except InputError as error:
            raise table.fail(key, str(error)) from error
        if exponent and parameter is None:
            raise table.fail(key, f"{shown(value)}: {energy} takes no parameter; use {energy!r}")
        s: float = option_of(Kernel, "s").default
        if exponent and parameter is not None:
            s = _number(table, key, value, exponent, parameter)
        return table.build(Kernel, dict.fromkeys(("s", "softening"), key), energy=energy, s=s)
    return read_kernel_table(table.inside(key, value))


def _number(table: Table, key: str, value: str, said: str, parameter: Parameter) -> float:
    """Return the parameter of an energy that a text names."""
    energy = value.removesuffix(f":{said}")
    try:
        number = float(said)
    except ValueError as error:
        how = f"{shown(value)}: {shown(said)} is not a number; use '{energy}:<{parameter.name}>'"
        raise table.fail(key, how) from error
    if number == 0.0 and parameter.default is not None:  # elsewhere 0 stands for the default
        how = f"{shown(value)}: {parameter.name} must be from {parameter.low:g} to {parameter.high:g}"
        raise table.fail(key, f"{how}; {energy!r} is {energy} with {parameter.default:g}")
    return number


def _parts(value: str) -> tuple[str, str]:
    """Return the energy and what is said of its parameter, empty if nothing."""
    energy, colon, exponent = value.partition(":")
    if not colon or energy in ENERGIES or not _is_module(energy):
        return energy, exponent
    attribute, _, exponent = exponent.partition(":")
    return f"{energy}:{attribute}", exponent


def _is_module(name: str) -> bool:
    """Whether a name is that of a module, as far as that is seen without importing one."""
    parts = name.split(".")
    if not all(part.isidentifier() for part in parts):
        return False
    return len(parts) > 1 or name in sys.modules or find_spec(name) is not None


def read_kernel_table(inner: Table) -> Kernel:
    """Return the kernel of a table with energy, s, self_energy and softening."""
    values: dict[str, Any] = {
        field.name: read_field(
            inner, Kernel, field.name, instead="the energy's own" if field.name == "self_energy" else ""
        )
        for field in fields(Kernel)
    }
    inner.finish()
    energy, s = values["energy"], values["s"]
    if s != 0.0 and inner.build(ENERGIES.get, name=energy, argument="energy").parameter is None:
        raise inner.fail("s", f"{s:g} does not apply to the {energy} energy; leave it out")
    return inner.build(Kernel, **{**values, "self_energy": values["self_energy"] or None})
