"""A plain function of the user's as a builder: `builder = "mypackage.sets:months"` in a study file.

    def months(text, *, ignore_case=False):
        flags = re.IGNORECASE if ignore_case else 0
        return {name: [m.span() for m in re.finditer(name, text, flags)] for name in months.features}

    months.features = ("January", "June")

| it takes       | it returns                                                                           |
|----------------|--------------------------------------------------------------------------------------|
| `text`         | by feature its places in the text, (start, end) in characters: tokens that hold one  |
|                | of these characters are positive; a feature that is left out has none                |
| `text, tokens` | labels of the tokens, (n_tokens, n_features), true and false or 1 and 0; `tokens`,   |
|                | which is called so, are the places of the tokens in the text, (start, end) each      |

None stands for a document that has no labels: it is left out. `text` is a whole document as the tokenizer
sees it, in the Unicode normal form that it makes, if it makes one.

Further parameters are options: keys of the set in a study file, typed by their annotation or their default,
handed on by name, lists as tuples. `months.files` names those that hold a path: the key of the set then
carries the content of the file.

The key carries the distribution that brought the function and its version, or the digest of its module.
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from superpos.arrays import Bool
from superpos.datasets.alignment import Alignment, align_ids, seen_text
from superpos.datasets.corpus_sets import TextLabels
from superpos.datasets.function_options import options_record, takes_tokens
from superpos.datasets.sequences import TokenLabels
from superpos.datasets.sources import Corpus, Document
from superpos.datasets.tokens import TokenTable
from superpos.errors import ArgumentError, InputError, allowed, plain, shown
from superpos.kinds.builders import Builder
from superpos.specs.datasets import DatasetSpec
from superpos.specs.names import check_names


def builder_of(name: str, function: Callable[..., Any]) -> Builder:
    """Return the builder that a function makes.

    Parameters
    ----------
    name
        By which a study file names it.
    function
        As the module says.

    Raises
    ------
    ArgumentError
        If it takes something else, or does not name its features.
    """
    features = _features(function)
    record, by_token = options_record(name, function), takes_tokens(function)

    def text_labels(spec: DatasetSpec, table: TokenTable, _corpus: Corpus) -> TextLabels:
        options = spec.told(record, name)
        given = {one.name: getattr(options, one.name) for one in fields(options)}
        counts = dict.fromkeys(features, 0)

        def label(document: Document, ids: list[int]) -> TokenLabels | None:
            text = seen_text(document.text, table)
            aligned = align_ids(text, ids, table)
            if aligned is None:
                return None
            where = f"builder {name}: document {plain(document.name)}"
            places = list(zip(aligned.starts.tolist(), aligned.ends.tolist(), strict=True))
            found = _called(where, function, (text, places) if by_token else (text,), given)
            if found is None:
                return None
            if by_token:
                return TokenLabels(_checked(where, found, (len(ids), len(features))))
            return TokenLabels(_labels_of_spans(where, found, features, aligned, len(text), counts))

        return TextLabels(features, label, provenance={} if by_token else {"spans": counts})

    said = (inspect.getdoc(function) or f"The function {name}.").partition("\n\n")[0]
    return Builder(
        name=name,
        version=1,
        meaning=" ".join(said.split()),
        feature=f"what the function {name} says of the text",
        options=record,
        text_labels=text_labels,
        features=lambda _: features,
    )


def _features(function: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of a function's features."""
    names = getattr(function, "features", None)
    called = getattr(function, "__name__", "function")
    if not isinstance(names, tuple | list) or not all(isinstance(name, str) for name in names):
        said = f'are not named; give the function their names: {called}.features = ("one", "another")'
        raise ArgumentError("features", said)
    check_names("features", tuple(names), minimum=2)
    return tuple(names)


def _called(
    where: str, function: Callable[..., Any], values: tuple[Any, ...], options: Mapping[str, Any]
) -> Any:
    """Call the user's function; its error becomes one line that names the document and the place."""
    try:
        return function(*values, **options)
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(frame.filename).name}, line {frame.lineno}"
        raise InputError(f"{where}: {plain(f'{type(error).__name__}: {error}', 300)} ({place})") from error


def _labels_of_spans(
    where: str,
    found: Any,
    features: tuple[str, ...],
    aligned: Alignment,
    length: int,
    counts: dict[str, int],
) -> Bool:
    """Return which tokens hold a character of which feature, (n_tokens, n_features), and count the places."""
    if not isinstance(found, Mapping):
        said = f"returns {type(found).__name__}; a function of the text returns a dict of places by feature"
        raise InputError(f"{where}: {said}")
    labels = np.zeros((len(aligned.starts), len(features)), dtype=np.bool_)
    for name, given in found.items():
        if name not in features:
            raise InputError(f"{where}: {shown(name)} is no feature of it; {allowed(name, features)}")
        spans = [_span(f"{where}: {name}", one, length) for one in _listed(f"{where}: {name}", given)]
        counts[name] += len(spans)
        labels[:, features.index(name)] = aligned.sharing(spans, length)
    return labels


def _listed(where: str, given: Any) -> list[Any]:
    try:
        return list(given)
    except TypeError:
        raise InputError(f"{where}: {shown(given)} is no list of places") from None


def _span(where: str, one: Any, length: int) -> tuple[int, int]:
    """Return a place as (start, end)."""
    try:
        start, end = (int(edge) for edge in one if edge == int(edge))
    except (TypeError, ValueError):
        raise InputError(f"{where}: {shown(one)} is no place (start, end)") from None
    if not 0 <= start <= end <= length:
        raise InputError(f"{where}: ({start}, {end}) lies outside of the text, which has {length} characters")
    return start, end


def _checked(where: str, found: Any, shape: tuple[int, int]) -> Bool:
    """Return labels that a function gave, of the shape that is needed."""
    try:
        labels = np.asarray(found)
    except ValueError:  # rows of unlike lengths
        raise InputError(f"{where}: labels are no array") from None
    if labels.shape != shape:
        raise InputError(
            f"{where}: labels have the shape {labels.shape}; {shape} is needed, a row a token and a column a "
            "feature"
        )
    if labels.dtype != np.bool_:
        if labels.dtype.kind not in "iuf" or not np.isin(labels, (0, 1)).all():
            raise InputError(f"{where}: labels are not all true or false, 1 or 0")
        labels = labels.astype(np.bool_)
    return np.asarray(labels, dtype=np.bool_)
