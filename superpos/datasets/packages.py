"""The installed distributions whose files a feature set reads: what is recorded of them, and shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from superpos.datasets.option_files import files_of
from superpos.reading.distributions import Distribution, find_distribution, is_package, split_package
from superpos.specs.datasets import CorpusSpec, DatasetSpec


def packages_of(spec: DatasetSpec) -> tuple[Distribution, ...]:
    """Return the distributions, each once; raises `InputError` if one is not installed."""
    named = (*files_of(spec.options, spec.kind.files), *_corpus_paths(spec.corpus))
    names = dict.fromkeys(split_package(name)[0] for name in named if is_package(name))
    return tuple(find_distribution(name) for name in names)


def packages_provenance(spec: DatasetSpec) -> dict[str, Any]:
    """Return what is recorded of them, under one key; nothing if there are none."""
    found = packages_of(spec)
    each = [{"name": one.name, "version": one.version, "licence": one.licence} for one in found]
    return {"packages": each} if each else {}


def packages_label(spec: DatasetSpec) -> str:
    """Return their names, versions and licences as one text, empty if there are none."""
    said = (f"{one.name} {one.version}{f' ({one.licence})' * bool(one.licence)}" for one in packages_of(spec))
    return "+".join(said)


def _corpus_paths(corpus: CorpusSpec) -> Iterator[str]:
    yield corpus.path
    for _, part in corpus.parts:
        yield from _corpus_paths(part)
