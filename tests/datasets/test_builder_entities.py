from __future__ import annotations

import csv
import json
import os
import re
import time
import unicodedata
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from superpos.datasets.artifacts import content_digest
from superpos.datasets.build import build_dataset
from superpos.datasets.builders.entities import EntityOptions, build
from superpos.datasets.entity_text.lists import read_entities, surname_place
from superpos.datasets.entity_text.sentences import find_mentions, sentence_starts
from superpos.datasets.entity_text.spans import surname_tokens
from superpos.datasets.notes import notes_of
from superpos.datasets.sources import Document, load_corpus
from superpos.datasets.spelling import byte_alphabet
from superpos.datasets.splits import split_by_group, split_groups
from superpos.datasets.tokens import TokenTable, load_tokens
from superpos.errors import ArgumentError, InputError
from superpos.facts import FACTS, fact_list, templates
from superpos.models import bundled_model
from superpos.records.data import LabelledTokens
from superpos.specs.datasets import CorpusSpec, DatasetSpec

TEMPLATES = ("A word on {name}", "Do you know {name}", "{name}", "The story of the famous {name}")
GIVEN = ("Ada", "Bo", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hal")
FAMILY = ("Šťastný", "O'Hara", "Smith-Jones", "Wu", "González", "Brøgger", "van Dyk", "Li")


@pytest.fixture(scope="session")
def entity_folder() -> Path:
    root = Path(os.environ.get("SUPERPOS_SHARED_DATA", Path(__file__).parents[2] / ".." / "shared" / "data"))
    if not (root / "entities").is_dir():
        pytest.skip("the shared lists of entities are not here; set SUPERPOS_SHARED_DATA")
    return root / "entities"


@pytest.fixture(scope="session")
def crossner(entity_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> CorpusSpec:
    """Sentences of Wikipedia, one document each."""
    sentences = []
    for part in ("train", "dev"):
        blocks = (entity_folder / f"crossner-politics-{part}.txt").read_text(encoding="utf-8").split("\n\n")
        sentences += [
            " ".join(line.split("\t")[0] for line in block.splitlines()) for block in blocks if block.strip()
        ]
    path = tmp_path_factory.mktemp("crossner") / "sentences.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in dict.fromkeys(sentences)))
    return CorpusSpec.from_text(str(path))


def a_list(folder: Path, rows: list[tuple[str, str]], columns: tuple[str, str] = ("name", "label")) -> str:
    path = folder / "list.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([columns, *rows])
    return str(path)


def people(*counts: int) -> list[tuple[str, str]]:
    """Names of classes c0, c1, ..., so many of each, in mixed order."""
    names = [f"{first} {last}" for first in GIVEN for last in FAMILY]
    rows, start = [], 0
    for index, count in enumerate(counts):
        rows += [(name, f"c{index}") for name in names[start : start + count]]
        start += count
    return sorted(rows, key=lambda row: row[0][::-1])


def a_spec(entities: str, corpus: CorpusSpec | None = None, **changes: object) -> DatasetSpec:
    sizes = {name: changes.pop(name) for name in ("ctx_len", "n_samples", "seed") if name in changes}
    options = EntityOptions(entities, **({"templates": TEMPLATES} | changes))
    return DatasetSpec("e", "entities", corpus or CorpusSpec(), options=options, **sizes)


def spelled(table: TokenTable, ids: np.ndarray) -> str:
    return b"".join(table.token_bytes[index] for index in ids if not table.special[index]).decode("utf-8")


def plain_surname(name: str) -> str:
    """The last word in front of a suffix, by another rule than the package's."""
    return re.sub(r",? ((Jr|Sr)\.?|I{2,3}|IV)$", "", name).split(" ")[-1]


def text_and_span(data: LabelledTokens, table: TokenTable, sample: int) -> tuple[str, int]:
    sequence = int(data.sample_sequences[sample])
    start, end = data.sequence_starts[sequence : sequence + 2]
    assert data.sample_positions[sample] == end - start - 1
    return spelled(table, data.token_ids[start:end]), int(data.sample_lengths[sample])


def tokens_over(table: TokenTable, text: str, surname: str) -> int:
    """How many tokens share a character with the surname at the end, by the tokenizer's own offsets."""
    offsets = table.tokenizer.encode(text, add_special_tokens=False).offsets
    first = len(text) - len(surname)
    return sum(max(begin, first) < end for begin, end in offsets)


@pytest.mark.parametrize(("file", "label"), [("athletes.csv", "sport"), ("politicians.csv", "party")])
def test_surnames_and_labels_of_real_people(
    entity_folder: Path, pythia_tokenizer: Path, pythia_table: TokenTable, file: str, label: str
) -> None:
    options = EntityOptions(str(entity_folder / file), label_column=label)
    data = build_dataset(DatasetSpec("people", "entities", options=options), pythia_tokenizer)
    with (entity_folder / file).open(encoding="utf-8", newline="") as stream:
        said = {row["name"]: row[label] for row in csv.DictReader(stream)}
    assert data.feature_names == tuple(sorted(set(said.values())))
    assert set(data.documents) == set(said)
    assert len(data.labels) == 4 * len(said)
    prompts = [prompt.replace("{name}", "") for prompt in templates("neutral")]
    chosen = np.random.default_rng(1).permutation(len(data.labels))[:200].tolist()
    # Whatever is not plain ASCII or has a suffix is looked at besides.
    chosen += [
        sample
        for sample in range(len(data.labels))
        if not (name := data.documents[data.sequence_documents[sample]]).isascii() or name[-1] in ".I"
    ]
    several = 0
    for sample in chosen:
        name = data.documents[int(data.sequence_documents[int(data.sample_sequences[sample])])]
        surname = plain_surname(name)
        text, length = text_and_span(data, pythia_table, sample)
        assert text.endswith(surname)
        assert any(text == prompt + name[: name.index(surname) + len(surname)] for prompt in prompts) or (
            name.count(surname) > 1
        )
        assert length == tokens_over(pythia_table, text, surname)
        several += length > 1
        start, end = data.sequence_starts[sample : sample + 2]
        assert data.token_ids[start] == pythia_table.bos_id == 0
        span = spelled(pythia_table, data.token_ids[end - length : end])
        assert span.lstrip(" ") == surname
        assert {data.feature_names[place] for place in np.flatnonzero(data.labels[sample])} == {said[name]}
    assert several > 50
    assert data.provenance["names_listed"] == dict(Counter(said.values()))
    assert data.provenance["samples"] == {name: 4 * count for name, count in Counter(said.values()).items()}


@pytest.mark.parametrize("name", FACTS)
def test_bundled_lists_build(name: str, table: TokenTable) -> None:
    data = build_dataset(DatasetSpec(name, "entities", options=EntityOptions(name)), bundled_model("nano"))
    said = dict(fact_list(name))
    for sample in np.random.default_rng(2).permutation(len(data.labels))[:200].tolist():
        person = data.documents[int(data.sequence_documents[sample])]
        text, length = text_and_span(data, table, sample)
        assert text.endswith(person)
        assert text.removesuffix(person) + "{name}" in templates(name)
        assert length == tokens_over(table, text, person.split(" ")[-1])
        assert data.feature_names[int(np.argmax(data.labels[sample]))] == said[person]
    assert np.all(data.labels.sum(axis=1) == 1)
    assert data.shares_samples
    assert data.labels.sum(axis=0).min() >= 60


def test_records_of_a_set(tmp_path: Path, table: TokenTable) -> None:
    rows = people(12, 20, 16)
    data = build(a_spec(a_list(tmp_path, rows), contexts_per_name=3), table)
    assert data.feature_names == ("c0", "c1", "c2")
    assert data.labels.sum(axis=0).tolist() == [36, 60, 48]
    assert np.array_equal(data.sample_sequences, np.arange(144))
    assert np.array_equal(data.sequence_starts[1:] - data.sequence_starts[:-1] - 1, data.sample_positions)
    assert np.all(data.token_ids[data.sequence_starts[:-1]] == table.bos_id)
    # One document and one group a name, three different texts each.
    assert data.documents == tuple(name for name, _ in rows)
    texts = defaultdict(set)
    for sample in range(144):
        texts[int(data.sequence_documents[sample])].add(text_and_span(data, table, sample)[0])
    assert [len(texts[index]) for index in range(48)] == [3] * 48
    assert len(set(zip(data.sequence_documents.tolist(), data.sequence_groups.tolist(), strict=True))) == 48
    assert len(np.unique(data.sequence_groups)) == 48
    train = split_by_group(data.labels, split_groups(data), 0.3, seed=0)
    names = np.array(data.sequence_documents)
    assert not set(names[train].tolist()) & set(names[~train].tolist())
    assert data.corpus_digest == ""
    assert data.tokenizer_digest == table.digest
    for example, label in zip(data.examples, data.feature_names, strict=True):
        assert example is not None
        assert dict(rows)[example.document] == label
        assert example.after == ""
        assert (example.before + example.token).endswith(example.document)
    json.dumps(data.provenance)


def test_seed_and_list_decide_the_templates(tmp_path: Path, table: TokenTable) -> None:
    path = a_list(tmp_path, people(16, 16))
    data = build(a_spec(path, contexts_per_name=2), table)
    assert content_digest(build(a_spec(path, contexts_per_name=2), table)) == content_digest(data)
    other = build(a_spec(path, contexts_per_name=2, seed=1), table)
    assert content_digest(other) != content_digest(data)

    def by_name(found: LabelledTokens) -> dict[str, set[str]]:
        texts = defaultdict(set)
        for sample in range(len(found.labels)):
            name = found.documents[int(found.sequence_documents[sample])]
            texts[name].add(text_and_span(found, table, sample)[0])
        return texts

    before = by_name(data)
    # All templates are drawn, about equally often.
    used = Counter(
        next(prompt for prompt in TEMPLATES if prompt.replace("{name}", name) == text)
        for name, texts in before.items()
        for text in texts
    )
    assert len(used) == 4
    assert min(used.values()) >= 8
    # More names in the list leave the others' templates alone.
    more = by_name(build(a_spec(a_list(tmp_path, people(16, 16, 16)), contexts_per_name=2), table))
    assert set(before) < set(more)
    assert all(more[name] == texts for name, texts in before.items())


def test_limits_are_balanced(tmp_path: Path, table: TokenTable) -> None:
    path = a_list(tmp_path, people(8, 24, 30))
    data = build(a_spec(path, n_samples=100), table)
    # The first class has 32 texts, fewer than its third.
    assert data.labels.sum(axis=0).tolist() == [32, 34, 34]
    assert data.provenance["texts_over_n_samples"] == 62 * 4 - 100
    for column, names in ((1, 24), (2, 30)):
        of_class = data.sequence_documents[data.labels[:, column]]
        assert len(np.unique(of_class)) == names
        assert np.bincount(of_class).max() == 2
    few = build(a_spec(path, max_names=9, contexts_per_name=2), table)
    assert few.labels.sum(axis=0).tolist() == [16, 18, 18]
    assert few.provenance["names_used"] == {"c0": 8, "c1": 9, "c2": 9}
    other = build(a_spec(path, max_names=9, contexts_per_name=2, seed=1), table)
    assert set(other.documents) != set(few.documents)


def test_classes_are_chosen_and_ordered(tmp_path: Path, table: TokenTable) -> None:
    path = a_list(tmp_path, people(8, 9, 10))
    data = build(a_spec(path, classes=("c2", "c0")), table)
    assert data.feature_names == ("c2", "c0")
    assert data.labels.sum(axis=0).tolist() == [40, 32]
    assert {name for name, label in people(8, 9, 10) if label != "c1"} == set(data.documents)


@pytest.mark.parametrize(
    ("name", "surname"),
    [
        ("Ada Lovelace", "Lovelace"),
        ("Vincent van Gogh", "Gogh"),
        ("Anna Smith-Jones", "Smith-Jones"),
        ("Donald M. Payne, Jr.", "Payne"),
        ("Paul McCloskey Jr.", "McCloskey"),
        ("Randy K. Weber, Sr.", "Weber"),
        ("Connie Mack III", "Mack"),
        ("William Conover II", "Conover"),
        ("Henry Ford Sr", "Ford"),
        ("Pelé", "Pelé"),
        ("Jr.", "Jr."),
        ("Beto O’Rourke", "O’Rourke"),
        ("Ivy Ivan", "Ivan"),
        ("Éric Djemba-Djemba", "Djemba-Djemba"),
    ],
)
def test_surname_of_a_name(name: str, surname: str) -> None:
    start, end = surname_place(name)
    assert name[start:end] == surname
    assert plain_surname(name) == surname


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("person,label\nA B,x\n", r"line 1: there is no column 'name'; columns: person, label"),
        ("name,party\nA B,x\n", r"line 1: there is no column 'label'; columns: name, party"),
        ("name,label,name\nA B,x,C\n", r"line 1: there is more than one column 'name'"),
        ("", r"line 1: there is no column 'name'; columns: none, the file is empty"),
        ("name,label\n", "holds no names"),
        ("name,label\nA B,x\n ,y\n", r"line 3, column 'name': is empty"),
        ("name,label\nA B,\n", r"line 2, column 'label': is empty"),
        ("name,label\nA B,x\n\nA B,y\n", r"column 'label': every name has two labels; a name has one"),
        ("name,label\nA B,x\nC D,x\n", r"column 'label' holds one class only, 'x'"),
        ("name,label\nA B,x,z\n", r"line 2: 3 cells; the header has 2 columns"),
        ('name,label\n"A B,x\n', r"not CSV"),
        ('name,label\n"A B"C,x\n', r"line 2: not CSV"),
        ("name,label\nE\u0301 B,x\nÉ B,y\n", r"every name has two labels"),
    ],
)
def test_mistakes_of_lists(tmp_path: Path, table: TokenTable, content: str, says: str) -> None:
    path = tmp_path / "list.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=says) as caught:
        build(a_spec(str(path)), table)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_other_mistakes(tmp_path: Path, table: TokenTable) -> None:
    path = a_list(tmp_path, people(8, 8))
    with pytest.raises(InputError, match=r"no name has 'c7' in column 'label'; allowed: c0, c1"):
        build(a_spec(path, classes=("c0", "c7")), table)
    with pytest.raises(InputError, match="name_column and label_column are both 'name'"):
        build(a_spec(path, label_column="name"), table)
    with pytest.raises(InputError, match=r"nowhere.csv: no such list of entities"):
        build(a_spec(str(tmp_path / "nowhere.csv")), table)
    with pytest.raises(InputError, match="no such list of entities"):
        build(a_spec(str(tmp_path)), table)
    with pytest.raises(InputError, match=r"18 texts for 18 names .templates.; at least 20 are needed"):
        build(a_spec(a_list(tmp_path, people(9, 9)), contexts_per_name=1), table)
    with pytest.raises(ArgumentError, match=r"'On .name. alone' has no place for the name at its end"):
        a_spec(path, templates=("On {name} alone",))
    (tmp_path / "latin.csv").write_bytes("name,label\nJosé B,x\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"latin.csv: line 2: not UTF-8: byte 0xe9 at offset 14"):
        build(a_spec(str(tmp_path / "latin.csv")), table)
    with pytest.raises(ArgumentError, match="NoOptions is not what builder entities is told"):
        build(DatasetSpec("t", "text_features"), table)


def test_lists_of_spreadsheets_are_read(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes('\ufeffid,label ,name\r\n1,x,"Payne,  Jr."\r\n2, y ,C\u0327a E\r\n'.encode())
    (first, second), left_out = read_entities(path, "name", "label")
    assert left_out == {"names_repeated": 0, "names_contradictory": 0}
    assert (first.name, first.label, first.line, first.until_surname) == ("Payne, Jr.", "x", 2, "Payne")
    assert (second.name, second.label, second.line) == ("\u00c7a E", "y", 3)


def test_names_that_come_again_count_once_and_those_of_two_classes_not_at_all(
    tmp_path: Path, table: TokenTable
) -> None:
    rows = people(12, 12)
    more = [rows[0], (rows[1][0].replace(" ", "  "), rows[1][1])]
    torn = [("Torn One", "c0"), ("Torn One", "c1"), ("Torn Two Jr.", "c0"), ("Torn Two", "c1")]
    plain = build(a_spec(a_list(tmp_path, rows)), table)
    data = build(a_spec(a_list(tmp_path, [*rows, *more, *torn, rows[5]])), table)
    assert content_digest(data) == content_digest(plain)
    assert data.provenance["names_repeated"] == 3
    assert data.provenance["names_contradictory"] == 4
    assert notes_of(data.provenance) == ("4 rows name somebody of two classes and are left out",)
    assert notes_of(plain.provenance) == ()


def test_father_and_son_of_one_class_share_group_and_text(tmp_path: Path, table: TokenTable) -> None:
    rows = [*people(8, 8), ("Ada Wu Jr.", "c0"), ("Zoe Mack III", "c1"), ("Zoe Mack", "c1")]
    data = build(a_spec(a_list(tmp_path, rows)), table)
    # The same text is there once, under the name that comes first.
    assert data.provenance["same_text_left_out"] == 8
    assert "Zoe Mack" not in data.documents
    assert "Ada Wu Jr." not in data.documents
    texts = [text_and_span(data, table, sample)[0] for sample in range(len(data.labels))]
    assert len(set(texts)) == len(texts)
    assert sum(text.endswith("Zoe Mack") for text in texts) == 4


def test_long_texts_lose_their_front(tmp_path: Path, table: TokenTable) -> None:
    long = "Once upon a time there were many words and then came a person called {name}"
    rows = [*people(12, 12), ("Q Xyzzyxqwvutzzrqplmkjhgfds", "c0")]
    data = build(a_spec(a_list(tmp_path, rows), templates=(long,), ctx_len=8), table)
    assert np.all(np.diff(data.sequence_starts) == 8)
    assert np.all(data.token_ids[data.sequence_starts[:-1]] == table.bos_id)
    assert data.provenance["sequences_cut"] == 25
    wanted = [tokens_over(table, name, plain_surname(name)) for name in (f" {name}" for name, _ in rows)]
    assert max(wanted) > 7
    assert data.provenance["surnames_cut"] == sum(count > 7 for count in wanted) < 10
    assert data.sample_lengths.tolist() == [min(7, count) for count in wanted]
    for sample, (name, _) in enumerate(rows):
        ids = data.token_ids[8 * sample + 1 : 8 * sample + 8]
        assert long.replace("{name}", name).encode().endswith(b"".join(table.token_bytes[i] for i in ids))


@pytest.mark.parametrize("kind", ["lower", "sentencepiece"])
def test_tokenizers_that_change_text(tmp_path: Path, kind: str) -> None:
    if kind == "lower":
        tokenizer = Tokenizer(models.BPE({char: i for i, char in enumerate(byte_alphabet())}, []))
        tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
    else:
        entries = [
            "<unk>",
            *(f"<0x{byte:02X}>" for byte in range(256)),
            "\u2581",
            *"BDaeiklms",
            "\u2581B",
            "ke",
        ]
        merges = (
            [("\u2581", "B"), ("B", "a"), ("k", "e")] if "r" in entries else [("\u2581", "B"), ("k", "e")]
        )
        tokenizer = Tokenizer(
            models.BPE(
                {entry: i for i, entry in enumerate(entries)}, merges, byte_fallback=True, unk_token="<unk>"
            )
        )
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]
        )
        tokenizer.decoder = decoders.Sequence([decoders.ByteFallback()])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    table = load_tokens(tmp_path)
    for text, surname in (("Dame Bakes", "Bakes"), ("Bakes", "Bakes"), ("Ad Šťa", "Šťa")):
        ids, length = surname_tokens(table, text, surname)
        pieces = [table.token_bytes[index] for index in ids]
        tail = b"".join(pieces[-length:]).decode()
        wanted = surname.lower() if kind == "lower" else surname
        assert tail in (wanted, " " + wanted)
        # One token fewer does not hold the whole surname.
        assert len(b"".join(pieces[1 - length :]) if length > 1 else b"") < len(wanted.encode())


