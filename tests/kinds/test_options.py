"""Fields of records as options: what annotations say, and which say nothing that a file can hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pytest

from superpos.errors import ArgumentError
from superpos.kinds.controls import CONTROLS
from superpos.kinds.options import Option, field_meanings, option_of, options_of


@dataclass(frozen=True)
class Told:
    """What a kind is told."""

    one: str
    """A text that has to
    be there."""
    word: Literal["a", "b"] = "a"
    words: tuple[Literal["a", "b"], ...] = ("b",)
    maybe: float | None = None
    kind: Annotated[str, CONTROLS] = "features"
    kinds: tuple[Annotated[str, CONTROLS], ...] = field(default_factory=lambda: ("features",))
    noted: Annotated[int, "a note"] = 3
    anything: Any = 0
    meant: tuple[Annotated[Literal["a", "b"], {"a": "the first"}], ...] = ()


def test_annotations_say_type_number_choices_and_register() -> None:
    assert options_of(Told) == (
        Option("one", str, required=True),
        Option("word", str, choices=("a", "b"), default="a"),
        Option("words", str, many=True, choices=("a", "b"), default=("b",)),
        Option("maybe", float),
        Option("kind", str, default="features", register=CONTROLS),
        Option("kinds", str, many=True, default=("features",), register=CONTROLS),
        Option("noted", int, default=3),
        Option("anything", object, default=0),
        Option("meant", str, many=True, choices=("a", "b"), default=(), meanings={"a": "the first"}),
    )
    assert option_of(Told, "kinds").register is CONTROLS
    assert field_meanings(Told) == {"one": "A text that has to be there."}


@dataclass(frozen=True)
class Untold:
    fine: int = 0
    pairs: tuple[tuple[str, int], ...] = ()
    either: int | str = 0
    beside: str | Literal["a"] = "a"


def test_one_field_is_read_where_another_cannot_be() -> None:
    assert option_of(Untold, "fine") == Option("fine", int, default=0)
    for name in ("pairs", "either", "beside"):
        with pytest.raises(
            ArgumentError, match=rf"^{name}: has the annotation .*, which no study file fills"
        ):
            option_of(Untold, name)
    with pytest.raises(ArgumentError, match=r"^pairs: "):
        options_of(Untold)
