"""Columns of a saved data set as NumPy arrays, in blocks from the memory-mapped file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from superpos.arrays import Bool, Int
from superpos.datasets.saved_sets import damaged_set, from_disk
from superpos.errors import InputError, shown
from superpos.names import unfit_name
from superpos.seeding import generator

BLOCK_ROWS = 4096
"""Rows that are converted at once."""
PADDING_IDS = (0, 1)


class Ragged(NamedTuple):
    """Lists of whole numbers, one a row."""

    values: Int
    """All of them, one row after another, (n_values,)."""
    lengths: Int
    """(n_rows,)."""

    @property
    def rows(self) -> Int:
        """Row of each value, (n_values,)."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)


class Classes(NamedTuple):
    """A column with one of few values in each row."""

    names: list[str]
    codes: Int
    """Index into `names` of each row, (n_rows,)."""


class TokenScan(NamedTuple):
    """What is known of the rows of `tokens` before they are taken."""

    lengths: Int
    """Tokens of each row, padding included, (n_rows,)."""
    ends: Int
    """Where the padding of each row begins, its length if it has none, (n_rows,)."""
    hashes: NDArray[np.uint64]
    """Equal for rows of equal tokens, padding aside, (n_rows,)."""
    n_with_begin: int
    """Rows whose first token is the one that starts a sequence."""


@dataclass(frozen=True, slots=True)
class SavedRows:
    """Rows of a folder that `datasets.save_to_disk` wrote; messages give row numbers of the folder."""

    place: Path
    table: Any
    """`pyarrow.Table`."""
    names: dict[str, list[str]]
    """Names of the classes of columns of type `ClassLabel`."""
    numbers: Int
    """Row number in the folder of each row, (n_rows,)."""
    n_in_folder: int

    def refuse(self, row: int, column: str, says: str) -> InputError:
        """Return the error about one cell."""
        return InputError(f"{self.place}: row {int(self.numbers[row])}, column {column!r}: {says}")

    def ragged(self, column: str) -> Ragged:
        """Return a column of lists; raises `InputError` if it holds anything but whole numbers."""
        parts = list(self._blocks(column))
        return Ragged(
            np.concatenate([values.astype(np.int64) for _, values, _ in parts] or [np.zeros(0, np.int64)]),
            np.concatenate([lengths for _, _, lengths in parts] or [np.zeros(0, np.int64)]),
        )

    def integers(self, column: str) -> Int:
        """Return a column of whole numbers, (n_rows,); raises `InputError` for anything else and for gaps."""
        import pyarrow as pa

        values = self.table.column(column)
        if not pa.types.is_integer(values.type):
            raise InputError(f"{self.place}: column {column!r} holds {values.type}; whole numbers are needed")
        self._refuse_nulls(column, values.is_null())
        return np.asarray(values.to_numpy(), dtype=np.int64)

    def classes(self, column: str) -> Classes:
        """Return a column of names (text, numbers, `ClassLabel`); raises `InputError` for others and gaps."""
        import pyarrow as pa

        values = self.table.column(column)
        kind = values.type
        text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        if not (text or pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
            raise InputError(f"{self.place}: column {column!r} holds {kind}; names are needed")
        self._refuse_nulls(column, values.is_null())
        encoded = values.combine_chunks().dictionary_encode()
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.combine_chunks()
        found = encoded.dictionary.to_pylist()
        codes = np.asarray(encoded.indices.to_numpy(zero_copy_only=False), dtype=np.int64)
        named = self.names.get(column)
        if named is None:
            return Classes([str(value) for value in found], codes)
        strange = [index for index, value in enumerate(found) if not 0 <= value < len(named)]
        if strange:
            raise self.refuse(int(np.argmax(codes == strange[0])), column, f"no class {found[strange[0]]}")
        return Classes([named[value] for value in found], codes)

    def scan_tokens(self, special: Bool, bos_id: int, pads: bool) -> TokenScan:
        """Look at all rows of `tokens`.

        Parameters
        ----------
        special
            Which ids of the tokenizer are special tokens, (vocab_size,).
        bos_id
            Id that starts a sequence, -1 if there is none.
        pads
            Whether rows may be padded: by a run of id 0, or of id 1, at their end, which has at least two
            tokens unless the id is a special token. The first token of a row is never padding.

        Raises
        ------
        InputError
            If an id is not in the vocabulary.
        """
        found: list[tuple[Int, Int, NDArray[np.uint64], int]] = []
        weights = _hash_weights(1)
        for first, values, lengths in self._blocks("tokens"):
            if len(values) and (values.min() < 0 or values.max() >= len(special)):
                place = int(np.argmax((values < 0) | (values >= len(special))))
                row = int(np.searchsorted(np.cumsum(lengths), place, side="right"))
                says = f"id {values[place]} is not in the tokenizer's vocabulary of {len(special)}"
                raise self.refuse(first + row, "tokens", f"{says}; is it the tokenizer of this folder?")
            starts = np.cumsum(lengths) - lengths
            ends = _padding_starts(values, starts, lengths, special) if pads else lengths
            longest = int(lengths.max(initial=0))
            if longest > len(weights):
                weights = _hash_weights(longest)
            places = np.arange(len(values)) - np.repeat(starts, lengths)
            inside = places < np.repeat(ends, lengths)
            # A shifted id, so that a final 0 counts; products and sums wrap.
            terms = weights[places] * (values.astype(np.uint64) + np.uint64(1)) * inside
            sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(terms, dtype=np.uint64)])
            begins = int(np.count_nonzero(values[starts[lengths > 0]] == bos_id)) if bos_id >= 0 else 0
            found.append((lengths, ends, sums[starts + lengths] - sums[starts], begins))
        return TokenScan(
            np.concatenate([item[0] for item in found] or [np.zeros(0, np.int64)]),
            np.concatenate([item[1] for item in found] or [np.zeros(0, np.int64)]),
            np.concatenate([item[2] for item in found] or [np.zeros(0, np.uint64)]),
            sum(item[3] for item in found),
        )

    def take_tokens(self, rows: Int, keep: Int) -> NDArray[np.int32]:
        """Return the first `keep` tokens of the rows named (ascending), one after another."""
        ends = np.cumsum(keep)
        taken = np.empty(int(ends[-1]) if len(ends) else 0, dtype=np.int32)
        for first, values, lengths in self._blocks("tokens"):
            low, high = np.searchsorted(rows, [first, first + len(lengths)])
            if low == high:
                continue
            count = keep[low:high]
            starts = (np.cumsum(lengths) - lengths)[rows[low:high] - first]
            out = slice(int(ends[low] - keep[low]), int(ends[high - 1]))
            shift = np.repeat(starts - (ends[low:high] - count - out.start), count)
            taken[out] = values[np.arange(out.stop - out.start) + shift]
        return taken

    def _blocks(self, column: str) -> Iterator[tuple[int, NDArray[Any], Int]]:
        """Yield number of the first row, values and lengths of a column of lists, some rows at a time."""
        import pyarrow as pa
        import pyarrow.compute as pc

        values = self.table.column(column)
        kind = values.type
        lists = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
        if not lists or not (pa.types.is_integer(kind.value_type) or pa.types.is_null(kind.value_type)):
            raise InputError(
                f"{self.place}: column {column!r} holds {kind}; lists of whole numbers are needed"
            )
        first = 0
        for chunk in values.chunks:
            for start in range(0, len(chunk), BLOCK_ROWS):
                block = chunk.slice(start, BLOCK_ROWS)
                lengths = pc.fill_null(pc.list_value_length(block), 0).to_numpy(zero_copy_only=False)
                flat = pc.list_flatten(block)
                if flat.null_count:
                    place = int(np.argmax(flat.is_null().to_numpy(zero_copy_only=False)))
                    row = int(np.searchsorted(np.cumsum(lengths), place, side="right"))
                    raise self.refuse(first + row, column, "holds an empty value")
                yield first, flat.to_numpy(zero_copy_only=False), lengths.astype(np.int64)
                first += len(block)

    def refuse_blank(self, column: str, classes: Classes) -> None:
        """Raise `InputError` if a row has a name of white space only, or one that no database holds."""
        for code, name in enumerate(classes.names):
            if not name.strip():
                raise self.refuse(int(np.argmax(classes.codes == code)), column, "is empty")
            if why := unfit_name(name):
                row = int(np.argmax(classes.codes == code))
                raise self.refuse(row, column, f"{shown(name)} is no name: {why}")

    def _refuse_nulls(self, column: str, nulls: Any) -> None:
        missing = nulls.to_numpy()
        if missing.any():
            raise self.refuse(int(np.argmax(missing)), column, "is empty")


