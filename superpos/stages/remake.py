"""Tasks that read the files of a probe set: a file that is gone or damaged is made again, once.

Every reader checks what it reads against the digest that SQL holds, and raises `FileLostError` if it differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from superpos.db.activations import activation_works
from superpos.records.work import DirectionWork
from superpos.stages import activations, datasets
from superpos.stages.context import Context
from superpos.stages.loop import Done, Leasing, Remake, Stage, run_stage
from superpos.storage.files import Place

W = TypeVar("W")


def run_on_files(
    context: Context,
    *,
    name: str,
    task: str,
    works: Sequence[W],
    probes: Callable[[W], Sequence[DirectionWork]],
    payload: Callable[[W, Place, Place], Any],
    insert: Callable[[Done[W]], None],
    leasing: Leasing[W],
    keys: Callable[[W], Sequence[str]] | None = None,
    split: Callable[[W], Sequence[W]] | None = None,
) -> None:
    """Run a task for every probe set that waits for it.

    Parameters
    ----------
    context
        The study.
    name
        The stage that the work counts under.
    task
        Name of the task.
    works
        What is missing.
    probes
        From a unit of work to its probe sets, which share files and settings.
    payload
        From a unit, the file of its feature set and the folder of its activations to what the task is given.
    insert
        Stores values.
    leasing
        How runs share the units.
    keys
        Keys of a unit's parts, which its failures have; by default those of its probe sets.
    split
        From a unit that failed as a whole to the pieces that are tried; None where none is made.
    """

    def make(lost: Sequence[W]) -> None:
        first = [probes(work)[0] for work in lost]
        _read_datasets(context, first)
        keys = {work.activation_key for work in first}
        activations.extract_works(context, activation_works(context.database, keys), again=True)

    def own_keys(work: W) -> Sequence[str]:
        return keys(work) if keys is not None else [one.key.hex() for one in probes(work)]

    def lost_again(work: W) -> str:
        files = f"activation files below {context.data_folder} are gone or damaged again"
        return f"{probes(work)[0].key.hex()}: {files}"

    run_stage(
        context,
        Stage(
            name=name,
            task=task,
            works=works,
            total=sum(len(own_keys(work)) for work in works),
            prepare=lambda: _read_datasets(context, (probes(work)[0] for work in works)),
            payload=lambda work: payload(work, *_file_places(context, probes(work)[0])),
            insert=insert,
            keys=own_keys,
            steps=lambda work: len(own_keys(work)),
            leasing=leasing,
            remake=Remake(make, lost_again),
            split=split,
        ),
    )


def _file_places(context: Context, work: DirectionWork) -> tuple[Place, Place]:
    """Return the file of a probe set's feature set, and the folder below which its activations lie."""
    return context.data_folder / datasets.artifact_path(work.dataset_key), context.data_folder


def _read_datasets(context: Context, works: Iterable[DirectionWork]) -> None:
    """Make sure that the feature sets are there and what results hang on."""
    for key in {work.dataset_key for work in works}:
        datasets.read(context, key)
