"""Names of files below a data folder, by the keys of what they hold.

    datasets/KEY.safetensors                         a feature set
    activations/KE/KEY-000.safetensors, ...          shards of an activation set, KE the first digits of KEY
    activations/KE/KEY.json                          which of these shards are finished

Keys are hexadecimal text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from superpos.storage.files import Place, names_in, remove_stored

SUFFIX = ".safetensors"


def dataset_file(key: str) -> str:
    """Return the file of a feature set."""
    return f"datasets/{key}{SUFFIX}"


def shard_file(key: str, number: int) -> str:
    """Return a file of an activation set, counted from 0."""
    return f"{_folder(key)}/{key}-{number:03d}{SUFFIX}"


def journal_file(key: str) -> str:
    """Return the file that says which shards of an activation set are finished."""
    return f"{_folder(key)}/{key}.json"


def remove_files(root: Place, datasets: Iterable[str], activations: Iterable[str]) -> int:
    """Remove the files of feature sets and activation sets, finished or not; return how many there were."""
    beginnings: dict[str, list[str]] = defaultdict(list)
    for key in datasets:
        beginnings["datasets"].append(f"{key}{SUFFIX}")
    for key in activations:
        beginnings[_folder(key)] += [f"{key}-", f"{key}.json"]
    count = 0
    for folder, known in beginnings.items():
        for name in names_in(root / folder):
            if name.startswith(tuple(known)):
                remove_stored(root / folder / name)
                count += 1
    return count


def _folder(key: str) -> str:
    return f"activations/{key[:2]}"
