"""Rows of finished studies as they stand in the tables, to be kept elsewhere and put into a new database.

Values are those of the database itself: arrays encoded, JSON and times as text. So what is put back is equal
to the last bit. Arrays that no report draws are `EMPTY`, which keeps what counts rows right and says to
whoever asks for the array that it is not there.

Rows of the features and of the first draws of each control are kept whole. Of later draws, 189 of 199, only
what figures show of all draws is kept (`_LATER`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from superpos.db.engine import Database
from superpos.db.first_draws import AT_MOST_ROWS, FIRST_DRAWS
from superpos.db.tables import metadata

EMPTY = b"<f8:0;"
"""An array without numbers, encoded."""
Rows = list[tuple[Any, ...]]

_BLOCKS = "SELECT block_id FROM blocks WHERE study_id IN ({studies})"
_TARGETS = f"SELECT target_id FROM block_targets WHERE block_id IN ({_BLOCKS})"  # noqa: S608 (constants)
_PSMS = f"SELECT psm_id FROM targets WHERE psm_id IS NOT NULL AND target_id IN ({_TARGETS})"  # noqa: S608
_DIRECTIONS = f"SELECT direction_id FROM targets WHERE target_id IN ({_TARGETS})"  # noqa: S608
_ACTIVATIONS = (
    "SELECT activation_id FROM direction_sets "  # noqa: S608
    f"WHERE activation_id IS NOT NULL AND direction_id IN ({_DIRECTIONS})"
)
_OF_PSM = f"""SELECT t.psm_id FROM targets t WHERE t.target_id IN ({_TARGETS}) AND t.psm_id IS NOT NULL"""  # noqa: S608
_SHOWN = f"{_OF_PSM} AND t.replicate <= 0"
"""Matrices that figures draw: of the features, and of the first draw of each control."""
_FEATURES = f"{_OF_PSM} AND t.kind = 'features'"
_JOINTS = f"""SELECT jf.joint_id FROM joint_fits jf JOIN targets t ON t.psm_id = jf.psm_id
  JOIN block_targets bt ON bt.target_id = t.target_id
  JOIN block_joint_axes bj ON bj.block_id = bt.block_id AND bj.joint_axes_id = jf.joint_axes_id
  WHERE bt.block_id IN ({_BLOCKS})"""  # noqa: S608
_BEST = """SELECT m.joint_id FROM best_match m JOIN targets t ON t.target_id = m.target_id
  WHERE t.kind = 'features' AND m.study_id IN ({studies})"""
_STUDY = "study_id IN ({studies})"
_KEPT: dict[str, str] = {
    "studies": _STUDY,
    "study_models": _STUDY,
    "study_datasets": _STUDY,
    "blocks": _STUDY,
    "block_targets": f"block_id IN ({_BLOCKS})",
    "block_joint_axes": f"block_id IN ({_BLOCKS})",
    "block_fit_axes": f"block_id IN ({_BLOCKS})",
    "joint_axes": f"""joint_axes_id IN
      (SELECT joint_axes_id FROM block_joint_axes WHERE block_id IN ({_BLOCKS}))""",  # noqa: S608
    "fit_axes": f"""fit_axes_id IN
      (SELECT fit_axes_id FROM block_fit_axes WHERE block_id IN ({_BLOCKS}))""",  # noqa: S608
    "models": f"""model_id IN (SELECT model_id FROM study_models WHERE {_STUDY}
      UNION SELECT model_id FROM activation_sets WHERE activation_id IN ({_ACTIVATIONS})
      UNION SELECT model_id FROM direction_sets
        WHERE model_id IS NOT NULL AND direction_id IN ({_DIRECTIONS}))""",  # noqa: S608
    "datasets": f"""dataset_id IN (SELECT dataset_id FROM study_datasets WHERE {_STUDY}
      UNION SELECT dataset_id FROM activation_sets WHERE activation_id IN ({_ACTIVATIONS})
      UNION SELECT dataset_id FROM direction_sets WHERE direction_id IN ({_DIRECTIONS}))""",  # noqa: S608
    "features": f"""dataset_id IN (SELECT dataset_id FROM study_datasets WHERE {_STUDY}
      UNION SELECT dataset_id FROM activation_sets WHERE activation_id IN ({_ACTIVATIONS})
      UNION SELECT dataset_id FROM direction_sets WHERE direction_id IN ({_DIRECTIONS}))""",  # noqa: S608
    "activation_sets": f"activation_id IN ({_ACTIVATIONS})",
    "direction_sets": f"direction_id IN ({_DIRECTIONS})",
    "direction_rows": f"direction_id IN ({_DIRECTIONS})",
    "probes": f"direction_id IN ({_DIRECTIONS})",
    "targets": f"target_id IN ({_TARGETS})",
    "target_explained": f"target_id IN ({_TARGETS})",
    "target_features": f"""target_id IN ({_TARGETS})
      AND target_id IN (SELECT target_id FROM targets WHERE replicate < {FIRST_DRAWS})""",  # noqa: S608
    "psms": f"psm_id IN ({_PSMS})",
    "psm_entries": f"psm_id IN ({_PSMS})",
    "psm_measures": f"psm_id IN ({_PSMS})",
    "psm_resamples": f"psm_id IN ({_PSMS})",
    "joint_fits": f"joint_id IN ({_JOINTS})",
    "importance": f"joint_id IN ({_JOINTS} AND t.kind = 'features')",
    "fits": f"""EXISTS (SELECT 1 FROM joint_fits jf JOIN targets t ON t.psm_id = jf.psm_id
      JOIN block_targets bt ON bt.target_id = t.target_id
      JOIN block_joint_axes bj ON bj.block_id = bt.block_id AND bj.joint_axes_id = jf.joint_axes_id
      JOIN block_fit_axes bf ON bf.block_id = bt.block_id
      WHERE jf.joint_id = fits.joint_id AND bf.fit_axes_id = fits.fit_axes_id
        AND bt.block_id IN ({_BLOCKS}))""",  # noqa: S608
    "fit_arrays": """(joint_id, fit_axes_id) IN (SELECT m.joint_id, m.fit_axes_id
      FROM best_match m JOIN targets t ON t.target_id = m.target_id
      WHERE t.kind = 'features' AND m.study_id IN ({studies}))""",
    "best_match": _STUDY,
    "layer_pairs": _STUDY,
    "study_answers": _STUDY,
    "measure_tests": _STUDY,
    "analyses": _STUDY,
}
"""Condition of the rows that are kept, by table. Shards and leases are files and work of one machine."""
_WITH_RUNS = [name for name in _KEPT if "run_id" in metadata.tables[name].c]
_ARRAYS: dict[tuple[str, str], str] = {
    ("psms", "matrix"): f"psm_id IN ({_SHOWN})",
    ("joint_fits", "vectors"): f"joint_id IN ({_BEST})",
    ("joint_fits", "logits"): f"joint_id IN ({_BEST})",
    ("joint_fits", "similarities"): f"joint_id IN ({_BEST})",
    ("fit_arrays", "similarities"): "1 = 1",
    ("datasets", "phi"): "1 = 1",
}
"""Condition under which an array is kept, by table and column; every other one is left out."""


class Later(NamedTuple):
    """What is left out of the rows of later draws."""

    which: str
    """Condition of these rows."""
    columns: tuple[str, ...]
    """What no figure shows of them: NULL, or 0 where that is not allowed."""
    table: str = ""
    """View that a report has as a table; where it is short all draws are in it, and are kept."""
    beside: str = ""
    """Column without which the others are kept: figures show it instead of them."""


_LATER_PSM = (
    f"psm_id NOT IN (SELECT psm_id FROM targets WHERE psm_id IS NOT NULL AND replicate < {FIRST_DRAWS})"  # noqa: S608
)
_LATER_SET = f"""direction_id IN
  (SELECT direction_id FROM direction_sets WHERE label_replicate >= {FIRST_DRAWS})"""  # noqa: S608
_EFFORT = ("nit", "nfev", "seconds")
_SPECTRUM = ("min_eigenvalue", "n_negative", "n_zero")
_LATER: dict[str, Later] = {
    "direction_sets": Later(f"label_replicate >= {FIRST_DRAWS}", ("activation_digest", "content_digest")),
    "probes": Later(
        _LATER_SET,
        ("accuracy", "balanced_accuracy", "f1", "mcc", "average_precision", "norm", "nit"),
        "probe_results",
    ),
    "psms": Later(
        _LATER_PSM,
        ("value_q25", "value_median", "value_q75", "exponent_q25", "exponent_median", "exponent_q75"),
        "psm_results",
    ),
    "psm_measures": Later(_LATER_PSM, ("value", "bound"), beside="value_scaled"),
    "joint_fits": Later(
        _LATER_PSM,
        (*_EFFORT, "njev", "nit_polish", "fun_cg", "mismatch", "gradient_norm", "norm_min", "norm_max"),
        "best_matches",
    ),
    "fits": Later(
        f"joint_id IN (SELECT joint_id FROM joint_fits WHERE {_LATER_PSM})",  # noqa: S608
        (*_EFFORT, "fun", "energy_start", "norm_error", "relative_gradient", *_SPECTRUM),
        "best_matches",
    ),
}
"""By table. What views make of several rows, such as `basins`, is as it was."""
_BLANK = {
    **{("runs", name): "" for name in ("host", "address", "owner")},
    ("datasets", "path"): None,
    ("psms", "content_digest"): "",
}
"""What names machines or files of one, or is there to make a matrix again, and what stands instead."""


_FIRST = ("runs", "models", "datasets", "activation_sets", "direction_sets")
"""Directions with their parents: keys of matrices follow from those of directions."""


class KeptTable(NamedTuple):
    """A table whose rows are kept."""

    name: str
    columns: tuple[tuple[str, str], ...]
    """Names, each with `integer`, `number`, `bytes` or `text`: what the database itself holds."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns."""
        return tuple(name for name, _ in self.columns)


