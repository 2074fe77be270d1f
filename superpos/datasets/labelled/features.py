"""What the labels of texts mean: which features there are, and which of them a text has.

| labels                                        | features                                                   |
|-----------------------------------------------|------------------------------------------------------------|
| `positive` names some of them                 | one: whether the label is one of these                     |
| 0 and 1, -1 and 1, false and true, no and yes | one: the second of the pair                                |
| other classes, or `classes`                   | one for each class                                         |
| lists of labels                               | one for each label: whether the text has it                |
| several columns (`label_keys`)                | one a column, over the texts of which it says something    |
| numbers, with `bins` at quantiles q           | one a range; with one quantile, whether it is reached      |
| a file for each feature (`files`)             | one a file, over the texts of the file                     |

Quantiles are those of the different texts (linear interpolation, definition 7 of Hyndman and Fan 1996); a
value at an edge belongs to the range above. Numbers that are no few classes are refused unless divided: as
classes each would have a handful of texts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from superpos.datasets.labelled.options import LabelledTextOptions
from superpos.datasets.labelled.rows import FileRows, Label
from superpos.errors import InputError, allowed, shown
from superpos.reading.refusals import listed

PAIRS = (("0", "1"), ("0.0", "1.0"), ("-1", "1"), ("-1.0", "1.0"), ("false", "true"), ("no", "yes"))
"""Labels, in small letters, of which the second says that a feature is there."""
MOST_NUMBERS = 20
"""Different whole numbers that are taken as classes."""
MOST_CLASSES = 100
"""Different labels that are taken as classes unless `classes` names them."""

Truth = tuple[bool | None, ...]
"""Which features a text has, one entry each; None where it is no sample of the feature."""


@dataclass(frozen=True, slots=True)
class Features:
    """Names of features, and which of them a label stands for."""

    names: tuple[str, ...]
    truth: Callable[[Label], Truth | None]
    """None for a label that is left out."""
    edges: tuple[float, ...] = ()
    """Where numbers were divided."""


def features_of(options: LabelledTextOptions, rows: FileRows) -> Features:
    """Return the features of a file's labels.

    Raises
    ------
    InputError
        If there is one label only, one that is asked for is not there, numbers are no classes, or one that is
        to be divided is no number; names file and key.
    """
    key = ", ".join(options.label_keys) or options.label_key
    if not rows.texts:
        counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in rows.counts.items())
        raise InputError(f"{rows.where}: no text with a label under {key!r} (rows: {counts})")
    if options.label_keys:
        return _of_columns(options, rows)
    if options.bins:
        return _of_numbers(options, rows)
    there = Counter(label for row in rows.texts.values() for label in _each(row.label))
    asked = _present(options.classes, there, "classes", rows.where, options.label_key)
    lists = any(isinstance(row.label, tuple) for row in rows.texts.values())
    if len(there) < 2 and not (lists and there):
        only = shown(next(iter(there))) if there else "an empty list"
        raise InputError(f"{rows.where}: every label under {key!r} is {only}; at least 2 are needed")
    kept = set(asked) if asked else set(there)
    if options.positive:
        some = bool(options.files)  # one of them may be the word of one file, another that of the next
        positive = _present(options.positive, there, "positive", rows.where, options.label_key, some=some)
        return _one(options, positive, kept, positive[0] if len(positive) == 1 else "")
    pair = None if asked or lists else _pair(kept)
    if pair is not None:
        return _one(options, pair[1:], kept, "")
    names = asked or _sorted_classes(there, rows.where, options.label_key)
    return Features(names, lambda label: _among(names, label, lists))


def _one(options: LabelledTextOptions, positive: Iterable[str], kept: set[str], name: str) -> Features:
    """Return the feature that some labels say to be there."""
    wanted = set(positive)

    def truth(label: Label) -> Truth | None:
        labels = set(_each(label))
        return (bool(labels & wanted),) if isinstance(label, tuple) or labels <= kept | wanted else None

    return Features((options.feature or name or options.label_key,), truth)


def _among(names: Sequence[str], label: Label, lists: bool) -> Truth | None:
    labels = set(_each(label))
    return None if not lists and labels.isdisjoint(names) else tuple(name in labels for name in names)


def _each(label: Label) -> tuple[str, ...]:
    """Return the labels of a text."""
    return (label,) if isinstance(label, str) else tuple(one for one in label if one is not None)


def _present(
    asked: Sequence[str],
    there: Mapping[str, int],
    key: str,
    where: str,
    label_key: str,
    *,
    some: bool = False,
) -> tuple[str, ...]:
    """Return the labels asked for as the file writes them: capitals count where two differ by them alone.

    All have to be there, or one if `some` are enough; raises `InputError` else, and for one asked for twice.
    """
    found: list[str] = []
    missing: list[str] = []
    for name in asked:
        alike = [name] if name in there else [label for label in there if label.lower() == name.lower()]
        if len(alike) == 1:
            found += alike
        else:
            missing.append(name)
    if missing and not (some and found):
        raise InputError(
            f"{where}: {key}: no text has the label {shown(missing[0])} under {label_key!r}; "
            f"{allowed(missing[0], sorted(there))}"
        )
    if twice := next((name for name in found if found.count(name) > 1), ""):
        raise InputError(f"{where}: {key}: {list(asked)} name the label {shown(twice)} twice")
    return tuple(found)


def _pair(labels: Iterable[str]) -> tuple[str, str] | None:
    """Return two labels, false and true, if they say so themselves."""
    by_small = {label.lower(): label for label in labels}
    pair = next((pair for pair in PAIRS if set(pair) == set(by_small)), None)
    return (by_small[pair[0]], by_small[pair[1]]) if pair and len(set(labels)) == 2 else None


def _sorted_classes(there: Mapping[str, int], where: str, key: str) -> tuple[str, ...]:
    """Return all labels, numbers by their value; raises `InputError` for what are no classes."""
    numbers = [_number(label) for label in there]
    if all(number is not None for number in numbers):
        whole = all(number == int(number) for number in numbers if number is not None)
        if not whole or len(there) > MOST_NUMBERS:
            raise InputError(
                f"{where}: {len(there)} different numbers under {key!r} are no classes; divide them at "
                "quantiles (bins = [0.5], or [0.25, 0.5, 0.75]), or name the classes to keep (classes)"
            )
        return tuple(sorted(there, key=lambda label: (float(label), label)))
    if len(there) > MOST_CLASSES:
        largest = ", ".join(f"{shown(name)} {count}" for name, count in Counter(there).most_common(5))
        raise InputError(
            f"{where}: {len(there)} different labels under {key!r} are too many for classes (at most "
            f"{MOST_CLASSES}); name those to keep (classes); the largest: {largest}"
        )
    return tuple(sorted(there))


def _number(label: str) -> float | None:
    """Return the finite number that a label writes, None for any other."""
    try:
        number = float(label)
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _of_columns(options: LabelledTextOptions, rows: FileRows) -> Features:
    """Return one feature a column."""
    wanted: list[set[str]] = []
    for column, key in enumerate(options.label_keys):
        there = Counter(value for row in rows.texts.values() if (value := row.label[column]) is not None)
        if not there:
            raise InputError(f"{rows.where}: no text has a label under {key!r}; leave the column out")
        if options.positive:
            wanted.append(set(_present(options.positive, there, "positive", rows.where, key, some=True)))
            continue
        pair = _pair(there)
        if pair is None:
            raise InputError(
                f"{rows.where}: column {key!r} holds {listed(sorted(there))}; say which of them make its "
                "feature true (positive)"
            )
        wanted.append({pair[1]})

    def truth(label: Label) -> Truth:
        values = zip(label, wanted, strict=True)
        return tuple(None if value is None else value in positive for value, positive in values)

    return Features(options.label_keys, truth)


def _of_numbers(options: LabelledTextOptions, rows: FileRows) -> Features:
    """Return the ranges between quantiles."""
    values: list[float] = []
    for row in rows.texts.values():
        number = _number(row.label) if isinstance(row.label, str) else None
        if number is None:
            raise InputError(
                f"{row.where}: under {options.label_key!r} is {shown(row.label)}, no number that bins divide"
            )
        values.append(number)
    edges = tuple(float(edge) for edge in np.quantile(np.array(values), options.bins))
    place = np.searchsorted(edges, values, side="right")
    if len(np.unique(place)) <= len(edges):
        said = ", ".join(f"{edge:g}" for edge in edges)
        raise InputError(
            f"{rows.where}: bins: the quantiles {list(options.bins)} of {options.label_key!r} are {said}; "
            "they leave a range without a text, so choose others"
        )

    def index(label: Label) -> int:
        return int(np.searchsorted(edges, float(str(label)), side="right"))

    if len(edges) == 1:
        name = options.feature or options.label_key
        return Features((name,), lambda label: (index(label) == 1,), edges)
    names = _ranges(edges)
    return Features(names, lambda label: tuple(index(label) == one for one in range(len(names))), edges)


def _ranges(edges: Sequence[float]) -> tuple[str, ...]:
    """Return the names of the ranges, with as many digits as tell the edges apart."""
    short = [f"{edge:g}" for edge in edges]
    said = short if len(set(short)) == len(edges) else [repr(edge) for edge in edges]
    between = [f"{low} to {high}" for low, high in pairwise(said)]
    return (f"below {said[0]}", *between, f"from {said[-1]} on")
