r"""Phrases against hard negatives: the last word after other words, the first words before other words.

What an occurrence of a phrase is and what its foils are (`after`, `before`) is said in `phrases`.

| matter         | convention                                                                            |
|----------------|---------------------------------------------------------------------------------------|
| sample         | the last token of the span: of the phrase, of its last word after another word, or of |
|                | the other word after its first words                                                  |
| not sampled    | where no token ends with the span, or the span begins in an earlier sequence          |
| how many foils | `negatives` for each occurrence of the phrase in the corpus, half of them of either   |
|                | kind, more of one where the other has too few; drawn at random from all there are     |
| positive       | a phrase is true at samples where it ends                                             |
| negative       | at every other sample: its own foils, and occurrences and foils of the other phrases  |

A phrase without occurrences has no foils either. Documents without samples are not read; the others take
turns by the rarest phrase that they have samples of. Documents whose tokens do not spell their text (see
`alignment`) are left out and counted among the documents without labels. Provenance counts, for every phrase,
`occurrences` in the corpus and foils chosen (`foils_after`, `foils_before`), and samples lost in documents
that were read (`samples_lost`: `within_a_token` where no token ends with the span, `cut`).

Source of the idea: the compound words of Gurnee et al., Finding Neurons in a Haystack (2023).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from superpos.arrays import Bool, Int
from superpos.datasets.alignment import Alignment, align_ids, seen_text
from superpos.datasets.corpus_sets import TextLabels
from superpos.datasets.phrases import Phrase, Span, lowered
from superpos.datasets.sequences import TokenLabels, chunk_length
from superpos.datasets.sources import Corpus, Document
from superpos.datasets.tokens import TokenTable
from superpos.errors import ArgumentError, InputError, shown
from superpos.facts import bigrams
from superpos.kinds.builders import Builder
from superpos.seeding import generator
from superpos.specs.axes import check_count
from superpos.specs.builder_tables import read_bundled, read_record, read_texts
from superpos.specs.datasets import DatasetSpec
from superpos.specs.names import check_names
from superpos.specs.toml_table import Table

Place = tuple[int, Span]
"""Index of a document, and a span in it."""


@dataclass(frozen=True, slots=True)
class NgramOptions:
    """Phrases of the builder `ngrams`, written with single spaces."""

    phrases: tuple[str, ...]
    """Two or more phrases of two or more words with single spaces between; or those of `list`."""
    ignore_case: bool = True
    """Whether capitals count as small letters."""
    negatives: int = 2
    """Foils for each occurrence: the last word after other words and the first words before other words."""

    def __post_init__(self) -> None:
        """Check; raises `ArgumentError`."""
        check_names("phrases", self.phrases, minimum=2)
        for phrase in self.phrases:
            if len(phrase.split(" ")) < 2 or phrase != " ".join(phrase.split()):
                raise ArgumentError(
                    "phrases", f"{shown(phrase)} is not two or more words with single spaces between"
                )
        object.__setattr__(self, "negatives", check_count("negatives", self.negatives, 1))


@dataclass(slots=True)
class Sampled:
    """Samples of one document by the character after their end."""

    starts: dict[int, int] = field(default_factory=dict)
    """First character of the longest span that ends there."""
    phrases: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    """Phrases that end there; none at foils."""

    def add(self, span: Span, phrase: int | None = None) -> None:
        """Add a span: an occurrence of a phrase, or a foil."""
        start, end = span
        self.starts[end] = min(start, self.starts.get(end, start))
        if phrase is not None:
            self.phrases[end].add(phrase)


@dataclass(slots=True)
class Scan:
    """Samples of a corpus."""

    samples: dict[int, Sampled]
    """By index of the document."""
    strata: Int
    """Stratum of each document, (n_documents,)."""
    occurrences: list[int]
    foils_after: list[int]
    foils_before: list[int]


def scan_corpus(options: NgramOptions, corpus: Corpus, table: TokenTable, seed: int) -> Scan:
    """Find the occurrences of all phrases and choose their foils; nothing is tokenized."""
    phrases = [Phrase(text, options.ignore_case) for text in options.phrases]
    found: list[tuple[list[Place], list[Place], list[Place]]] = [([], [], []) for _ in phrases]
    for index, document in enumerate(corpus.documents):
        text = seen_text(document.text, table)
        low = lowered(text)
        for phrase, kinds in zip(phrases, found, strict=True):
            for places, spans in zip(kinds, phrase.spans(text, low), strict=True):
                places += [(index, span) for span in spans]
    samples: dict[int, Sampled] = defaultdict(Sampled)
    having: list[set[int]] = []
    counts: tuple[list[int], list[int], list[int]] = ([], [], [])
    for column, (occurrences, after, before) in enumerate(found):
        wanted = options.negatives * len(occurrences)
        n_after = min(len(after), max(wanted - wanted // 2, wanted - len(before)))
        n_before = min(len(before), wanted - n_after)
        draw = generator("sample", name=f"ngrams/foils/{options.phrases[column]}", seed=seed)
        foils = [
            places[chosen]
            for places, count in ((after, n_after), (before, n_before))
            for chosen in sorted(draw.permutation(len(places))[:count].tolist())
        ]
        for index, span in occurrences:
            samples[index].add(span, column)
        for index, span in foils:
            samples[index].add(span)
        having.append({index for index, _ in [*occurrences, *foils]})
        for values, count in zip(counts, (len(occurrences), n_after, n_before), strict=True):
            values.append(count)
    strata = np.full(len(corpus.documents), -1, dtype=np.int64)
    # The rarest phrase comes last, so that it decides.
    for column in sorted(range(len(having)), key=lambda column: -len(having[column])):
        strata[sorted(having[column])] = column
    return Scan(dict(samples), strata, *counts)


def sample_tokens(aligned: Alignment, starts: Int, ends: Int, length: int) -> tuple[Int, Bool]:
    """Return the token that ends with each span, -1 if none does, and whether one sequence holds the span.

    Parameters
    ----------
    aligned
        Tokens of the document.
    starts, ends
        Spans of characters, (n,) each.
    length
        Tokens of a sequence.
    """
    tokens = aligned.ending_at(ends)
    first = aligned.holding_start_of(starts)
    return tokens, np.asarray(first // length == tokens // length, dtype=np.bool_)


def text_labels(spec: DatasetSpec, table: TokenTable, corpus: Corpus) -> TextLabels:
    """Return the phrases at the last tokens of their occurrences and foils.

    Raises
    ------
    InputError
        If no phrase occurs in the corpus.
    ArgumentError
        If the specification carries the options of another builder.
    """
    options = spec.told(NgramOptions, "ngrams")
    names = options.phrases
    scan = scan_corpus(options, corpus, table, spec.seed)
    if not any(scan.occurrences):
        raise InputError(
            f"{spec.corpus.label}: phrases: none of the {len(names)} phrases occurs in the corpus"
        )
    by_document = {corpus.documents[index]: sampled for index, sampled in scan.samples.items()}
    length = chunk_length(spec, table)
    lost = {"within_a_token": 0, "cut": 0}

    def label(document: Document, ids: list[int]) -> TokenLabels | None:
        sampled = by_document.get(document)
        aligned = align_ids(seen_text(document.text, table), ids, table)
        if sampled is None or aligned is None:
            return None
        ends = np.array(sorted(sampled.starts), dtype=np.int64)
        starts = np.array([sampled.starts[end] for end in ends.tolist()], dtype=np.int64)
        tokens, uncut = sample_tokens(aligned, starts, ends, length)
        lost["within_a_token"] += int(np.count_nonzero(tokens < 0))
        lost["cut"] += int(np.count_nonzero((tokens >= 0) & ~uncut))
        kept = np.flatnonzero((tokens >= 0) & uncut)
        labels = np.zeros((len(ids), len(names)), dtype=np.bool_)
        eligible = np.zeros(len(ids), dtype=np.bool_)
        eligible[tokens[kept]] = True
        for index in kept:
            labels[tokens[index], list(sampled.phrases.get(int(ends[index]), ()))] = True
        return TokenLabels(labels, eligible)

    provenance = {
        "occurrences": dict(zip(names, scan.occurrences, strict=True)),
        "foils_after": dict(zip(names, scan.foils_after, strict=True)),
        "foils_before": dict(zip(names, scan.foils_before, strict=True)),
        # Counted while documents are labelled.
        "samples_lost": lost,
    }
    return TextLabels(names, label, sparse=True, provenance=provenance, strata=scan.strata)


def _read(table: Table) -> NgramOptions:
    """Read phrases, or `list`, the name of a bundled list of bigrams."""
    bundled = read_bundled(table, lambda name: tuple(" ".join(pair) for pair in bigrams(name)))
    return read_record(NgramOptions, table, phrases=bundled + read_texts(table, "phrases"))


KIND = Builder(
    name="ngrams",
    version=1,
    rank=5,
    meaning="Phrases against hard negatives: their words beside other words.",
    feature="a phrase, at its last token",
    samples="phrases and foils",
    options=NgramOptions,
    read=_read,
    text_labels=text_labels,
    takes_all=True,
)
