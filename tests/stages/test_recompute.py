"""`trace --recompute`: every kind of row made again alone, bit for bit; a changed number is found."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tiny_study import Tiny

from superpos.db.engine import Database
from superpos.db.results import Results
from superpos.errors import ContentChangedError, InputError
from superpos.stages import datasets
from superpos.stages.recompute import Comparison, recompute


@pytest.fixture(scope="module")
def database(finished: Path) -> Any:
    opened = Database(f"sqlite:///{finished / 'superpos.db'}")
    yield opened
    opened.dispose()


def keys(database: Database, query: str) -> list[str]:
    with database.read() as connection:
        return [str(key) for key in connection.scalars(sa.text(query))]


def again(database: Database, key: str) -> Comparison:
    return recompute(database, key, database.default_data_folder)


def test_every_fit_agrees(database: Database) -> None:
    frame = Results(database).frame("fit_results", study="tiny").drop_duplicates("fit_key")
    assert len(frame) == 38
    chosen = frame.groupby(["similarity", "energy", "optimiser", "sigma", "target"]).head(1)
    assert len(chosen) >= 18
    for key in chosen.fit_key:
        found = again(database, key)
        assert (found.kind, found.differing) == ("fit", ()), key
        assert {"distance_final", "verdict", "status", "vectors", "similarities"} <= set(found.compared)


@pytest.mark.parametrize(
    ("query", "kind", "number", "some"),
    [
        ("SELECT key FROM joint_fits", "joint fit", 14, {"fun", "vectors", "importance", "distance"}),
        (
            "SELECT key FROM psms",
            "similarity matrix",
            9,
            {"matrix", "min_eigenvalue", "value_median", "measure rank"},
        ),
        ("SELECT key FROM targets", "similarity matrix", 10, {"matrix"}),
        ("SELECT key FROM direction_sets", "probe set", 4, {"coef_raw", "contains_digit.roc_auc"}),
        ("SELECT key FROM probes WHERE feature_index = 3", "probe set", 4, {"leading_capital.mcc"}),
        ("SELECT key FROM activation_sets", "activation set", 2, {"content_digest", "agreement"}),
        ("SELECT key FROM datasets", "data set", 1, {"content_digest", "contains_digit.n_positive"}),
        ("SELECT key FROM models", "model", 1, {"weights_digest", "config_digest"}),
    ],
)
def test_every_kind_of_row_agrees(
    query: str, kind: str, number: int, some: set[str], database: Database
) -> None:
    found = keys(database, query)
    assert len(found) == number
    for key in found:
        outcome = again(database, key)
        assert (outcome.kind, outcome.differing) == (kind, ()), key
        assert some <= set(outcome.compared)
        assert outcome.agrees


FIT = "SELECT j.key || '.' || a.key FROM fits f JOIN joint_fits j ON j.joint_id = f.joint_id JOIN fit_axes a"
FEATURES = "SELECT key FROM targets WHERE kind = 'features'"
FIT += " ON a.fit_axes_id = f.fit_axes_id ORDER BY 1"


@pytest.mark.parametrize(
    ("table", "column", "change", "query", "name"),
    [
        ("fits", "distance_final", "distance_final * (1 + 4e-16)", FIT, "distance_final"),
        ("fits", "verdict", "'degenerate'", FIT, "verdict"),
        ("fits", "energy_bound", "energy_bound - 1e-12", FIT, "energy_bound"),
        ("joint_fits", "energy_bound", "energy_bound - 1e-12", "SELECT key FROM joint_fits", "energy_bound"),
        ("joint_fits", "bound_method", "'farthest'", "SELECT key FROM joint_fits", "bound_method"),
        ("fits", "recovery", "0.125", FIT, "recovery"),
        ("fit_arrays", "vectors", "CAST(REPLACE(HEX(vectors), '3F', '3E') AS BLOB)", FIT, "vectors"),
        ("joint_fits", "distance", "distance + 1e-9", "SELECT key FROM joint_fits", "distance"),
        ("joint_fits", "importance_entropy", "NULL", "SELECT key FROM joint_fits", "importance_entropy"),
        ("importance", "weight", "weight + 1e-12", "SELECT key FROM joint_fits", "importance"),
        ("psms", "min_eigenvalue", "-1.0", "SELECT key FROM psms", "min_eigenvalue"),
        ("psms", "value_q75", "0.5", "SELECT key FROM psms", "value_q75"),
        ("psm_measures", "value", "value + 1e-9", "SELECT key FROM psms", "measure rms_even"),
        ("psm_entries", "value", "value + 1e-12", FEATURES, "entries"),
        ("probes", "roc_auc", "0.99", "SELECT key FROM direction_sets", "contains_digit.roc_auc"),
        ("probes", "roc_auc", "0.99", "SELECT key FROM probes", "contains_digit.roc_auc"),
        ("activation_sets", "content_digest", "'0'", "SELECT key FROM activation_sets", "content_digest"),
        ("activation_sets", "agreement", "0.5", "SELECT key FROM activation_sets", "agreement"),
        ("datasets", "n_tokens", "n_tokens + 1", "SELECT key FROM datasets", "n_tokens"),
        ("features", "n_positive", "0", "SELECT key FROM datasets", "contains_digit.n_positive"),
        ("models", "weights_digest", "'0'", "SELECT key FROM models", "weights_digest"),
    ],
)  # fmt: skip
def test_a_changed_number_is_found(
    table: str, column: str, change: str, query: str, name: str, copy_of_finished: Database
) -> None:
    if column == "vectors":  # one bit of the last number
        with copy_of_finished.write() as connection:
            rows = connection.execute(sa.text("SELECT rowid, vectors FROM fit_arrays")).all()
            for rowid, blob in rows:
                changed = blob[:-8] + bytes([blob[-8] ^ 1]) + blob[-7:]
                connection.execute(
                    sa.text("UPDATE fit_arrays SET vectors = :blob WHERE rowid = :rowid"),
                    {"blob": changed, "rowid": rowid},
                )
    else:
        with copy_of_finished.write() as connection:
            connection.execute(sa.text(f"UPDATE {table} SET {column} = {change}"))  # noqa: S608 (above)
    outcome = again(copy_of_finished, keys(copy_of_finished, query)[0])
    assert name in outcome.differing
    assert not outcome.agrees


def test_files_that_are_gone_are_made_again_elsewhere(copy_of_finished: Database) -> None:
    shutil.rmtree(copy_of_finished.default_data_folder)
    for table in ("direction_sets", "activation_sets", "datasets", "joint_fits"):
        assert again(copy_of_finished, keys(copy_of_finished, f"SELECT key FROM {table}")[0]).agrees  # noqa: S608
    assert not copy_of_finished.default_data_folder.exists()


def test_damaged_files_are_not_believed(copy_of_finished: Database) -> None:
    folder = copy_of_finished.default_data_folder
    for file in folder.rglob("*.safetensors"):
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(bytes(content))
    before = {file: file.read_bytes() for file in folder.rglob("*.safetensors")}
    assert again(copy_of_finished, keys(copy_of_finished, "SELECT key FROM direction_sets")[0]).agrees
    assert {file: file.read_bytes() for file in folder.rglob("*.safetensors")} == before


def test_files_that_become_something_else_are_refused(
    copy_of_finished: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    shutil.rmtree(copy_of_finished.default_data_folder)
    genuine = datasets.build_dataset
    monkeypatch.setattr(
        datasets, "build_dataset", lambda *a: replace(tokens := genuine(*a), labels=~tokens.labels)
    )
    probe_set = keys(copy_of_finished, "SELECT key FROM direction_sets")[0]
    with pytest.raises(ContentChangedError, match=r"data set [0-9a-f]{32}: content_changed"):
        again(copy_of_finished, probe_set)
    found = again(copy_of_finished, keys(copy_of_finished, "SELECT key FROM datasets")[0])
    assert "content_digest" in found.differing
    assert "phi" not in found.differing  # opposite labels correlate as before


def test_keys_without_a_result_are_refused(copy_of_finished: Database, tiny: Tiny) -> None:
    from superpos.db.studies import register_study

    register_study(copy_of_finished, tiny.plan(name="planned", probe_C=0.25, more=""))
    waiting = keys(copy_of_finished, "SELECT key FROM direction_sets WHERE status = 'planned'")[0]
    with pytest.raises(InputError, match="has no result to compare with"):
        again(copy_of_finished, waiting)
    axes = keys(copy_of_finished, "SELECT key FROM fit_axes")[0]
    with pytest.raises(InputError, match="names axes, which are a specification"):
        again(copy_of_finished, axes)
    for nothing in ("0" * 32, "0" * 32 + "." + axes, "what", ""):
        with pytest.raises(InputError, match="names nothing"):
            again(copy_of_finished, nothing)
