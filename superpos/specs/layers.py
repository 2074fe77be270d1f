"""Tables that stand on others: `extends` names a study, `like` blocks, `[defaults]` lies under every block.

What a file says goes before what the file says that it extends, key by key: of the file itself, of
`[defaults]`, of models, corpora, data sets, named lists and blocks of one name. A value is replaced as a
whole, lists and inline tables too. A block then stands on the blocks that it is like, and on the defaults.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from superpos.errors import allowed, shown
from superpos.reading.places import is_there
from superpos.specs.limits import LONGEST_CHAIN, MOST_INHERITED, MOST_TABLES
from superpos.specs.studies import FOLDER, bundled_studies
from superpos.specs.toml_file import load_toml
from superpos.specs.toml_table import Asked, Table

INSTEAD = {
    "models": (("revision", "revisions", "steps"),),
    "corpora": (("path", "parts"),),
}
"""Keys of which a table has one at most: that of the later file replaces that of the earlier one."""
EXTENDS = "A bundled study, or a TOML file beside this one, whose tables and keys this file overrides."
LIKE = "Blocks before this one whose keys, but not whose defaults, this one has where it says nothing itself."


@dataclass(frozen=True, slots=True)
class Layers:
    """The tables of a study file and of those it stands on, merged; nothing is read yet but their kind."""

    top: Table
    """Keys of the file itself."""
    models: dict[str, Table]
    """Models by the names that blocks and views use, one or more."""
    corpora: dict[str, Table]
    """Texts by the names that data sets use."""
    tests: dict[str, Table]
    """Families of tests by name, stated before the study runs; without any, the sets of one question,
    similarity, optimiser and control are a family."""
    datasets: dict[str, Table]
    """Feature sets by the names that blocks and views use, one or more; an empty table takes the bundled set
    of its name."""
    kernels: Table
    """Lists of kernels by the names that blocks use."""
    reoptimisations: Table
    """Lists of re-optimisations by the names that blocks use."""
    defaults: Table
    """What blocks do not say: any of their keys but `name` and `like`."""
    blocks: tuple[Table, ...]
    """What is run: each block is a product of its lists; cells that two blocks share are run once."""

    def over(self, below: Layers) -> Layers:
        """Return these tables over those of another file; its name is not inherited."""
        made = Layers(
            self.top.over(below.top, without=("name",)),
            _merged("models", self.models, below.models),
            _merged("corpora", self.corpora, below.corpora),
            _merged("tests", self.tests, below.tests),
            _merged("datasets", self.datasets, below.datasets),
            self.kernels.over(below.kernels),
            self.reoptimisations.over(below.reoptimisations),
            self.defaults.over(below.defaults),
            self._blocks_over(below.blocks),
        )
        for key, tables in (
            ("models", made.models),
            ("datasets", made.datasets),
            ("tests", made.tests),
            ("blocks", made.blocks),
        ):
            if len(tables) > MOST_TABLES:
                raise self.top.fail(key, f"{len(tables):,} tables in all; at most {MOST_TABLES:,}")
        return made

    def _blocks_over(self, below: tuple[Table, ...]) -> tuple[Table, ...]:
        names = [block_name(index, table) for index, table in enumerate(below)]
        merged = list(below)
        taken: set[str] = set()
        for table in self.blocks:
            name = table.peek("name")
            if not isinstance(name, str) or name not in names:
                merged.append(table)
                continue
            if names.count(name) > 1 or name in taken:
                where = "the file that it extends" if names.count(name) > 1 else "this file"
                raise table.fail("name", f"{shown(name)} is the name of two blocks of {where}; rename one")
            taken.add(name)
            index = names.index(name)
            merged[index] = table.over(merged[index])
        return tuple(merged)

    def whole_blocks(self) -> tuple[Table, ...]:
        """Return the blocks on top of those that they are like, and of the defaults.

        Raises
        ------
        InputError
            If a block is like one that there is not before it, or if so many blocks inherit too much.
        """
        before: dict[str, Table] = {}
        whole: list[Table] = []
        size = 0
        for index, table in enumerate(self.blocks):
            block = table
            table.know("like", Asked((str,), many=True, default=(), meaning=LIKE))
            names = table.take_list("like", str, [])
            if len(names) > LONGEST_CHAIN:
                raise table.fail("like", f"names {len(names):,} blocks; at most {LONGEST_CHAIN}")
            for name in reversed(names):
                block = block.over(_block_before(table, name, before), without=("name",))
            before[block_name(index, table)] = block
            whole.append(block.over(self.defaults))
            size += _size([whole[-1].peek(key) for key in whole[-1].unread])
            if size > MOST_INHERITED:
                raise table.fail("", f"with those before it holds more than {MOST_INHERITED:,} values")
        return tuple(whole)


def block_name(index: int, table: Table) -> str:
    """Return the name of a block: what it says, or `block-` and its place in the study."""
    name = table.peek("name")
    return name if isinstance(name, str) else f"block-{index}"


def read_layers(path: Path, data: dict[str, Any], seen: tuple[Path, ...] = ()) -> Layers:
    """Return the tables of a parsed file over those of the study that it extends.

    Parameters
    ----------
    path
        The file, for messages and relative paths.
    data
        Its content.
    seen
        The files that stand on this one.

    Raises
    ------
    InputError
        For an unknown study, a circle, more than `LONGEST_CHAIN` files, and tables that are none.
    """
    top = Table(path, data)
    top.know("extends", Asked((str,), default="", meaning=EXTENDS))
    value = top.take("extends", str, "")
    own = _own(top)
    if not value:
        return own
    seen = (*seen, path.resolve())
    below = _study(top, value)
    if below in seen:
        circle = " -> ".join(file.name for file in (*seen[seen.index(below) :], below))
        raise top.fail("extends", f"{shown(value)} stands on itself: {circle}")
    if len(seen) >= LONGEST_CHAIN:
        raise top.fail("extends", f"{shown(value)} would be file {len(seen) + 1} that stand on one another; "
                       f"at most {LONGEST_CHAIN}")  # fmt: skip
    return own.over(read_layers(below, load_toml(below), seen))


def _own(top: Table) -> Layers:
    """Take the tables of one file out of it."""
    for key in ("models", "corpora", "datasets", "tests", "kernels", "reoptimisations", "defaults", "blocks"):
        top.know(key, Asked((dict,), many=key == "blocks", default={}, record=Layers, field=key))

    def named(key: str) -> dict[str, Table]:
        return top.named_tables(key, required=False)

    def plain(key: str) -> Table:
        return top.inside(key, top.take(key, dict, {}))

    return Layers(
        top=top,
        models=named("models"),
        corpora=named("corpora"),
        tests=named("tests"),
        datasets=named("datasets"),
        kernels=plain("kernels"),
        reoptimisations=plain("reoptimisations"),
        defaults=plain("defaults"),
        blocks=tuple(top.tables("blocks")),
    )


def _study(top: Table, value: str) -> Path:
    """Return the file of the study that `extends` names: a bundled one, or one beside this file."""
    bundled = bundled_studies()
    if value in bundled:
        return FOLDER / f"{value}.toml"
    file = Path(top.beside("extends", value))
    if not file.is_absolute() or not is_there(file) or not file.is_file():
        raise top.fail("extends", f"{shown(value)} is no study; {allowed(value, bundled)}, or a TOML file")
    return file.resolve()


def _merged(kind: str, own: dict[str, Table], below: dict[str, Table]) -> dict[str, Table]:
    """Return the tables of both files by name, those of the earlier one first."""
    made = {**below, **own}
    for name in own.keys() & below.keys():
        without = tuple(
            key for keys in INSTEAD.get(kind, ()) if any(own[name].has(key) for key in keys) for key in keys
        )
        made[name] = own[name].over(below[name], without)
    return made


def _block_before(table: Table, name: str, blocks: dict[str, Table]) -> Table:
    """Return the block that another one is like."""
    if name not in blocks:
        said = allowed(name, blocks) if blocks else "this is the first block"
        raise table.fail("like", f"{shown(name)} is no block before this one; {said}")
    return blocks[name]


def _size(value: Any) -> int:
    """Return how many values there are in one, itself included."""
    if isinstance(value, dict):
        return 1 + sum(map(_size, value.values()))
    return 1 + sum(map(_size, value)) if isinstance(value, list) else 1
