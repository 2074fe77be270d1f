"""Activations that were recorded elsewhere, with the labels of their samples, from one file.

| array         | shape        | holds                                                           |
|---------------|--------------|-----------------------------------------------------------------|
| a place       | (samples, d) | floating-point numbers; named after a hookpoint and its layer   |
| `activations` | likewise     | those of the one place that `hookpoint` and `layer` name        |
| `labels`      | (samples, k) | 1 has the feature, 0 has not, -1 is no sample of this feature   |
| `labels`      | (samples,)   | numbers of exclusive classes from 0, -1 for none of them        |
| `groups`      | (samples,)   | numbers; samples of one stay on one side of every split         |

Groups may be missing, and other arrays are passed over. In a safetensors file the entry `features` of the
metadata may name the features, as a JSON list.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from superpos.arrays import Bool, Int
from superpos.datasets.matrix_files import row_names
from superpos.datasets.recorded import labelled_samples
from superpos.errors import ArgumentError, InputError, shown
from superpos.kinds.builders import Builder
from superpos.names import unfit_name
from superpos.reading.array_parts import ArrayHead, array_heads
from superpos.reading.matrices import read_array
from superpos.reading.places import is_file, opened, user_path
from superpos.reading.refusals import listed, parsing
from superpos.records.data import LabelledTokens
from superpos.records.recorded import Place, Recorded
from superpos.specs.axes import check_count
from superpos.specs.datasets import DatasetSpec
from superpos.specs.hook_names import EMBED_LAYER, UNKNOWN_LAYER, read_hookpoint, read_place
from superpos.specs.names import check_name, check_names

SUFFIXES = (".safetensors", ".npz")
ONE_PLACE = "activations"
NONE_OF_THEM = -1
"""Label of a sample that is none of a feature's, or of no class."""
HALF = {"F16": "float16", "float16": "float16", "<f2": "float16", "BF16": "bfloat16"}
"""Types in which half precision was computed, by the names of files."""
METADATA = "features"
LARGEST_WHOLE = 2.0**53
"""Up to which every whole number is a double."""


@dataclass(frozen=True, slots=True)
class ActivationFileOptions:
    """A safetensors or npz file of activations and labels, one row a sample."""

    FILES: ClassVar[tuple[str, ...]] = ("file", "names_file")

    file: str
    """A .safetensors or .npz file with the activations of one place or several, and the labels of the
    samples."""
    labels: str = "labels"
    """Its array of labels: a column of 0 and 1 for each feature, or one of class numbers; -1 = none."""
    groups: str = ""
    """Its array of groups, which no split divides; empty = `groups` where there is one, else every sample is
    a group."""
    names: tuple[str, ...] = ()
    """Names of the features; empty = from `names_file`, from the file itself, or numbers."""
    names_file: str = ""
    """Text file with one name a line."""
    model: str = ""
    """What the views call the model; empty = the file's name."""
    hookpoint: str = ""
    """Where the array `activations` is from, for the views: a hookpoint by any of its names, or any text;
    empty if unknown."""
    layer: int = -1
    """Likewise; -1 for the layer that the name of the hookpoint holds, or if unknown."""

    def __post_init__(self) -> None:
        """Check; raises `ArgumentError`."""
        if not self.file:
            raise ArgumentError("file", f"is empty; name a {' or '.join(SUFFIXES)} file")
        if not self.labels:
            raise ArgumentError("labels", "is empty; name the array of labels")
        if why := unfit_name(self.hookpoint):
            raise ArgumentError("hookpoint", f"{shown(self.hookpoint)} is no name: {why}")
        if self.model:
            check_name("model", self.model)
        check_names("names", self.names)
        hookpoint, layer = read_place(self.hookpoint, check_count("layer", self.layer, UNKNOWN_LAYER))
        object.__setattr__(self, "hookpoint", hookpoint)
        object.__setattr__(self, "layer", layer)


def recorded(spec: DatasetSpec) -> Recorded:
    """Return the samples of a file.

    Raises
    ------
    InputError
        If it cannot be read, or naming the array that is missing or is not what it should be.
    """
    options = spec.told(ActivationFileOptions, "activations")
    path = user_path(options.file)
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path}: cannot be imported; allowed: files that end in {', '.join(SUFFIXES)}")
    if not is_file(path):
        raise InputError(f"{path}: no such file of activations")
    heads = array_heads(path)
    arrays = _places(path, options, heads)
    n_samples = _one_length(path, options, heads, arrays)
    kinds = sorted({heads[name].kind for name in arrays.values()})
    if len(kinds) > 1:
        raise InputError(f"{path}: activations of several types: {', '.join(kinds)}; save them in one")
    return Recorded(
        model=options.model or path.stem,
        places={place: heads[name].shape[1] for place, name in arrays.items()},
        n_samples=n_samples,
        dtype=HALF.get(kinds[0], "float32"),
        labelled=lambda: _labelled(spec, options, path, heads),
        activations=lambda place: read_array(path, arrays[place]),
    )


def _places(path: Path, options: ActivationFileOptions, heads: dict[str, ArrayHead]) -> dict[Place, str]:
    """Return the array of each place, in the order of hookpoints and layers."""
    found: dict[Place, str] = {}
    for name in sorted(heads):
        place = (options.hookpoint, options.layer) if name == ONE_PLACE else _place(name)
        if place is None or name in (options.labels, options.groups):
            continue
        if place in found:
            here = f"{place[0] or 'an unknown place'} of layer {place[1]}"
            raise InputError(f"{path}: {found[place]} and {name} are both {here}; name two places")
        if not heads[name].real or len(heads[name].shape) != 2:
            said = f"holds {heads[name].kind} of shape {heads[name].shape}"
            raise InputError(f"{path}: {name} {said}; a matrix of floating-point numbers is needed")
        found[place] = name
    if not found:
        raise InputError(
            f"{path}: holds no activations: neither an array {ONE_PLACE!r} nor one named after a hookpoint "
            f"and its layer (blocks.3.hook_resid_post, layers.3.mlp); it holds {listed(sorted(heads))}"
        )
    return dict(sorted(found.items()))


