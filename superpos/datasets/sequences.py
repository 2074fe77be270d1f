"""Sequences of a feature set: chunks of documents drawn at random, some chosen for rare features."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from superpos.arrays import Bool, Int
from superpos.datasets.sampling import capped_counts
from superpos.datasets.sources import Corpus, Document
from superpos.datasets.tokens import TokenTable
from superpos.errors import InputError
from superpos.seeding import generator
from superpos.specs.datasets import DatasetSpec

MIN_CHUNK = 8
"""Shorter remainders of a document make no sequence."""
MAX_PER_DOCUMENT = 2
"""Sequences of one document as long as the corpus has documents enough."""
ENRICHED_SHARE = 0.25
"""At most this share of the sequences is chosen for features that the random ones are short of."""
SCAN_FACTOR = 2.0
"""The search for them reads at most so many times the documents of the random sequences."""
BATCH_DOCUMENTS = 16
BATCH_CHARACTERS = 2**20
"""Documents are encoded together, on all cores, until there are so many or so much text."""


class TokenLabels(NamedTuple):
    """Labels of every token of a document, and which tokens may be sampled."""

    labels: Bool
    """(n_tokens, n_features)."""
    eligible: Bool | None = None
    """(n_tokens,); None = all."""


Labeller = Callable[[Document, list[int]], TokenLabels | None]
"""From a document and its token ids to its labels; None where the document has none."""


@dataclass(slots=True, eq=False)
class Sequence:
    """A chunk of one document: ids without the special tokens around them, and the labels of each."""

    document: int
    start: int
    ids: NDArray[np.int32]
    labels: Bool
    eligible: Bool


@dataclass(slots=True)
class Drawn:
    """Sequences with what was read on the way."""

    sequences: list[Sequence] = field(default_factory=list)
    read: int = 0
    unlabelled: int = 0
    too_short: int = 0
    without_samples: int = 0
    enriched: int = 0


def chunk_length(spec: DatasetSpec, table: TokenTable) -> int:
    """Return how many tokens of a document a sequence holds: chunks start at multiples of it.

    Raises
    ------
    InputError
        If the special tokens around a sequence leave too few.
    """
    length = spec.ctx_len - table.n_ends
    if length < MIN_CHUNK:
        raise InputError(
            f"datasets.{spec.name}.ctx_len: {spec.ctx_len} leaves {length} tokens of text beside the "
            f"{table.n_ends} special tokens that this tokenizer puts around it; at least "
            f"{MIN_CHUNK + table.n_ends} are needed"
        )
    return length


def document_order(n_documents: int, strata: Int | None, draw: np.random.Generator) -> Int:
    """Return the documents in the order in which they are read: at random, strata in turn.

    Parameters
    ----------
    n_documents
        Documents of the corpus.
    strata
        Stratum of each, (n_documents,), negative for those that are not read; None = all alike. The first
        documents of all strata come before the second of any, in random order.
    draw
        Generator of the draw `sample`.
    """
    order = np.asarray(draw.permutation(n_documents), dtype=np.int64)
    if strata is None:
        return order
    order = order[strata[order] >= 0]
    by_stratum = np.argsort(strata[order], kind="stable")
    owners = strata[order][by_stratum]
    turn = np.empty(len(order), dtype=np.int64)
    turn[by_stratum] = np.arange(len(order)) - np.searchsorted(owners, owners, side="left")
    return np.asarray(order[np.argsort(turn, kind="stable")], dtype=np.int64)


def draw_sequences(
    spec: DatasetSpec,
    corpus: Corpus,
    table: TokenTable,
    labeller: Labeller,
    n_features: int,
    strata: Int | None = None,
) -> Drawn:
    """Draw sequences at random, then replace some by ones that hold what is still short."""
    draw = generator("sample", name=f"{spec.builder}/sequences", seed=spec.seed)
    drawn = Drawn()
    order = document_order(len(corpus.documents), strata, draw)
    documents = _chunked_documents(spec, corpus, table, labeller, order, draw, drawn)
    held_back: list[list[Sequence]] = []
    for chunks in documents:
        drawn.sequences += chunks[:MAX_PER_DOCUMENT]
        held_back.append(chunks[MAX_PER_DOCUMENT:])
        if len(drawn.sequences) >= spec.n_sequences:
            break
    # Few documents: take more of each, one a round.
    while len(drawn.sequences) < spec.n_sequences and any(held_back):
        for chunks in held_back:
            drawn.sequences += [chunks.pop(0)] if chunks else []
    del drawn.sequences[spec.n_sequences :]
    have = sum(
        (capped_counts(item.labels[item.eligible], spec.min_positives) for item in drawn.sequences),
        start=np.zeros(2 * n_features, dtype=np.int64),
    )
    _enrich(spec, drawn, documents, held_back, have)
    return drawn


def _enrich(
    spec: DatasetSpec,
    drawn: Drawn,
    documents: Iterator[list[Sequence]],
    held_back: list[list[Sequence]],
    have: Int,
) -> None:
    """Replace the sequences drawn last by richer ones until nothing is short or a limit is reached."""
    room = int(len(drawn.sequences) * ENRICHED_SHARE)
    last_read = int(drawn.read * SCAN_FACTOR)

    def candidates() -> Iterator[list[Sequence]]:
        yield from held_back
        for chunks in documents:
            yield chunks
            if drawn.read >= last_read:
                return

    found: list[Sequence] = []
    if len(drawn.sequences) < spec.n_sequences or np.all(have >= spec.min_positives):
        return
    for chunks in candidates():
        short = have < spec.min_positives
        counts = [capped_counts(item.labels[item.eligible], spec.min_positives) for item in chunks]
        gains = [int(count[short].sum()) for count in counts]
        place = int(np.argmax(gains)) if gains else 0
        if gains and gains[place] > 0:
            found.append(chunks[place])
            have = have + counts[place]
        if len(found) == room or np.all(have >= spec.min_positives):
            break
    if found:
        drawn.sequences[-len(found) :] = found
    drawn.enriched = len(found)


def _chunked_documents(
    spec: DatasetSpec,
    corpus: Corpus,
    table: TokenTable,
    labeller: Labeller,
    order: Int,
    draw: np.random.Generator,
    drawn: Drawn,
) -> Iterator[list[Sequence]]:
    """Yield the chunks of each document of `order`, chunks in random order."""
    length = chunk_length(spec, table)
    for document, ids in encoded(corpus, table, order.tolist()):
        drawn.read += 1
        starts = [start for start in range(0, len(ids), length) if min(length, len(ids) - start) >= MIN_CHUNK]
        starts_drawn = draw.permutation(len(starts))
        if not starts:
            drawn.too_short += 1
            continue
        found = labeller(corpus.documents[document], ids)
        if found is None:
            drawn.unlabelled += 1
            continue
        numbers = np.asarray(ids, dtype=np.int32)
        eligible = ~table.special[numbers]
        if found.eligible is not None:
            eligible &= found.eligible
        chunks = [
            Sequence(
                document,
                start,
                numbers[start : start + length],
                found.labels[start : start + length],
                eligible[start : start + length],
            )
            for start in (starts[index] for index in starts_drawn)
        ]
        chunks = [chunk for chunk in chunks if chunk.eligible.any()]
        if not chunks:
            drawn.without_samples += 1
            continue
        yield chunks


def encoded(corpus: Corpus, table: TokenTable, order: list[int]) -> Iterator[tuple[int, list[int]]]:
    """Yield documents in order with the token ids of each, as `TokenTable.encode` gives them.

    A batch is encoded at once, without the places of the tokens in the text, which nobody asks for here; how
    many threads do it (RAYON_NUM_THREADS) changes nothing in what they find.
    """
    begin = 0
    while begin < len(order):
        end, size = begin, 0
        while end < min(len(order), begin + BATCH_DOCUMENTS) and (end == begin or size < BATCH_CHARACTERS):
            size += len(corpus.documents[order[end]].text)
            end += 1
        texts = [corpus.documents[document].text for document in order[begin:end]]
        batch = table.tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        for document, encoding in zip(order[begin:end], batch, strict=True):
            yield document, list(encoding.ids)
        begin = end
