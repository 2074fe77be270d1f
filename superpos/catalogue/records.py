"""What the catalogue holds of an axis and of a measured column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from superpos.errors import ArgumentError, allowed, shown
from superpos.kinds.register import Register

Level = Literal["study", "model", "dataset", "activations", "directions", "target", "kernel", "joint", "fit"]
LEVELS: tuple[str, ...] = get_args(Level)
"""What an axis is an axis of, in the order of the pipeline; kernels are part of the joint step."""
Role = Literal["compared", "setting", "searched", "derived", "config"]
ROLES: tuple[str, ...] = get_args(Role)
Type = Literal["integer", "number", "kind", "label", "word", "text", "json"]
TYPES: tuple[str, ...] = get_args(Type)


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One thing in which two results can differ because a study asked for it."""

    name: str
    """Column of the views."""
    type: Type
    """`kind`: name of a kind, which users can add; `word`: one of `values`; `label`: made of other axes."""
    level: Level
    role: Role
    """`compared`: figures set its values side by side. `setting`: a figure shows one value. `searched`: the
    best match is taken over its values. `derived`: follows from others. `config`: no column of the views,
    where `config_key` stands for it."""
    meaning: str
    """What it is, for the schema page; allowed words are added to it."""
    default: Any = None
    """Value where nothing is said; None for what has to be said or follows from the inputs."""
    key: str = ""
    """Key of the study file that sets it; empty where none does."""
    grid: tuple[Any, ...] | int | None = None
    """What the study file takes where the key is missing, if not `default` alone: values, or how many of what
    is counted from 0."""
    neutral: Any = None
    """Value where it does not apply; None where it always does."""
    values: tuple[str, ...] = ()
    """Words that it may be, for a closed list."""
    register: Register[Any] | None = None
    """Kinds that it may be."""
    column: str = ""
    """Column of its table, where that has another name."""
    width: int = 16
    """Characters of a word's column."""
    older: Any = None
    """What rows have that were made before the axis was there; None for axes of the first revision."""
    later: bool = False
    """Whether it came without moving keys: its `older` value is left out of them."""

    def __post_init__(self) -> None:
        """Check; raises `ArgumentError`."""
        for field, choices in (("level", LEVELS), ("role", ROLES), ("type", TYPES)):
            value = getattr(self, field)
            if value not in choices:
                raise ArgumentError(field, f"{self.name}: {shown(value)}; {allowed(value, choices)}")
        if (self.type in ("word", "kind")) != bool(self.values or self.register):
            raise ArgumentError("type", f"{self.name}: words need values, kinds a register, others neither")
        object.__setattr__(self, "column", self.column or self.name)

    @property
    def choices(self) -> tuple[str, ...]:
        """Words or kinds that it may be, empty where it is none of a list; asks the register."""
        return self.values if self.register is None else self.register.names()

    @property
    def said(self) -> str:
        """Its meaning with what it may be, for a page."""
        words = ", ".join(f"`{word}`" for word in self.choices)
        return f"{words}: {self.meaning}" if words else self.meaning


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One thing that was measured, counted or noted; no axis."""

    name: str
    """Column of the views."""
    type: Type
    meaning: str
    unit: str = ""
    """Of what is counted or measured; empty for what has none."""
    table: str = ""
    """Table that holds it; empty for what a view makes of others."""
    column: str = ""
    """Column of the table, where that has another name."""
    views: tuple[str, ...] = ()
    """Views in which it means this; empty for all that no other entry names."""
    required: bool = False
    """Whether every row has a value."""
    width: int = 16
    """Characters of a word's column."""
    older: Any = None
    """As of an axis."""
    absent: Any = None
    """Value in a row of `fits` without a point to measure."""

    def __post_init__(self) -> None:
        """Check; raises `ArgumentError`."""
        if self.type not in TYPES:
            raise ArgumentError("type", f"{self.name}: {shown(self.type)}; {allowed(self.type, TYPES)}")
        object.__setattr__(self, "column", self.column or self.name)
