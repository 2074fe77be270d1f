"""The cells of a study as numbers: what best matches are chosen from, and how many results there are.

A cell's own columns come from SQL as integers and doubles, those of its joint fit, joint axes and fit axes
once each; so no text is held for a cell, and the cells of some targets at once. Settings that cells of one
best match share are numbers too: equal settings have equal numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from superpos.arrays import Int
from superpos.catalogue import Role, names
from superpos.db.engine import Database
from superpos.db.tables import fit_axes, joint_axes

_GROUPED: tuple[Role, ...] = ("compared", "setting")
CELL_AXES = ("target_id", "joint_setting", "fit_setting")
"""Axes of a group of cells; a target stands for all axes of its inputs."""
AT_ONCE = 20_000
"""Rows that are fetched together."""
MOST = 100_000
"""Cells of a part, unless one target has more."""
_STORED = """
FROM blocks b
  JOIN block_targets bt ON bt.block_id = b.block_id
  JOIN block_joint_axes bj ON bj.block_id = b.block_id
  JOIN block_fit_axes bf ON bf.block_id = b.block_id
  JOIN targets t ON t.target_id = bt.target_id
  JOIN joint_fits jf ON jf.psm_id = t.psm_id AND jf.joint_axes_id = bj.joint_axes_id
  JOIN fits f ON f.joint_id = jf.joint_id AND f.fit_axes_id = bf.fit_axes_id
WHERE b.study_id = :study_id
"""
CELLS = f"""
SELECT t.target_id, f.joint_id, f.fit_axes_id, f.distance_final, f.status {_STORED}
  AND t.target_id BETWEEN :first AND :last
"""
PER_TARGET = f"SELECT t.target_id, COUNT(*) {_STORED} GROUP BY t.target_id ORDER BY t.target_id"
COUNT = f"SELECT COUNT(*) {_STORED}"
MATRICES = """
SELECT COUNT(*) FROM study_targets st JOIN targets t ON t.target_id = st.target_id
WHERE st.study_id = :study_id AND t.psm_id IS NOT NULL
"""
JOINTS = """
SELECT DISTINCT jf.joint_id, jf.joint_axes_id, jf.fun, jf.status, jf.key
FROM blocks b
  JOIN block_targets bt ON bt.block_id = b.block_id
  JOIN block_joint_axes bj ON bj.block_id = b.block_id
  JOIN targets t ON t.target_id = bt.target_id
  JOIN joint_fits jf ON jf.psm_id = t.psm_id AND jf.joint_axes_id = bj.joint_axes_id
