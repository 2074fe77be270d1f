"""Steps of the cells of one joint fit, taken in turn for all: what goes wrong with one is its own error.

The similarities of all are made together. At n = 11 those of eighteen points cost what two cost one by one.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from superpos.arrays import Float
from superpos.stages.executor import FAILURES
from superpos.stages.joint_cells import Joint

Made = TypeVar("Made")


class Steps:
    """Does a step for cell after cell; keeps what each took, and what went wrong with it first."""

    def __init__(self) -> None:
        self.seconds: defaultdict[int, float] = defaultdict(float)
        self.errors: dict[int, BaseException] = {}

    def __call__(self, cells: Iterable[int], step: Callable[[int], Made]) -> dict[int, Made]:
        """Return what the step gives by cell, for those with which nothing went wrong until now."""
        made: dict[int, Made] = {}
        for cell in cells:
            if cell in self.errors:
                continue
            began = time.perf_counter()
            try:
                made[cell] = step(cell)
            except FAILURES as error:
                self.errors[cell] = error
            self.seconds[cell] += time.perf_counter() - began
        return made


def matrices_of(
    joint: Joint, steps: Steps, points: Mapping[int, tuple[Float, ...]]
) -> dict[int, tuple[Float, ...]]:
    """Return the similarities of the points of each cell, all made together: that costs what one costs."""
    began = time.perf_counter()
    try:
        found = iter(joint.all_similarities([one for some in points.values() for one in some]))
    except FAILURES:  # of one of them, and nobody knows of which
        return steps(points, lambda cell: tuple(map(joint.similarity, points[cell])))
    made = {cell: tuple(next(found) for _ in some) for cell, some in points.items()}
    taken = time.perf_counter() - began
    for cell in made:
        steps.seconds[cell] += taken / len(made)
    return made
