"""Drop what no study's newest revision refers to: results of edited studies and of older algorithms."""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa

from superpos.db.commits import Commit
from superpos.db.engine import Database

OLD_STUDY = "study_id NOT IN (SELECT study_id FROM current_studies)"
OLD_BLOCK = f"block_id IN (SELECT block_id FROM blocks WHERE {OLD_STUDY})"  # noqa: S608 (constants)
NO_DATASET = """dataset_id NOT IN
  (SELECT dataset_id FROM activation_sets UNION SELECT dataset_id FROM direction_sets
   UNION SELECT dataset_id FROM study_datasets)"""
NO_MODEL = """model_id NOT IN
  (SELECT model_id FROM activation_sets UNION SELECT model_id FROM study_models
   UNION SELECT model_id FROM direction_sets WHERE model_id IS NOT NULL)"""
NO_BLOCK = "target_id NOT IN (SELECT target_id FROM block_targets)"
NO_TARGET = "psm_id NOT IN (SELECT psm_id FROM targets WHERE psm_id IS NOT NULL)"
NO_DIRECTION = "direction_id NOT IN (SELECT direction_id FROM targets)"
NO_ACTIVATION = """activation_id NOT IN
  (SELECT activation_id FROM direction_sets WHERE activation_id IS NOT NULL)"""
WANTED_FIT = """EXISTS (SELECT 1 FROM joint_fits jf JOIN targets t ON t.psm_id = jf.psm_id
  JOIN block_targets bt ON bt.target_id = t.target_id
  JOIN block_joint_axes bj ON bj.block_id = bt.block_id AND bj.joint_axes_id = jf.joint_axes_id
  JOIN block_fit_axes bf ON bf.block_id = bt.block_id
  WHERE jf.joint_id = TABLE.joint_id AND bf.fit_axes_id = TABLE.fit_axes_id)"""
WANTED_JOINTS = """SELECT jf.joint_id FROM joint_fits jf JOIN targets t ON t.psm_id = jf.psm_id
  JOIN block_targets bt ON bt.target_id = t.target_id
  JOIN block_joint_axes bj ON bj.block_id = bt.block_id AND bj.joint_axes_id = jf.joint_axes_id"""

NO_JOINT = f"joint_id NOT IN ({WANTED_JOINTS})"
GONE = """SUBSTR(key, 1, 32) NOT IN (SELECT key FROM datasets UNION SELECT key FROM activation_sets
    UNION SELECT key FROM direction_sets UNION SELECT key FROM targets UNION SELECT key FROM psms)
  OR (stage = 'fits' AND (SUBSTR(key, 34, 32) NOT IN (SELECT key FROM joint_axes)
    OR SUBSTR(key, 67, 32) NOT IN (SELECT key FROM fit_axes)))"""
STEPS: tuple[tuple[str, str], ...] = (
    ("best_match", OLD_STUDY),
    ("layer_pairs", OLD_STUDY),
    ("study_answers", OLD_STUDY),
    ("measure_tests", OLD_STUDY),
    ("analyses", OLD_STUDY),
    ("block_targets", OLD_BLOCK),
    ("block_joint_axes", OLD_BLOCK),
    ("block_fit_axes", OLD_BLOCK),
    ("blocks", OLD_STUDY),
    ("fit_arrays", f"NOT {WANTED_FIT.replace('TABLE', 'fit_arrays')}"),
    ("fits", f"NOT {WANTED_FIT.replace('TABLE', 'fits')}"),
    ("importance", NO_JOINT),
    ("joint_fits", NO_JOINT),
    ("target_explained", NO_BLOCK),
    ("target_features", NO_BLOCK),
    ("targets", NO_BLOCK),
    ("psm_entries", NO_TARGET),
    ("psm_measures", NO_TARGET),
    ("psm_resamples", NO_TARGET),
    ("psms", NO_TARGET),
    ("probes", NO_DIRECTION),
    ("direction_rows", NO_DIRECTION),
    ("direction_sets", NO_DIRECTION),
    ("shards", NO_ACTIVATION),
    ("activation_sets", NO_ACTIVATION),
    ("study_models", OLD_STUDY),
    ("study_datasets", OLD_STUDY),
    ("studies", OLD_STUDY),
    ("features", NO_DATASET),
    ("datasets", NO_DATASET),
    ("models", NO_MODEL),
    ("joint_axes", "joint_axes_id NOT IN (SELECT joint_axes_id FROM block_joint_axes)"),
    ("fit_axes", "fit_axes_id NOT IN (SELECT fit_axes_id FROM block_fit_axes)"),
    ("cell_failures", GONE),
)
"""Table and condition of its garbage, children before parents."""


class StoredKeys(NamedTuple):
    """Keys of all that has files in the data folder, as hexadecimal text."""

    datasets: frozenset[str]
    activations: frozenset[str]


def keys_with_files(database: Database) -> StoredKeys:
    """Return the keys whose files are needed now: what was among them before is what may be removed."""
    with database.read() as connection:
        found = [
            frozenset(str(key) for key in connection.scalars(sa.text(f"SELECT key FROM {table}")))  # noqa: S608
            for table in ("datasets", "activation_sets")
        ]
    return StoredKeys(*found)


def collect_garbage(database: Database) -> dict[str, int]:
    """Delete rows that no newest revision needs, in one transaction; return the number by table.

    Files of what is dropped stay (see `keys_with_files`).
    """
    dropped: dict[str, int] = {}
    with database.write(Commit.COLLECT) as connection:
        for table, condition in STEPS:
            statement = f"DELETE FROM {table} WHERE {condition}"  # noqa: S608 (constants of this module)
            done = connection.execute(sa.text(statement))
            dropped[table] = done.rowcount
    return {table: count for table, count in dropped.items() if count}