WHERE b.study_id = :study_id
"""


def n_results(database: Database, study_id: int) -> int:
    """Return how many results an analysis of this study would read: targets with a matrix, and fits."""
    with database.read() as connection:
        found = [connection.scalar(sa.text(query), {"study_id": study_id}) for query in (COUNT, MATRICES)]
    return sum(int(part or 0) for part in found)


def read_cells(database: Database, study_id: int, most: int = MOST) -> Iterator[pd.DataFrame]:
    """Yield the fits of a study as `best_matches` reads them, one row a (target, fit), in numbers.

    Beside the axes of `CELL_AXES` and those that are searched over: `joint_id`, `fit_axes_id`, `fun_joint`,
    `distance_final`, and `fit_key` as its rank among the keys of the study. Statuses are categories. A part
    has all cells of some targets, in their order: of one, or of more while their cells are at most `most`.
    """
    place = {"study_id": study_id}
    with database.read() as connection:
        counts = [(int(row[0]), int(row[1])) for row in connection.execute(sa.text(PER_TARGET), place)]
        if not counts:
            return
        joints = _read(connection, sa.text(JOINTS), place, ("joint_id", "joint_axes_id"))
        of_joint = _settings(connection, joint_axes, names("kernel", "joint", roles=_GROUPED))
        of_fit = _settings(connection, fit_axes, names("fit", roles=_GROUPED))
    axes = _places(of_joint["joint_axes_id"], joints["joint_axes_id"])
    joint_rank, fit_rank = _rank(joints["key"]), _rank(of_fit["key"])
    for first, last in _parts(counts, most):
        with database.read() as connection:
            cells = _read(
                connection,
                sa.text(CELLS),
                {**place, "first": first, "last": last},
                ("target_id", "joint_id", "fit_axes_id"),
            )
        joint = _places(joints["joint_id"], cells["joint_id"])
        fit = _places(of_fit["fit_axes_id"], cells["fit_axes_id"])
        searched = {
            **{name: of_joint[name][axes][joint] for name in names("kernel", "joint", roles=("searched",))},
            **{name: of_fit[name][fit] for name in names("fit", roles=("searched",))},
        }
        yield pd.DataFrame(
            {
                "target_id": cells["target_id"],
                "joint_id": cells["joint_id"],
                "fit_axes_id": cells["fit_axes_id"],
                "joint_setting": of_joint["setting"][axes][joint],
                "fit_setting": of_fit["setting"][fit],
                **searched,
                "fun_joint": joints["fun"][joint],
                "distance_final": cells["distance_final"],
                "status_joint": joints["status"].take(joint),
                "status": cells["status"],
                # A fit_key is the key of the joint fit, then that of the fit axes.
                "fit_key": joint_rank[joint] * len(fit_rank) + fit_rank[fit],
            },
            copy=False,
        )


def _parts(counts: Sequence[tuple[int, int]], most: int) -> Iterator[tuple[int, int]]:
    """Yield first and last target of parts, from targets in order and how many cells each has."""
    first, last, held = counts[0][0], counts[0][0], 0
    for target, count in counts:
        if held and held + count > most:
            yield first, last
            first, held = target, 0
        last, held = target, held + count
    yield first, last


def _read(
    connection: sa.Connection, query: Any, values: Mapping[str, Any], integers: Sequence[str]
) -> dict[str, Any]:
    """Return the columns of a query: integers, doubles (NULL is NaN), status as categories, keys as bytes."""
    rows = connection.execution_options(yield_per=AT_ONCE).execute(query, values)
    columns = list(rows.keys())
    found: dict[str, list[Any]] = {name: [] for name in columns}
    words: dict[str, int] = {}
    for part in rows.partitions(AT_ONCE):
        for name, column in zip(columns, zip(*part, strict=True), strict=True):
            found[name].append(_column(name, column, integers, words))
    arrays: dict[str, Any] = {
        name: np.concatenate(pieces) if pieces else _column(name, (), integers, words)
        for name, pieces in found.items()
    }
    arrays["status"] = pd.Categorical.from_codes(arrays["status"], categories=pd.Index(list(words)))
    return arrays


def _column(name: str, values: Sequence[Any], integers: Sequence[str], words: dict[str, int]) -> Any:
    if name == "status":
        return np.fromiter((words.setdefault(word, len(words)) for word in values), np.int16, len(values))
    if name == "key":
        return np.array(values, dtype="S32")
    return np.array(values, dtype=np.int32 if name in integers else np.float64)


def _settings(connection: sa.Connection, table: sa.Table, grouped: Iterable[str]) -> dict[str, Any]:
    """Return id, key, searched axes and the number of the setting of all rows of a table of axes."""
    number = next(iter(table.primary_key.columns))
    rows = connection.execute(sa.select(table).order_by(number)).mappings().all()
    settings: dict[tuple[Any, ...], int] = {}
    level = ("kernel", "joint") if table is joint_axes else ("fit",)
    shared = (*grouped, "config_key")
    searched = names(*level, roles=("searched",))
    return {
        number.name: np.array([row[number] for row in rows], dtype=np.int32),
        "key": np.array([row["key"].hex() for row in rows], dtype="S32"),
        "setting": np.array(
            [settings.setdefault(tuple(row[name] for name in shared), len(settings)) for row in rows],
            dtype=np.int32,
        ),
        **{name: np.array([row[name] for row in rows]) for name in searched},
    }


def _places(ids: Int, wanted: Int) -> Int:
    """Return where each wanted id stands among distinct ids."""
    order = np.argsort(ids)
    return np.asarray(order[np.searchsorted(ids, wanted, sorter=order)], dtype=np.int64)


def _rank(keys: Any) -> Int:
    """Return the place of each key among the sorted keys."""
    ranks = np.empty(len(keys), dtype=np.int64)
    ranks[np.argsort(keys)] = np.arange(len(keys))
    return ranks
