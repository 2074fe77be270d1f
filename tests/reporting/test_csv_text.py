"""Tables as CSV: no cell is a formula, numbers are numbers, and what was written can be read back."""

from __future__ import annotations

import csv
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from superpos.reporting.csv_text import FORMULA, NUMBER, csv_text, plain

BEGINNINGS = ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"]


def read(text):
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("first", BEGINNINGS)
def test_text_that_begins_like_a_formula_is_made_text(first):
    value = f'{first}cmd|"/c calc"!A1'
    frame = pd.DataFrame({"feature": [value, "x = 1"], "n": [-1.5, 2.0]})
    assert read(csv_text(frame)) == [["feature", "n"], [f"'{value}", "-1.5"], ["x = 1", "2.0"]]


def test_names_of_columns_too():
    frame = pd.DataFrame([[1, "a"]], columns=["=1+1", "@x"])
    assert read(csv_text(frame)) == [["'=1+1", "'@x"], ["1", "a"]]


@pytest.mark.parametrize("number", ["-1", "+2", "-0.5", "-1e-300", "-.5", "3"])
def test_numbers_in_a_column_of_text_stay_numbers(number):
    assert plain(number) == number
    assert plain(f"{number}+1") == (f"{number}+1" if number == "3" else f"'{number}+1")


def test_values_that_are_no_text_are_left_alone():
    frame = pd.DataFrame(
        {
            "mixed": [-1.5, None, "-x"],
            "whole": np.array([-1, 0, 1]),
            "kind": pd.Categorical(["=a", "b", "b"]),
            "flag": [True, False, True],
        }
    )
    before = frame.copy()
    rows = read(csv_text(frame))
    assert rows[1:] == [["-1.5", "-1", "'=a", "True"], ["", "0", "b", "False"], ["'-x", "1", "b", "True"]]
    pd.testing.assert_frame_equal(frame, before)
    assert csv_text(frame.iloc[:0]) == '"mixed","whole","kind","flag"\n'
    assert csv_text(frame[["whole", "mixed"]].iloc[:1]) == '"whole","mixed"\n-1,-1.5\n'


def test_columns_of_one_name_keep_their_own_values():
    frame = pd.DataFrame([["=a", "b"]], columns=["x", "x"])
    assert read(csv_text(frame)) == [["x", "x"], ["'=a", "b"]]


@given(st.lists(st.text(st.sampled_from(["'", "=", "-", "1", "a", " ", "\r", "\n", ",", '"'])), min_size=1))
def test_what_was_written_can_be_read_back(values):
    """The way back that the documentation states: one apostrophe less where a formula follows."""
    frame = pd.DataFrame({"value": values, "other": "x"})
    cells = [row[0] for row in read(csv_text(frame))[1:]]
    assert not any(FORMULA.match(cell) and cell[0] != "'" and not NUMBER.fullmatch(cell) for cell in cells)
    assert [cell[1:] if cell[:1] == "'" and FORMULA.match(cell) else cell for cell in cells] == values