def kept_tables() -> tuple[KeptTable, ...]:
    """Return the tables whose rows are kept, parents first, and directions before matrices."""
    names = {*_KEPT, "runs", "cell_failures"}
    return tuple(
        KeptTable(table.name, tuple((column.name, kind_of(column)) for column in _raw(table.name).columns))
        for table in in_order(metadata.sorted_tables)
        if table.name in names
    )


def in_order(tables: Sequence[sa.Table]) -> list[sa.Table]:
    """Return tables, parents first, in the order that the keys of `superpos.db.kept_keys` need."""
    return sorted(tables, key=lambda table: table.name not in _FIRST)


def left_out_of_draws() -> dict[str, tuple[str, ...]]:
    """Return the columns that later draws may lack, by table."""
    return {name: later.columns for name, later in _LATER.items()}


def kept_rows(
    connection: sa.Connection, name: str, studies: Mapping[str, int], at_once: int
) -> Iterator[Rows]:
    """Yield the rows of a table of `kept_tables` that some studies need, by their primary key.

    Parameters
    ----------
    connection
        In a transaction that sees one moment.
    name
        Which.
    studies
        Name to the number of the newest revision.
    at_once
        Rows of a batch.
    """
    table = _raw(name)
    ids = ", ".join(str(int(number)) for number in studies.values())
    columns = [_column(table, column, ids) for column in table.columns]
    later = _LATER.get(name)
    if later is not None and _is_long(connection, later.table, studies):
        columns.append(sa.case((sa.text(later.which), 1), else_=0).label("is_later"))
    else:
        later = None
    query = sa.select(*columns).where(_condition(table.name, studies, ids)).order_by(*table.primary_key)
    with connection.execute(query, execution_options={"stream_results": True}) as result:
        for part in result.partitions(at_once):
            rows = [tuple(row) for row in part]
            yield rows if later is None else _shortened(name, later, rows)


