"""The block of memory of a problem: everything in it is declared once, in order, with its size and meaning.

    memory   numbers, up to a multiple of 8 | array | array | ...            float64
    at       integers and the starts of the arrays, in the order declared    int64

A declaration returns the place of what it declares, a plain integer: compiled code takes module-level
integers for constants. `memory[S]` is a number, `at[N]` an integer, `part(memory, at[POINT])` the pointer
to an array. Arrays start at multiples of 8 doubles, for sizes are rounded up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from math import prod
from typing import Literal, NamedTuple

import numpy as np

from superpos.arrays import Float, Int
from superpos.fits.compiled.machine.vectors import LANES

Dimensions = Callable[[int, int], Mapping[str, int]]
"""Lengths by name for a problem of n features in f dimensions."""


class Entry(NamedTuple):
    """One declaration."""

    kind: Literal["number", "integer", "array", "field"]
    """A field is an array of each of the records that lie in one array."""
    place: int
    """Index into `memory` for a number, into `at` otherwise."""
    shape: tuple[str, ...]
    """Names of lengths, or whole numbers; of an integer, the length that it holds, if any."""
    meaning: str
    multiple: int = LANES
    """What the size is rounded up to."""

    def size(self, lengths: Mapping[str, int]) -> int:
        """Return how many numbers the array takes."""
        return padded(prod(_length(word, lengths) for word in self.shape), self.multiple)


class Block(NamedTuple):
    """Memory of one problem, (memory, at), as compiled code takes it."""

    memory: Float
    at: Int

    def array(self, place: int, *shape: int) -> Float:
        """Return the array at a place."""
        start = int(self.at[place])
        return self.memory[start : start + prod(shape)].reshape(shape)


class Layout:
    """Declarations of a block of memory. Raises ValueError for a length that `dimensions` does not give."""

    def __init__(self, dimensions: Dimensions) -> None:
        self.dimensions = dimensions
        self.entries: list[Entry] = []
        self._n_numbers = self._n_places = 0
        self._records: tuple[int, int, int] | None = None

    def number(self, meaning: str) -> int:
        """Declare a number at the head of the memory."""
        self._n_numbers += 1
        self.entries.append(Entry("number", self._n_numbers - 1, (), meaning))
        return self._n_numbers - 1

    def integer(self, meaning: str, length: str = "") -> int:
        """Declare an integer; with `length`, the one that it holds."""
        return self._declare("integer", length, meaning, LANES)

    def array(self, shape: str, meaning: str) -> int:
        """Declare an array; `shape` names its lengths, parted by spaces."""
        return self._declare("array", shape, meaning, LANES)

    def records(self, count: int, meaning: str) -> tuple[int, int]:
        """Declare an array of so many records; return its place and that of the length of a record."""
        first = self._declare("array", "", meaning, LANES)
        size = self._declare("integer", "", "length of a record", LANES)
        self._records = first, size, count
        return first, size

    def field(self, shape: str, meaning: str, multiple: int = LANES) -> int:
        """Declare an array of every record; its place holds where it starts within the record."""
        return self._declare("field", shape, meaning, multiple)

    def _declare(
        self, kind: Literal["integer", "array", "field"], shape: str, meaning: str, multiple: int
    ) -> int:
        entry = Entry(kind, self._n_places, tuple(shape.split()), meaning, multiple)
        entry.size(self.dimensions(1, 1))
        self.entries.append(entry)
        self._n_places += 1
        return entry.place

    def sizes(self, n: int, f: int) -> dict[int, int]:
        """Return how many numbers each array and each field takes, by place."""
        lengths = self.dimensions(n, f)
        sizes = {
            entry.place: entry.size(lengths) for entry in self.entries if entry.kind in ("array", "field")
        }
        if self._records is not None:
            first, _, count = self._records
            fields = [entry.place for entry in self.entries if entry.kind == "field"]
            sizes[first] = count * sum(sizes[place] for place in fields)
        return sizes

    def measure(self, n: int, f: int) -> tuple[Int, int]:
        """Return the integers of a block for n features in f dimensions, and the length of its memory."""
        lengths, sizes = self.dimensions(n, f), self.sizes(n, f)
        at = np.zeros(self._n_places, dtype=np.int64)
        end, end_of_record = padded(self._n_numbers), 0
        for entry in self.entries:
            if entry.kind == "array":
                at[entry.place] = end
                end += sizes[entry.place]
            elif entry.kind == "field":
                at[entry.place] = end_of_record
                end_of_record += sizes[entry.place]
            elif entry.kind == "integer" and entry.shape:
                at[entry.place] = _length(entry.shape[0], lengths)
        if self._records is not None:
            at[self._records[1]] = end_of_record
        return at, end

    def block(self, n: int, f: int) -> Block:
        """Return a block of zeros, its lengths and places filled in."""
        at, length = _measured(self, n, f)
        return Block(np.zeros(length), at.copy())

    def describe(self, n: int, f: int) -> str:
        """Return a table of the block for n features in f dimensions, a line a declaration: to look at.

        Kind, place, start (of an integer its value, of a field the start within its record), size, shape,
        meaning.
        """
        at, _ = self.measure(n, f)
        sizes = self.sizes(n, f)
        rows = []
        for kind, place, shape, meaning, _ in self.entries:
            start, size = (place, 1) if kind == "number" else (int(at[place]), sizes.get(place, 0))
            rows.append(f"{kind:8} {place:3d} {start:8d} {size:8d}  {' x '.join(shape):12} {meaning}")
        return "\n".join(rows)


def padded(length: int, multiple: int = LANES) -> int:
    """Return the next multiple of the block length, or of another number."""
    return -(-length // multiple) * multiple


@cache
def _measured(layout: Layout, n: int, f: int) -> tuple[Int, int]:
    """Return `layout.measure`, once for each size of problem."""
    return layout.measure(n, f)


def _length(word: str, lengths: Mapping[str, int]) -> int:
    if word.isdecimal():
        return int(word)
    if word not in lengths:
        raise ValueError(f"the block has no length {word!r}; it has {', '.join(lengths)}")
    return lengths[word]
