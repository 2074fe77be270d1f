"""Which library wrote a folder or file, by the names of the files in it.

| layout                | weights                          | configuration    | decoder vectors are         |
|-----------------------|----------------------------------|------------------|-----------------------------|
| SAELens               | `sae_weights.safetensors`        | cfg.json         | rows of `W_dec`             |
| sparsify              | `sae.safetensors`                | cfg.json         | rows of `W_dec`             |
| dictionary_learning   | `ae.pt`                          | config.json      | columns of `decoder.weight`, |
|                       |                                  |                  | or rows of `W_dec`          |
| Gemma Scope           | `params.npz`                     | none             | rows of `W_dec`             |
| Gemma Scope 2         | `params.safetensors`             | config.json      | rows of `w_dec`             |
| Llama Scope           | `checkpoints/final.safetensors`  | hyperparams.json | columns of `decoder.weight` |
| Language-Model-SAEs   | `sae_weights.safetensors`        | config.json      | rows of `W_D`, earlier      |
|                       |                                  |                  | columns of `decoder.weight` |
| Qwen Scope            | `layer3.sae.pt`                  | none             | columns of `W_dec`          |

The last column is what the libraries do, and no proof: `superpos.datasets.sae.orientation` proves it for each
file. Sources are in `superpos.datasets.sae.configs`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from superpos.datasets.sae import configs
from superpos.datasets.sae.configs import Said
from superpos.errors import InputError
from superpos.reading.array_parts import SUFFIXES
from superpos.reading.places import is_file, is_folder, walked
from superpos.reading.refusals import listed

DEEPEST = 4
"""Folders below the one that is named among which autoencoders are looked for, to be named in a message."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a library lays out an autoencoder."""

    name: str
    weights: tuple[str, ...]
    """Names of the file of weights below the folder, each a pattern; the first that is there counts."""
    config: str
    """Name of the configuration in the folder; empty for none."""
    read: Callable[[Path, Path], Said]
    """From the configuration and the weights to what they say."""
    needs_config: bool = True


LAYOUTS = (
    Layout("SAELens", ("sae_weights.safetensors",), "cfg.json", configs.saelens),
    Layout("sparsify", ("sae.safetensors",), "cfg.json", configs.sparsify),
    Layout("dictionary_learning", ("ae.pt",), "config.json", configs.dictionary_learning),
    Layout("Gemma Scope", ("params.npz",), "", configs.gemma_scope),
    Layout(
        "Gemma Scope 2", ("params.safetensors",), "config.json", configs.gemma_scope_2, needs_config=False
    ),
    Layout(
        "Llama Scope",
        ("checkpoints/final.safetensors", "checkpoints/pruned.safetensors"),
        "hyperparams.json",
        configs.language_model_saes,
    ),
    Layout("Language-Model-SAEs", ("sae_weights.safetensors",), "config.json", configs.language_model_saes),
    Layout("Qwen Scope", ("layer*.sae.pt",), "", configs.qwen_scope),
)
LONE = Layout("file", (), "", configs.nothing, needs_config=False)
"""A file of arrays that is in no layout."""


@dataclass(frozen=True, slots=True)
class Found:
    """An autoencoder on the disk."""

    layout: str
    weights: Path
    said: Said


def find_autoencoder(path: Path) -> Found:
    """Return what a folder or a file of weights is, and what its configuration says.

    Raises
    ------
    InputError
        If there is nothing, no layout fits, there are several autoencoders, or as the configuration's reader
        says of it.
    """
    if is_folder(path):
        layout, weights = _in_folder(path)
        root = path
    elif is_file(path):
        layout, root = _of_file(path)
        weights = path
        if path.suffix not in SUFFIXES:
            raise InputError(
                f"{path}: is no file of an autoencoder; allowed: its folder, or a file that ends in "
                f"{', '.join(SUFFIXES)}"
            )
    else:
        raise InputError(f"{path}: no such file or folder")
    return Found(layout.name, weights, layout.read(root / (layout.config or "."), weights))


def is_autoencoder(path: Path) -> bool:
    """Whether a folder holds an autoencoder or several, or a file is one's weights, as far as names say."""
    if is_folder(path):
        return bool(_matches(path)) or any(True for _ in _below(path))
    return is_file(path) and _of_file(path)[0] is not LONE


def _matches(folder: Path) -> list[tuple[Layout, Path]]:
    """Return the layouts that fit a folder, with the file of weights of each."""
    found = []
    for layout in LAYOUTS:
        if layout.config and layout.needs_config and not is_file(folder / layout.config):
            continue
        for pattern in layout.weights:
            place, name = (folder / pattern).parent, Path(pattern).name
            files = [place / name] if "*" not in name else sorted(place.glob(name))
            if files := [file for file in files if is_file(file)]:
                found += [(layout, file) for file in files]
                break
    return found


def _in_folder(folder: Path) -> tuple[Layout, Path]:
    found = _matches(folder)
    if len(found) == 1:
        return found[0]
    if found:
        names = listed(weights.relative_to(folder).as_posix() for _, weights in found)
        raise InputError(f"{folder}: holds {len(found)} files of weights ({names}); name one of them")
    below = sorted(_below(folder))
    if below:
        names = listed(file.relative_to(folder).as_posix() for file in below)
        raise InputError(f"{folder}: holds {len(below)} autoencoders; name one of them: {names}")
    wanted = "; ".join(
        " and ".join([layout.weights[0], *([layout.config] if layout.config and layout.needs_config else [])])
        + f" ({layout.name})"
        for layout in LAYOUTS
    )
    there = listed(sorted(one.name for one in folder.iterdir()))
    raise InputError(f"{folder}: is no autoencoder of a known layout: it holds {there}; known are {wanted}")


def _below(folder: Path) -> Iterable[Path]:
    """Yield what could be named instead of a folder of many: folders, or files where one has several."""
    folders = {file.parent for file in walked(folder)}
    folders |= {one.parent for one in folders if one.name == "checkpoints"}
    for one in folders:
        if one == folder or len(one.relative_to(folder).parts) > DEEPEST:
            continue
        found = _matches(one)
        yield from (weights for _, weights in found) if len(found) > 1 else ([one] if found else [])


def _of_file(path: Path) -> tuple[Layout, Path]:
    """Return the layout that a file of weights belongs to by its name and neighbours, and its folder."""
    for layout in LAYOUTS:
        for pattern in layout.weights:
            depth = len(Path(pattern).parts)
            inside = Path(*path.absolute().parts[-depth:]).as_posix()
            root = path.absolute().parents[depth - 1]
            has_config = bool(layout.config) and is_file(root / layout.config)
            if fnmatchcase(inside, pattern) and (has_config or not (layout.config and layout.needs_config)):
                return layout, root
    return LONE, path.parent
