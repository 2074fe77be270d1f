"""What a feature set reads and which features it has, known without building it; its lines in a study."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from superpos.datasets.option_files import files_of
from superpos.models import BUNDLED
from superpos.reading.places import resolved
from superpos.specs.datasets import DatasetSpec

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BARE_NAME = re.compile(r"[^A-Za-z0-9_-]+")


def source_of(spec: DatasetSpec) -> str:
    """Return what a set reads: its corpus, its list, its folder or its file."""
    corpus = corpus_label(spec) if spec.reads_corpus else ""
    if spec.kind.source is not None:
        return spec.kind.source(spec.options, corpus)
    return corpus or next(iter(files_of(spec.options, spec.kind.files)), "")


def corpus_label(spec: DatasetSpec) -> str:
    """Return what a set that reads text reads."""
    if spec.corpus.kind == "none":
        return "(name one)"
    return "standard library" if spec.corpus.kind == "stdlib" else spec.corpus.label


def known_features(spec: DatasetSpec) -> tuple[str, ...] | None:
    """Return the features of a set as far as they are known without building it; None if they are not.

    Raises
    ------
    InputError
        If a list of names that the set reads has a mistake.
    """
    if spec.kind.features is not None:
        return spec.kind.features(spec.options)
    for option in ("features", "phrases", "classes", "words", "names"):
        if values := getattr(spec.options, option, ()):
            return tuple(value if isinstance(value, str) else value.name for value in values)
    return None


def set_usage(label: str, keys: Mapping[str, str | int]) -> str:
    """Return the lines of TOML with which a study uses a set: a bundled one, or what the keys name."""
    head = f"[datasets.{label if _BARE_KEY.fullmatch(label) else quoted(label)}]\n"
    return head + toml_lines(dict(keys))


def study_of_set(spec: DatasetSpec, usage: str, model: str) -> str:
    """Return a whole study of one set, as TOML that `superpos plan` takes.

    Parameters
    ----------
    spec
        The set.
    usage
        Its own lines, of `set_usage`.
    model
        A bundled model, a folder, a GGUF file, `package:NAME` or a hub repository.
    """
    label = _BARE_NAME.sub("-", Path(model).name).strip("-") or "model"
    models = f"[models.{label}]\n" + ("" if model in BUNDLED else toml_lines({"name": model}))
    if spec.kind.recorded:  # it brings its activations
        models = ""
    matrix = spec.matrix_of or "cosine"
    block = "[[blocks]]\n" + ("" if matrix == "cosine" else f'similarities = ["{matrix}"]\n')
    return "\n".join(filter(None, (models, usage, block)))


def toml_lines(values: Mapping[str, str | int | Sequence[str | int]]) -> str:
    """Return one line of TOML for each key, line ends included."""
    return "".join(f"{key} = {_toml(value)}\n" for key, value in values.items())


def _toml(value: str | int | Sequence[str | int]) -> str:
    if isinstance(value, str):
        return quoted(value)
    return str(value) if isinstance(value, int) else f"[{', '.join(map(_toml, value))}]"


def quoted(text: str) -> str:
    """Return text as a basic string of TOML, which has JSON's escapes."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def display_path(path: Path) -> str:
    """Return a path below the current folder as a relative one."""
    try:
        return resolved(path).relative_to(Path.cwd()).as_posix()
    except ValueError:
        return str(path)