@pytest.mark.parametrize(("dropped", "count"), [("e", 4), (Regex("[A-Za-z]"), 0)])
def test_tokenizers_that_drop_letters(tmp_path: Path, dropped: str | Regex, count: int) -> None:
    tokenizer = Tokenizer(models.BPE({char: i for i, char in enumerate(byte_alphabet())}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(dropped, "removed"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    table = load_tokens(tmp_path)
    if count == 0:
        with pytest.raises(InputError, match="tokenizer: has no token for 'Baker' at the end of 'Jo Baker'"):
            surname_tokens(table, "Jo Baker", "Baker")
        return
    ids, found = surname_tokens(table, "Jo Baker", "Baker")
    assert found == count
    assert b"".join(table.token_bytes[index] for index in ids[-found:]) == b"Bakr"


def mentions(names: list[str], *texts: str) -> list[tuple[str, int, str, str]]:
    documents = [Document(str(index), text) for index, text in enumerate(texts)]
    return [
        (names[found.name], found.document, found.text, found.surname)
        for found in find_mentions(names, documents, 10_000)
    ]


def test_names_are_found_in_sentences() -> None:
    names = ["Ann Lee", "Ann Lee Park", "Bo O'Neil", "Cy Fox Jr.", "Cy Fox", "Émile Zola"]
    text = (
        "First. Here is Ann Lee! Then Dr. Ann Lee Park came, and J. K. Ann Lee.\n\n"
        "A heading\n\nBo O’Neil met Cy\n  Fox, Jr., not Cy Fox III or Cy Fox. "
        "Joann Lee, Ann Leeds, Ann Lee-Moss and Mary-Ann Lee are others; E\u0301mile Zola is not."
    )
    assert mentions(names, text) == [
        ("Ann Lee", 0, "Here is Ann Lee", "Lee"),
        ("Ann Lee Park", 0, "Then Dr. Ann Lee Park", "Park"),
        ("Ann Lee", 0, "Then Dr. Ann Lee Park came, and J. K. Ann Lee", "Lee"),
        ("Bo O'Neil", 0, "Bo O’Neil", "O’Neil"),
        ("Cy Fox Jr.", 0, "Bo O’Neil met Cy Fox", "Fox"),
        ("Cy Fox", 0, "Bo O’Neil met Cy Fox, Jr., not Cy Fox III or Cy Fox", "Fox"),
        (
            "Émile Zola",
            0,
            "Joann Lee, Ann Leeds, Ann Lee-Moss and Mary-Ann Lee are others; Émile Zola",
            "Zola",
        ),
    ]


def test_matches_do_not_overlap_and_documents_are_told_apart() -> None:
    found = mentions(
        ["Jean Paul", "Paul Simon", "'t Hooft"], "Jean Paul Simon", "So Paul Simon and 't Hooft.", "x"
    )
    assert [item[:3] for item in found] == [
        ("Jean Paul", 0, "Jean Paul"),
        ("Paul Simon", 1, "So Paul Simon"),
        ("'t Hooft", 1, "So Paul Simon and 't Hooft"),
    ]


@pytest.mark.parametrize(
    "marked",
    [
        "One. |Two! |Three? |Four",
        "He said “No.” |She left... and 3 stayed. |4 went.",
        "Mr. X of the U.S. Army met J. R. Ewing (St. Ives). |Ok",
        "Title\n\n|Text goes\non. |Next",
        "Title\r\n \r\n|Text",
        "",
    ],
)
def test_sentences(marked: str) -> None:
    sentences = marked.split("|")
    text = "".join(sentences)
    starts = sentence_starts(text)
    assert [text[a:b] for a, b in zip(starts, [*starts[1:], len(text)], strict=True)] == sentences


@given(
    st.lists(st.sampled_from(["Ann", "Lee", "Ann Lee", "Bo Fox", "Lee Bo", "met", ",", "-"]), max_size=30),
    st.lists(st.sampled_from([" ", "\n", "  ", ""]), min_size=30, max_size=30),
)  # fmt: skip
def test_search_is_that_of_one_regular_expression(words: list[str], spaces: list[str]) -> None:
    names = ["Ann Lee", "Bo Fox", "Lee Bo", "Ann", "Lee Bo Fox"]
    text = "".join(word + space for word, space in zip(words, spaces[: len(words)], strict=True))
    longest = sorted(names, key=len, reverse=True)
    pattern = "|".join(re.escape(name).replace(r"\ ", r",?\s+") for name in longest)
    expected = re.findall(rf"(?<!\w)(?<!\w-)({pattern})(?!\w)(?!-\w)", text)
    found = [name for name, *_ in mentions(names, text)]
    assert found == [re.sub(r",?\s+", " ", hit) for hit in expected]


def test_real_sentences(
    crossner: CorpusSpec, entity_folder: Path, pythia_tokenizer: Path, pythia_table: TokenTable
) -> None:
    """All mentions of politicians, found again name by name."""
    with (entity_folder / "politicians.csv").open(encoding="utf-8", newline="") as stream:
        party = {row["name"]: row["party"] for row in csv.DictReader(stream)}
    party |= {name: label.removesuffix("ic") for name, label in fact_list("political_party")}
    listed = a_list(Path(crossner.path).parent, list(party.items()))
    options = EntityOptions(listed, contexts="sentences", contexts_per_name=10_000)
    data = build_dataset(DatasetSpec("p", "entities", crossner, options=options), pythia_tokenizer)
    corpus = load_corpus(crossner)
    expected = set()
    for document in corpus.documents:
        for name in (name for name in party if name in document.text):
            for hit in re.finditer(
                rf"(?<![\w-]){re.escape(name)}(?![\w-])(?! (?:Jr|Sr|I{{2,3}}|IV)\b)", document.text
            ):
                cut = " ".join(document.text[: hit.start() + len(name)].split())
                expected.add((document.name, name, cut[-25:]))
    got = set()
    for sample in range(len(data.labels)):
        text, length = text_and_span(data, pythia_table, sample)
        document = data.documents[int(data.sequence_documents[sample])]
        name = next(name for name in party if text.endswith(name))
        assert data.feature_names[int(np.argmax(data.labels[sample]))] == party[name]
        assert length == tokens_over(pythia_table, text, name.split()[-1])
        got.add((document, name, text[-25:]))
    # A sentence may begin at the name: then the text is shorter than what precedes it in the document.
    assert len(got) == len(expected) >= 60
    assert all(any(a == c and b == d and f.endswith(e) for c, d, f in expected) for a, b, e in got)
    assert data.provenance["mentions"] >= len(got)
    assert data.provenance["groups"] == "names and documents"
    assert set(data.provenance["names_not_found"]) == set(party) - {name for _, name, _ in got}
    # Neither a name nor a document is on both sides of a split.
    train = split_by_group(data.labels, split_groups(data), 0.3, seed=0)
    names = [text_and_span(data, pythia_table, sample)[0].split()[-1] for sample in range(len(train))]
    for values in (data.sequence_documents.tolist(), names):
        sides = defaultdict(set)
        for value, side in zip(values, train.tolist(), strict=True):
            sides[value].add(side)
        if values is names:
            sides = {name: side for name, side in sides.items() if sum(n.endswith(name) for n in party) == 1}
        assert all(len(side) == 1 for side in sides.values())


def test_groups_fall_back_to_names_when_documents_connect_everything(
    tmp_path: Path, table: TokenTable
) -> None:
    rows = people(12, 12)
    book = "".join(f"In chapter {i} we met {name} again. " for i in range(3) for name, _ in rows)
    path = tmp_path / "book.txt"
    path.write_text(book, encoding="utf-8")
    corpus = CorpusSpec.from_text(str(path))
    data = build(a_spec(a_list(tmp_path, rows), corpus, contexts="sentences", contexts_per_name=2), table)
    assert data.documents == ("book.txt",)
    assert data.labels.sum(axis=0).tolist() == [24, 24]
    assert data.provenance["groups"].startswith("names only")
    assert len(np.unique(data.sequence_groups)) == 24
    assert data.corpus_digest == load_corpus(corpus).digest
    other = build(
        a_spec(a_list(tmp_path, rows), corpus, contexts="sentences", contexts_per_name=2, seed=1), table
    )
    assert content_digest(other) != content_digest(data)


def test_sentences_are_taken_once_and_in_limits(tmp_path: Path, table: TokenTable) -> None:
    rows = people(12, 12)
    sentences = [f"Text {i} speaks of {name} and more." for name, _ in rows for i in range(5)]
    records = [*sentences, *(f"Again:   {sentence}" for sentence in sentences[:10])]
    path = tmp_path / "texts.jsonl"
    path.write_text(
        "".join(json.dumps({"text": f"Nothing. {text} Nothing."}) + "\n" for text in [*records, *sentences])
    )
    corpus = CorpusSpec.from_text(str(path))
    listed = a_list(tmp_path, [*rows, ("Not There", "c0")])
    data = build(a_spec(listed, corpus, contexts="sentences", contexts_per_name=4), table)
    assert data.labels.sum(axis=0).tolist() == [48, 48]
    assert data.provenance["names_not_found"] == ["Not There"]
    texts = [text_and_span(data, table, sample)[0] for sample in range(96)]
    assert len(set(texts)) == 96
    assert all(re.fullmatch(r"(Again: )?Text \d speaks of .*", text) for text in texts)
    read = load_corpus(corpus).documents
    where = {document.name: " ".join(document.text.split()) for document in read}
    for sample, text in enumerate(texts):
        assert text in where[data.documents[int(data.sequence_documents[sample])]]
    assert data.provenance["groups"] == "names and documents"
    assert len(np.unique(data.sequence_groups)) == 24
    limited = build(a_spec(listed, corpus, contexts="sentences", n_samples=30), table)
    assert limited.labels.sum(axis=0).tolist() == [15, 15]
    assert len(np.unique(limited.sequence_groups)) == 24


def test_a_thousand_names_in_a_megabyte() -> None:
    names = [f"Name{i} Surname{i % 7}" for i in range(1000)]
    filler = "The quick brown Name7 fox jumps over the lazy Surname3 dog. " * 17
    text = "".join(f"{filler}Here is {name}. " for name in names)
    assert len(text) > 1_000_000
    start = time.process_time()
    found = mentions(names, text)
    assert time.process_time() - start < 5
    assert [name for name, *_ in found] == names
    assert {sentence for _, _, sentence, _ in found} == {f"Here is {name}" for name in names}


def test_a_document_without_sentences_does_not_explode() -> None:
    text = "Bo Fox, " * 20_000
    found = list(find_mentions(["Bo Fox"], [Document("a", text)], 400))
    assert len(found) == 20_000
    assert max(len(item.text) for item in found) <= 400
    assert all(item.text.endswith("Bo Fox") for item in found)


def test_names_in_decomposed_form(tmp_path: Path, table: TokenTable) -> None:
    rows = [(unicodedata.normalize("NFD", name), label) for name, label in people(20, 20)]
    data = build(a_spec(a_list(tmp_path, rows)), table)
    same = build(a_spec(a_list(tmp_path, people(20, 20))), table)
    assert content_digest(data) == content_digest(same)
    assert any(not name.isascii() for name in data.documents)


def test_contexts_and_templates_change_the_identity(tmp_path: Path, table: TokenTable) -> None:
    path = a_list(tmp_path, people(12, 12))
    spec = a_spec(path)
    assert isinstance(spec.options, EntityOptions)
    digests = {
        content_digest(build(replace(spec, options=options), table))
        for options in (
            spec.options,
            replace(spec.options, templates=TEMPLATES[:2]),
            replace(spec.options, contexts_per_name=1),
            replace(spec.options, classes=("c1", "c0")),
        )
    }
    assert len(digests) == 4
