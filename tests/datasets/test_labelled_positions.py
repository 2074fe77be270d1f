"""Where a text is read, against a plain call of the tokenizer, for every kind of tokenizer."""

from __future__ import annotations

import csv
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prose_tokenizers import POST_PROCESSORS, PROSE, saved, trained

from superpos.datasets.alignment import seen_text
from superpos.datasets.build import build_dataset, set_poolings
from superpos.datasets.labelled.options import LabelledTextOptions
from superpos.datasets.labelled.reading import ReadText, TextReader
from superpos.datasets.tokens import TokenTable, load_tokens
from superpos.errors import InputError
from superpos.specs.datasets import DatasetSpec

KINDS = ("llama", "roberta", "bert", "albert")
POSITIONS = ("last", "end", "mean", "max")
TEMPLATES = ("", "{text} is it?", "Review: {text}\nverdict:", "She said “{text}”, then")
TEXTS = (
    "The Café in Zürich opened at 9",
    "re-running tests!",
    "cafe",
    "  two  spaces",
    "naïve\n",
    "120 francs",
)


@cache
def tokenizer(kind: str) -> tuple[Path, TokenTable]:
    base, post_processor = POST_PROCESSORS[kind]
    made = trained(base)
    made.post_processor = post_processor(made)
    folder = Path(tempfile.mkdtemp())
    saved(made, folder)
    return folder, load_tokens(folder)


def reader(kind: str, ctx_len: int = 128, **options: Any) -> TextReader:
    spec = DatasetSpec(
        "s", "labelled_texts", ctx_len=ctx_len, options=LabelledTextOptions(file="x", **options)
    )
    return TextReader(spec, tokenizer(kind)[1])


def plain(
    table: TokenTable, prompt: str, place: tuple[int, int], position: str
) -> tuple[list[int], int, int]:
    """Return ids, position and length by the library's own call on the whole prompt."""
    encoding = table.tokenizer.encode(prompt)
    own = [index for index, special in enumerate(encoding.special_tokens_mask) if not special]
    if position == "end":
        return encoding.ids, len(encoding.ids) - 1, 1
    if position == "last":
        return encoding.ids, own[-1], 1
    start, end = place
    held = [index for index in own if encoding.offsets[index][0] < end and encoding.offsets[index][1] > start]
    return encoding.ids, held[-1], held[-1] - held[0] + 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("position", POSITIONS)
def test_a_text_is_read_where_the_library_has_it(kind: str, position: str) -> None:
    table = tokenizer(kind)[1]
    if position == "end" and not table.back:
        with pytest.raises(
            InputError, match=r'datasets.s.position: "end" reads the token that the tokenizer'
        ):
            reader(kind, position=position)
        return
    for template in TEMPLATES:
        before, behind = (template or "{text}").split("{text}")
        found = reader(kind, position=position, template=template).read(TEXTS)
        for text, one in zip(TEXTS, found, strict=True):
            whole = seen_text(before + text + behind, table)
            place = (len(before), len(whole) - len(behind)) if template else (-1, len(whole) + 1)
            ids, index, length = plain(table, before + text + behind, place, position)
            if isinstance(one, str):
                assert (one, position) == ("last_token_unknown", "last")
                assert table.tokenizer.id_to_token(ids[index]) == "[UNK]"
                continue
            assert not one.is_cut
            assert list(one.ids) == ids
            if position in ("last", "end") or not template or kind == "bert":
                assert (one.position, one.length) == (index, length)
            else:  # a token that is a blank alone: the library places it at the character behind, or nowhere
                assert index <= one.position <= index + 1
                assert abs((one.position - one.length) - (index - length)) <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_long_text_loses_its_front_and_keeps_the_token_that_is_read(kind: str) -> None:
    table = tokenizer(kind)[1]
    whole = table.tokenizer.encode(PROSE, add_special_tokens=False).ids
    for position in ("last", "mean", *(("end",) if table.back else ())):
        [one] = reader(kind, 16, position=position).read([PROSE])
        assert isinstance(one, ReadText)
        assert one.is_cut
        room = 16 - table.n_ends
        assert one.ids == (*table.front, *whole[-room:], *table.back)
        assert one.position == (15 if position == "end" else 15 - len(table.back))
        assert one.length == (room if position == "mean" else 1)
        assert reader(kind, 16, position=position, too_long="drop").read([PROSE]) == ["too_long"]
    # Of the text itself nothing may be left to pool, though the prompt goes on.
    behind = " and Mary paid"
    n_behind = len(table.tokenizer.encode(behind, add_special_tokens=False).ids)
    short = table.n_ends + n_behind + 1
    if short >= 8:
        [one] = reader(kind, short, position="mean", template="{text}" + behind).read(["cafe"])
        assert one == "text_cut_off" or (isinstance(one, ReadText) and one.length <= 2)
    with pytest.raises(
        InputError, match=r"ctx_len: 8 leaves \d+ tokens .* no token of the text would be seen"
    ):
        reader(kind, 8, template="{text}" + PROSE)


