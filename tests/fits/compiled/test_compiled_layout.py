"""The memory blocks of the engine: what lies where."""

from __future__ import annotations

import ast
import math
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superpos.fits.compiled import joint_workspace, sphere_workspace, workspace
from superpos.fits.compiled.machine.layout import Layout, padded
from superpos.fits.compiled.machine.vectors import LANES

BLOCKS = [workspace, sphere_workspace, joint_workspace]
SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))


def _declared(module: ModuleType) -> list[tuple[str, str]]:
    """Return name and kind of what a module declares in its block, as its source has them."""
    assert module.__file__ is not None
    names = []
    for node in ast.parse(Path(module.__file__).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            call, target = node.value.func, node.targets[0]
            if isinstance(call, ast.Attribute) and ast.unparse(call.value) == "BLOCK":
                parts = target.elts if isinstance(target, ast.Tuple) else [target]
                names += [(ast.unparse(part), call.attr) for part in parts]
    return names


@pytest.mark.parametrize("module", BLOCKS, ids=lambda module: module.__name__.rpartition(".")[2])
def test_every_place_has_one_name_and_is_a_plain_integer(module: ModuleType) -> None:
    declared, entries = _declared(module), module.BLOCK.entries
    assert len(declared) == len(entries)
    for (name, _), entry in zip(declared, entries, strict=True):
        assert type(vars(module)[name]) is int, "compiled code takes module-level integers for constants"
        assert vars(module)[name] == entry.place
        assert entry.meaning
    assert len({name for name, _ in declared}) == len(declared)
    for kinds in ({"number"}, {"integer", "array", "field"}):
        places = [entry.place for entry in entries if entry.kind in kinds]
        assert sorted(places) == list(range(len(places)))


@pytest.mark.parametrize("module", BLOCKS, ids=lambda module: module.__name__.rpartition(".")[2])
@given(size=SIZES)
def test_arrays_neither_overlap_nor_leave_gaps_and_start_at_blocks_of_eight(
    module: ModuleType, size: tuple[int, int]
) -> None:
    layout = module.BLOCK
    at, length = layout.measure(*size)
    sizes = layout.sizes(*size)
    n_numbers = sum(entry.kind == "number" for entry in layout.entries)
    end = padded(n_numbers)
    for place in (entry.place for entry in layout.entries if entry.kind == "array"):
        assert at[place] == end
        assert end % LANES == 0
        end += sizes[place]
    assert end == length
    within = 0
    for entry in (entry for entry in layout.entries if entry.kind == "field"):
        assert at[entry.place] == within
        assert within % entry.multiple == 0
        within += sizes[entry.place]
    assert within % LANES == 0
    for entry in layout.entries:
        if entry.kind in ("array", "field") and entry.shape:
            lengths = layout.dimensions(*size)
            numbers = math.prod(int(word) if word.isdecimal() else lengths[word] for word in entry.shape)
            assert numbers <= sizes[entry.place] < numbers + entry.multiple


@pytest.mark.parametrize(
    ("module", "length"),
    [(workspace, 2336), (sphere_workspace, 5056), (joint_workspace, 2400)],
    ids=["workspace", "spheres", "joint"],
)
def test_a_block_is_as_long_as_it_was(module: ModuleType, length: int) -> None:
    """Other arrays are another alignment of their rows: nothing moves unnoticed."""
    assert module.BLOCK.measure(11, 6)[1] == length


def test_blocks_are_copies_of_one_measure() -> None:
    first, second = workspace.BLOCK.block(5, 3), workspace.BLOCK.block(5, 3)
    first.at[workspace.ROW] = 4
    first.memory[:] = 1.0
    assert second.at[workspace.ROW] == 0
    assert not second.memory.any()


def test_a_length_that_the_block_does_not_have_is_refused() -> None:
    layout = Layout(lambda n, f: {"n": n, "f": f})
    with pytest.raises(ValueError, match="no length 'm'; it has n, f"):
        layout.array("n m", "a matrix")


def test_a_block_can_be_looked_at() -> None:
    layout = Layout(lambda n, f: {"n": n, "f": f, "m": padded(n)})
    layout.number("a number")
    layout.integer("features", "n")
    layout.array("m", "a row")
    layout.records(2, "two points")
    layout.field("f m", "vectors")
    lines = [line.split(maxsplit=4) for line in layout.describe(9, 2).splitlines()]
    assert lines == [
        ["number", "0", "0", "1", "a number"],
        ["integer", "0", "9", "0", "n            features"],
        ["array", "1", "8", "16", "m            a row"],
        ["array", "2", "24", "64", "two points"],
        ["integer", "3", "32", "0", "length of a record"],
        ["field", "4", "0", "32", "f x m        vectors"],
    ]
