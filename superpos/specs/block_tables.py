"""Read the blocks of a study: every key as the field of a record that it fills, lists by their names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import Field, fields, replace
from typing import Any

from superpos.errors import ArgumentError, allowed, shown
from superpos.kinds.optimisers import OPTIMISERS
from superpos.kinds.options import option_of
from superpos.specs.axes import (
    SPHERE_SIGMA,
    Backend,
    JointGrid,
    Kernel,
    check_choice,
    check_count,
    check_rbf_scale,
)
from superpos.specs.blocks import check_block
from superpos.specs.fields import UNSAID, know_field, read_field
from superpos.specs.hook_names import holds_layer
from superpos.specs.kernel_tables import check_list, list_names, named_kernels, read_kernels
from superpos.specs.layers import Layers, block_name
from superpos.specs.limits import LONGEST_GRID, MOST_SETTINGS, MOST_TARGETS, check_size
from superpos.specs.probes import C_GRID, ProbeSettings
from superpos.specs.study import MEDIAN_RULE, Block, Reoptimisation, TargetChoice
from superpos.specs.toml_table import Table

CROSS_VALIDATION = "cv"
"""`probe_C` that is chosen by cross-validation."""
SPHERE = "sphere"
"""`sigmas` that stands for `SPHERE_SIGMA`."""
MEDIAN = "median"
"""`rbf_scales` that stands for `MEDIAN_RULE`."""
EVERY_LAYER = "all"
"""`layers` that stands for every layer of a model."""
PROBE_KEYS = {"C": "probe_C", "split_seed": "split_seeds", "C_grid": "probe_C_grid"}
"""Keys of a block whose field of `ProbeSettings` has another name."""
BLOCK_KEYS = {"gauge": "gauges", "importance_mode": "importance_modes"}
"""Keys of a block whose axes have another name."""


class BlockReader:
    """The blocks of a study, with what their keys may refer to.

    Parameters
    ----------
    layers
        The tables of the file and those it stands on.
    models, datasets
        Names in the study; a block that names none has all of them.
    """

    def __init__(self, layers: Layers, models: tuple[str, ...], datasets: tuple[str, ...]) -> None:
        self._layers = layers
        self._names = {"models": models, "datasets": datasets}
        self._kernels = named_kernels(layers.kernels)
        self._lists: dict[str, list[Any]] = {}
        for name in list_names(layers.reoptimisations):
            self._lists[name] = layers.reoptimisations.take_list(name, dict)
            check_list(layers.reoptimisations, name, self._lists[name])
            self._named_reoptimisations(name, Reoptimisation())

    def read(self) -> tuple[Block, ...]:
        """Return every block; raises `InputError` for the first mistake, those of `[defaults]` before all."""
        for key in ("name", "like"):
            if self._layers.defaults.has(key):
                raise self._layers.defaults.fail(key, "is a block's own; blocks inherit none")
        self.record("defaults", self._layers.defaults.over(Table(self._layers.defaults.path, {})))
        found: list[Block] = []
        sizes: Counter[str] = Counter()
        for index, table in enumerate(self._layers.whole_blocks()):
            block = self._block(block_name(index, table), table)
            found.append(block)
            sizes["joint settings"] += block.n_joint_axes
            sizes["re-optimisations"] += block.n_fit_axes
            sizes["probe settings"] += len(block.probes)
            for what, size in sizes.items():  # before a thousand blocks inherit a large grid
                self._layers.top.build(check_size, what=what, limit=MOST_SETTINGS, blocks=size)
        return tuple(found)

    def _block(self, name: str, table: Table) -> Block:
        block = self.record(name, table)
        if not block.models and self._names["models"]:
            raise table.fail("models", "is empty, so the grid is empty; give at least one value")
        for key, names in self._names.items():
            if table.inherits(key):  # the study names the block that has it otherwise
                for value in getattr(block, key):
                    table.build(check_choice, argument=key, value=value, choices=names)
        try:  # values and combinations that no single axis can refuse
            check_block(block)
        except ArgumentError as error:
            key = error.argument.removeprefix(f"blocks.{block.name}.")
            raise table.fail(BLOCK_KEYS.get(key, key), error.reason) from error
        return block

    def record(self, name: str, table: Table) -> Block:
        """Return the block of a table, every default filled in; `name` is for one that says none."""
        given: dict[str, tuple[Any, str]] = {
            "name": (name, '"block-" and its place, counted from 0'),
            "models": (self._names["models"], "every model of the study"),
            "datasets": (self._names["datasets"], "every data set of the study"),
        }
        apart: dict[str, Callable[[Table], Any]] = {
            "layers": _layers,
            "probes": _probes,
            "targets": _targets,
            "rbf_scales": _rbf_scales,
            "kernels": self._kernels_of,
            "reoptimisations": lambda table: self._reoptimisations(table, values["backend"]),
        }
        values: dict[str, Any] = {}
        for field in sorted(fields(Block), key=_read_late):
            default, instead = given.get(field.name, (UNSAID, ""))
            values[field.name] = (
                apart[field.name](table)
                if field.name in apart
                else read_field(table, Block, field.name, default=default, instead=instead)
            )
        table.finish()
        return table.build(Block, **values)

    def _kernels_of(self, table: Table) -> tuple[Kernel, ...]:
        return read_kernels(table, self._kernels)

    def _reoptimisations(self, table: Table, backend: Backend) -> tuple[Reoptimisation, ...]:
        """Read tables and names of lists; a re-optimisation that names no back end has that of its block."""
        key = "reoptimisations"
        default = table.build(Reoptimisation, backend=backend)
        know_field(table, Block, key, kinds=(str, dict), instead="one of defaults alone")
        if not table.has(key):
            return tuple(replace(one, backend=default.backend) for one in option_of(Block, key).default)
        found: list[Reoptimisation] = []
        for index, value in enumerate(table.take_list(key, (str, dict))):
            if isinstance(value, dict):
                found.append(read_reoptimisation(table.inside(f"{key}[{index}]", value), default))
            elif value in self._lists:
                found.extend(self._named_reoptimisations(value, default))
            else:
                said = allowed(value, self._lists) if self._lists else "there is no [reoptimisations] table"
                raise table.fail(f"{key}[{index}]", f"{shown(value)} is no list of re-optimisations; {said}")
            check_list(table, key, found)
        return tuple(found)

    def _named_reoptimisations(self, name: str, default: Reoptimisation) -> list[Reoptimisation]:
        table = self._layers.reoptimisations
        values = enumerate(self._lists[name])
        return [read_reoptimisation(table.inside(f"{name}[{i}]", value), default) for i, value in values]


def _read_late(field: Field[Any]) -> int:
    """Return the place of a field of a block: a block's own, the joint step's, `reoptimisations`."""
    return 2 if field.name == "reoptimisations" else int(hasattr(JointGrid, field.name))


def read_reoptimisation(table: Table, default: Reoptimisation) -> Reoptimisation:
    """Return the re-optimisation of a table over one that has its defaults."""
    values = {
        field.name: read_field(
            table,
            Reoptimisation,
            field.name,
            default=getattr(default, field.name),
            instead="that of the block" if field.name == "backend" else "",
        )
        for field in fields(Reoptimisation)
        if field.name != "sigmas"
    }
    values["sigmas"] = _sigmas(table, default.sigmas, values["optimiser"])
    table.finish()
    return table.build(Reoptimisation, {"sigma": "sigmas", "trial": "trials"}, **values)


def _sigmas(table: Table, default: tuple[float, ...], optimiser: str) -> tuple[float, ...]:
    """Read numbers and `sphere`, which is for optimisers that hold the norms."""
    know_field(table, Reoptimisation, "sigmas", kinds=(float, str), default=default)
    found: list[float] = []
    for value in table.take_list("sigmas", (float, str), list(default)):
        if isinstance(value, float):
            found.append(value)
        elif value != SPHERE:
            said = f"{shown(value)} is unknown; allowed: numbers from 0, {SPHERE!r}"
            raise table.fail("sigmas", said)
        elif "lambda_x" in table.build(OPTIMISERS.get, name=optimiser, argument="optimiser").reads:
            said = f"{shown(value)} needs an optimiser that holds the norms; {optimiser} lets them go"
            raise table.fail("sigmas", said)
        else:
            found.append(SPHERE_SIGMA)
    return tuple(dict.fromkeys(found))


def _probes(table: Table) -> tuple[ProbeSettings, ...]:
    """Read the probe settings; `probe_C` and `split_seeds` span a product.

    Among the values of `probe_C`, `"cv"` stands for cross-validation over `probe_C_grid`.
    """
    names = ("method", "class_weight", "scaler")
    fixed: dict[str, Any] = {name: read_field(table, ProbeSettings, name) for name in names}
    C = know_field(table, ProbeSettings, "C", key="probe_C", kinds=(float, str), many=True).default
    values = [_penalty(table, value) for value in table.take_list("probe_C", (float, str), [C])]
    know_field(table, ProbeSettings, "C_grid", key="probe_C_grid", default=C_GRID)
    grid = tuple(table.take_list("probe_C_grid", float, list(C_GRID)))
    seed = know_field(table, ProbeSettings, "split_seed", key="split_seeds", many=True).default
    seeds = table.take_list("split_seeds", int, [seed])
    for key, given in (("probe_C", values), ("split_seeds", seeds)):
        if not given:
            raise table.fail(key, "is empty, so the grid is empty; give at least one value")
    if len(grid) > LONGEST_GRID:
        raise table.fail("probe_C_grid", f"holds {len(grid):,} values; at most {LONGEST_GRID}")
    sizes = {"probe_C": len(values), "split_seeds": len(seeds)}
    table.build(check_size, what="probe settings", limit=MOST_SETTINGS, **sizes)
    return tuple(
        table.build(ProbeSettings, PROBE_KEYS, **fixed, C=C, split_seed=seed, C_grid=() if C else grid)
        for C in values
        for seed in seeds
    )


def _penalty(table: Table, value: float | str) -> float:
    """Return a value of `probe_C`, 0 for cross-validation."""
    if value == CROSS_VALIDATION:
        return 0.0
    if isinstance(value, str):
        said = f"{shown(value)} is unknown; allowed: numbers above 0 or {CROSS_VALIDATION!r}"
        raise table.fail("probe_C", said)
    if value == 0.0:
        raise table.fail("probe_C", "0 must be above 0")
    return value


def _targets(table: Table) -> tuple[TargetChoice, ...]:
    """Read kinds of targets, and how many replicates each control has."""
    one = len(option_of(TargetChoice, "replicates").default)
    know_field(table, TargetChoice, "replicates", many=False, default=one)
    asked = table.take("replicates", int, one)
    count = table.build(check_count, argument="replicates", value=asked, minimum=1)
    default = [str(choice.kind) for choice in option_of(Block, "targets").default]
    know_field(table, TargetChoice, "kind", key="targets", many=True, default=tuple(default))
    kinds = tuple(dict.fromkeys(table.take_list("targets", str, default)))
    sizes = {"replicates": count, "targets": max(1, len(kinds))}
    table.build(check_size, what="targets of one set of activations", limit=MOST_TARGETS, **sizes)
    replicates = tuple(range(count))
    return tuple(table.build(TargetChoice, kind=kind, replicates=replicates) for kind in kinds)


def _rbf_scales(table: Table) -> tuple[float, ...]:
    """Read numbers and `median`."""
    scales: list[float] = []
    default: tuple[float, ...] = know_field(table, Block, "rbf_scales", kinds=(float, str)).default
    for value in table.take_list("rbf_scales", (str, float), list(default)):
        if isinstance(value, str):
            if value != MEDIAN:
                said = f"{shown(value)} is unknown; allowed: a number above 0, {MEDIAN!r}"
                raise table.fail("rbf_scales", said)
            scales.append(MEDIAN_RULE)
        else:
            scales.append(table.build(check_rbf_scale, argument="rbf_scales", value=value))
    return tuple(scales)


def _layers(table: Table) -> tuple[int, ...]:
    """Read layer numbers, or `all`.

    Inherited ones give way to those that hookpoints of the block's own hold in their names.
    """
    know_field(table, Block, "layers", kinds=(int, str), default=(EVERY_LAYER,))
    named = _names_layers(table)  # before the key is taken
    value = table.take("layers", (str, list, int), EVERY_LAYER)
    if value == EVERY_LAYER or named:
        return ()
    values = value if isinstance(value, list) else [value]
    if not values:
        raise table.fail("layers", "is empty, so the grid is empty; give layer numbers or 'all'")
    if not all(isinstance(v, int) and not isinstance(v, bool) and v >= 0 for v in values):
        raise table.fail("layers", f"{shown(value)} is unknown; allowed: 'all' or layer numbers from 0")
    for layer in values:
        table.build(check_count, argument="layers", value=layer, minimum=0)
    return tuple(dict.fromkeys(values))


def _names_layers(table: Table) -> bool:
    """Whether a block inherits `layers` and has hookpoints of its own whose names hold layers."""
    if not table.inherits("layers") or table.inherits("hookpoints"):
        return False
    said = table.peek("hookpoints")
    return any(map(holds_layer, said if isinstance(said, list) else [said]))
