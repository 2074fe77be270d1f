"""Which kind of folder of the sparse-probing paper a folder is, from its metadata alone.

Gurnee et al. 2023, "Finding Neurons in a Haystack: Case Studies with Sparse Probing". Every folder has rows
of `tokens`; what is said of them depends on the family:

| family         | columns beside tokens                                     | a sample is | features |
|----------------|-----------------------------------------------------------|-------------|----------|
| features       | `<feature>|probe_indices`, `<feature>|probe_classes`      | a token     | columns  |
| language       | `lang`, `probe_indices`                                   | a token     | classes  |
| distribution   | `distribution`, `probe_indices`                           | a token     | classes  |
| compound_words | `label`, `feature_name`                                   | last token  | names    |
| wikidata       | `name`, `surname_index_start, surname_index_end`, `class` | the surname | classes  |

Further columns (texts, `valid_indices`, linguistic annotation) are left alone.
"""

from __future__ import annotations

from pathlib import Path

from superpos.datasets.option_files import option_file
from superpos.errors import InputError, shown
from superpos.names import unfit_name
from superpos.reading.places import is_file, is_folder
from superpos.reading.refusals import listed
from superpos.reading.texts import read_json_object
from superpos.specs.datasets import SampleUnit

INDICES, CLASSES = "|probe_indices", "|probe_classes"
"""Endings of the two columns of a feature."""
CLASS_COLUMN = {"language": "lang", "distribution": "distribution", "wikidata": "class"}
"""Column that holds the class of a row."""
_NEEDED: dict[str, tuple[str, ...]] = {
    "wikidata": ("name", "surname_index_start", "surname_index_end", "class"),
    "compound_words": ("label", "feature_name"),
    "language": ("lang", "probe_indices"),
    "distribution": ("distribution", "probe_indices"),
}


def folder_family(folder: str) -> str:
    """Return the family of a folder; only its metadata is read.

    Raises
    ------
    InputError
        If it is no folder that `datasets.save_to_disk` wrote, or no family has its columns.
    """
    return family_of(option_file(folder), folder_columns(option_file(folder)))


def folder_unit(folder: str) -> SampleUnit:
    """Return whether a sample of the folder is a token or a span of tokens; raises as `folder_family`."""
    return "span" if folder_family(folder) == "wikidata" else "token"


def folder_columns(place: Path) -> tuple[str, ...]:
    """Return the names of a folder's columns, in order; raises as `folder_family`."""
    if not is_folder(place):
        raise InputError(f"{place}: no such folder; name one that datasets.save_to_disk wrote")
    splits = place / "dataset_dict.json"
    if is_file(splits):
        names = read_json_object(splits).get("splits")
        choices = listed(names) if isinstance(names, list) else "its splits"
        raise InputError(f"{place}: holds several data sets; name the folder of one of them: {choices}")
    info = place / "dataset_info.json"
    if not is_file(info) or not is_file(place / "state.json"):
        raise InputError(
            f"{place}: not a data set: datasets.save_to_disk writes dataset_info.json and state.json"
        )
    features = read_json_object(info).get("features")
    if not isinstance(features, dict):
        raise InputError(f"{info}: says nothing of the columns (features)")
    for name in features:
        if why := unfit_name(name.removesuffix(INDICES).removesuffix(CLASSES)):
            raise InputError(f"{info}: column {shown(name)}: {why}")
    return tuple(features)


def family_of(place: Path, columns: tuple[str, ...]) -> str:
    """Return the family with these columns; raises `InputError` with those found and those each needs."""
    pairs = [name.removesuffix(INDICES) for name in columns if name.endswith(INDICES)]
    pairs += [name.removesuffix(CLASSES) for name in columns if name.endswith(CLASSES)]
    if "tokens" in columns and pairs:
        for feature in pairs:
            for column in (feature + INDICES, feature + CLASSES):
                if column not in columns:
                    raise InputError(f"{place}: feature {feature!r} has no column {column!r}")
        return "features"
    fitting = [family for family, needed in _NEEDED.items() if {"tokens", *needed} <= set(columns)]
    if fitting:
        return fitting[0]
    needs = "; ".join(f"{family}: {', '.join(needed)}" for family, needed in _NEEDED.items())
    there = listed(columns)
    raise InputError(
        f"{place}: no folder of the sparse-probing paper: columns {there}; needed: "
        f"tokens and, features: <feature>{INDICES}, <feature>{CLASSES}; {needs}"
    )
