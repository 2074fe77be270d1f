"""What the keys of a study are made of, level by level, and how two such outlines differ.

A row is its own fields and the rows that it is made from. What sets a new row apart from the rows of another
outline is said by the first of these that there is:

    1. a row with the same inputs that differs in one field of its own: that field
    2. a row with the same fields of its own and other inputs: what sets those inputs apart
    3. fields with a value that no row of the other outline has
    4. a combination of values that are there one by one
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, NamedTuple

from superpos.hashing import canonical_json
from superpos.specs.blocks import Product, without

LEVELS = ("models", "datasets", "activations", "directions", "targets", "joint_axes", "fit_axes")
"""Levels of an outline, inputs first; cells are products of the last three."""
VERSIONS = {
    "models": "model",
    "datasets": "dataset",
    "activations": "activations",
    "directions": "directions",
    "targets": "target",
    "joint_axes": "joint_axes",
    "fit_axes": "fit_axes",
}
"""Names of the algorithm versions of levels."""
COMBINATION = "values that were there, but not together"
"""Said of a row whose values all occur, but not together."""


class Row(NamedTuple):
    """What the key of a row is made of."""

    fields: Mapping[str, Hashable]
    """Own fields."""
    inputs: Mapping[str, bytes]
    """Keys of the rows it is made from, by level."""


class Outline(NamedTuple):
    """The rows of a study and the products that are its cells."""

    name: str
    levels: Mapping[str, Mapping[bytes, Row]]
    blocks: tuple[Product, ...]
    """Disjoint."""


class LevelDifference(NamedTuple):
    """How the rows of one level differ."""

    level: str
    n_same: int
    n_gone: int
    new: Mapping[str, int]
    """Number of new rows by what sets them apart."""


class Difference(NamedTuple):
    """How one outline differs from another."""

    levels: tuple[LevelDifference, ...]
    n_cells_same: int
    n_cells_gone: int
    new_cells: Mapping[str, int]
    """Number of new cells by what sets them apart."""


def compare(old: Outline, new: Outline) -> Difference:
    """Return what is new, gone and the same in `new`, with reasons for what is new."""
    reasons = Reasons(old, new)
    levels = []
    for level in LEVELS:
        before, now = old.levels[level], new.levels[level]
        fresh = [key for key in now if key not in before]
        levels.append(
            LevelDifference(
                level=level,
                n_same=len(now) - len(fresh),
                n_gone=sum(key not in now for key in before),
                new=_most_first(Counter(reasons.of(level, key) for key in fresh)),
            )
        )
    cells: Counter[str] = Counter()
    for piece in _rest(new.blocks, old.blocks):
        cells.update(_reasons_of_cells(piece, reasons, old))
    n_new, n_old = (sum(block.size for block in outline.blocks) for outline in (new, old))
    n_same = n_new - cells.total()
    return Difference(tuple(levels), n_same, n_old - n_same, _most_first(cells))


class Reasons:
    """Says of rows of `new` what sets them apart from those of `old`; each is found once."""

    def __init__(self, old: Outline, new: Outline) -> None:
        self._old, self._new = old, new
        self._found: dict[tuple[str, bytes], str] = {}
        self._indexes: dict[str, _Index] = {}

    def of(self, level: str, key: bytes) -> str:
        """Return what sets a new row apart, as `level.field: new value (old value)`; see the module."""
        place = (level, key)
        if place not in self._found:
            self._found[place] = self._reason(level, key)
        return self._found[place]

    def _reason(self, level: str, key: bytes) -> str:
        row = self._new.levels[level][key]
        if level not in self._indexes:
            self._indexes[level] = _Index(self._old.levels[level])
        index = self._indexes[level]
        if (found := index.apart_by_one(row)) is not None:
            name, value, other = found
            return f"{level}.{name}: {said(value)} (not {said(other)})"
        if index.has_fields(row):
            for above, input_key in row.inputs.items():
                if input_key in self._new.levels[above] and input_key not in self._old.levels[above]:
                    return self.of(above, input_key)
        if unseen := index.unseen(row):
            return "; ".join(f"{level}.{name}: {said(row.fields[name])}" for name in unseen)
        for above, input_key in row.inputs.items():
            if input_key in self._new.levels[above] and input_key not in self._old.levels[above]:
                return self.of(above, input_key)
        return f"{level}: {COMBINATION}"


class _Index:
    """Rows of one level by all that they are but one field."""

    def __init__(self, rows: Mapping[bytes, Row]) -> None:
        self._by_rest: dict[tuple[Hashable, ...], Row] = {}
        self._fields: set[frozenset[tuple[str, Hashable]]] = set()
        self._values: dict[str, set[Hashable]] = {}
        for row in rows.values():
            self._fields.add(frozenset(row.fields.items()))
            for name, value in row.fields.items():
                self._values.setdefault(name, set()).add(value)
                self._by_rest.setdefault(self._rest(row, name), row)

    def _rest(self, row: Row, name: str) -> tuple[Hashable, ...]:
        fields = frozenset(item for item in row.fields.items() if item[0] != name)
        return name, fields, tuple(row.inputs.items())

    def apart_by_one(self, row: Row) -> tuple[str, Hashable, Hashable] | None:
        """Return name, value and other value of the one field by which a known row differs."""
        for name, value in sorted(row.fields.items(), key=lambda item: isinstance(item[1], str)):
            other = self._by_rest.get(self._rest(row, name))  # numbers first: they are nearer than words
            if other is not None:
                return name, value, other.fields.get(name)
        return None

    def has_fields(self, row: Row) -> bool:
        """Return whether a known row has these fields, whatever its inputs are."""
        return frozenset(row.fields.items()) in self._fields

    def unseen(self, row: Row) -> list[str]:
        """Return the fields whose value no known row has."""
        return [name for name, value in row.fields.items() if value not in self._values.get(name, ())]


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Hashable]:
    """Return nested values under names with dots, lists as JSON."""
    found: dict[str, Hashable] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        elif isinstance(value, list | tuple):
            found[f"{prefix}{name}"] = canonical_json(value)
        else:
            found[f"{prefix}{name}"] = value
    return found


def versioned(
    versions: Mapping[str, int], levels: Mapping[str, Mapping[bytes, Row]]
) -> dict[str, Mapping[bytes, Row]]:
    """Return levels whose rows say the algorithm version that is part of their keys."""
    return {
        level: {
            key: Row({**row.fields, "algorithm_version": versions.get(VERSIONS[level], 0)}, row.inputs)
            for key, row in rows.items()
        }
        for level, rows in levels.items()
    }


def said(value: Any) -> str:
    """Return a value as a line of text shows it; digests are cut."""
    text = value if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)
    return f"{text[:40]}…" if len(text) > 41 else text or "nothing"


def _rest(products: Iterable[Product], others: Iterable[Product]) -> list[Product]:
    """Return disjoint products without all cells of others."""
    pieces = list(products)
    for other in others:
        members = other.members()
        pieces = [piece for whole in pieces for piece in without(whole, members)]
    return pieces


def _reasons_of_cells(piece: Product, reasons: Reasons, old: Outline) -> Counter[str]:
    """Return the number of cells of a new piece by what sets them apart: the first factor with new rows."""
    counts: Counter[str] = Counter()
    left = piece.size
    parts = dict(zip(("targets", "joint_axes", "fit_axes"), piece.parts, strict=True))
    for level, keys in parts.items():
        fresh = [key for key in keys if key not in old.levels[level]]
        others = left // len(keys) if keys else 0
        for key in fresh:
            counts[reasons.of(level, key)] += others
        left -= len(fresh) * others
    if left:
        counts[COMBINATION] += left
    return counts


def _most_first(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