def _place(name: str) -> Place | None:
    """Return the hookpoint and layer that an array is named after, None for another name."""
    try:
        found = read_hookpoint(name)
    except ArgumentError:
        return None
    if found.hookpoint == "embed":
        return found.hookpoint, EMBED_LAYER
    return None if found.layer is None else (found.hookpoint, found.layer)


def _one_length(
    path: Path, options: ActivationFileOptions, heads: dict[str, ArrayHead], arrays: dict[Place, str]
) -> int:
    """Return the number of samples; refuse arrays that differ in it."""
    if options.labels not in heads:
        raise InputError(f"{path}: has no array {shown(options.labels)}; it holds {listed(sorted(heads))}")
    names = [*arrays.values(), options.labels, *filter(None, [_groups_name(path, options, heads)])]
    lengths = {name: heads[name].shape[0] if heads[name].shape else 0 for name in names}
    first = names[0]
    for name, length in lengths.items():
        if length != lengths[first]:
            raise InputError(f"{path}: {name} has {length} rows and {first} {lengths[first]}; one a sample")
    return lengths[first]


def _groups_name(path: Path, options: ActivationFileOptions, heads: dict[str, ArrayHead]) -> str:
    """Return the array of groups, empty if there is none."""
    if options.groups and options.groups not in heads:
        raise InputError(f"{path}: has no array {shown(options.groups)}; it holds {listed(sorted(heads))}")
    return options.groups or ("groups" if "groups" in heads else "")


def _labelled(
    spec: DatasetSpec, options: ActivationFileOptions, path: Path, heads: dict[str, ArrayHead]
) -> LabelledTokens:
    labels, members = _labels(path, options.labels)
    own = _own_names(path)
    names = row_names(path, options, (), own, labels.shape[1], what="features")
    named = bool(own or options.names or options.names_file)
    names = names if named else tuple(f"feature_{number}" for number in range(len(names)))
    groups = None
    if name := _groups_name(path, options, heads):
        groups = _whole(path, name, read_array(path, name))
        if groups.ndim != 1:
            raise InputError(f"{path}: {name} has the shape {groups.shape}; one number a sample is needed")
    known = {"file": path.name}
    return labelled_samples(
        spec, names, labels, source=path.name, members=members, groups=groups, provenance=known
    )


def _labels(path: Path, name: str) -> tuple[Bool, Bool | None]:
    """Return labels and members, (n_samples, k) each; no members where every sample is of every feature."""
    stored = _whole(path, name, read_array(path, name, truth=True))
    if stored.ndim == 1:
        below = np.flatnonzero(stored < NONE_OF_THEM)
        if below.size:
            raise InputError(
                f"{path}: {name}, row {below[0]}: {stored[below[0]]} is no class; allowed: from -1"
            )
        n_classes = int(stored.max(initial=NONE_OF_THEM)) + 1
        if not 2 <= n_classes <= len(stored):
            raise InputError(
                f"{path}: {name} has {n_classes} classes of {len(stored)} samples; 2 or more are needed"
            )
        return np.asarray(stored[:, None] == np.arange(n_classes)), None
    if stored.ndim != 2 or stored.shape[1] == 0:
        raise InputError(f"{path}: {name} has the shape {stored.shape}; (samples, features) is needed")
    wrong = np.argwhere((stored < NONE_OF_THEM) | (stored > 1))
    if wrong.size:
        row, column = wrong[0]
        said = f"{stored[row, column]} is no label; allowed: 1, 0, and -1 for no sample of the feature"
        raise InputError(f"{path}: {name}, row {row}, column {column}: {said}")
    members = stored != NONE_OF_THEM
    return np.asarray(stored == 1), None if members.all() else members


def _whole(path: Path, name: str, values: NDArray[Any]) -> Int:
    """Return whole numbers, whatever type they are stored in."""
    if values.dtype.kind == "f":
        wrong = np.argwhere(~(np.abs(values) <= LARGEST_WHOLE) | (values != np.round(values)))
        if wrong.size:
            said = f"{values[tuple(wrong[0])]} is no whole number"
            raise InputError(f"{path}: {name}, row {wrong[0][0]}: {said}")
    return np.asarray(values, dtype=np.int64)


def _own_names(path: Path) -> tuple[str, ...]:
    """Return the names of the features that a safetensors file holds, none if it does not."""
    if path.suffix != ".safetensors":
        return ()
    from safetensors import SafetensorError, safe_open

    with opened(path), parsing(path, "safetensors", SafetensorError), safe_open(path, "np") as file:
        text = (file.metadata() or {}).get(METADATA, "")
    if not text:
        return ()
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise InputError(f"{path}: {METADATA} of its metadata is no JSON list of names")
    return tuple(found)


KIND = Builder(
    name="activations",
    version=1,
    rank=15,
    meaning="Activations that were recorded elsewhere, and the labels of their samples.",
    feature="a column of labels of a file",
    samples="rows of a file",
    options=ActivationFileOptions,
    recorded=recorded,
    takes_all=True,
    features=lambda options: options.names or None,
    without_corpus="labels and activations are those of `file`; leave it out",
)
