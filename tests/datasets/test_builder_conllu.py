from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from superpos.datasets.build import build_dataset
from superpos.datasets.builders.conllu import (
    ConlluOptions,
    WordProperty,
    text_labels,
    values_of,
    word_predicate,
)
from superpos.datasets.conllu_text import ConlluWord, parse_documents
from superpos.datasets.sources import Corpus, Document, corpus_digest, load_corpus
from superpos.datasets.tokens import TokenTable
from superpos.errors import InputError
from superpos.models import bundled_model
from superpos.records.data import LabelledTokens
from superpos.specs.datasets import CorpusSpec, DatasetSpec

FEATURES = (
    WordProperty("noun", "upos=NOUN|PROPN"),
    WordProperty("plural", "Number=Plur"),
    WordProperty("past_verb", "upos=VERB & Tense=Past"),
    WordProperty("subject", "deprel=nsubj"),
    WordProperty("passive_subject", "deprel=nsubj:pass"),
    WordProperty("the", "lemma=the"),
    WordProperty("comma", "form=,"),
    WordProperty("vbz", "xpos=VBZ"),
)
SIZES: dict[str, Any] = {"n_sequences": 40, "ctx_len": 64, "n_samples": 900, "min_positives": 15}

MADE = """# newdoc id = a
# sent_id = 1
# text = Je parle du chat.
1\tJe\tmoi\tPRON\tX\tNumber=Sing|Person=1\t2\tnsubj\t_\t_
2\tparle\tparler\tVERB\tX\tNumber=Sing\t0\troot\t_\t_
3-4\tdu\t_\t_\t_\t_\t_\t_\t_\t_
3\tde\tde\tADP\tX\t_\t5\tcase\t_\t_
4\tle\tle\tDET\tX\tNumber=Sing\t5\tdet\t_\t_
5\tchat\tchat\tNOUN\tX\tNumber=Sing\t2\tobl:arg\t_\tSpaceAfter=No
6\t.\t.\tPUNCT\tX\t_\t2\tpunct\t_\t_

# sent_id = 2
# text = I don't know cats, dogs.
1\tI\tI\tPRON\tPRP\tNumber=Sing\t4\tnsubj\t_\t_
2-3\tdon't\t_\t_\t_\t_\t_\t_\t_\t_
2\tdo\tdo\tAUX\tVBP\t_\t4\taux\t_\t_
3\tn't\tnot\tPART\tRB\t_\t4\tadvmod\t_\t_
4\tknow\tknow\tVERB\tVB\t_\t0\troot\t_\t_
5\tcats\tcat\tNOUN\tNNS\tNumber=Plur|Case=Acc,Nom\t4\tobj\t_\tSpaceAfter=No
6\t,\t,\tPUNCT\t,\t_\t7\tpunct\t_\t_
7\tdogs\tdog\tNOUN\tNNS\tNumber=Plur\t5\tconj\t_\tSpaceAfter=No
8\t.\t.\tPUNCT\t.\t_\t4\tpunct\t_\t_

"""


def corpus_of(text: str, name: str) -> Corpus:
    documents = tuple(
        Document(item.name, item.text, source=item.source) for item in parse_documents(text, name)
    )
    return Corpus(documents, corpus_digest(documents))


def columns_of(source: str, text: str) -> list[tuple[int, int, list[str]]]:
    """Words with their places: forms looked for one after another in the text; no multiword tokens inside."""
    found, place, until = [], 0, 0
    for line in source.split("\n"):
        parts = line.split("\t")
        until = until if line else 0
        if len(parts) != 10 or "." in parts[0]:
            continue
        if "-" in parts[0]:
            until = int(parts[0].split("-")[1])
            place = text.index(parts[1], place) + len(parts[1])
            continue
        if int(parts[0]) <= until:
            continue
        start = text.index(parts[1], place)
        place = start + len(parts[1])
        found.append((start, place, parts))
    return found


def plain(parts: list[str]) -> list[bool]:
    """The features of a word from its ten columns, by plain comparison."""
    morphology = parts[5].split("|")
    return [
        parts[3] in ("NOUN", "PROPN"),
        "Number=Plur" in morphology,
        parts[3] == "VERB" and "Tense=Past" in morphology,
        parts[7] == "nsubj" or parts[7].startswith("nsubj:"),
        parts[7] == "nsubj:pass",
        parts[2] == "the",
        parts[1] == ",",
        parts[4] == "VBZ",
    ]


def checked(data: LabelledTokens, read: Corpus, plain_of: Any) -> int:
    """Check 200 random samples; return how many lay in words with a place of their own."""
    words = {item.name: columns_of(item.source, item.text) for item in read.documents}
    count = 0
    for sample in plain_of.some(200):
        found = plain_of(sample)
        if found is None:
            continue
        _, first, last = found
        name = data.documents[data.sequence_documents[data.sample_sequences[sample]]]
        inside = [item for item in words[name] if item[0] <= last < item[1]]
        if not inside:
            continue
        [(start, end, parts)] = inside
        assert last == end - 1
        assert all(other[1] <= first or other[0] > last for other in words[name] if other[0] != start)
        assert data.labels[sample].tolist() == plain(parts), parts
        count += 1
    return count


def test_english_web_treebank_with_pythia(
    pythia_tokenizer: Path, pythia_table: TokenTable, shared_text: Path, plain_samples: Any
) -> None:
    read = load_corpus(CorpusSpec.from_text(str(shared_text / "en_ewt-ud-dev.conllu")))
    sizes = {**SIZES, "n_sequences": 120, "n_samples": 2000}
    data = build_dataset(
        DatasetSpec("c", "conllu", options=ConlluOptions(FEATURES), **sizes), pythia_tokenizer, read
    )
    assert checked(data, read, plain_samples(data, read, pythia_table, 63)) > 180
    assert len(data.labels) == 2000
    assert data.labels.sum(axis=0).min() >= 15
    # Few words of English share a token.
    assert data.provenance["words_sharing_a_token"] < 0.03 * data.provenance["words_sampled"]


