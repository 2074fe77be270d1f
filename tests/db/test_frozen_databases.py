"""Databases of every schema revision that users may have: upgraded to the newest, they keep every row."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

from superpos.db import migrate
from superpos.db.engine import Database
from superpos.db.migrate import check, current_revision, newest_revision, require_current, upgrade
from superpos.db.progress import study_progress
from superpos.db.results import VIEWS, Results
from superpos.db.trace import trace

ASSETS = Path(__file__).resolve().parents[1] / "assets" / "db"
FROZEN = sorted(ASSETS.glob("*.sql"))
ROWS = {
    "0001": {
        "activation_results": 2,
        "model_results": 1,
        "probe_results": 22,  # 2 layers x 11 features
        "psm_results": 6,  # 2 layers x (features, gaussian, shuffled_entries)
        "psm_pairs": 90,  # 2 layers x 45 pairs of the 10 features that could be probed
        "near_copies": 2,  # pairs with the same labels, which were not left out then
        "geometry_results": 0,
        "joint_results": 12,  # 6 x (exp, log)
        "fit_weights": 120,
        "fit_results": 36,  # 12 x (Powell at sigma 0 and 0.1, manifold at 0)
        "basins": 12,  # 12 joint fits at sigma 0.1
        "best_matches": 36,
        "layer_similarity": 1,
        "dataset_features": 11,
        "study_progress": 6,
        "runs": 1,
    },
    "0002": {
        "activation_results": 2,
        "model_results": 1,
        "probe_results": 22,
        "psm_results": 12,  # as before, and 3 sets without probes x (features, shuffled_entries)
        "psm_pairs": 102,  # 90, 6 of the 4 words, 3 of each imported set
        "near_copies": 2,
        "geometry_results": 0,
        "joint_results": 18,
        "fit_weights": 140,
        "fit_results": 42,
        "basins": 12,  # 12 joint fits at sigma 0.1
        "best_matches": 42,
        "layer_similarity": 1,
        "dataset_features": 21,
        "study_progress": 6,
        "runs": 1,
    },
    "0003": {
        "activation_results": 2,
        "model_results": 1,
        "probe_results": 22,
        "psm_results": 12,
        "psm_pairs": 68,  # 2 layers x 28 pairs of the 8 features that are no copies, 6, 3, 3
        "near_copies": 0,
        "geometry_results": 0,
        "joint_results": 18,
        "fit_weights": 116,
        "fit_results": 42,
        "basins": 12,  # 12 joint fits at sigma 0.1
        "best_matches": 42,
        "layer_similarity": 1,
        "dataset_features": 21,
        "study_progress": 6,
        "runs": 1,
    },
}
ROWS["0004"] = {**ROWS["0003"], "geometry_results": 144}  # 12 x 12 measures
# 12 x (23 of the matrix, 2 own energies, 2 in two dimensions, 2 residuals under each of 2 kernels)
ROWS["0005"] = {**ROWS["0004"], "geometry_results": 372, "answers": 55}
# 6 matrices with labels x 3 predictors x 2 kernels, 2 without labels or a list x 4, 4 of words in a list x 7;
# 6 x 8, 2 x 4, 4 x 3 features
ROWS["0006"] = {
    **ROWS["0005"],
    "answers": 77,
    "geometry_tests": 216,  # of every measure of the features' matrices against the one draw of each control
    "explained_results": 72,
    "feature_dimensionality": 68,
}
# Of each matrix one measure more, `force_residual_free`: free forces in a dimension.
ROWS["0007"] = {**ROWS["0006"], "geometry_results": 384, "geometry_tests": 223, "answers": 95}
ROWS["0008"] = ROWS["0007"]
FITS = {"0001": 30, "0002": 36}  # one gaussian matrix for both layers
PROBED = {"0001": 20, "0003": 16}  # copies are left out from 0003 on


def of(revision: str, known: dict[str, Any]) -> Any:
    """What is known of a revision, or of the last one before it."""
    return known[max(one for one in known if one <= revision)]


def load(path: Path, folder: Path) -> Database:
    """The frozen database as a file of its own."""
    file = folder / "old.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(path.read_text(encoding="utf-8"))
    return Database(f"sqlite:///{file}")


def table_counts(database: Database) -> dict[str, int]:
    with database.read() as connection:
        return dict(migrate._row_counts(connection))


@pytest.fixture(params=FROZEN, ids=[path.stem for path in FROZEN])
def frozen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Database]]:
    database = load(request.param, tmp_path)
    yield request.param.stem, database
    database.dispose()


def test_every_revision_has_a_frozen_database() -> None:
    directory = ScriptDirectory.from_config(migrate._config())
    scripts = {script.revision for script in directory.walk_revisions()}
    assert {path.stem for path in FROZEN} == scripts
    assert migrate.revisions() == scripts
    assert newest_revision() == directory.get_current_head()


def test_a_revision_is_never_edited(frozen: tuple[str, Database], tmp_path: Path) -> None:
    # A changed migration would leave the databases that users have at a schema of its own.
    revision, old = frozen
    new = Database(f"sqlite:///{tmp_path / 'new.db'}")
    with new.write() as connection:
        command.upgrade(migrate._config(connection), revision)
    query = "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"
    with old.read() as before, new.read() as after:
        assert dict(map(tuple, before.exec_driver_sql(query))) == dict(
            map(tuple, after.exec_driver_sql(query))
        )
    new.dispose()


def test_an_old_database_is_upgraded_with_every_row(frozen: tuple[str, Database]) -> None:
    revision, database = frozen
    assert current_revision(database) == revision
    before = table_counts(database)
    assert before["fits"] == of(revision, FITS)
    assert upgrade(database) == (revision, newest_revision())
    after = table_counts(database)
    assert {name: after[name] for name in before} == before
    assert check(database) == []
    require_current(database)


def test_the_views_of_an_upgraded_database_are_full(frozen: tuple[str, Database]) -> None:
    revision, database = frozen
    upgrade(database)
    results = Results(database)
    assert results.studies() == ("frozen",)
    # Runs fill in what matrices follow from.
    expected = {
        "answers": 0,
        "geometry_tests": 0,
        "explained_results": 0,
        "feature_dimensionality": 0,
        **of(revision, ROWS),
    }
    assert {view: len(results.frame(view)) for view in VIEWS} == expected
    # Analyses of before 0006 have no tests of measures, those of before 0007 no intervals: the next run does
    # them again.
    undone = {"analysis": int(revision < "0007")}
    assert [(row.stage, row.undone) for row in study_progress(database, "frozen")] == [
        (stage, undone.get(stage, 0))
        for stage in ("datasets", "activations", "probes", "psms", "fits", "analysis")
    ]


def view_rows(database: Database, view: str, columns: list[str]) -> Counter[tuple[object, ...]]:
    names = ", ".join(f'"{name}"' for name in columns)
    with database.read() as connection:
        rows = connection.exec_driver_sql(f"SELECT {names} FROM {view}")  # noqa: S608 (names of the catalogue)
        return Counter(map(tuple, rows))


def test_every_view_says_after_an_upgrade_what_it_said_before(frozen: tuple[str, Database]) -> None:
    revision, database = frozen
    before: dict[str, Counter[tuple[object, ...]]] = {}
    columns: dict[str, list[str]] = {}
    with database.read() as connection:
        inspector = sa.inspect(connection)
        there = [view for view in VIEWS if inspector.has_table(view)]
        for view in there:
            columns[view] = [column["name"] for column in inspector.get_columns(view)]
    for view in there:
        before[view] = view_rows(database, view, columns[view])
    upgrade(database)
    for view in there:
        after = view_rows(database, view, columns[view])
        if revision < "0006" and {"min_eigenvalue", "verdict"} <= set(columns[view]):
            # Off critical points it depended on the coordinates, and is not computed any more.
            smallest, verdict = (columns[view].index(name) for name in ("min_eigenvalue", "verdict"))
            dropped = [row for row in before[view] if row[verdict] == "not_critical"]
            assert dropped
            assert all(row[smallest] is not None for row in dropped)
            for row in dropped:
                before[view][(*row[:smallest], None, *row[smallest + 1 :])] += before[view].pop(row)
        if view == "study_progress":  # stages that were not counted before, an analysis that is done again
            stage = columns[view].index("stage")
            counted = {row[stage] for row in before[view]} - ({"analysis"} if revision < "0007" else set())
            after, before[view] = (
                Counter({row: n for row, n in rows.items() if row[stage] in counted})
                for rows in (after, before[view])
            )
        assert after == before[view], view
        assert before[view] or view == "near_copies"


def test_the_arrays_of_an_upgraded_database_are_what_they_were(frozen: tuple[str, Database]) -> None:
    _, database = frozen
    upgrade(database)
    results = Results(database)
    fits = results.frame(
        "fit_results", target="features", optimiser="powell", sigma=0.1, dataset="text_features"
    )
    assert len(fits) == 4
    for fit in fits.itertuples():
        target = results.psm(fit.psm_key)
        probe = results.frame("probe_results", layer=fit.layer).iloc[0]
        rows = results.directions(probe["direction_key"]).coef_raw
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        np.testing.assert_allclose(rows @ rows.T, target, atol=1e-12)
        vectors, _, similarities = results.joint_arrays(fit.joint_key)
        rows = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        np.testing.assert_allclose(rows @ rows.T, similarities, atol=1e-12)
        assert fit.distance_joint == pytest.approx(np.linalg.norm(similarities - target))
        kept = results.fit_arrays(fit.fit_key)
        assert kept is not None
        assert fit.distance_final == pytest.approx(np.linalg.norm(kept[1] - target))


def test_a_fit_of_an_upgraded_database_is_traced_to_the_text(frozen: tuple[str, Database]) -> None:
    _, database = frozen
    upgrade(database)
    key = Results(database).frame("best_matches", dataset="text_features")["fit_key"].iloc[0]
    kinds = [row.kind for row in trace(database, key)]
    assert kinds[0] == "fit"
    assert kinds[-1] == "data set"
    assert {"model", "file", "probe set", "run"} <= set(kinds)


def copy_rows(source: Database, target: Database) -> None:
    """Copy every table as it is, parents first."""
    tables = sa.MetaData()
    with source.read() as old, target.write() as new:
        tables.reflect(new)
        for table in tables.sorted_tables:
            if table.name == "alembic_version":
                continue
            quoted = ", ".join(f'"{column.name}"' for column in table.columns)
            rows = old.exec_driver_sql(f"SELECT {quoted} FROM {table.name}").all()  # noqa: S608 (of the catalogue)
            if rows:
                names = [column.name for column in table.columns]
                new.execute(table.insert(), [dict(zip(names, row, strict=True)) for row in rows])


def test_both_systems_say_the_same_after_an_upgrade(frozen: tuple[str, Database], postgres_url: str) -> None:
    revision, old = frozen
    server = Database(postgres_url)
    with server.write() as connection:
        command.upgrade(migrate._config(connection), revision)
    copy_rows(old, server)
    counts = table_counts(server)
    assert upgrade(server) == (revision, newest_revision())
    upgrade(old)
    after = table_counts(server)
    assert {name: after[name] for name in counts} == counts
    assert after == table_counts(old)
    with old.read() as connection:
        inspector = sa.inspect(connection)
        columns = {view: [column["name"] for column in inspector.get_columns(view)] for view in VIEWS}
    for view in VIEWS:
        assert view_rows(server, view, columns[view]) == view_rows(old, view, columns[view]), view
    server.dispose()


def test_directions_name_what_their_activations_named(frozen: tuple[str, Database]) -> None:
    revision, database = frozen
    upgrade(database)
    site = "dataset_id, model_id, hookpoint, layer, pooling"
    with database.read() as connection:
        activations = connection.exec_driver_sql(f"SELECT activation_id, {site} FROM activation_sets")  # noqa: S608 (constants)
        wanted = {row[0]: tuple(row[1:]) for row in activations}
        probed = connection.exec_driver_sql(
            f"SELECT activation_id, {site} FROM direction_sets WHERE activation_id IS NOT NULL"  # noqa: S608 (constants)
        )
        assert {row[0]: tuple(row[1:]) for row in probed} == wanted
        names = "SELECT direction_id, row_index, feature FROM"
        rows = set(map(tuple, connection.exec_driver_sql(f"{names} direction_rows")))
        of_probes = set(map(tuple, connection.exec_driver_sql(f"{names} probes WHERE row_index IS NOT NULL")))
    assert len(of_probes) == of(revision, PROBED)
    assert of_probes <= rows
    assert {
        name for direction, _, name in rows - of_probes if direction in {d for d, _, _ in of_probes}
    } == set()
