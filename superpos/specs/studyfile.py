"""Read a study from a TOML file: unknown keys refused, every default filled in, one message a mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from superpos.errors import ArgumentError, allowed, shown
from superpos.kinds.energies import ENERGIES
from superpos.specs.axes import BACKENDS, Kernel, check_choice, check_count, check_rbf_scale
from superpos.specs.blocks import check_block
from superpos.specs.feature_sets import read_corpora, read_dataset
from superpos.specs.limits import LONGEST_GRID, MOST_SETTINGS, MOST_TARGETS, check_size
from superpos.specs.probes import C_GRID, ProbeSettings
from superpos.specs.study import (
    MEDIAN_RULE,
    Block,
    ModelChoice,
    Reoptimisation,
    Study,
    TargetChoice,
)
from superpos.specs.toml_table import Table, load_toml

NUMBER = (int, float)
CROSS_VALIDATION = "cv"
"""`probe_C` that is chosen by cross-validation."""
BLOCK_KEYS = {"gauge": "gauges", "importance_mode": "importance_modes"}
"""Keys of a block whose axes have another name."""


def load_study(path: Path) -> Study:
    """Return the study that a TOML file describes.

    Relative paths in the file (models, corpora) are taken from the file's folder when they exist there.

    Raises
    ------
    InputError
        Naming the file, the key, the value and what is allowed.
    """
    return parse_study(path, load_toml(path))


def parse_study(path: Path, data: dict[str, Any]) -> Study:
    """Return the study in already parsed TOML; `path` is for messages and relative paths."""
    top = Table(path, data)
    name = top.take("name", str, path.stem)
    if not name or any(character in name for character in "/\\\n\t"):
        raise top.fail("name", f"{shown(name)} is not a study name; use letters, digits and dashes")
    models = tuple(_model(label, table) for label, table in top.named_tables("models").items())
    corpora = read_corpora(top.named_tables("corpora", required=False))
    datasets = tuple(
        read_dataset(label, table, corpora) for label, table in top.named_tables("datasets").items()
    )
    blocks = tuple(
        _block(i, table, tuple(m.label for m in models), tuple(d.name for d in datasets))
        for i, table in enumerate(top.tables("blocks"))
    )
    description = top.take("description", str, "")
    store_vectors = top.take("store_vectors", str, "all")
    noise_ceiling = top.take("noise_ceiling", int, 0)
    top.finish()
    return top.build(
        Study,
        name=name,
        description=description,
        models=models,
        datasets=datasets,
        blocks=blocks,
        store_vectors=store_vectors,
        noise_ceiling=noise_ceiling,
    )


def _model(label: str, table: Table) -> ModelChoice:
    values: dict[str, Any] = {
        "label": label,
        "name": table.beside("name", table.take("name", str, label)),
        "revisions": _revisions(table),
        "weights": table.take("weights", str, "pretrained"),
        "seeds": tuple(table.take_list("seeds", int, [])),
        "dtype": table.take("dtype", str, "float32"),
    }
    table.finish()
    return table.build(ModelChoice, {"label": ""}, **values)


def _revisions(table: Table) -> tuple[str, ...]:
    """Read `revision`, `revisions` or `steps` of training, of which a table has one at most."""
    given = [key for key in ("revision", "revisions", "steps") if table.has(key)]
    if len(given) > 1:
        raise table.fail(given[1], f"give only one of {', '.join(given)}")
    one = table.take("revision", str, "")
    many = table.take_list("revisions", str, [one])
    steps = table.take_list("steps", int, [])
    if any(step < 0 for step in steps):
        raise table.fail("steps", f"{shown(min(steps))} is no training step; they count from 0")
    for step in steps:
        table.build(check_count, argument="steps", value=step, minimum=0)
    return tuple(f"step{step}" for step in steps) or tuple(many)


def _kernel(table: Table, index: int, value: Any) -> Kernel:
    """Read `exp`, `log`, `riesz:1`, or a table with energy, s, self_energy and softening."""
    key = f"kernels[{index}]"
    if isinstance(value, str):
        energy, _, exponent = value.partition(":")
        if energy not in ENERGIES:
            choices = allowed(energy, (kind.spelling for kind in ENERGIES))
            raise table.fail(key, f"{shown(value)} is unknown; {choices}")
        parameter = ENERGIES.get(energy).parameter
        if exponent and parameter is None:
            raise table.fail(key, f"{shown(value)}: {energy} takes no exponent; use {energy!r}")
        try:
            s = float(exponent) if exponent else 0.0
        except ValueError as error:
            said = f"{shown(value)}: {shown(exponent)} is not a number; use '{energy}:<s>'"
            raise table.fail(key, said) from error
        return table.build(Kernel, dict.fromkeys(("s", "softening"), key), energy=energy, s=s)
    inner = Table(table.path, value, f"{table.prefix}{key}.")
    values: dict[str, Any] = {
        "energy": inner.take("energy", str),
        "s": inner.take("s", float, 0.0),
        "self_energy": inner.take("self_energy", str, "") or None,
        "softening": inner.take("softening", float, 0.0),
    }
    inner.finish()
    energy = values["energy"]
    if values["s"] != 0.0 and energy in ENERGIES and ENERGIES.get(energy).parameter is None:
        raise inner.fail(
            "s", f"{values['s']:g} does not apply to the {values['energy']} energy; leave it out"
        )
    return inner.build(Kernel, **values)


def _probes(table: Table) -> tuple[ProbeSettings, ...]:
    """Read the probe settings; `probe_C` and `split_seeds` span a product.

    Among the values of `probe_C`, `"cv"` stands for cross-validation over `probe_C_grid`.
    """
    fixed: dict[str, Any] = {
        "method": table.take("method", str, "logistic"),
        "class_weight": table.take("class_weight", str, "balanced"),
        "scaler": table.take("scaler", str, "paper"),
    }
    values = [_penalty(table, value) for value in table.take_list("probe_C", (float, str), [1.0])]
    grid = tuple(table.take_list("probe_C_grid", float, list(C_GRID)))
    seeds = table.take_list("split_seeds", int, [0])
    for key, given in (("probe_C", values), ("split_seeds", seeds)):
        if not given:
            raise table.fail(key, "is empty, so the grid is empty; give at least one value")
    if len(grid) > LONGEST_GRID:
        raise table.fail("probe_C_grid", f"holds {len(grid):,} values; at most {LONGEST_GRID}")
    sizes = {"probe_C": len(values), "split_seeds": len(seeds)}
    table.build(check_size, what="probe settings", limit=MOST_SETTINGS, **sizes)
    keys = {"C": "probe_C", "split_seed": "split_seeds", "C_grid": "probe_C_grid"}
    return tuple(
        table.build(ProbeSettings, keys, **fixed, C=C, split_seed=seed, C_grid=() if C else grid)
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
    asked = table.take("replicates", int, 1)
    count = table.build(check_count, argument="replicates", value=asked, minimum=1)
    kinds = _axis(table, "targets", str, ["features"])
    sizes = {"replicates": count, "targets": max(1, len(kinds))}
    table.build(check_size, what="targets of one set of activations", limit=MOST_TARGETS, **sizes)
    replicates = tuple(range(count))
    return tuple(table.build(TargetChoice, kind=kind, replicates=replicates) for kind in kinds)


def _rbf_scales(table: Table) -> tuple[float, ...]:
    scales: list[float] = []
    for value in table.take_list("rbf_scales", (str, *NUMBER), [200.0]):
        if isinstance(value, str):
            if value != "median":
                said = f"{shown(value)} is unknown; allowed: a number above 0, 'median'"
                raise table.fail("rbf_scales", said)
            scales.append(MEDIAN_RULE)
        else:
            scales.append(table.build(check_rbf_scale, argument="rbf_scales", value=value))
    return tuple(scales)


def _reoptimisation(table: Table, backend: str) -> Reoptimisation:
    values: dict[str, Any] = {
        "optimiser": table.take("optimiser", str, "powell"),
        "lambda_x": tuple(table.take_list("lambda_x", float, [1.0])),
        "sigmas": tuple(table.take_list("sigmas", float, [0.0, 0.01, 0.1])),
        "sigma_rule": table.take("sigma_rule", str, "sigma"),
        "trials": table.take("trials", int, 1),
        "backend": table.take("backend", str, backend),
        "xtol": table.take("xtol", float, 1e-4),
        "ftol": table.take("ftol", float, 1e-4),
        "max_iter": table.take("max_iter", int, 0),
        "gtol": table.take("gtol", float, 1e-8),
    }
    table.finish()
    return table.build(Reoptimisation, {"sigma": "sigmas", "trial": "trials"}, **values)


def _reoptimisations(table: Table, backend: str) -> tuple[Reoptimisation, ...]:
    """Read the re-optimisations of a block; one with every default where the file says nothing of them."""
    silent = not table.has("reoptimisations")
    given = table.tables("reoptimisations")
    return tuple(_reoptimisation(one, backend) for one in ([Table(table.path, {})] if silent else given))


def _layers(table: Table) -> tuple[int, ...]:
    value = table.take("layers", (str, list, int), "all")
    if value == "all":
        return ()
    values = value if isinstance(value, list) else [value]
    if not values:
        raise table.fail("layers", "is empty, so the grid is empty; give layer numbers or 'all'")
    if not all(isinstance(v, int) and not isinstance(v, bool) and v >= 0 for v in values):
        raise table.fail("layers", f"{shown(value)} is unknown; allowed: 'all' or layer numbers from 0")
    for layer in values:
        table.build(check_count, argument="layers", value=layer, minimum=0)
    return tuple(dict.fromkeys(values))


def _axis(table: Table, key: str, kind: Any, default: list[Any]) -> tuple[Any, ...]:
    """Read the values of an axis, each once."""
    return tuple(dict.fromkeys(table.take_list(key, kind, default)))


def _block(index: int, table: Table, models: tuple[str, ...], datasets: tuple[str, ...]) -> Block:
    backend = table.build(
        check_choice, argument="backend", value=table.take("backend", str, "compiled"), choices=BACKENDS
    )
    kernels = table.take_list("kernels", (str, dict), ["exp"])
    reoptimisations = _reoptimisations(table, backend)
    values: dict[str, Any] = {
        "name": table.take("name", str, f"block-{index}"),
        "models": _axis(table, "models", str, list(models)),
        "datasets": _axis(table, "datasets", str, list(datasets)),
        "layers": _layers(table),
        "hookpoints": _axis(table, "hookpoints", str, ["mlp.act"]),
        "probes": _probes(table),
        "poolings": _axis(table, "poolings", str, ["max"]),
        "spaces": _axis(table, "spaces", str, ["raw"]),
        "fit_two_classes": table.take("fit_two_classes", bool, False),
        "targets": _targets(table),
        "similarities": _axis(table, "similarities", str, ["cosine"]),
        "rbf_scales": _rbf_scales(table),
        "kernels": tuple(_kernel(table, i, value) for i, value in enumerate(kernels)),
        "gauges": _axis(table, "gauges", str, ["none"]),
        "importance_modes": _axis(table, "importance_modes", str, ["learned"]),
        "joint_polish": _axis(table, "joint_polish", str, ["on"]),
        "n_dims": _axis(table, "n_dims", int, [10]),
        "lambda_d": _axis(table, "lambda_d", float, [100.0]),
        "restarts": table.take("restarts", int, 1),
        "backend": backend,
        "max_iter": table.take("max_iter", int, 2000),
        "gtol": table.take("gtol", float, 1e-5),
        "reoptimisations": reoptimisations,
    }
    table.finish()
    block = table.build(Block, **values)
    try:  # values and combinations that no single axis can refuse
        check_block(block)
    except ArgumentError as error:
        key = error.argument.removeprefix(f"blocks.{block.name}.")
        raise table.fail(BLOCK_KEYS.get(key, key), error.reason) from error
    return block
