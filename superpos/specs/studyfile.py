"""Read a study from a TOML file: unknown keys refused, every default filled in, one message a mistake.

Every key fills a field of a record, which has its type, its default and what is allowed.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import fields
from pathlib import Path
from typing import Any

from superpos.errors import shown
from superpos.specs.axes import check_count
from superpos.specs.block_tables import BlockReader
from superpos.specs.families import Family, check_apart
from superpos.specs.feature_sets import read_corpora, read_dataset
from superpos.specs.fields import know_field, read_field
from superpos.specs.layers import Layers, read_layers
from superpos.specs.study import ModelChoice, Study
from superpos.specs.toml_file import load_toml
from superpos.specs.toml_table import Asked, Table

REVISION = "A branch, tag, commit or checkpoint; give one of `revision`, `revisions` and `steps` at most."
STEPS = "Steps of training, from 0: the revisions `step0`, `step64` and so on."


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
    return study_of(read_layers(path, data), path.stem, data)


def study_of(layers: Layers, stem: str, given: Container[str]) -> Study:
    """Return the study of a file's tables and those it stands on.

    Parameters
    ----------
    layers
        The tables.
    stem
        Name of the study if it says none.
    given
        The keys of the file itself, for messages.
    """
    top = layers.top
    name = read_field(top, Study, "name", default=stem, instead="the file's name")
    if not name or any(character in name for character in "/\\\n\t"):
        raise top.fail("name", f"{shown(name)} is not a study name; use letters, digits and dashes")
    models = tuple(_model(label, table) for label, table in layers.models.items())
    if not layers.datasets:  # nothing says that it would do without
        _require(top, "models", layers.models, given)
    corpora = read_corpora(layers.corpora)
    _require(top, "datasets", layers.datasets, given)
    datasets = tuple(read_dataset(label, table, corpora) for label, table in layers.datasets.items())
    if any(dataset.needs_model for dataset in datasets):
        _require(top, "models", layers.models, given)
    blocks = BlockReader(layers, tuple(m.label for m in models), tuple(d.name for d in datasets)).read()
    families = tuple(read_family(label, table) for label, table in layers.tests.items())
    top.build(check_apart, families=families, datasets=tuple(d.name for d in datasets))
    values = {
        "families": families,
        "description": read_field(top, Study, "description", default=""),
        "store_vectors": read_field(top, Study, "store_vectors"),
        "noise_ceiling": read_field(top, Study, "noise_ceiling"),
    }
    top.finish()
    return top.build(Study, name=name, models=models, datasets=datasets, blocks=blocks, **values)


def read_family(label: str, table: Table) -> Family:
    """Return the family of tests of a table.

    Raises
    ------
    InputError
        Naming the file, the key, the value and what is allowed.
    """
    names = [field.name for field in fields(Family) if field.name != "name"]
    values = {name: read_field(table, Family, name) for name in names}
    table.finish()
    return table.build(Family, {"name": ""}, name=label, **values)


def _require(top: Table, key: str, tables: dict[str, Table], given: Container[str]) -> None:
    """Refuse a study without models or data sets."""
    if not tables:
        raise top.fail(key, "is empty; add a table" if key in given else "is missing")


def _model(label: str, table: Table) -> ModelChoice:
    values: dict[str, Any] = {
        "label": label,
        "name": table.beside(
            "name", read_field(table, ModelChoice, "name", default=label, instead="the table's own name")
        ),
        "revisions": _revisions(table),
        **{key: read_field(table, ModelChoice, key) for key in ("weights", "seeds", "dtype")},
    }
    table.finish()
    return table.build(ModelChoice, {"label": ""}, **values)


def _revisions(table: Table) -> tuple[str, ...]:
    """Read `revision`, `revisions` or `steps` of training, of which a table has one at most."""
    given = [key for key in ("revision", "revisions", "steps") if table.has(key)]
    if len(given) > 1:
        raise table.fail(given[1], f"give only one of {', '.join(given)}")
    table.know("revision", Asked((str,), default="", meaning=REVISION))
    table.know("steps", Asked((int,), many=True, default=(), meaning=STEPS))
    one = table.take("revision", str, "")
    know_field(table, ModelChoice, "revisions", default=())
    many = table.take_list("revisions", str, [one])
    steps = table.take_list("steps", int, [])
    if any(step < 0 for step in steps):
        raise table.fail("steps", f"{shown(min(steps))} is no training step; they count from 0")
    for step in steps:
        table.build(check_count, argument="steps", value=step, minimum=0)
    return tuple(f"step{step}" for step in steps) or tuple(many)
