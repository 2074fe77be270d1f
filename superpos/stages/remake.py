"""Tasks that read the files of a probe set: a file that is gone or damaged is made again, once.

Every reader checks what it reads against the digest that SQL holds, and raises `FileLostError` if it differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from superpos.db.activations import activation_works
from superpos.errors import FileLostError
from superpos.records.work import DirectionWork
from superpos.stages import activations, datasets
from superpos.stages.context import Context
from superpos.stages.executor import TaskError


def file_places(context: Context, work: DirectionWork) -> tuple[Path, Path]:
    """Return the file of a probe set's feature set, and the folder below which its activations lie."""
    return context.data_folder / datasets.artifact_path(work.dataset_key), context.data_folder


def answers(
    context: Context, stage: str, task: str, works: Sequence[DirectionWork], payload: Callable[[int], Any]
) -> Iterator[tuple[int, Any]]:
    """Run a task for every probe set; failures are recorded, and forgotten once there is a result.

    Parameters
    ----------
    context
        The study.
    stage
        The stage that the work counts under.
    task
        Name of the task.
    works
        The probe sets.
    payload
        From the place of a probe set among `works` to what the task is given.

    Yields
    ------
    tuple
        Place of a probe set and the value of its task, which is to be stored before the next is asked for.
    """
    if not works:
        return
    context.reporter.start(stage, len(works))
    _read_datasets(context, works)
    lost: list[int] = []
    yield from _once(context, stage, task, works, payload, range(len(works)), lost)
    if lost:
        _read_datasets(context, [works[index] for index in lost])
        keys = {works[index].activation_key for index in lost}
        activations.extract_works(context, activation_works(context.database, keys))
        again: list[int] = []
        yield from _once(context, stage, task, works, payload, lost, again)
        for index in again:
            files = f"activation files below {context.data_folder} are gone or damaged again"
            error = TaskError("files_lost", f"{works[index].key.hex()}: {files}")
            context.fail(stage, works[index].key, error)
            context.reporter.advance(stage)
    context.reporter.finish(stage)


def _once(
    context: Context,
    stage: str,
    task: str,
    works: Sequence[DirectionWork],
    payload: Callable[[int], Any],
    indices: Sequence[int],
    lost: list[int],
) -> Iterator[tuple[int, Any]]:
    """Run the task for some of the works; those whose files are lost are neither failures nor results."""
    for answer in context.executor.run(task, (payload(index) for index in indices)):
        index = indices[answer.index]
        if answer.error is None:
            yield index, answer.value
            context.succeed(stage, works[index].key)
        elif answer.error.reason == FileLostError.__name__:
            lost.append(index)
            continue
        else:
            context.fail(stage, works[index].key, answer.error)
        context.reporter.advance(stage)


def _read_datasets(context: Context, works: Sequence[DirectionWork]) -> None:
    """Make sure that the feature sets are there and what results hang on."""
    for key in {work.dataset_key for work in works}:
        datasets.read(context, key)
