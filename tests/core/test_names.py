from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superpos.names import LONGEST_NAME, unfit_character, unfit_name

FIT = [
    "noun",
    "is_alive",
    "Zoë",
    "人",
    "e\u0301",
    "👩\u200d👩\u200d👧",
    "می\u200cخواهم",
    "a b",
    "=x",
    "..",
    "",
]
UNFIT = {
    "a\0b": "the control character U+0000 at character 1",
    "\n": "the control character U+000A at character 0",
    "tab\there": "U+0009 at character 3",
    "\x7f": "U+007F",
    "\x85": "U+0085",
    "x\ud800": "half a surrogate pair, which is no text, U+D800 at character 1",
    "\udfff": "U+DFFF",
    "\u2028": "the line separator U+2028",
    "\u2029": "the paragraph separator U+2029",
    "abc\u202edef": "the mark of text direction U+202E at character 3",
    "\u2066": "U+2066",
}


@pytest.mark.parametrize("name", FIT)
def test_names_that_are_fit(name: str) -> None:
    assert unfit_name(name) == unfit_character(name) == ""


@pytest.mark.parametrize("name", UNFIT, ids=ascii)
def test_names_that_are_not(name: str) -> None:
    assert UNFIT[name] in unfit_name(name)
    assert unfit_name(name) == unfit_character(name)


def test_long_names() -> None:
    assert unfit_name("x" * LONGEST_NAME) == ""
    assert unfit_name("x" * (LONGEST_NAME + 1)) == "it has 501 characters, at most 500 are allowed"
    assert unfit_character("x" * 5000) == ""


@given(st.text(st.characters(categories=["L", "N", "P", "S", "M", "Zs"]), max_size=LONGEST_NAME))
def test_letters_numbers_and_signs_are_fit(name: str) -> None:
    assert unfit_name(name) == ""


@given(st.text(max_size=20), st.characters(categories=["Cc", "Cs"]), st.text(max_size=20))
def test_whatever_is_fit_can_be_stored(before: str, character: str, after: str) -> None:
    assert unfit_name(before + character + after)
