"""The catalogue against the records and lists that have the same things in code."""

from __future__ import annotations

from dataclasses import MISSING, asdict, fields
from typing import Any

import pytest

from superpos import catalogue
from superpos.catalogue import AXES, MEASURED, NOTED, Axis, axis, meaning
from superpos.errors import ArgumentError
from superpos.specs import axes as specs
from superpos.specs.axes import FitAxes, JointAxes, Kernel
from superpos.specs.probes import ProbeSettings
from superpos.specs.study import SPACES, Block, ModelChoice, Reoptimisation, TargetChoice

ASKED = ("compared", "setting", "searched", "config")


def record_defaults(record: type[Any]) -> dict[str, Any]:
    """Fields of a record, with None for those that have no default."""
    return {one.name: None if one.default is MISSING else one.default for one in fields(record)}


def test_the_axes_of_a_joint_fit_are_the_fields_of_its_record() -> None:
    wanted = {one.name: one.default for one in catalogue.axes("kernel", "joint", roles=ASKED)}
    assert wanted.pop("energy") == "exp"  # a study's; the record has to be told
    given = record_defaults(JointAxes)
    assert given.pop("energy") is None
    assert given == wanted
    kernel = {one.name for one in catalogue.axes("kernel", roles=ASKED)}
    assert set(record_defaults(Kernel)) == kernel


def test_the_axes_of_a_reoptimisation_are_the_fields_of_its_record() -> None:
    wanted = {one.name: one.default for one in catalogue.axes("fit", roles=ASKED)}
    assert record_defaults(FitAxes) == wanted


def test_closed_lists_are_those_of_the_records() -> None:
    lists = {
        "self_energy": specs.SELF_ENERGIES,
        "gauge": specs.GAUGES,
        "importance_mode": specs.IMPORTANCE_MODES,
        "joint_polish": specs.JOINT_POLISHES,
        "sigma_rule": specs.SIGMA_RULES,
        "backend": specs.BACKENDS,
        "space": (*SPACES, axis("space").neutral),
    }
    assert {one.name: one.values for one in AXES if one.type == "word"} == lists


def grid(one: Axis) -> Any:
    """What a study file gives that says nothing."""
    return (one.default,) if one.grid is None else one.grid


def test_what_a_study_file_takes_by_default_is_what_the_records_take() -> None:
    block = {one.name: one for one in fields(Block)}
    for name in ("gauges", "importance_modes", "joint_polish", "n_dims", "lambda_d", "restarts", "spaces",
                 "hookpoints", "poolings", "similarities", "rbf_scales"):  # fmt: skip
        (one,) = (one for one in AXES if one.key == name)
        assert block[name].default == grid(one), name
    for name in ("backend", "max_iter", "gtol"):
        assert block[name].default == axis(name, "joint").default
    assert block["kernels"].default == (Kernel(axis("energy").default),)
    again = record_defaults(Reoptimisation)
    for one in catalogue.axes("fit"):
        key = one.key.removeprefix("reoptimisations.")
        assert again.pop(key) == (grid(one) if one.grid or key == "lambda_x" else one.default), key
    assert again == {}
    probe = record_defaults(ProbeSettings)
    for name, field in (("method", "method"), ("probe_C", "C"), ("split_seed", "split_seed")):
        assert probe[field] == axis(name).default
    assert TargetChoice(axis("target").default) in block["targets"].default_factory()  # type: ignore[misc]
    assert record_defaults(ModelChoice)["weights"] == axis("model_weights").default


def test_neutral_values_stand_where_an_axis_does_not_apply() -> None:
    joint = JointAxes("exp")
    for name in ("s", "softening"):
        assert getattr(joint, name) == axis(name).neutral
    fit = FitAxes(optimiser="manifold", lambda_x=3.0, xtol=0.5, ftol=0.5)
    for name in ("lambda_x", "xtol", "ftol", "trial"):
        assert getattr(fit, name) == axis(name, "fit").neutral
    assert axis("rbf_scale").neutral == 0.0