def open_rows(place: Path, columns: tuple[str, ...], max_rows: int, seed: int) -> SavedRows:
    """Open columns of a folder; at most `max_rows` (0 = all) rows, drawn at random.

    Raises
    ------
    InputError
        If it is damaged.
    """
    import datasets

    saved = from_disk(place)
    with damaged_set(place):
        opened = saved.select_columns(list(columns))
        numbers = np.arange(len(opened))
        if 0 < max_rows < len(opened):
            draw = generator("sample", name="sparse_probing/rows", seed=seed)
            numbers = np.sort(draw.choice(len(opened), size=max_rows, replace=False))
            opened = opened.select(numbers)
        table = opened.with_format("arrow")[:]
        table.validate(full=True)  # Arrow trusts offsets in a file unless told not to
    names = {
        column: list(feature.names)
        for column, feature in saved.features.items()
        if column in columns and isinstance(feature, datasets.ClassLabel)
    }
    return SavedRows(place, table, names, numbers.astype(np.int64), len(saved))


def _hash_weights(count: int) -> NDArray[np.uint64]:
    """Return an odd random weight for each place in a row, (count,); a longer row has the same first ones."""
    draw = generator("sample", name="sparse_probing/row_hash", seed=0)
    return np.uint64(2) * draw.integers(2**63, size=count, dtype=np.uint64) + np.uint64(1)


def _padding_starts(values: NDArray[Any], starts: Int, lengths: Int, special: Bool) -> Int:
    """Return where the padding of each row begins within it, (n_rows,); its length if it has none."""
    ends = lengths.copy()
    for pad in PADDING_IDS:
        others = np.flatnonzero(values != pad)
        last = np.searchsorted(others, starts + lengths) - 1
        begin = np.where(last >= 0, others[np.maximum(last, 0)] + 1 if len(others) else 0, 0) - starts
        begin = np.maximum(begin, 1)
        shortest = 1 if pad < len(special) and special[pad] else 2
        ends = np.where(lengths - begin >= shortest, np.minimum(ends, begin), ends)
    return np.asarray(ends, dtype=np.int64)
