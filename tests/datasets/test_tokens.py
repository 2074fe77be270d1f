from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from superpos.datasets.spelling import byte_alphabet
from superpos.datasets.tokens import TokenTable, load_tokens
from superpos.errors import InputError
from superpos.models import bundled_model

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def test_alphabet_is_the_library_s_and_inverts_it() -> None:
    alphabet = byte_alphabet()
    assert set(alphabet) == set(pre_tokenizers.ByteLevel.alphabet())
    assert sorted(alphabet.values()) == list(range(256))
    step = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    for character in [chr(code) for code in range(0x80)] + ["é", "€", "𝄞", "\u0100"]:
        [(written, _)] = step.pre_tokenize_str(character)
        assert bytes(alphabet[item] for item in written) == character.encode("utf-8")


@given(text=TEXT)
@settings(max_examples=150, deadline=None)
def test_tokens_spell_the_text(table: TokenTable, text: str) -> None:
    assert b"".join(table.token_bytes[index] for index in table.encode(text)) == text.encode("utf-8")


def test_every_whole_entry_decodes_to_itself(table: TokenTable) -> None:
    assert len(table.token_bytes) == table.tokenizer.get_vocab_size() == 4096
    whole = 0
    for index, spelled in enumerate(table.token_bytes):
        decoded = table.tokenizer.decode([index], skip_special_tokens=False)
        assert decoded == spelled.decode("utf-8", "replace")
        whole += "\ufffd" not in decoded
    assert whole > 3900
    assert len({*table.token_bytes}) == 4096


def test_special_tokens_are_flagged_and_text_never_gives_them(table: TokenTable) -> None:
    assert table.bos_id == 0
    assert np.flatnonzero(table.special).tolist() == [0]
    assert (table.front, table.back, table.by_offsets) == ((0,), (), False)
    assert 0 not in table.encode("a <|endoftext|> b")


def test_pythia(pythia_tokenizer: Path) -> None:
    pythia = load_tokens(pythia_tokenizer)
    assert len(pythia.token_bytes) == 50277
    assert pythia.bos_id == 0
    assert (pythia.by_offsets, pythia.normal_form) == (False, "NFC")
    assert np.flatnonzero(pythia.special).tolist() == [0, 1]
    # The added tokens are runs of blanks, written as they are and not in the byte alphabet.
    assert pythia.token_bytes[50254:] == tuple(b" " * n for n in range(24, 1, -1))
    text = "def f(x):\n        return 'naïve 🦄'  # ½\n"
    assert b"".join(pythia.token_bytes[index] for index in pythia.encode(text)) == text.encode("utf-8")


def test_sentencepiece_like(tmp_path: Path) -> None:
    vocabulary = {"<unk>": 0, "▁a": 1, "b": 2, "<0xE2>": 3, "▁": 4, "a": 5}
    tokenizer = Tokenizer(models.BPE(vocabulary, [("▁", "a")], byte_fallback=True, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens(["<unk>", "<s>"])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    table = load_tokens(tmp_path)
    assert table.token_bytes[1:6] == (b" a", b"b", b"\xe2", b" ", b"a")
    assert table.bos_id == tokenizer.token_to_id("<s>")
    assert np.flatnonzero(table.special).tolist() == [0, 6]


def test_configuration_beside_decides_the_begin_token(tmp_path: Path) -> None:
    description = json.loads((bundled_model("nano") / "tokenizer.json").read_text())
    description["added_tokens"].append({**description["added_tokens"][0], "id": 4096, "content": "<start>"})
    (tmp_path / "tokenizer.json").write_text(json.dumps(description))
    assert load_tokens(tmp_path).bos_id == 0
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"bos_token": {"content": "<start>"}}))
    assert load_tokens(tmp_path).front == (4096,)


def test_bad_tokenizers(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such tokenizer file"):
        load_tokens(tmp_path)
    file = tmp_path / "tokenizer.json"
    file.write_text("{")
    with pytest.raises(InputError, match=r"tokenizer\.json: not JSON: "):
        load_tokens(file)
    description = json.loads((bundled_model("nano") / "tokenizer.json").read_text())
    description["model"]["vocab"]["Ġnowhere"] = 99_999_999
    file.write_text(json.dumps(description))
    with pytest.raises(InputError, match="has token ids up to 99999999; at most 16777215 are read"):
        load_tokens(file)
