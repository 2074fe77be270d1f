"""Functions of the text: places become tokens under every tokenizer, and parameters become options."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from superpos.datasets.alignment import align_ids, seen_text
from superpos.datasets.corpus import Corpus, Document
from superpos.datasets.function_options import options_record, takes_tokens
from superpos.datasets.functions import builder_of
from superpos.datasets.tokens import TokenTable, load_tokens
from superpos.errors import ArgumentError
from superpos.kinds.builders import BUILDERS, Builder
from superpos.kinds.options import options_of
from superpos.models import bundled_model
from superpos.specs.datasets import DatasetSpec

NANO = load_tokens(bundled_model("nano"))
CHARACTERS = st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"))


def labels_of(made: Builder, text: str, table: TokenTable) -> Any:
    """Label one document as a set would."""
    known = dict(BUILDERS._found)
    try:
        BUILDERS._found[made.name] = made, None
        spec = DatasetSpec("x", made.name, options=made.options())
    finally:
        BUILDERS._found.clear()
        BUILDERS._found.update(known)
    assert made.text_labels is not None
    found = made.text_labels(spec, table, Corpus((), "", {}))
    return found.labeller(Document("d", text), table.encode(text))


@given(
    text=st.text(CHARACTERS, min_size=1, max_size=30),
    places=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=4),
)
def test_a_token_is_positive_where_it_shares_a_character(text: str, places: list[tuple[int, int]]) -> None:
    seen = seen_text(text, NANO)
    spans = [(min(a, b, len(seen)), min(max(a, b), len(seen))) for a, b in places]

    def mine(given: str) -> dict[str, list[tuple[int, int]]]:
        assert given == seen
        return {"a": spans}

    mine.features = ("a", "b")  # type: ignore[attr-defined]
    aligned = align_ids(seen, NANO.encode(text), NANO)
    found = labels_of(builder_of("m:f", mine), text, NANO)
    if aligned is None:
        assert found is None
        return
    for start, end, row in zip(aligned.starts, aligned.ends, found.labels, strict=True):
        assert row.tolist() == [any(max(start, a) < min(end, b) for a, b in spans), False]


def test_a_tokenizer_that_drops_case_and_blanks(tmp_path: Path) -> None:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    text = "The Café in Zürich opened, and the café closed."
    trainer = trainers.WordPieceTrainer(vocab_size=90, special_tokens=["[UNK]"], show_progress=False)
    tokenizer.train_from_iterator([text] * 4, trainer)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    table = load_tokens(tmp_path)

    def by_text(given: str) -> dict[str, list[tuple[int, int]]]:
        return {"cafe": [(given.index("Café"), given.index("Café") + 4)]}

    def by_token(given: str, tokens: list[tuple[int, int]]) -> list[list[bool]]:
        first = given.index("Café")
        return [[first < end and start < first + 4, False] for start, end in tokens]

    for function in (by_text, by_token):
        function.features = ("cafe", "none")  # type: ignore[attr-defined]
        found = labels_of(builder_of("m:f", function), text, table)
        places = table.offsets(text)[found.labels[:, 0]]
        assert "".join(text[start:end] for start, end in places) == "Café"
        assert not found.labels[:, 1].any()


def test_parameters_are_options() -> None:
    def mine(
        text: str,
        tokens: Any,
        needed: int,
        *,
        words: tuple[str, ...] = (),
        old: list[str] = ["a"],  # noqa: B006 (as users write it)
        mode: Literal["x", "y"] = "x",
        table: dict[str, float] = {},  # noqa: B006
        half=0.5,  # type: ignore[no-untyped-def]
    ) -> None: ...

    mine.files = "mode"  # type: ignore[attr-defined]
    assert takes_tokens(mine)
    assert not takes_tokens(lambda text, places: None)  # noqa: ARG005 (an option that has to be given)
    record = options_record("m:f", mine)
    told = {one.name: (one.type, one.many, one.choices, one.required) for one in options_of(record)}
    assert told == {
        "needed": (int, False, (), True),
        "words": (str, True, (), False),
        "old": (str, True, (), False),
        "mode": (str, False, ("x", "y"), False),
        "table": (dict, False, (), False),
        "half": (float, False, (), False),
    }
    made = record(needed=3, old=["b", "c"])
    assert asdict(made) == {
        "needed": 3, "words": (), "old": ("b", "c"), "mode": "x", "table": {}, "half": 0.5,
    }  # fmt: skip
    assert record.FILES == ("mode",)
    assert made == record(needed=3, old=("b", "c"))
    with pytest.raises(FrozenInstanceError):
        made.needed = 4
    with pytest.raises(ArgumentError, match="half: inf is not a finite number"):
        record(needed=1, half=np.inf)
    assert pickle.dumps(made)  # by name and values; the class itself cannot travel
