from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superpos.datasets.builders.text_features import TEXT_FEATURES, text_feature_table, text_features
from superpos.datasets.tokens import TokenTable, load_tokens
from superpos.records.data import LabelledTokens

pytestmark = pytest.mark.stdlib

PATTERNS = {
    "contains_digit": r"(?s).*\d.*",
    "all_digits": r" ?\d+",
    "all_capitals": r" ?(?!(?:I|A)\Z)[A-Z]+",
    "contains_whitespace": r"(?s).*\s.*",
    "has_leading_space": r"(?s) .*",
    "no_leading_space_and_loweralpha": r"[a-z]+",
    "contains_all_whitespace": r"\s+",
    "is_not_alphanumeric": r"\W+",
    "is_not_ascii": r"(?s).*[^\x00-\x7f].*",
}


def by_patterns(text: str) -> dict[str, bool]:
    """Second implementation for text of whole characters: regular expressions; capitals by lowering."""
    found = {name: re.fullmatch(pattern, text) is not None for name, pattern in PATTERNS.items()}
    capital = [character.isupper() for character in text]
    found["contains_capital"] = any(capital)
    found["leading_capital"] = (
        bool(re.match(r" ?(.)", text, re.DOTALL)) and capital[text[0] == " " and len(text) > 1]
    )
    return found


def named(token: bytes) -> dict[str, bool]:
    return dict(zip(TEXT_FEATURES, text_features(token), strict=True))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=8))
@settings(deadline=None)
def test_whole_text_agrees_with_patterns(text: str) -> None:
    assert named(text.encode("utf-8")) == by_patterns(text)


@given(st.binary(min_size=1, max_size=6))
@settings(deadline=None)
def test_any_bytes(token: bytes) -> None:
    found = named(token)
    assert found["is_not_ascii"] == (max(token) > 127)
    assert found["has_leading_space"] == token.startswith(b" ")
    assert found["contains_whitespace"] >= found["contains_all_whitespace"]
    assert found["contains_digit"] >= found["all_digits"]
    assert found["contains_capital"] >= found["leading_capital"] >= found["all_capitals"]


@pytest.mark.parametrize(
    ("token", "true"),
    [
        (b" 12", {"contains_digit", "all_digits", "contains_whitespace", "has_leading_space"}),
        (b"x2", {"contains_digit"}),
        (b"A", {"contains_capital", "leading_capital"}),
        (b" I", {"contains_capital", "leading_capital", "contains_whitespace", "has_leading_space"}),
        (b"IO", {"contains_capital", "leading_capital", "all_capitals"}),
        (b"the", {"no_leading_space_and_loweralpha"}),
        (b"\n   ", {"contains_whitespace", "contains_all_whitespace", "is_not_alphanumeric"}),
        (b"_", set()),
        (b"):", {"is_not_alphanumeric"}),
        ("é".encode(), {"is_not_ascii"}),
        ("É".encode(), {"is_not_ascii", "contains_capital", "leading_capital"}),
        ("—".encode(), {"is_not_ascii", "is_not_alphanumeric"}),
        (b"\xc3", {"is_not_ascii"}),
        (b" \xe2\x80", {"is_not_ascii", "has_leading_space", "contains_whitespace"}),
        (b"", set()),
    ],
)
def test_corner_cases(token: bytes, true: set[str]) -> None:
    assert {name for name, value in named(token).items() if value} == true


def test_samples_of_real_text(text_set: LabelledTokens, table: TokenTable) -> None:
    draw = np.random.default_rng(1)
    checked = 0
    for sample in draw.choice(len(text_set.labels), 200, replace=False):
        start = text_set.sequence_starts[text_set.sample_sequences[sample]]
        index = int(text_set.token_ids[start + text_set.sample_positions[sample]])
        text = table.tokenizer.decode([index])
        if "\ufffd" in text:
            assert text_set.labels[sample, TEXT_FEATURES.index("is_not_ascii")]
            continue
        expected = by_patterns(text)
        assert dict(zip(TEXT_FEATURES, text_set.labels[sample].tolist(), strict=True)) == expected
        checked += 1
    assert checked > 150


def test_pythia_vocabulary(pythia_tokenizer: Path) -> None:
    pythia = load_tokens(pythia_tokenizer)
    features = text_feature_table(pythia.token_bytes)
    assert features.shape == (50277, 11)
    for index in np.random.default_rng(0).choice(50254, 3000, replace=False):
        text = pythia.tokenizer.decode([int(index)], skip_special_tokens=False)
        if "\ufffd" not in text:
            assert dict(zip(TEXT_FEATURES, features[index].tolist(), strict=True)) == by_patterns(text)
