"""Texts that end at names, from prompt templates or from the sentences of a corpus, and which are taken.

More texts than asked for are reduced with classes as equal as they can be, and within a class every name
gives one text before any gives its second. All draws are made per name or per class, so that a name keeps
its templates when others join the list.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, NamedTuple

from superpos.datasets.entity_text.lists import Entity, surname_place
from superpos.datasets.entity_text.sentences import find_mentions
from superpos.datasets.sources import load_corpus
from superpos.facts import FACTS, NEUTRAL
from superpos.facts import templates as prompts
from superpos.seeding import generator
from superpos.specs.datasets import DatasetSpec

if TYPE_CHECKING:  # which reads lists and texts itself
    from superpos.datasets.builders.entities import EntityOptions

CHARACTERS_PER_TOKEN = 64
"""A sentence keeps so many characters for each token of the context: more than any tokenizer fits in."""


class EntityText(NamedTuple):
    """A text that ends at the surname of an entity."""

    entity: int
    document: int
    text: str
    surname: str


class TextSource(NamedTuple):
    """All texts with where they come from."""

    texts: list[EntityText]
    documents: tuple[str, ...]
    digest: str
    provenance: Mapping[str, Any]


def from_templates(spec: DatasetSpec, options: EntityOptions, entities: tuple[Entity, ...]) -> TextSource:
    """Return every name in some templates, by default those of its list; names are the documents."""
    templates = options.templates or prompts(options.entities if options.entities in FACTS else NEUTRAL)
    count = min(options.contexts_per_name, len(templates))
    texts = []
    for index, entity in enumerate(entities):
        # A draw for each name: another list with the same name gives it the same templates.
        draw = generator("sample", name=f"entities/templates/{entity.name}", seed=spec.seed)
        surname = entity.name[slice(*surname_place(entity.name))]
        for place in sorted(draw.permutation(len(templates))[:count].tolist()):
            text = templates[place].replace("{name}", entity.until_surname)
            texts.append(EntityText(index, index, text, surname))
    return TextSource(texts, tuple(entity.name for entity in entities), "", {"templates": list(templates)})


def from_sentences(spec: DatasetSpec, options: EntityOptions, entities: tuple[Entity, ...]) -> TextSource:
    """Return some of the sentences in which each name occurs."""
    corpus = load_corpus(spec.corpus)
    limit = CHARACTERS_PER_TOKEN * spec.ctx_len
    found: dict[int, dict[str, EntityText]] = {}
    mentions = 0
    for mention in find_mentions([entity.name for entity in entities], corpus.documents, limit):
        mentions += 1
        text = EntityText(mention.name, mention.document, mention.text, mention.surname)
        found.setdefault(mention.name, {}).setdefault(mention.text, text)
    texts: list[EntityText] = []
    for index in sorted(found):
        different = list(found[index].values())
        draw = generator("sample", name=f"entities/sentences/{entities[index].name}", seed=spec.seed)
        chosen = draw.permutation(len(different))[: options.contexts_per_name]
        texts += [different[place] for place in sorted(chosen.tolist())]
    missing = [entity.name for index, entity in enumerate(entities) if index not in found]
    return TextSource(
        texts,
        tuple(document.name for document in corpus.documents),
        corpus.digest,
        {**corpus.provenance, "mentions": mentions, "names_not_found": missing},
    )


def choose_texts(
    spec: DatasetSpec,
    options: EntityOptions,
    entities: tuple[Entity, ...],
    classes: tuple[str, ...],
    texts: list[EntityText],
) -> tuple[list[EntityText], dict[str, int]]:
    """Return at most `n_samples` different texts of at most `max_names` names a class, in order."""
    unlike: dict[str, EntityText] = {}
    for item in texts:
        unlike.setdefault(item.text, item)
    by_class: dict[str, dict[int, list[EntityText]]] = {label: {} for label in classes}
    for item in unlike.values():
        by_class[entities[item.entity].label].setdefault(item.entity, []).append(item)
    ranked: list[tuple[int, int, EntityText]] = []
    for number, (label, named) in enumerate(by_class.items()):
        draw = generator("sample", name=f"entities/names/{label}", seed=spec.seed)
        names = list(named)
        order = [names[place] for place in draw.permutation(len(names))][: options.max_names or None]
        shuffled = [[named[name][place] for place in draw.permutation(len(named[name]))] for name in order]
        # Every name gives one text before any gives its second.
        turns = [item for turn in zip_longest(*shuffled) for item in turn if item is not None]
        ranked += [(rank, number, item) for rank, item in enumerate(turns)]
    ranked.sort(key=lambda item: item[:2])
    chosen = sorted(item for _, _, item in ranked[: spec.n_samples])
    return chosen, {
        "same_text_left_out": len(texts) - len(unlike),
        "texts_over_n_samples": len(ranked) - len(chosen),
    }
