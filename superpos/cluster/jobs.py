"""What a submitted job must not do: keep results in the folder that Ray unpacks for it.

Ray copies a job's `--working-dir` into a folder of its session. A job that is submitted again gets another
one, and Ray deletes those that nobody uses: what was finished would be lost, or computed twice.
"""

from __future__ import annotations

from pathlib import Path

from superpos.errors import InputError
from superpos.storage import Place

PASSING = ("runtime_resources", "working_dir_files")
"""Folders in a row on the way to what Ray unpacks."""


def passes(place: Path) -> bool:
    """Whether a path lies in a folder that Ray unpacked for a job."""
    parts = place.resolve().parts
    return any(parts[i : i + 2] == PASSING for i in range(len(parts)))


def check_places(file: Path | None, data_folder: Place) -> None:
    """Refuse places that go with the job.

    Parameters
    ----------
    file
        Of a SQLite database; None for a server.
    data_folder
        Where data sets and activations go.

    Raises
    ------
    InputError
        Naming the place and what to set.
    """
    goes = "lies in the folder that Ray unpacked for this job, which is deleted after it"
    if file is not None and passes(file):
        raise InputError(
            f"database: {file.name} {goes}; give --db or SUPERPOS_DB_URL an absolute path, "
            "sqlite:////FOLDER/superpos.db, or a PostgreSQL server"
        )
    if isinstance(data_folder, Path) and passes(data_folder):
        raise InputError(
            f"data folder: {data_folder.name} {goes}; set SUPERPOS_DATA_DIR to a folder that stays"
        )
