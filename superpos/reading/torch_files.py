"""Tensors of a file that `torch.save` wrote, by torch's own loader and without running what it holds.

`torch.load(weights_only=True)` builds tensors and plain containers alone; anything else that a pickle asks
for is refused, whatever its name. Files of today's format are zip archives whose tensors lie uncompressed
one behind another, so they are mapped into memory: what is not looked at is not read. torch is imported when
such a file is read, and nowhere else below the activations.
"""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from superpos.errors import InputError, plain
from superpos.reading.places import opened
from superpos.reading.refusals import parsing

LARGEST_OLD_FILE = 1 << 31
"""Bytes of a file of the format before torch 1.6, which cannot be mapped and is read as a whole."""
NESTED = "sae"
"""Key below which Language-Model-SAEs keeps the tensors of a checkpoint, its version beside them."""
_ASKED = re.compile(r"GLOBAL ([A-Za-z_][\w.]*)")
MEND = "save its tensors with safetensors.torch.save_file where you trust it"


def torch_heads(path: Path) -> dict[str, tuple[tuple[int, ...], str, bool]]:
    """Return shape, type and whether it is real of each tensor by name; raises as `torch_vectors`."""
    return {
        name: (tuple(one.shape), str(one.dtype).removeprefix("torch."), bool(one.is_floating_point()))
        for name, one in _tensors(path).items()
    }


def torch_vectors(path: Path, name: str, indices: NDArray[np.int64], *, columns: bool) -> NDArray[np.float64]:
    """Return some rows or columns of a matrix, each as a row, (k, d).

    Parameters
    ----------
    path
        A file of one dictionary: names to tensors, other values passed over; or one that keeps it under
        `sae`.
    name
        The matrix, which has to be there.
    indices
        Numbers of rows or columns, (k,).
    columns
        Whether they are columns.

    Raises
    ------
    InputError
        If the file is damaged, compressed, or holds anything that is neither a tensor nor plain data; if it
        holds no dictionary, or one without tensors.
    """
    import torch

    with parsing(path, "a file of tensors"):
        part = _tensors(path)[name].index_select(int(columns), torch.from_numpy(indices))
        values: NDArray[np.float64] = part.to(torch.float64).numpy()
    return values.T if columns else values


def _tensors(path: Path) -> Mapping[str, Any]:
    """Return the tensors of a file by name, mapped into memory where its format allows."""
    import torch

    with opened(path) as stream, parsing(path, "a file of tensors"):
        is_archive = zipfile.is_zipfile(stream)
        if is_archive:
            stream.seek(0)
            _check_archive(path, stream)
        elif path.stat().st_size > LARGEST_OLD_FILE:
            raise InputError(
                f"{path}: is of the format before torch 1.6, which is read as a whole, and larger than "
                f"{LARGEST_OLD_FILE:,} bytes; {MEND}"
            )
    with opened(path), parsing(path, "a file of tensors"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about pickles of other protocols, which are read or refused
        try:
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=is_archive)
        except (
            pickle.UnpicklingError,
            LookupError,
        ) as error:  # its message advises to let the file run what it holds
            asked = _ASKED.search(str(error))
            what = f", it asks for {plain(asked[1])}" if asked else ""
            raise InputError(
                f"{path}: is no file of tensors and plain data alone (torch.load, weights_only=True){what}; "
                f"{MEND}"
            ) from error
    if isinstance(content, Mapping) and isinstance(content.get(NESTED), Mapping):
        content = content[NESTED]
    if not isinstance(content, Mapping):
        raise InputError(f"{path}: holds {type(content).__name__}; a dictionary of tensors is needed")
    found = {str(name): one for name, one in content.items() if isinstance(one, torch.Tensor)}
    if not found:
        raise InputError(f"{path}: holds a dictionary without tensors")
    return found


def _check_archive(path: Path, stream: Any) -> None:
    """Refuse a compressed archive: mapped into memory, its bytes would be taken for numbers."""
    with zipfile.ZipFile(stream) as archive:
        for member in archive.infolist():
            if member.compress_type != zipfile.ZIP_STORED:
                raise InputError(
                    f"{path}: {member.filename} is compressed, as torch.save writes none; {MEND}"
                )