def test_settings_that_are_no_axis_stand_in_a_key_whose_digits_may_not_change() -> None:
    assert catalogue.names("joint", roles=("config",)) == ("max_iter", "gtol")
    assert catalogue.names("fit", roles=("config",)) == ("backend", "xtol", "ftol", "max_iter", "gtol")


def test_an_axis_that_came_later_moves_no_key_where_it_is_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    joint, fit = JointAxes("exp"), FitAxes()
    for record, levels in ((joint, ("kernel", "joint")), (fit, ("fit",))):
        assert catalogue.identity(asdict(record), *levels) == asdict(record)  # type: ignore[arg-type] # levels
    floor = Axis(
        name="floor", type="number", level="joint", role="setting", meaning="m", older=0.0, later=True
    )
    monkeypatch.setattr(catalogue, "AXES", (*AXES, floor))
    monkeypatch.setattr(catalogue, "_as_before", catalogue._as_before.__wrapped__)  # none of it is kept
    values = asdict(joint)
    assert catalogue.identity({**values, "floor": 0.0}, "kernel", "joint") == values
    assert catalogue.identity({**values, "floor": 0.5}, "kernel", "joint") == {**values, "floor": 0.5}
    assert catalogue.identity({**values, "floor": 0.0}, "fit") == {**values, "floor": 0.0}


def test_names_stand_once() -> None:
    shown = [one.name for one in AXES if one.role != "config"]
    assert len(set(shown)) == len(shown)
    assert len({(one.name, one.level) for one in AXES}) == len(AXES)
    everywhere = [one.name for one in (*MEASURED, *NOTED) if not one.views]
    assert not {*shown} & {*everywhere}
    known = [(view, one.name) for one in (*MEASURED, *NOTED) for view in one.views or ("",)]
    assert len(set(known)) == len(known)
    columns = [(one.table, one.column) for one in MEASURED]
    assert len(set(columns)) == len(columns)


def test_a_meaning_names_what_a_register_has() -> None:
    assert meaning("fit_results", "energy") == "`exp`, `log`, `riesz`, `gauss`: pair energy"
    assert "`shuffled_labels`" in meaning("psm_results", "target")
    assert meaning("psm_pairs", "value") == "similarity"
    assert meaning("geometry_results", "value").startswith("what the measure says")
    units = {
        name: catalogue.unit("fit_results", name) for name in ("angle", "nit", "fun", "sigma", "verdict")
    }
    assert units == {"angle": "degrees", "nit": "iterations", "fun": "energy", "sigma": "", "verdict": ""}
    with pytest.raises(ArgumentError, match=r"^column: fit_results\.nonsense has no meaning; add it to"):
        meaning("fit_results", "nonsense")


def test_an_unknown_axis_is_named_with_the_nearest() -> None:
    assert axis("gtol", "fit").default == 1e-8
    with pytest.raises(ArgumentError, match=r"^axis: 'gauges' is unknown; .*did you mean 'gauge'"):
        axis("gauges")
    with pytest.raises(ArgumentError, match="axis: 'sigma' is unknown"):
        axis("sigma", "joint")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"level": "fits"}, r"^level: x: 'fits'; .*did you mean 'fit'"),
        ({"role": "settings"}, r"^role: x: 'settings'; .*did you mean 'setting'"),
        ({"type": "float"}, r"^type: x: 'float'; allowed: "),
        ({"type": "word"}, r"^type: x: words need values"),
        ({"values": ("a",)}, r"^type: x: words need values"),
    ],
)
def test_an_axis_is_checked(changes: dict[str, Any], said: str) -> None:
    values = {"name": "x", "type": "number", "level": "fit", "role": "setting", "meaning": "m", **changes}
    with pytest.raises(ArgumentError, match=said):
        Axis(**values)
