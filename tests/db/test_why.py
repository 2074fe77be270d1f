"""Why a row is made or not, and how two studies differ: reasons against edits that the test made itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from superpos.db.failures import MAX_ATTEMPTS, record_failures
from superpos.db.outlines import stored_outline
from superpos.db.trace import trace
from superpos.db.why import why
from superpos.errors import InputError
from superpos.records.outlines import LEVELS, compare
from superpos.records.work import CellFailure
from superpos.specs.study import ModelChoice
from superpos.stages.outlines import outline_of


def cells(outline: Any) -> set[tuple[bytes, bytes, bytes]]:
    return {(a, b, c) for p in outline.blocks for a in p.parts[0] for b in p.parts[1] for c in p.parts[2]}


def test_the_stored_outline_is_that_of_the_plan(open_store: Any, sources: tuple[str, ...]) -> None:
    store = open_store(sources=sources)
    stored, planned = stored_outline(store.database, "small"), outline_of(store.plan)
    for level in LEVELS:
        assert stored.levels[level] == planned.levels[level], level
    assert cells(stored) == cells(planned)
    assert compare(stored, planned).new_cells == compare(planned, stored).new_cells == {}


@pytest.mark.parametrize(
    ("edit", "level", "reason"),
    [
        (
            {"sigmas": (0.0, 0.1, 0.2)},
            "fit_axes",
            "fit_axes.sigma: 0.2",
        ),
        ({"restarts": 3}, "joint_axes", "joint_axes.restart: 2"),
        ({"layers": (0, 1, 2)}, "activations", "activations.layer: 2"),
        (
            {"replicates": 2},
            "targets",
            "targets.replicate: 1",
        ),
        ({"text": "another text"}, "datasets", "datasets.corpus_digest"),
        ({"models": (ModelChoice("tiny", "other"),)}, "models", "models.name: other"),
    ],
)
def test_what_is_new_has_the_reason_that_the_edit_gave_it(
    make_plan: Any, edit: dict[str, Any], level: str, reason: str
) -> None:
    before, after = outline_of(make_plan()), outline_of(make_plan(**edit))
    found = compare(before, after)
    reasons = {one.level: one.new for one in found.levels}
    assert any(one.startswith(reason) for one in reasons[level]), reasons
    # What follows from the edited row has its reason too, down to the cells.
    assert all(one.startswith((reason, f"{level}.")) for one in found.new_cells), found.new_cells
    assert sum(found.new_cells.values()) == len(cells(after) - cells(before)) > 0
    assert found.n_cells_gone == len(cells(before) - cells(after))
    assert found.n_cells_same == len(cells(before) & cells(after))
    for one in found.levels:
        old, new = set(before.levels[one.level]), set(after.levels[one.level])
        assert (one.n_same, one.n_gone) == (len(old & new), len(old - new))
        assert sum(one.new.values()) == len(new - old)


def test_a_raised_algorithm_version_is_a_reason(make_plan: Any) -> None:
    plan = make_plan()
    older = replace(plan, algorithm_versions={**plan.algorithm_versions, "directions": 0})
    rows = outline_of(older).levels["directions"]
    renamed = {bytes(reversed(key)): row for key, row in rows.items()}
    before = outline_of(older)
    before = before._replace(levels={**before.levels, "directions": renamed})
    (found,) = [one for one in compare(before, outline_of(plan)).levels if one.level == "directions"]
    version = plan.algorithm_versions["directions"]
    assert found.new == {f"directions.algorithm_version: {version} (not 0)": len(rows)}


def test_planned_rows_wait_and_finished_ones_are_compared(open_store: Any) -> None:
    store = open_store()
    target = store.plan.targets[0]
    found = why(store.database, target.key.hex())
    assert (found.kind, found.state, found.studies, found.nearest) == ("target", "planned", ("small",), "")
    assert [(one.kind, one.key) for one in found.waits_for] == [("probe set", target.direction_key.hex())]
    store.inputs()
    found = why(store.database, target.key.hex()[:12])
    assert (found.key, found.state, found.waits_for) == (target.key.hex(), "done", ())
    others = {one.key.hex(): one for one in store.plan.targets}
    nearest = others[found.nearest]
    for one in found.apart:
        if "." not in one.field:
            name = {"target": "kind"}.get(one.field, one.field)
            assert (getattr(target, name), getattr(nearest, name)) == (one.here, one.there)
    a, b = (next(d for d in store.plan.directions if d.key == t.direction_key) for t in (target, nearest))
    layers = [(one.here, one.there) for one in found.apart if one.field.endswith("activation set.layer")]
    assert layers == ([] if a.layer == b.layer else [(a.layer, b.layer)])


def test_a_fit_is_compared_with_the_nearest_of_its_joint_fit(open_store: Any) -> None:
    store = open_store().everything()
    with store.database.read() as connection:
        keys = connection.scalars(sa.text("SELECT fit_key FROM fit_results WHERE sigma > 0 ORDER BY 1")).all()
    found = why(store.database, keys[0])
    assert (found.kind, found.state, found.studies) == ("fit", "done", ("small",))
    assert found.nearest.split(".")[0] == keys[0].split(".")[0]
    assert [one.field for one in found.apart] == ["fit axes.sigma"]
    first, second = trace(store.database, keys[0])[0], trace(store.database, keys[0][:40])[0]
    assert first == second


def test_a_missing_cell_says_how_it_failed_and_what_a_run_does(open_store: Any) -> None:
    store = open_store().inputs()
    work = store.works()[0]
    key = f"{work.psm_key.hex()}.{work.axes_key.hex()}.{work.fits[0][1].hex()}"
    assert (why(store.database, key).state, why(store.database, key).studies) == ("missing", ("small",))
    failure = CellFailure("fits", key, "ValueError", "it broke")
    record_failures(store.database, [failure], store.run_id)
    assert why(store.database, key)[2:4] == ("failed", "fits, once: ValueError: it broke")
    for _ in range(MAX_ATTEMPTS - 1):
        record_failures(store.database, [failure], store.run_id)
    found = why(store.database, key)
    assert found[2:4] == ("quarantined", f"fits, {MAX_ATTEMPTS} times: ValueError: it broke")
    store.fits()
    assert why(store.database, key).state == "done"


def test_a_beginning_of_several_keys_lists_them(open_store: Any) -> None:
    store = open_store().everything()
    with store.database.read() as connection:
        keys = connection.scalars(sa.text("SELECT key FROM targets UNION SELECT key FROM joint_fits")).all()
    beginnings = [key[0] for key in keys]
    twice = next(one for one in beginnings if beginnings.count(one) > 1)
    with pytest.raises(InputError, match="begins several: ") as caught:
        why(store.database, twice)
    assert any(key in str(caught.value) for key in keys)
    for bad in ("zz", "", ".", "a.b.c.d", "%"):
        with pytest.raises(InputError, match="names nothing"):
            why(store.database, bad)
