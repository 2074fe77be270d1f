"""Which texts are samples: as many of each combination of labels as there can be.

Texts with the same labels are a stratum: the positives, the negatives, a class, a combination of several
labels, and of several files the positives and the negatives of each. Strata get equally many texts, up to
`n_samples` in all; one that has fewer gives all it has, and the others share what is left. Within a stratum
texts come in random order, each group's first before any group's second.

The draw depends on the texts and their labels alone: neither on the order of the rows nor on rows that repeat
a text. Texts are tokenized as they are drawn; what cannot be read is left out, and the next one of its
stratum drawn. Two texts may be one for a tokenizer (capitals, a front that is cut off): the first is kept if
their labels agree, else none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from superpos.arrays import Int
from superpos.datasets.labelled.candidates import Candidate
from superpos.datasets.labelled.features import Truth
from superpos.datasets.labelled.reading import ReadText, TextReader
from superpos.seeding import generator
from superpos.specs.datasets import DatasetSpec

BATCH = 4096
"""Texts that are tokenized at a time."""
_SIGNS = {True: "1", False: "0", None: "-"}


@dataclass(slots=True)
class Drawn:
    """Texts that are samples, by their index, and what was counted on the way."""

    texts: dict[int, ReadText] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)


def draw_texts(spec: DatasetSpec, texts: Sequence[Candidate], groups: Int, reader: TextReader) -> Drawn:
    """Draw at most `n_samples` texts.

    Parameters
    ----------
    spec
        The set.
    texts
        All that may be drawn, in an order that their content gives.
    groups
        Group of each, (n,).
    reader
        Makes sequences of them.
    """
    drawn = Drawn()
    seen: dict[tuple[tuple[int, ...], int, int], int] = {}
    waiting = [_order(spec, signs, members, groups) for signs, members in _strata(texts)]
    taken: list[set[int]] = [set() for _ in waiting]
    while True:
        rooms = [len(have) + len(left) for have, left in zip(taken, waiting, strict=True)]
        asked: list[tuple[int, int]] = []
        for stratum, share in enumerate(shares(spec.n_samples, rooms)):
            count = max(0, share - len(taken[stratum]))
            asked += [(index, stratum) for index in waiting[stratum][:count]]
            del waiting[stratum][:count]
        if not asked:
            return drawn
        owner = dict(asked)
        for index, found in _read(reader, texts, [index for index, _ in asked]):
            if isinstance(found, str):
                drawn.counts[found] += 1
                continue
            first = seen.setdefault((found.ids, found.position, found.length), index)
            if first == index:
                drawn.texts[index] = found
                taken[owner[index]].add(index)
            elif _agree(texts[first].truth, texts[index].truth):
                drawn.counts["same_tokens"] += 1
            else:
                drawn.counts["same_tokens_contradictory"] += 1
                if drawn.texts.pop(first, None):
                    drawn.counts["same_tokens_contradictory"] += 1
                    next(have for have in taken if first in have).remove(first)


def shares(total: int, rooms: Sequence[int]) -> list[int]:
    """Return how many each stratum gives: equally many, at most its room, and at most `total` together."""
    given = [0] * len(rooms)
    for rank, index in enumerate(sorted(range(len(rooms)), key=lambda index: rooms[index])):
        given[index] = min(rooms[index], (total - sum(given)) // (len(rooms) - rank))
    return given


def _strata(texts: Sequence[Candidate]) -> list[tuple[str, list[int]]]:
    """Return the texts of each combination of labels."""
    found: dict[str, list[int]] = {}
    for index, item in enumerate(texts):
        found.setdefault("".join(_SIGNS[value] for value in item.truth), []).append(index)
    return sorted(found.items())


def _order(spec: DatasetSpec, signs: str, members: list[int], groups: Int) -> list[int]:
    """Return the texts of a stratum in random order, each group's first before any group's second."""
    draw = generator("sample", name=f"labelled_texts/{signs}", seed=spec.seed)
    order = np.array(members, dtype=np.int64)[draw.permutation(len(members))]
    before = Counter[int]()
    turns = []
    for group in groups[order].tolist():
        turns.append(before[group])
        before[group] += 1
    return [int(index) for index in order[np.argsort(turns, kind="stable")]]


def _read(
    reader: TextReader, texts: Sequence[Candidate], indices: list[int]
) -> Iterator[tuple[int, ReadText | str]]:
    for start in range(0, len(indices), BATCH):
        part = indices[start : start + BATCH]
        yield from zip(part, reader.read([texts[index].text for index in part]), strict=True)


def _agree(first: Truth, second: Truth) -> bool:
    """Whether no feature is true of one text and false of the other."""
    return all(a is None or b is None or a == b for a, b in zip(first, second, strict=True))
