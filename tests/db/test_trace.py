"""Tracing: from any key of a view up to the text, each row once, with runs and without arrays spelled out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from superpos.db.activations import read_shard_rows
from superpos.db.engine import Database
from superpos.db.results import Results
from superpos.db.trace import trace
from superpos.errors import InputError
from superpos.hashing import file_digest
from superpos.kinds.controls import CONTROLS
from superpos.specs.study import MEDIAN_RULE


def kinds(rows: Any) -> list[str]:
    return [row.kind for row in rows if row.kind != "run"]


TURNED = """
import numpy as np

def turned(directions, replicate):
    return np.random.default_rng(replicate).permuted(directions, axis=1)
"""
UP_FROM_PROBES = ["probe set", "activation set", "file", "model", "data set"]
UP_FROM_MATRIX = ["similarity matrix", "target", *UP_FROM_PROBES]
UP_FROM_JOINT = ["joint fit", "joint axes", *UP_FROM_MATRIX]


def test_a_fit_is_traced_up_to_model_and_text(open_store: Any) -> None:
    store = open_store().everything()
    fit = Results(store.database).frame("fit_results", layer=1, target="features", sigma=0.1).iloc[0]
    rows = trace(store.database, fit["fit_key"])
    assert kinds(rows) == ["fit", "fit axes", *UP_FROM_JOINT]
    found = {row.kind: row for row in rows}
    assert found["fit"].key == fit["fit_key"]
    assert found["fit"].columns["distance_final"] == fit["distance_final"]
    assert found["fit axes"].columns["sigma"] == 0.1
    assert found["joint fit"].key == fit["joint_key"]
    assert found["joint fit"].columns["vectors"] == "float64 array (3, 2)"
    assert found["similarity matrix"].key == fit["psm_key"]
    assert found["target"].key == fit["target_key"]
    assert found["target"].columns["studies"] == "small (revision 1)"
    assert found["probe set"].columns["split_seed"] == 0
    assert found["activation set"].columns["layer"] == 1
    assert found["file"].columns["n_rows"] == 100
    assert found["model"].columns["source"] == "tiny"
    assert found["data set"].columns["corpus_digest"] == store.plan.datasets[0].identity["corpus_digest"]
    assert found["run"].columns["versions"] == {"numpy": "2"}
    assert [row.kind for row in rows].count("run") == 1  # that of the fit and of every row a stage made


def test_every_key_of_a_view_is_traced(open_store: Any) -> None:
    store = open_store().everything()
    results = Results(store.database)
    fit = results.frame("fit_results", layer=0, target="features").iloc[0]
    probe = results.frame("probe_results", layer=0, feature="digit").iloc[0]
    wanted = {
        fit["joint_key"]: UP_FROM_JOINT,
        fit["psm_key"]: UP_FROM_MATRIX,
        fit["target_key"]: ["target", *UP_FROM_PROBES],
        probe["probe_key"]: ["probe", *UP_FROM_PROBES],
        probe["direction_key"]: UP_FROM_PROBES,
        fit["fit_key"].partition(".")[2]: ["fit axes"],
        results.frame("dataset_features")["dataset_key"].iloc[0]: ["data set"],
        store.plan.models[0].key.hex(): ["model"],
        store.plan.activations[0].key.hex(): UP_FROM_PROBES[1:],
        f"  {fit['joint_key'].upper()}\n": UP_FROM_JOINT,
    }
    for key, chain in wanted.items():
        assert kinds(trace(store.database, key)) == chain


def test_a_shared_matrix_says_who_shares_it(open_store: Any) -> None:
    store = open_store(name="one", layers=(0, 1, 2)).everything()
    open_store(name="two", layers=(2, 3)).everything()
    fit = Results(store.database).frame("fit_results", study="one", target="gaussian").iloc[0]
    target = next(row for row in trace(store.database, fit["fit_key"]) if row.kind == "target")
    assert target.columns["targets_sharing_it"] == 4
    assert target.columns["studies"] == "one (revision 1), two (revision 1)"


def test_what_is_only_planned_is_traced_too(open_store: Any) -> None:
    store = open_store()
    rows = trace(store.database, store.plan.targets[0].key.hex())
    assert [row.kind for row in rows] == ["target", "probe set", "activation set", "model", "data set"]
    assert rows[0].columns["status"] == "planned"


def test_controls_of_labels_are_traced_to_probes_of_their_own(
    open_store: Any, make_plan: Any, block: Any
) -> None:
    one = block(layers=(0,), controls=("shuffled_labels",), similarities=("rbf",), rbf_scales=(MEDIAN_RULE,))
    store = open_store(make_plan(blocks=(one,))).everything()
    fit = Results(store.database).frame("fit_results", target="shuffled_labels").iloc[0]
    found = {row.kind: row for row in trace(store.database, fit["fit_key"])}
    assert found["probe set"].columns["label_replicate"] == 0


@pytest.mark.parametrize("key", ["", "0" * 32, "zz", f"{'0' * 32}.{'0' * 32}", "' OR 1=1 --", "a.b.c", "."])
def test_a_key_that_names_nothing_is_refused(sqlite: Database, key: str) -> None:
    with pytest.raises(InputError, match=r"^key .* names nothing in sqlite:.*; copy a key from a view$"):
        trace(sqlite, key)


def test_shards_are_read_in_order(open_store: Any) -> None:
    store = open_store()
    store.datasets()
    work = store.activations()[0]
    with store.database.read() as connection:
        assert read_shard_rows(connection, work.activation_id) == store.activation(work).shards


def test_a_kind_that_is_not_ours_is_traced_to_its_source(
    open_store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To a module by its digest; and the row is still traced where that module is not."""
    file = tmp_path / "traced_controls.py"
    file.write_text(TURNED)
    monkeypatch.syspath_prepend(str(tmp_path))
    name = "traced_controls:turned"
    store = open_store(controls=(name,), layers=(0,)).everything()
    fit = Results(store.database).frame("fit_results", target=name).iloc[0]
    found = {row.kind: row for row in trace(store.database, fit["fit_key"])}
    assert found["target"].columns["kind_from"] == f"traced_controls sha256:{file_digest(file)}"
    assert not [column for row in found.values() for column in row.columns if column == "energy_from"]

    file.unlink()
    monkeypatch.delitem(sys.modules, "traced_controls")
    monkeypatch.delitem(CONTROLS._found, name)
    found = {row.kind: row for row in trace(store.database, fit["fit_key"])}
    assert (
        found["target"]
        .columns["kind_from"]
        .startswith(f"not found here: target '{name}' cannot be imported: ModuleNotFoundError")
    )
