"""What a kind can be told: the fields of its record of options with their types, defaults and meanings.

Study files, the pages and stored specifications are read by them, so that a record is all that a kind has to
write.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from functools import cache
from itertools import pairwise
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from superpos.errors import ArgumentError, plain
from superpos.kinds.register import Register

READABLE = (
    "str, int, float, bool, dict, Any, Literal of texts (alone, or beside int, float or bool), and "
    "tuple[..., ...] of any of the first four"
)
"""Annotations of fields that a study file can fill."""
_SINGLE = (str, int, float, bool)
_BESIDE_TEXTS = (int, float, bool)


@dataclass(frozen=True, slots=True)
class Option:
    """One field of a record of options."""

    name: str
    type: type
    """`str`, `int`, `float`, `bool`, `dict`; `object` for any value; a record of its own for nested ones."""
    many: bool = False
    """Whether it is a tuple of such values."""
    choices: tuple[str, ...] = ()
    """Texts that are allowed; empty = any, or none if it is no text."""
    required: bool = False
    default: Any = None
    """Value where nothing is said, unless something has to be."""
    register: Register[Any] | None = None
    """The kinds of which it names one or several: `Annotated[str, CONTROLS]`."""
    meanings: Mapping[str, str] = field(default_factory=dict)
    """What each of the choices means: `Annotated[Literal["a", "b"], {"a": "this", "b": "that"}]`."""

    @property
    def kinds(self) -> tuple[Any, ...]:
        """Types that a value may have: its own, and text where some are allowed beside it."""
        return (self.type, str) if self.choices and self.type is not str else (self.type,)

    @property
    def allowed(self) -> tuple[str, ...]:
        """What a message or a page says is allowed; empty if there is no list of it."""
        return ("true", "false", *self.choices) if self.choices and self.type is bool else self.choices

    @property
    def is_record(self) -> bool:
        """Whether its values are records of their own, which no default reader fills."""
        return is_dataclass(self.type)


def options_of(record: type[Any]) -> tuple[Option, ...]:
    """Return the fields of a dataclass in their order.

    Raises
    ------
    ArgumentError
        Naming the field whose annotation no study file can fill.
    """
    hints = _hints(record)
    return tuple(_option(field, hints[field.name]) for field in fields(record))


@cache
def option_of(record: type[Any], name: str) -> Option:
    """Return one field of a dataclass; raises `ArgumentError` if no study file can fill it."""
    field = next(field for field in fields(record) if field.name == name)
    return _option(field, _hints(record)[name])


def _hints(record: type[Any]) -> dict[str, Any]:
    try:
        return get_type_hints(record, include_extras=True)
    except Exception as error:  # an annotation is any expression of the user's
        raise ArgumentError("options", f"{record.__name__}: annotations cannot be read ({error})") from error


def _option(field: Field[Any], hint: Any) -> Option:
    many, kind, choices, register = _annotation(field.name, hint)
    default = field.default if field.default_factory is MISSING else field.default_factory()
    required = default is MISSING
    default = None if required else default
    return Option(field.name, kind, many, choices, required, default, register, _meanings(hint))


def _meanings(hint: Any) -> Mapping[str, str]:
    """Return what an annotation says of each of its choices."""
    said = (one if isinstance(one, Mapping) else _meanings(one) for one in get_args(hint))
    return next((one for one in said if one), {})


def field_meanings(record: type[Any]) -> Mapping[str, str]:
    """Return the docstrings of a class's fields on one line each; empty where its source is not at hand."""
    found: dict[str, str] = {}
    for owner in reversed(record.__mro__[:-1]):
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(owner)))
        except (OSError, TypeError, SyntaxError):
            continue
        body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
        for line, below in pairwise(body):
            if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
                text = below.value if isinstance(below, ast.Expr) else None
                if isinstance(text, ast.Constant) and isinstance(text.value, str):
                    found[line.target.id] = " ".join(text.value.split())
    return found


def record_from_json(record: type[Any], values: Mapping[str, Any]) -> Any:
    """Return the record that `dataclasses.asdict` (and JSON) made `values` of, other names passed over."""
    made: dict[str, Any] = {}
    for option in options_of(record):
        if option.name in values:
            value = values[option.name]
            if option.is_record and option.many:
                value = [record_from_json(option.type, item) for item in value]
            elif option.is_record:
                value = record_from_json(option.type, value)
            made[option.name] = frozen(value)
    return record(**made)


def frozen(value: Any) -> Any:
    """Return a value with its lists as tuples, at every depth."""
    if isinstance(value, list | tuple):
        return tuple(map(frozen, value))
    return {key: frozen(inner) for key, inner in value.items()} if isinstance(value, dict) else value


def _annotation(name: str, hint: Any) -> tuple[bool, type, tuple[str, ...], Register[Any] | None]:
    """Return whether a field holds many values, their type, which texts are allowed, and whose names."""
    inner = [one for one in get_args(hint) if one not in (Ellipsis, NoneType)]
    if get_origin(hint) in (tuple, list):
        if len(inner) == 1:
            many, kind, choices, register = _annotation(name, inner[0])
            if not many and (kind in _SINGLE or is_dataclass(kind)):
                return True, kind, choices, register
    elif get_origin(hint) is Annotated:
        many, kind, choices, _ = _annotation(name, inner[0])
        return many, kind, choices, next((one for one in inner if isinstance(one, Register)), None)
    elif get_origin(hint) in (Union, UnionType) and len(inner) == 1:
        return _annotation(name, inner[0])
    elif get_origin(hint) in (Union, UnionType) and len(inner) == 2:
        numbers = [one for one in inner if one in _BESIDE_TEXTS]
        texts = [one for one in inner if get_origin(one) is Literal and _are_texts(one)]
        if numbers and texts:
            return False, numbers[0], get_args(texts[0]), None
    elif get_origin(hint) is Literal and _are_texts(hint):
        return False, str, get_args(hint), None
    elif hint in (Any, object):
        return False, object, (), None
    elif hint is dict or get_origin(hint) in (dict, Mapping):
        return False, dict, (), None
    elif hint in _SINGLE or (isinstance(hint, type) and is_dataclass(hint)):
        return False, hint, (), None
    said = plain(hint.__name__ if type(hint) is type else str(hint))
    raise ArgumentError(name, f"has the annotation {said}, which no study file fills; allowed: {READABLE}")


def _are_texts(literal: Any) -> bool:
    return all(isinstance(one, str) for one in get_args(literal))