def test_tokenizer_that_ships(plain_samples: Any, table: TokenTable) -> None:
    """Sentences made of a small grammar: every word's columns are known."""
    draw = np.random.default_rng(2)
    nouns = [
        ("dog", "dogs"),
        ("house", "houses"),
        ("na\u00efvet\u00e9", "na\u00efvet\u00e9s"),
        ("r\u00f4le", "r\u00f4les"),
    ]
    verbs = [("sees", "saw"), ("builds", "built"), ("likes", "liked")]
    lines = []
    for number in range(300):
        lines += [f"# newdoc id = d{number}"] if number % 10 == 0 else []
        columns = []
        for slot in ("nsubj", "verb", "obj"):
            plural, past = draw.integers(2), draw.integers(2)
            if slot == "verb":
                word = verbs[draw.integers(3)][past]
                columns.append(
                    (word, word, "VERB", "VBD" if past else "VBZ", f"Tense={('Pres', 'Past')[past]}", "root")
                )
            else:
                word = nouns[draw.integers(4)][plural]
                columns.append(("the", "the", "DET", "DT", "_", "det"))
                columns.append((word, word, "NOUN", "NN", f"Number={('Sing', 'Plur')[plural]}", slot))
        columns.append((",", ",", "PUNCT", ",", "_", "punct"))
        lines += [
            "\t".join([str(i), form, lemma, upos, xpos, feats, "0", deprel, "_", "_"])
            for i, (form, lemma, upos, xpos, feats, deprel) in enumerate(columns, start=1)
        ]
        lines.append("")
    read = corpus_of("\n".join(lines), "made")
    spec = DatasetSpec("c", "conllu", options=ConlluOptions(FEATURES), **SIZES)
    data = build_dataset(spec, bundled_model("nano"), read)
    assert checked(data, read, plain_samples(data, read, table, 63)) > 150
    assert data.provenance["words_sharing_a_token"] == 0


def test_multiword_tokens_and_words_that_share_a_token() -> None:
    read = corpus_of(MADE, "made")
    [document] = read.documents
    features = ConlluOptions((WordProperty("noun", "upos=NOUN"), WordProperty("acc", "Case=Acc")))
    spec = DatasetSpec("c", "conllu", options=features, **SIZES)
    cuts = [
        "Je",
        " par",
        "le",
        " du",
        " chat",
        ".",
        " I",
        " don",
        "'t",
        " know",
        " cat",
        "s,",
        " do",
        "gs",
        ".",
    ]
    assert "".join(cuts) == document.text
    pieces = tuple(cut.encode() for cut in cuts)
    made = TokenTable(None, pieces, np.zeros(len(pieces), dtype=np.bool_), (), (), "")
    labels = text_labels(spec, made, read)
    found = labels.labeller(document, list(range(len(pieces))))
    assert found is not None
    assert found.eligible is not None
    # Not "du" (two words in one place), not " don" (do and n), not "s," (cats and the comma), so not the
    # comma either; "'t" holds characters of n't alone.
    assert [cuts[index] for index in np.flatnonzero(found.eligible)] == [
        *("Je", "le", " chat", ".", " I", "'t", " know", "gs", "."),
    ]
    assert [cuts[index] for index in np.flatnonzero(found.labels[:, 0])] == [" chat", "gs"]
    counts = {"words_sampled": 9, "words_sharing_a_token": 5, "labels_alike": []}
    assert labels.provenance == counts


def test_a_token_that_is_two_words_is_neither() -> None:
    read = corpus_of(MADE, "made")
    [document] = read.documents
    spec = DatasetSpec(
        "c",
        "conllu",
        options=ConlluOptions((WordProperty("a", "upos=AUX"), WordProperty("b", "upos=PART"))),
        **SIZES,
    )
    cuts = ["Je parle du chat.", " I", " don't", " know cats, dogs."]
    made = TokenTable(
        None, tuple(cut.encode() for cut in cuts), np.zeros(len(cuts), dtype=np.bool_), (), (), ""
    )
    found = text_labels(spec, made, read).labeller(document, list(range(len(cuts))))
    assert found is not None
    assert found.eligible is not None
    assert found.eligible.tolist() == [False, True, False, False]


WORD = ConlluWord(0, 4, "Cats", "cat", "NOUN", "NNS", {"Number": "Plur", "Case": "Acc,Nom"}, "nsubj:pass")


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("form=Cats", True),
        ("form=cats", False),
        ("lemma=dog|cat", True),
        ("deprel=nsubj", True),
        ("deprel=nsubj:pass", True),
        ("deprel=pass", False),
        ("deprel=nsubj:outer", False),
        ("Case=Nom", True),
        ("Case=Acc", True),
        ("Case=Acc,Nom", False),
        ("Gender=Fem", False),
        ("Number=Plur & upos = NOUN", True),
        ("Number=Plur&upos=VERB", False),
        ("Number=Sing|Plur&xpos=NN|NNS", True),
    ],
)
def test_conditions(condition: str, holds: bool) -> None:
    assert word_predicate(condition)(WORD) is holds
    assert values_of(WORD, "upos") == ("NOUN",)


def test_plain_text_is_refused(corpus: Corpus) -> None:
    spec = DatasetSpec("c", "conllu", options=ConlluOptions(FEATURES), **SIZES)
    with pytest.raises(
        InputError, match=r"stdlib: no document is CoNLL-U; the builder conllu reads \.conllu"
    ):
        build_dataset(spec, bundled_model("nano"), corpus)
