"""Files that a row was made from, found in the data folder or made again in a scratch folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from superpos.activations.shards import read_shards
from superpos.datasets.artifacts import load_dataset
from superpos.db.datasets import check_same
from superpos.db.engine import Database
from superpos.db.recompute import activation_row, dataset_row
from superpos.errors import InputError
from superpos.hashing import text_digest
from superpos.records.data import ActivationInfo
from superpos.records.work import DatasetSummary, DirectionWork
from superpos.specs.datasets import DatasetSpec
from superpos.specs.models import ModelSpec
from superpos.stages import datasets
from superpos.stages.activations import RecordedTask, take_recorded
from superpos.storage.files import Place


@dataclass(frozen=True, slots=True)
class Scratch:
    """A database, its data folder, and a folder for what the data folder lacks."""

    database: Database
    data_folder: Place
    folder: Path

    def tokens(self, dataset_key: bytes) -> Place:
        """Return the file of a feature set.

        Raises
        ------
        ContentChangedError
            If it had to be built again and is not what results hang on.
        """
        path = self.data_folder / datasets.artifact_path(dataset_key)
        try:
            load_dataset(path)
        except InputError:
            row, model = _found(dataset_row(self.database, dataset_key.hex()), "data set", dataset_key)
            summary = build_again(row, model, self.folder)
            check_same("data set", dataset_key, row["content_digest"], summary.content_digest)
            return self.folder / summary.path
        return path

    def activations(self, work: DirectionWork, tokens_path: Place) -> Place:
        """Return the data folder in which the activation files of a probe set lie; raises as `tokens`."""
        try:
            read_shards(self.data_folder, work.shards)
        except InputError:
            row, spec, _ = _found(
                activation_row(self.database, work.activation_key.hex()), "activations", work.activation_key
            )
            dataset, _ = _found(
                dataset_row(self.database, work.dataset_key.hex()), "data set", work.dataset_key
            )
            _, digest = extract_again(row, spec, tokens_path, self.folder, dataset["specification"])
            check_same("activations", work.activation_key, work.activation_digest, str(digest))
            return self.folder
        return self.data_folder


def build_again(row: Mapping[str, Any], model: ModelSpec | None, folder: Path) -> DatasetSummary:
    """Build the feature set of a stored row below `folder`."""
    spec = DatasetSpec.from_json(row["specification"]["spec"])
    return datasets.build(
        datasets.DatasetTask(key=row["key"], spec=spec, tokenizer_model=model, data_folder=folder)
    )


def extract_again(
    row: Mapping[str, Any],
    spec: ModelSpec,
    tokens_path: Place,
    folder: Path,
    specification: Mapping[str, Any],
) -> tuple[ActivationInfo, str | None]:
    """Make the activations of a stored row again below `folder`; return what they are and their digest.

    Parameters
    ----------
    row, spec
        The activation set and its model.
    tokens_path
        File of its feature set.
    folder
        Where to write.
    specification
        Of the feature set, as stored: some bring their activations.
    """
    dataset = DatasetSpec.from_json(specification["spec"])
    if dataset.kind.recorded:
        place = (row["hookpoint"], row["layer"], row["key"].hex())
        info = take_recorded(RecordedTask(dataset, specification["identity"], folder, (place,)))[0]
        return info, _digest(info)
    import torch

    from superpos.activations.extract import extract
    from superpos.activations.model import load_model

    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = load_model(spec, device=device, dtype=row["dtype"])
    site = (row["hookpoint"], row["layer"])
    stems = {site: row["key"].hex()}
    info = extract(model, load_dataset(tokens_path), stems, folder, pooling=row["pooling"])[0]
    return info, _digest(info)


def _digest(info: ActivationInfo) -> str | None:
    digest = text_digest("".join(shard.sha256 for shard in info.shards))
    return digest if info.status == "ok" else None


def _found(row: Any, what: str, key: bytes) -> Any:
    if row is None:
        raise InputError(f"{what} {key.hex()}: names nothing that can be made again")
    return row
