"""Algorithm version of every stage: part of the keys, raised whenever a stage's results would change.

Rows of an older version stay in the database but leave the views until `superpos db gc` drops them.
"""

from __future__ import annotations

ALGORITHM_VERSIONS: dict[str, int] = {
    "model": 1,
    "dataset": 3,
    "activations": 2,
    "directions": 3,
    "target": 1,
    "psm": 1,
    "joint_axes": 1,
    "joint": 2,
    "fit_axes": 2,
}
