"""Where the files of models and feature sets lie: absolute paths, and what the views call a corpus."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from superpos.datasets.option_files import with_files
from superpos.datasets.packages import packages_label
from superpos.models import BUNDLED
from superpos.reading.distributions import is_package, named_path
from superpos.reading.places import by_its_name, exists, is_folder, resolved, user_path
from superpos.specs.datasets import CorpusSpec, DatasetSpec
from superpos.specs.models import ModelSpec


def located(spec: ModelSpec) -> ModelSpec:
    """Return the model with the absolute path of its files: workers and later runs may start elsewhere."""
    if not is_local(spec):
        return spec
    place = user_path(spec.name)
    return replace(spec, name=str(resolved(place) if is_folder(place) else by_its_name(place)))


def is_local(spec: ModelSpec) -> bool:
    """Return whether the name of a model is a folder or a file of the user's."""
    return spec.name not in BUNDLED and not is_package(spec.name) and exists(user_path(spec.name))


def absolute(spec: DatasetSpec) -> DatasetSpec:
    """Return the set with absolute paths: workers and later runs may start elsewhere."""
    changed = {name: with_files(getattr(spec.options, name), _absolute_file) for name in spec.kind.files}
    options: Any = spec.options  # every kind of options is a dataclass, which `replace` wants to know
    return replace(spec, corpus=_absolute_corpus(spec.corpus), options=replace(options, **changed))


def _absolute_file(name: str) -> str:
    return name if is_package(name) or not exists(place := user_path(name)) else str(by_its_name(place))


def _absolute_corpus(corpus: CorpusSpec) -> CorpusSpec:
    if corpus.kind == "union":
        return replace(corpus, parts=tuple((name, _absolute_corpus(part)) for name, part in corpus.parts))
    if corpus.kind != "text" or is_package(corpus.path):
        return corpus
    return replace(corpus, path=str(resolved(user_path(corpus.path))))


def corpus_label(spec: DatasetSpec) -> str:
    """Return the `corpus` column of the views.

    `stdlib`, the name of the file or folder, or those of the parts; of a set that reads no text, the packages
    whose files it reads.
    """
    corpus = spec.corpus
    if corpus.kind == "none":
        return packages_label(spec)
    return corpus.label if corpus.kind != "text" else resolved(named_path(corpus.path)).name
