"""Named entities: the text ends at a name, the sample is the span of the surname's tokens.

A list says which label each name has (see `entity_text.lists`). Every class is a feature, true for the names
of the class, so features are exclusive. The text before a name is

- `templates`: a prompt that ends at the name, each name in some of them, drawn at random;
- `sentences`: a sentence of the corpus that contains the name, cut after it (see `entity_text.sentences`).

Each text is a sequence of its own with one sample: the tokens of the surname, which end the text (a suffix
such as Jr. is cut off: what follows the surname changes nothing before it in a causal model). Encoders read
their separator behind it. A text longer than the context loses its front. A surname that a vocabulary cannot
write (`[UNK]`) is left out and counted. `n_sequences` and `min_positives` of the specification play no part;
`n_samples` limits the texts (see `entity_text.texts`).

Groups of a split: all sequences of a name stay together. With sentences, so do all of a document, and hence
everything that names and documents connect; if more than half of the samples are connected so, names alone
decide, and the provenance says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal, get_args

import numpy as np

from superpos.arrays import Int
from superpos.datasets.corpus_sets import MIN_SAMPLES
from superpos.datasets.entity_text.lists import Entity, read_list
from superpos.datasets.entity_text.spans import surname_tokens, writes_surname
from superpos.datasets.entity_text.texts import (
    EntityText,
    TextSource,
    choose_texts,
    from_sentences,
    from_templates,
)
from superpos.datasets.groups import NAMES, NAMES_AND_DOCUMENTS, NAMES_ONLY
from superpos.datasets.labels import examples_of
from superpos.datasets.spellings import spelled_alike
from superpos.datasets.tokens import TokenTable
from superpos.errors import ArgumentError, InputError, shown
from superpos.facts import FACTS, NEUTRAL, templates
from superpos.kinds.builders import Builder
from superpos.records.data import LabelledTokens
from superpos.specs.axes import check_choice, check_count
from superpos.specs.builder_tables import read_record, read_texts
from superpos.specs.datasets import DatasetSpec
from superpos.specs.names import check_names, check_texts
from superpos.specs.toml_table import Table

Contexts = Literal["templates", "sentences"]


@dataclass(frozen=True, slots=True)
class EntityOptions:
    """Named entities with a label each, and the text that ends at their names."""

    FILES: ClassVar[tuple[str, ...]] = ("entities",)

    entities: str
    """Bundled fact list, or a CSV file."""
    name_column: str = "name"
    """Column of the names in a CSV file."""
    label_column: str = "label"
    """Column of the labels in a CSV file."""
    classes: tuple[str, ...] = ()
    """Labels to keep, in this order; empty = all, sorted."""
    contexts: Contexts = "templates"
    """`templates`: prompts that end at the name. `sentences`: sentences of the corpus cut after the name."""
    templates: tuple[str, ...] = ()
    """Each ends with {name}; empty = those of the bundled list, or the neutral ones."""
    max_names: int = 0
    """Names of each class, drawn at random; 0 = all."""
    contexts_per_name: int = 4
    """Sequences of each name at most."""

    def __post_init__(self) -> None:
        """Check; raises `ArgumentError`."""
        check_choice("contexts", self.contexts, get_args(Contexts))
        check_names("classes", self.classes, minimum=2 if self.classes else 0)
        check_texts("templates", self.templates)
        for template in self.templates:
            if template.count("{name}") != 1 or not template.endswith("{name}"):
                raise ArgumentError(
                    "templates",
                    f"{shown(template)} has no place for the name at its end; end it with {{name}}",
                )
        object.__setattr__(self, "max_names", check_count("max_names", self.max_names, 0))
        object.__setattr__(
            self, "contexts_per_name", check_count("contexts_per_name", self.contexts_per_name, 1)
        )


def build(spec: DatasetSpec, table: TokenTable) -> LabelledTokens:
    """Return the labelled surnames of a list of entities.

    Raises
    ------
    InputError
        If the list has a mistake (see `read_entities`), a class that is asked for is not there, the corpus
        cannot be read, or fewer than 20 texts are found.
    """
    options = spec.told(EntityOptions, "entities")
    path, listed, classes, left_out = read_list(options)
    kept = tuple(entity for entity in listed if entity.label in classes)
    make = from_templates if options.contexts == "templates" else from_sentences
    source = make(spec, options, kept)
    texts, dropped = choose_texts(spec, options, kept, classes, source.texts)
    if table.by_offsets:
        written = [item for item in texts if writes_surname(table, item.text, item.surname)]
        dropped = {**dropped, "surnames_not_written": len(texts) - len(written)}
        texts = written
    if len(texts) < MIN_SAMPLES:
        raise InputError(
            f"{path}: {len(texts)} texts for {len(kept)} names ({options.contexts}); at least {MIN_SAMPLES} "
            "are needed"
        )
    made = _assemble(spec, options, table, kept, classes, texts, source, {**left_out, **dropped})
    alike = spelled_alike({entity.label for entity in listed}, classes)
    return replace(made, provenance={**made.provenance, "labels_alike": alike})


def _assemble(
    spec: DatasetSpec,
    options: EntityOptions,
    table: TokenTable,
    entities: tuple[Entity, ...],
    classes: tuple[str, ...],
    texts: Sequence[EntityText],
    source: TextSource,
    dropped: Mapping[str, int],
) -> LabelledTokens:
    room = spec.ctx_len - table.n_ends
    sequences: list[list[int]] = []
    spans: list[int] = []
    cut = Counter[str](sequences=0, surnames=0)
    for item in texts:
        ids, count = surname_tokens(table, item.text, item.surname)
        cut["sequences"] += len(ids) > room
        cut["surnames"] += count > room
        sequences.append([*table.front, *ids[-room:], *table.back])
        spans.append(min(count, room))
    owners = [entities[item.entity] for item in texts]
    lengths = np.array([len(ids) for ids in sequences], dtype=np.int64)
    token_ids = np.concatenate([np.asarray(ids, dtype=np.int32) for ids in sequences])
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    used = sorted({item.document for item in texts})
    documents = tuple(source.documents[document] for document in used)
    sequence_documents = np.searchsorted(used, [item.document for item in texts]).astype(np.int64)
    groups, rule = _groups([owner.until_surname for owner in owners], sequence_documents, options)
    own = np.array([classes.index(owner.label) for owner in owners])
    labels = own[:, None] == np.arange(len(classes))
    sample_sequences = np.arange(len(texts), dtype=np.int64)
    sample_positions = lengths - 1 - len(table.back)
    sample_lengths = np.array(spans, dtype=np.int64)
    return LabelledTokens(
        feature_names=classes,
        token_ids=token_ids,
        sequence_starts=starts,
        sequence_documents=sequence_documents,
        sequence_groups=groups,
        documents=documents,
        sample_sequences=sample_sequences,
        sample_positions=sample_positions,
        sample_lengths=sample_lengths,
        labels=labels,
        members=np.ones_like(labels),
        examples=examples_of(
            table.token_bytes, table.special, token_ids, starts, documents, sequence_documents,
            sample_sequences, sample_positions, sample_lengths, labels,
        ),
        corpus_digest=source.digest,
        tokenizer_digest=table.digest,
        provenance={
            **source.provenance,
            **dropped,
            "entities": options.entities,
            "contexts": options.contexts,
            "names_listed": _by_class(classes, [entity.label for entity in entities]),
            "names_used": _by_class(classes, [entities[index].label for index in {i.entity for i in texts}]),
            "samples": _by_class(classes, [owner.label for owner in owners]),
            "sequences_cut": cut["sequences"],
            "surnames_cut": cut["surnames"],
            "tokens_of_a_surname": float(np.mean(sample_lengths)),
            "groups": rule,
        },
    )  # fmt: skip


def _groups(names: list[str], documents: Int, options: EntityOptions) -> tuple[Int, str]:
    """Return the group of every sequence, (n_sequences,), and the rule that made them."""
    _, by_name = np.unique(np.array(names), return_inverse=True)
    if options.contexts == "templates":
        return by_name.astype(np.int64), NAMES
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n_names, n_documents = int(by_name.max()) + 1, int(documents.max()) + 1
    edges = (np.ones(len(names), dtype=np.int8), (by_name, documents + n_names))
    size = n_names + n_documents
    _, component = connected_components(coo_array(edges, shape=(size, size)), directed=False)
    _, together = np.unique(component[by_name], return_inverse=True)
    if 2 * int(np.bincount(together).max()) > len(names):
        return by_name.astype(np.int64), NAMES_ONLY
    return together.astype(np.int64), NAMES_AND_DOCUMENTS


def _by_class(classes: tuple[str, ...], labels: list[str]) -> dict[str, int]:
    counts = Counter(labels)
    return {label: counts[label] for label in classes}


def _read(table: Table) -> EntityOptions:
    """Read an entity list; without templates a bundled list has its own, another one neutral ones."""
    entities = table.take("entities", str)
    given = read_texts(table, "templates")
    prompts = given or templates(entities if entities in FACTS else NEUTRAL)
    return read_record(EntityOptions, table, entities=entities, templates=prompts)


def _source(options: EntityOptions, corpus: str) -> str:
    return f"{corpus or 'prompts'}, names of {options.entities}"


def _try_files(spec: DatasetSpec, _tokenizer: Path) -> None:
    """Read the list; what ships with the package is believed."""
    options = spec.told(EntityOptions, "entities")
    if options.entities not in FACTS:
        read_list(options)


KIND = Builder(
    name="entities",
    version=1,
    rank=8,
    meaning="Labels of named entities, at the surname that ends a prompt or a sentence.",
    feature="the label of a named entity",
    samples="spans: the surname",
    options=EntityOptions,
    read=_read,
    build=build,
    reads_corpus=lambda options: options.contexts == "sentences",
    without_corpus='prompts need no text; give contexts = "sentences", or leave it out',
    documents="names",
    sample_unit=lambda _: "span",
    features=lambda options: read_list(options).classes,
    source=_source,
    try_files=_try_files,
)