def _is_long(connection: sa.Connection, view: str, studies: Mapping[str, int]) -> bool:
    """Whether the report of each study has only the first draws of a view; of no view, whether it has any."""
    if not view:
        return True
    count = sa.text(f"SELECT COUNT(*) FROM {view} WHERE study = :study")  # noqa: S608 (constants)
    return all(int(connection.scalar(count, {"study": name}) or 0) > AT_MOST_ROWS for name in studies)


def _shortened(name: str, later: Later, rows: Rows) -> Rows:
    """Return rows without their last value, which says whether they are of later draws."""
    columns = metadata.tables[name].columns
    instead = {columns.keys().index(one): None if columns[one].nullable else 0 for one in later.columns}
    beside = columns.keys().index(later.beside) if later.beside else -1
    return [
        tuple(instead.get(place, value) for place, value in enumerate(row[:-1]))
        if row[-1] and row[beside] is not None
        else row[:-1]
        for row in rows
    ]


def _column(table: sa.Table, column: sa.Column[Any], ids: str) -> sa.ColumnElement[Any]:
    place = (table.name, column.name)
    if place in _BLANK:
        return sa.literal(_BLANK[place], column.type).label(column.name)
    if not isinstance(column.type, sa.LargeBinary):
        return column
    kept = sa.text(_ARRAYS.get(place, "1 = 0").format(studies=ids))
    there = sa.case((column.is_(None), None), (kept, column), else_=sa.literal(EMPTY, column.type))
    return there.label(column.name)


