"""What a function of the user's takes: a text, maybe its tokens, and options, which become a record.

The record is a frozen dataclass like that of every builder, made of the parameters. Their names are the keys
of a study file; their annotations or defaults say the types.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import field, fields, make_dataclass
from typing import Any

from superpos.errors import ArgumentError
from superpos.kinds.builders import BUILDERS, parameters_of
from superpos.kinds.options import frozen

FORMS = "(text) or (text, tokens)"
"""What a function may take beside its options."""
TOKENS = "tokens"
"""Name of the second parameter of a function that takes the places of tokens."""
_PLACED = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_GATHERING = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_TYPED = (bool, int, float, str, dict)


def takes_tokens(function: Callable[..., Any]) -> bool:
    """Whether a function takes the places of tokens beside the text; raises as `options_record`."""
    return len(_parameters(function)[0]) == 2


def options_record(name: str, function: Callable[..., Any]) -> type[Any]:
    """Return the record of a function's options.

    Parameters
    ----------
    name
        By which a study file names the function.
    function
        Of the user.

    Raises
    ------
    ArgumentError
        If it takes no text, gathers its arguments (`*texts`, `**options`), or has annotations that cannot be
        read.
    """
    found: list[tuple[str, Any, Any]] = []
    for one in _parameters(function)[1]:
        if one.kind is one.POSITIONAL_ONLY:
            raise ArgumentError(one.name, "has no name to be given by; put it behind a *")
        found.append((one.name, _hint(one), _default(one)))
    found.sort(key=lambda option: option[2] is not None)  # a dataclass has those without a default first
    files = getattr(function, "files", ())
    return make_dataclass(
        f"OptionsOf{getattr(function, '__name__', 'Function').title()}",
        [(key, hint) if value is None else (key, hint, value) for key, hint, value in found],
        frozen=True,
        namespace={
            "FILES": (files,) if isinstance(files, str) else tuple(files),
            "BUILDER": name,
            "__doc__": f"Options of {name}.",
            "__post_init__": _coerce,
            "__reduce__": _reduced,
        },
    )


def _parameters(function: Callable[..., Any]) -> tuple[list[inspect.Parameter], list[inspect.Parameter]]:
    """Return the parameters that are the text, and the tokens if the second is called so, and the options."""
    try:
        signature = inspect.signature(function, eval_str=True)
    except Exception as error:  # annotations are any expression of the user's
        raise ArgumentError("parameters", f"cannot be read ({type(error).__name__}: {error})") from error
    parameters = list(signature.parameters.values())
    text = [one for one in parameters[:1] if one.kind in _PLACED and one.default is one.empty]
    if not text or any(one.kind in _GATHERING for one in parameters):
        given = parameters_of(signature)
        said = f"are {given}; a builder's function takes {FORMS}, and options by their names"
        raise ArgumentError("parameters", said)
    tokens = [one for one in parameters[1:2] if one.name == TOKENS and one.kind in _PLACED]
    return text + tokens, parameters[1 + len(tokens) :]


def _hint(parameter: inspect.Parameter) -> Any:
    """Return the type of an option: its annotation, or the type of its default."""
    if parameter.annotation is not parameter.empty:
        return parameter.annotation
    return type(parameter.default) if type(parameter.default) in _TYPED else Any


def _default(parameter: inspect.Parameter) -> Any:
    """Return the default of an option as a field of a dataclass; None if something has to be given."""
    if parameter.default is parameter.empty:
        return None
    value = frozen(parameter.default)
    return field(default_factory=lambda: value) if isinstance(value, dict) else field(default=value)


def _coerce(options: Any) -> None:
    """Make lists tuples, and refuse numbers that no key can hold."""
    for one in fields(options):
        value = frozen(getattr(options, one.name))
        if isinstance(value, float) and not math.isfinite(value):
            raise ArgumentError(one.name, f"{value} is not a finite number")
        object.__setattr__(options, one.name, value)


def _reduced(options: Any) -> tuple[Callable[..., Any], tuple[str, dict[str, Any]]]:
    """Travel as names and values: the class is made anew wherever the function is found."""
    return _remade, (options.BUILDER, {one.name: getattr(options, one.name) for one in fields(options)})


def _remade(name: str, values: Mapping[str, Any]) -> Any:
    return BUILDERS.get(name).options(**values)
