"""What the sets of a source hold: rows, labels and lengths, counted as the builder reads the files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from superpos.datasets.labelled.features import features_of
from superpos.datasets.labelled.options import LabelledTextOptions
from superpos.datasets.labelled.rows import FileRows, read_rows
from superpos.datasets.option_files import option_digest
from superpos.errors import InputError
from superpos.specs.datasets import HUB_PREFIX, DatasetSpec
from superpos.specs.feature_sets import load_source_set
from superpos.specs.set_sources import SetSource


@dataclass(frozen=True, slots=True)
class ListedFeature:
    """A feature of a set."""

    name: str
    n_positive: int
    n_negative: int


@dataclass(frozen=True, slots=True)
class ListedSet:
    """A set of a source."""

    name: str
    files: tuple[str, ...]
    """As the source names them: paths in the distribution, paths, or names on the hub."""
    description: str
    features: tuple[ListedFeature, ...] = ()
    """With their different texts; empty where the labels are none, or nothing was counted."""
    n_labels: int = 0
    """Different labels; of several files, together."""
    counts: Mapping[str, int] | None = None
    """Rows by what becomes of them, and the different texts that are kept (`kept`); None on the hub, and of a
    file that cannot be read."""
    median_length: int = 0
    """Characters of the middle text."""
    refused: str = ""
    """Why no set can be built of it as it stands: a file that is gone or damaged, labels that are no classes;
    empty if one can."""
    is_numeric: bool = False
    """Whether one could be built if `bins` divided its numbers."""
    same_as: str = ""
    """An earlier set of the very same file."""


def listed_sets(source: SetSource, place: str = "", only: Collection[str] = ()) -> Iterator[ListedSet]:
    """Yield the sets of a source with their counts.

    Parameters
    ----------
    source
        The source.
    place
        A folder in the place of the distribution's.
    only
        Names of sets; empty for all.

    Raises
    ------
    InputError
        As `SetSource.files`.
    """
    files = source.files(place)
    first: dict[tuple[str, ...], str] = {}
    for name in only or source.names(files):
        described = str(source.sets.get(name, {}).get("description", ""))
        named: tuple[str, ...] = ()
        try:
            spec = load_source_set(source, name, place)
            options = spec.told(LabelledTextOptions, "labelled_texts")
            named = options.named_files
            if any(file.startswith(HUB_PREFIX) for file in named):
                yield ListedSet(name, named, described)
                continue
            same = first.setdefault(tuple(map(option_digest, named)), name)
            yield _counted(spec, options, "" if same == name else same)
        except InputError as error:  # the others are listed all the same
            yield ListedSet(name, named, described, refused=str(error))


def _counted(spec: DatasetSpec, options: LabelledTextOptions, same: str) -> ListedSet:
    counts: Counter[str] = Counter()
    labels: set[Any] = set()
    lengths: list[int] = []
    features: list[ListedFeature] = []
    refused, numeric = "", False
    for number, file in enumerate(options.named_files):
        rows = read_rows(options, file)
        counts.update(rows.counts)
        counts["kept"] += len(rows.texts)
        labels |= {row.label for row in rows.texts.values()}
        lengths += map(len, rows.texts)
        try:
            found = tuple(_features(options, rows))
        except InputError as error:
            refused, numeric = refused or str(error), _divides(options, rows)
            continue
        named = options.files[number].name if options.files else ""
        features += [ListedFeature(named or one.name, one.n_positive, one.n_negative) for one in found]
    return ListedSet(
        name=spec.name,
        files=options.named_files,
        description=spec.description,
        features=() if refused else tuple(features),
        n_labels=len(labels),
        counts=dict(counts),
        median_length=round(median(lengths)) if lengths else 0,
        refused=refused,
        is_numeric=numeric,
        same_as=same,
    )


def _features(options: LabelledTextOptions, rows: FileRows) -> Iterator[ListedFeature]:
    """Yield the features of a file with the different texts that have them and that have them not."""
    found = features_of(options, rows)
    truths = [found.truth(row.label) for row in rows.texts.values()]
    for place, name in enumerate(found.names):
        values = Counter(truth[place] for truth in truths if truth is not None)
        yield ListedFeature(name, values[True], values[False])


def _divides(options: LabelledTextOptions, rows: FileRows) -> bool:
    """Whether the labels are numbers that a quantile divides."""
    try:
        features_of(replace(options, bins=(0.5,)), rows)
    except InputError:
        return False
    return True