def test_what_a_vocabulary_cannot_write_is_not_read() -> None:
    assert reader("bert").read(["cafe \u4e2d"]) == ["last_token_unknown"]
    assert reader("bert").read(["\u200b"]) == ["without_tokens"]
    [one] = reader("bert", position="mean").read(["cafe \u4e2d"])
    assert isinstance(one, ReadText)


@settings(max_examples=60, deadline=None)
@given(st.text(st.sampled_from("abc CéÉ\n,.9“"), min_size=1, max_size=30), st.sampled_from(KINDS))
def test_the_tokens_of_a_text_in_a_template_cover_it(text: str, kind: str) -> None:
    table = tokenizer(kind)[1]
    [one] = reader(kind, position="max", template="Mary: {text} opened").read([text])
    if isinstance(one, str):  # of a tokenizer that drops white space
        assert not text.strip()
        return
    ids = list(one.ids[len(table.front) : len(one.ids) - len(table.back)])
    first = one.position - one.length + 1 - len(table.front)
    pieces = table.pieces(seen_text(f"Mary: {text} opened", table), ids)
    read = b"".join(pieces[first : first + one.length]).decode("utf-8", "ignore")
    assert "".join(seen_text(text, table).split()) in "".join(read.split())
    assert len("".join(read.split())) <= len("".join(text.split())) + 6  # a token may reach over an edge


def test_sets_of_pooled_texts_say_how_they_are_pooled(tmp_path: Path) -> None:
    rows = [(f"{word} {PROSE[i : i + 20]}", i % 2) for i, word in enumerate(PROSE.split()[:40])]
    with (tmp_path / "a.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("text", "label"), *rows])
    folder, table = tokenizer("bert")
    specs = [
        DatasetSpec(
            "s", "labelled_texts", options=LabelledTextOptions(str(tmp_path / "a.csv"), position=place)
        )
        for place in POSITIONS
    ]
    assert [set_poolings(spec) for spec in specs] == [("token",), ("token",), ("mean",), ("max",)]
    last, end, mean, maximum = (build_dataset(spec, folder) for spec in specs)
    lengths = last.sequence_starts[1:] - last.sequence_starts[:-1]
    assert (last.sample_positions == lengths - 2).all()
    assert (end.sample_positions == lengths - 1).all()
    assert (mean.sample_positions == lengths - 2).all()
    assert (mean.sample_lengths == lengths - table.n_ends).all()
    assert (maximum.sample_lengths == mean.sample_lengths).all()
    assert {example.token for example in end.examples if example} == {"[SEP]"}


def test_the_example_of_a_long_span_shows_its_ends(tmp_path: Path) -> None:
    rows = [(f"{i} {PROSE}", i % 2) for i in range(20)]
    with (tmp_path / "a.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("text", "label"), *rows])
    folder, table = tokenizer("roberta")
    options = LabelledTextOptions(file=str(tmp_path / "a.csv"), position="mean")
    data = build_dataset(DatasetSpec("s", "labelled_texts", ctx_len=256, options=options), folder)
    [example] = [one for one in data.examples if one]
    first, last = example.token.split(" … ")
    [text] = [text for text, _ in rows if text.startswith(f"{first.split()[0]} ")]
    ids = table.encode(text)
    assert first.encode() == b"".join(table.token_bytes[index] for index in ids[:12])
    assert text.endswith(last)