def _condition(table: str, studies: Mapping[str, int], ids: str) -> sa.ColumnElement[bool]:
    if table == "runs":
        made = " UNION ".join(
            f"SELECT run_id FROM {name} WHERE run_id IS NOT NULL AND {_KEPT[name]}"  # noqa: S608
            for name in _WITH_RUNS
        )
        return sa.or_(
            sa.column("study").in_(list(studies)), sa.text(f"run_id IN ({made.format(studies=ids)})")
        )
    if table == "cell_failures":  # a study that may be exported has quarantined cells at most
        keys = " UNION ".join(
            f"SELECT key FROM {name} WHERE {_KEPT[name]}"  # noqa: S608
            for name in ("datasets", "activation_sets", "direction_sets", "targets", "psms")
        )
        return sa.and_(sa.text(f"SUBSTR(key, 1, 32) IN ({keys.format(studies=ids)})"))
    return sa.and_(sa.text(_KEPT[table].format(studies=ids)))


def _raw(name: str) -> sa.Table:
    """Return a table whose values are those that the database holds."""
    columns = []
    for one in metadata.tables[name].columns:
        kind = one.type.impl_instance if isinstance(one.type, sa.TypeDecorator) else one.type
        columns.append(sa.Column(one.name, kind, primary_key=one.primary_key, autoincrement=False))
    return sa.Table(name, sa.MetaData(), *columns)


def kind_of(column: sa.Column[Any]) -> str:
    """Return what a column holds, as `KeptTable` says it."""
    kinds = ((sa.Integer, "integer"), (sa.Double, "number"), (sa.LargeBinary, "bytes"))
    return next((said for kind, said in kinds if isinstance(column.type, kind)), "text")


def is_archive(database: Database) -> bool:
    """Whether arrays were left out when these rows were kept: reports can be made of them, no new fits."""
    # Directions are left out of every archive and are in no other database, so that one row says it.
    one = sa.text("SELECT LENGTH(coef_raw) FROM direction_sets WHERE coef_raw IS NOT NULL LIMIT 1")
    parts = (("psms", "matrix"), ("joint_fits", "vectors"))
    with database.read() as connection:
        length = connection.scalar(one)
        if length is not None:
            return bool(length == len(EMPTY))
        return any(
            connection.execute(
                sa.text(f"SELECT 1 FROM {table} WHERE LENGTH({name}) = :size LIMIT 1"),  # noqa: S608 (constants)
                {"size": len(EMPTY)},
            ).first()
            for table, name in parts
        )
