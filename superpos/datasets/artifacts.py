"""Feature sets on disk: one safetensors file each, written whole or not at all, without pickle."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from superpos.errors import FileLostError, InputError, shown
from superpos.hashing import array_digest, canonical_json, text_digest
from superpos.reading.refusals import parsing
from superpos.records.data import FeatureCopy, FeatureStatus, LabelledTokens, TokenExample
from superpos.storage.files import Place, read_stored, write_stored

FORMAT = 3
_ARRAYS: dict[str, str] = {
    "token_ids": "int32",
    "sequence_starts": "int64",
    "sequence_documents": "int64",
    "sequence_groups": "int64",
    "sample_sequences": "int64",
    "sample_positions": "int64",
    "sample_lengths": "int64",
    "labels": "bool",
    "members": "bool",
}


def content_digest(data: LabelledTokens) -> str:
    """Return the SHA-256 over arrays, names of features, copies and documents, as 64 hexadecimal digits.

    Provenance and examples are for people and no part of it.
    """
    names = canonical_json(
        {"features": data.feature_names, "documents": data.documents, "copies": _copies(data)}
    )
    return text_digest(f"{array_digest(*_arrays(data).values())}{names}")


def save_dataset(path: Place, data: LabelledTokens) -> str:
    """Write a feature set, whole or not at all; returns its content digest."""
    header = {
        "format": FORMAT,
        "feature_names": data.feature_names,
        "documents": data.documents,
        "copies": _copies(data),
        "examples": [None if example is None else asdict(example) for example in data.examples],
        "corpus_digest": data.corpus_digest,
        "tokenizer_digest": data.tokenizer_digest,
        "provenance": dict(data.provenance),
        "content_digest": content_digest(data),
    }
    # One key only: the library writes several in no fixed order, and equal content should give equal files.
    payload = save(_arrays(data), metadata={"superpos": json.dumps(header, sort_keys=True)})
    write_stored(path, payload)
    return str(header["content_digest"])


class WrongFormatError(InputError):
    """A feature set that another version of the package has written."""


def load_dataset(path: Place) -> LabelledTokens:
    """Read a feature set back.

    Raises
    ------
    FileLostError
        If the file is missing, is no feature set, or its content is not what it says.
    InputError
        If it is of another format.
    DataFolderError
        If an object store cannot be read.
    """
    try:
        content = read_stored(path)
        if content is None:
            raise FileLostError(f"{path}: no such feature set")
        with parsing(str(path), "a feature set", SafetensorError):
            return _parsed(path, content)
    except (FileLostError, WrongFormatError):
        raise
    except InputError as error:
        raise FileLostError(str(error)) from error


def _parsed(path: Place, content: bytes) -> LabelledTokens:
    tensors = load(content)
    stop = 8 + int.from_bytes(content[:8], "little")  # the library gives no metadata of content
    header = json.loads(json.loads(content[8:stop])["__metadata__"]["superpos"])
    if header.get("format") != FORMAT:
        raise WrongFormatError(
            f"{path}: feature set of format {shown(header.get('format'))}; allowed: {FORMAT}"
        )
    arrays = {name: tensors[name] for name in _ARRAYS}
    data = LabelledTokens(
        feature_names=tuple(header["feature_names"]),
        documents=tuple(header["documents"]),
        examples=tuple(None if item is None else TokenExample(**item) for item in header["examples"]),
        copies=tuple(
            FeatureCopy(one["feature"], one["of"], FeatureStatus(one["status"])) for one in header["copies"]
        ),
        corpus_digest=header["corpus_digest"],
        tokenizer_digest=header["tokenizer_digest"],
        provenance=header["provenance"],
        **_typed(arrays),
    )
    if content_digest(data) != header["content_digest"]:
        raise InputError(f"{path}: damaged: its content is not what its header says")
    return data


def _copies(data: LabelledTokens) -> list[dict[str, str]]:
    return [{"feature": one.feature, "of": one.of, "status": str(one.status)} for one in data.copies]


def _arrays(data: LabelledTokens) -> dict[str, NDArray[Any]]:
    return {
        name: np.ascontiguousarray(getattr(data, name), dtype=np.dtype(kind))
        for name, kind in _ARRAYS.items()
    }


def _typed(arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    return {name: np.asarray(arrays[name], dtype=np.dtype(kind)) for name, kind in _ARRAYS.items()}
