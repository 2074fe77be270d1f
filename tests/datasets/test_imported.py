"""Directions and matrices from files, and lists of tokens: what is read, and one line for every mistake."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file

from superpos.datasets.builders.directions import DirectionFileOptions
from superpos.datasets.builders.psm import PsmFileOptions
from superpos.datasets.builders.token_list import TokenListOptions, list_tokens
from superpos.datasets.imported import imported_identity, read_imported
from superpos.datasets.tokens import TokenTable, load_tokens
from superpos.errors import InputError
from superpos.models import bundled_model
from superpos.specs.datasets import DatasetSpec

ROWS = np.random.default_rng(1).normal(size=(4, 3))
NAMES = ("north", "south", "east", "west")


def directions(file: Path, **options: Any) -> DatasetSpec:
    return DatasetSpec("mine", "directions", options=DirectionFileOptions(str(file), **options))


def psm(file: Path, **options: Any) -> DatasetSpec:
    return DatasetSpec("mine", "psm", options=PsmFileOptions(str(file), "cosine", **options))


def write_csv(path: Path, lines: Sequence[Sequence[Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(lines)
    return path


def similarities() -> Any:
    unit = ROWS / np.linalg.norm(ROWS, axis=1, keepdims=True)
    return unit @ unit.T


# --- what is read -------------------------------------------------------------------------------------------


def test_every_format_gives_the_same_rows(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", decoder=ROWS, other=np.zeros(3))
    save_file({"decoder": ROWS}, tmp_path / "a.safetensors")
    write_csv(tmp_path / "plain.csv", ROWS.tolist())
    named = write_csv(tmp_path / "named.csv", [[n, *r] for n, r in zip(NAMES, ROWS.tolist(), strict=True)])
    pd.DataFrame(ROWS, index=list(NAMES)).to_csv(tmp_path / "frame.csv")
    pd.DataFrame(ROWS, columns=["x", "y", "z"]).to_csv(tmp_path / "header.csv", index=False)
    for spec in (
        directions(tmp_path / "a.npz", tensor="decoder"),
        directions(tmp_path / "a.safetensors"),
        directions(tmp_path / "plain.csv"),
        directions(tmp_path / "header.csv"),
    ):
        found = read_imported(spec)
        assert found.names == ("row_0", "row_1", "row_2", "row_3")
        np.testing.assert_array_equal(found.values, ROWS)
    for file in (named, tmp_path / "frame.csv"):
        found = read_imported(directions(file))
        assert found.names == NAMES
        np.testing.assert_array_equal(found.values, ROWS)


def test_bfloat16_is_widened_exactly(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file as save_torch

    values = torch.tensor([[1.5, -0.0, 3e38, 1e-40], [0.1, 7.0, -2.25, 65280.0]])
    narrow, file = values.bfloat16(), tmp_path / "a.safetensors"
    save_torch({"w": narrow, "other": values}, file)
    found = read_imported(directions(file, tensor="w"))
    np.testing.assert_array_equal(found.values, narrow.double().numpy())
    np.testing.assert_array_equal(read_imported(directions(file, tensor="other")).values, values.double())


def test_names_and_rows_that_are_chosen(tmp_path: Path) -> None:
    save_file({"w": ROWS.astype(np.float32)}, tmp_path / "a.safetensors")
    (tmp_path / "names.txt").write_text("\n".join(NAMES) + "\n", encoding="utf-8")
    names = str(tmp_path / "names.txt")
    file = tmp_path / "a.safetensors"
    assert read_imported(directions(file, names_file=names)).names == NAMES
    some = read_imported(directions(file, names_file=names, rows=(3, 1)))
    assert some.names == ("west", "south")
    np.testing.assert_array_equal(some.values, ROWS.astype(np.float32)[[3, 1]].astype(np.float64))
    assert read_imported(directions(file, rows=(3, 1))).names == ("row_3", "row_1")
    assert read_imported(directions(file, rows=(3, 1), names=("a", "b"))).names == ("a", "b")


def test_a_matrix_is_made_exactly_symmetric(tmp_path: Path) -> None:
    rough = similarities().astype(np.float32).astype(np.float64)
    rough[0, 1] += 1e-8
    np.savez(tmp_path / "m.npz", rough)
    found = read_imported(psm(tmp_path / "m.npz", names=NAMES))
    np.testing.assert_array_equal(found.values, found.values.T)
    np.testing.assert_array_equal(np.diag(found.values), 1.0)
    np.testing.assert_allclose(found.values, similarities(), atol=1e-6)
    frame = pd.DataFrame(similarities(), index=list(NAMES), columns=list(NAMES))
    frame.to_csv(tmp_path / "m.csv")
    assert read_imported(psm(tmp_path / "m.csv")).names == NAMES


def test_the_identity_follows_the_content_and_not_the_place(tmp_path: Path) -> None:
    first, second = tmp_path / "a.npz", tmp_path / "b.npz"
    for file in (first, second):
        np.savez(file, ROWS)
    assert imported_identity(directions(first)) == imported_identity(directions(second))
    np.savez(second, ROWS + 1.0)
    assert imported_identity(directions(first)) != imported_identity(directions(second))
    assert imported_identity(directions(first)) != imported_identity(directions(first, rows=(0, 1)))


# --- mistakes -----------------------------------------------------------------------------------------------


def broken(place: tuple[int, int], value: float, base: Any = None) -> Any:
    changed = (ROWS if base is None else base).copy()
    changed[place] = value
    return changed


DIRECTIONS: list[tuple[Any, dict[str, Any], str]] = [
    (broken((2, 1), np.nan), {}, r"a\.npz: row 2 \(row_2\), column 1: nan is not a finite number"),
    (np.vstack([ROWS, np.zeros(3)]), {}, r"a\.npz: row 4 \(row_4\) is all zero and has no direction"),
    (ROWS[:1], {}, r"a\.npz: holds 1 row; geometry needs at least 2"),
    (ROWS[0], {}, r"a\.npz: holds an array of shape \(3,\); a matrix is needed"),
    (ROWS, {"rows": (0, 7)}, r"a\.npz: row 7 is not there; rows are 0 to 3"),
    (ROWS, {"rows": (1, 1)}, r"a\.npz: a row is asked for twice"),
    (ROWS, {"names": ("a", "b")}, r"a\.npz: 2 names for 4 rows"),
    (ROWS, {"tensor": "W"}, r"a\.npz: has no tensor 'W'; it holds arr_0"),
    (np.array([["a", "b"]]), {}, r"a\.npz: holds <U1; real numbers are needed"),
    (broken((1, 2), 1e200), {}, r"a\.npz: row 1 \(row_1\): its largest entry is 1e\+200 in size; lengths"),
    (ROWS * [[1.0], [1.0], [1e-200], [1.0]], {}, r"a\.npz: row 2 \(row_2\): its largest entry is .*e-201 in"),
    (np.array([{}], dtype=object), {}, r"a\.npz: cannot be read as npz without pickle"),
]


@pytest.mark.parametrize(("array", "options", "says"), DIRECTIONS, ids=[says[:40] for *_, says in DIRECTIONS])
def test_directions_that_cannot_be_used(
    tmp_path: Path, array: Any, options: dict[str, Any], says: str
) -> None:
    np.savez(tmp_path / "a.npz", array)
    with pytest.raises(InputError, match=says) as caught:
        read_imported(directions(tmp_path / "a.npz", **options))
    assert "\n" not in str(caught.value)


MATRICES: list[tuple[Any, str]] = [
    (ROWS, r"m\.npz: shape \(4, 3\) is not square"),
    (
        broken((0, 2), 0.9, similarities()),
        r"m\.npz: not symmetric: row 0 \(row_0\), column 2 \(row_2\) holds 0\.9, the other way round",
    ),
    (
        broken((0, 1), 2.5, broken((1, 0), 2.5, similarities())),
        r"m\.npz: row 0 \(row_0\), column 1 \(row_1\): 2\.5 is no similarity; they lie between -1 and 1",
    ),
    (broken((1, 1), 0.5, similarities()), r"m\.npz: row 1 \(row_1\): diagonal 0\.5 is not 1"),
]


@pytest.mark.parametrize(("array", "says"), MATRICES, ids=[says[:40] for _, says in MATRICES])
def test_matrices_that_cannot_be_used(tmp_path: Path, array: Any, says: str) -> None:
    np.savez(tmp_path / "m.npz", array)
    with pytest.raises(InputError, match=says):
        read_imported(psm(tmp_path / "m.npz"))


LINES: list[tuple[list[list[Any]], str]] = [
    ([["a", 1, 2], ["b", 3]], r"d\.csv: line 2: 2 fields where the first row has 3"),
    ([["a", 1, 2], ["b", 3, "x"]], r"d\.csv: line 2, column 3: 'x' is not a number"),
    ([["a", 1, 2], ["a", 3, 4]], r"d\.csv: the name 'a' occurs twice"),
    ([["a", 1, 2], [" ", 3, 4]], r"d\.csv: row 1 has an empty name"),
    ([["a", 1, 2], ["b", 3, "1_0"]], r"d\.csv: line 2, column 3: '1_0' is not a number"),
    ([["a", 1, 2], ["b", 3, "x" * 5000]], r"d\.csv: line 2, column 3: 'x{30,60}\.\.\.x+' .* is not a number"),
    ([["name", "x", "y"]], r"d\.csv: holds no rows of numbers"),
]


@pytest.mark.parametrize(("lines", "says"), LINES, ids=[says[:40] for _, says in LINES])
def test_tables_that_cannot_be_used(tmp_path: Path, lines: list[list[Any]], says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_imported(directions(write_csv(tmp_path / "d.csv", lines)))


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"d\.pt: cannot be imported; allowed: .*safetensors"):
        read_imported(directions(tmp_path / "d.pt"))
    with pytest.raises(InputError, match=r"d\.npz: no such file"):
        read_imported(directions(tmp_path / "d.npz"))
    (tmp_path / "d.safetensors").write_bytes(b"no such thing")
    with pytest.raises(InputError, match=r"d\.safetensors: cannot be read as safetensors"):
        read_imported(directions(tmp_path / "d.safetensors"))
    (tmp_path / "d.csv").write_bytes(b"a,\xff\n")
    with pytest.raises(InputError, match=r"d\.csv: line 1: not UTF-8: byte 0xff at offset 2"):
        read_imported(directions(tmp_path / "d.csv"))
    np.savez(tmp_path / "d.npz", ROWS)
    with pytest.raises(InputError, match=r"none\.txt: no such file of names"):
        read_imported(directions(tmp_path / "d.npz", names_file=str(tmp_path / "none.txt")))


# --- lists of tokens ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def table() -> TokenTable:
    return load_tokens(bundled_model("nano"))


def words(*found: str, **options: Any) -> DatasetSpec:
    return DatasetSpec("mine", "token_list", options=TokenListOptions(found, **options))


def test_tokens_of_words(table: TokenTable) -> None:
    ids = list_tokens(words("0", "7"), table)
    assert [b"".join(table.token_bytes[i] for i in one) for one in ids] == [b" 0", b" 7"]
    bare = list_tokens(words("0", "7", leading_space=False), table)
    assert [b"".join(table.token_bytes[i] for i in one) for one in bare] == [b"0", b"7"]
    several = list_tokens(words("Monday", "Tuesday", several_tokens="mean"), table)
    assert [b"".join(table.token_bytes[i] for i in one) for one in several] == [b" Monday", b" Tuesday"]
    assert max(map(len, several)) > 1


def test_words_that_cannot_be_used(table: TokenTable) -> None:
    with pytest.raises(InputError, match=r"datasets\.mine\.words: 'Monday' \(\d tokens\) is no single token"):
        list_tokens(words("0", "Monday"), table)
    with pytest.raises(InputError, match=r"'Monday' .*'Sunday' .* are no single token"):
        list_tokens(words("Monday", "Sunday"), table)
