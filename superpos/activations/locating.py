"""Where the files of a model are: bundled, a folder, a GGUF file, an installed distribution, or the hub."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from superpos.activations.gguf_folder import gguf_folder
from superpos.activations.gguf_header import is_gguf
from superpos.activations.hub import is_repository, resolve
from superpos.activations.presets import check_revision, preset_folder, preset_size
from superpos.activations.weight_files import INDEX, PICKLES
from superpos.errors import InputError, allowed, plain
from superpos.kinds.weights import WEIGHTS
from superpos.models import BUNDLED, bundled_model
from superpos.reading.distributions import PREFIX, Distribution, find_distribution, is_package, split_package
from superpos.reading.places import is_file, is_folder, user_path
from superpos.reading.refusals import listed
from superpos.reading.texts import read_json_object
from superpos.specs.models import ModelSpec

CONFIG = "config.json"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the files of a model are."""

    folder: Path
    """With configuration and tokenizer, and unless there is a commit with the weights."""
    commit: str = ""
    """Of the hub; empty for what is local."""
    distribution: str = ""
    """Name and version of the installed distribution that holds the files."""


def locate(spec: ModelSpec) -> tuple[Path, str]:
    """Return the folder with configuration and tokenizer of a model, and its hub commit (empty if local).

    Weights of a Pythia model that are not read from files come from its preset and never ask the hub, so that
    their identity is the same with and without a network. The folder of a GGUF model is made now if it was
    not made yet.

    Raises
    ------
    InputError
        If the name is neither bundled, nor a folder, nor a GGUF file, nor in an installed distribution, nor a
        hub repository that can be reached; a GGUF file that cannot be read, other files, and a revision of
        what is local or of random weights of a preset are refused too.
    """
    place = find_model(spec)
    return place.folder, place.commit


def find_model(spec: ModelSpec) -> Place:
    """Return where the files of a model are; raises as `locate`."""
    reads_files = WEIGHTS.get(spec.weights, "weights").reads_files
    if spec.name in BUNDLED:
        if not reads_files:
            _refuse_revision(spec, f"{spec.weights} weights have")
        return Place(bundled_model(spec.name, spec.revision))
    if is_package(spec.name):
        _refuse_revision(spec, "an installed distribution has")
        path, distribution = package_model(spec.name)
        return Place(_local(spec, path), distribution=distribution)
    path = user_path(spec.name)
    if is_folder(path) or is_file(path) or path.suffix.lower() == ".gguf":
        _refuse_revision(spec, "is local and has")
        return Place(_local(spec, path))
    size = preset_size(spec.name)
    if size and not reads_files:
        _refuse_revision(spec, f"{spec.weights} weights have")
        return Place(preset_folder(size))
    if not is_repository(spec.name) or spec.name.startswith("."):
        raise InputError(
            f"model {spec.name}: no such folder or GGUF file, not bundled ({allowed(spec.name, BUNDLED)}); "
            f"an installed distribution is written {PREFIX}NAME, a hub repository owner/name"
        )
    commit, folder = resolve(spec.name, check_revision(spec.name, spec.revision))
    return Place(folder, commit)


def _refuse_revision(spec: ModelSpec, what: str) -> None:
    if spec.revision:
        raise InputError(f"model {spec.name}: {what} no revision {spec.revision!r}; leave it empty")


def _local(spec: ModelSpec, path: Path) -> Path:
    """Return the model folder of a local folder or file."""
    if is_folder(path):
        ggufs = [] if is_file(path / CONFIG) else sorted(filter(_named_gguf, path.iterdir()))
        if len(ggufs) > 1:
            names = listed(one.name for one in ggufs)
            raise InputError(f"{path}: holds several GGUF files; name one of them as the model: {names}")
        return gguf_folder(ggufs[0]) if ggufs else path
    if is_file(path) and not is_gguf(path):
        raise InputError(
            f"model {spec.name}: is a file, and none of GGUF; name its folder, which holds config.json, "
            "*.safetensors and tokenizer.json"
        )
    return gguf_folder(path)


def _named_gguf(path: Path) -> bool:
    return path.suffix.lower() == ".gguf"


def package_model(name: str) -> tuple[Path, str]:
    """Return the model that an installed distribution holds, and the name and version of the distribution.

    Parameters
    ----------
    name
        `package:DIST`; where it holds several, `package:DIST/inside/path` of a GGUF file or a folder.

    Raises
    ------
    InputError
        As `find_distribution`; further if there is no model or more than one.
    """
    dist, inside = split_package(name)
    found = find_distribution(dist)
    label = f"{found.name} {found.version}"
    models = dict(_models_of(found, inside))
    if len(models) == 1:
        return next(iter(models.values())), label
    if inside in models:
        return models[inside], label
    if models:
        choices = listed(f"{PREFIX}{dist}/{one}" for one in models)
        raise InputError(f"{plain(name)}: {label} holds {len(models)} models; name one of them: {choices}")
    files = [file for file, _ in found.within(inside)] or [file for file, _ in found.files]
    content = [file for file in files if ".dist-info/" not in file and "__pycache__" not in file]
    where = f" at {inside}" if inside else ""
    raise InputError(
        f"{plain(name)}: {label} has no model{where}: no GGUF file, and no folder with the config.json of a "
        f"model; it holds {listed(content)}"
    )


def _models_of(found: Distribution, inside: str) -> Iterator[tuple[str, Path]]:
    """Yield GGUF files and model folders of a part of a distribution, each with its path inside."""
    files = [entry for entry in found.files if entry[0] == inside] or found.within(inside)
    ggufs = [entry for entry in files if _named_gguf(entry[1])]
    yield from ggufs
    for file, path in files:
        if path.name != CONFIG or "model_type" not in read_json_object(path):
            continue
        beside = [one for _, one in files if one.parent == path.parent]
        has_weights = any(one.name == INDEX or one.suffix in (".safetensors", *PICKLES) for one in beside)
        if has_weights or not any(map(_named_gguf, beside)):  # else it describes the GGUF file beside it
            yield str(PurePosixPath(file).parent), path.parent
