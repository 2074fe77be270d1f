"""Feature sets as TOML: every key of every builder, sets in files, corpora by name, and every mistake."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from superpos.datasets.builders.conllu import ConlluOptions, WordProperty
from superpos.datasets.builders.directions import DirectionFileOptions
from superpos.datasets.builders.documents import DocumentOptions
from superpos.datasets.builders.entities import EntityOptions
from superpos.datasets.builders.ngrams import NgramOptions
from superpos.datasets.builders.psm import PsmFileOptions
from superpos.datasets.builders.regex import RegexOptions, SpanPattern
from superpos.datasets.builders.sparse_probing import SparseProbingOptions
from superpos.datasets.builders.token_list import TokenListOptions
from superpos.datasets.builders.tokens import TokenOptions, TokenPredicate
from superpos.errors import InputError
from superpos.kinds.builders import BUILDERS, NoOptions
from superpos.specs.datasets import CorpusSpec, DatasetSpec
from superpos.specs.feature_sets import bundled_sets, load_feature_set, set_file
from superpos.specs.studyfile import load_study


def set_of(folder: Path, text: str, name: str = "mine.toml") -> DatasetSpec:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return load_feature_set(str(path))


def refusal(folder: Path, text: str) -> str:
    """The message about a set file, without the file's name, which it must begin with."""
    with pytest.raises(InputError) as caught:
        set_of(folder, text)
    return checked(str(caught.value), folder / "mine.toml")


def checked(message: str, file: Path) -> str:
    assert message.startswith(f"{file}: "), message
    assert "\n" not in message
    return message.removeprefix(f"{file}: ")


def study_sets(folder: Path, text: str) -> dict[str, DatasetSpec]:
    path = folder / "study.toml"
    path.write_text(f"{text}\n[models.nano]\n[[blocks]]\n", encoding="utf-8")
    return {spec.name: spec for spec in load_study(path).datasets}


def study_refusal(folder: Path, text: str) -> str:
    with pytest.raises(InputError) as caught:
        study_sets(folder, text)
    return checked(str(caught.value), folder / "study.toml")


# --- every builder and its keys -----------------------------------------------------------------------------

ON_TEXT = (
    "text_features",
    "python_syntax",
    "latex_syntax",
    "tokens",
    "regex",
    "ngrams",
    "documents",
    "conllu",
)
EVERY_KEY: list[tuple[str, str, Any]] = [
    ("text_features", "", NoOptions()),
    ("python_syntax", "", NoOptions()),
    ("latex_syntax", "", NoOptions()),
    (
        "tokens",
        """[features]
articles = ["a", "an", "the"]
digits = '[0-9]'
months = { words = ["may", "june"], ignore_case = true }
vowels = { regex = '^[aeiou]+$' }""",
        TokenOptions(
            (
                TokenPredicate("articles", ("a", "an", "the")),
                TokenPredicate("digits", (), "[0-9]"),
                TokenPredicate("months", ("may", "june"), "", True),
                TokenPredicate("vowels", (), "^[aeiou]+$"),
            )
        ),
    ),
    (
        "regex",
        """[features]
url = 'https?://\\S+'
note = { regex = 'note:', ignore_case = true }""",
        RegexOptions((SpanPattern("url", "https?://\\S+"), SpanPattern("note", "note:", True))),
    ),
    (
        "ngrams",
        'phrases = ["high school", "living room"]\nignore_case = false\nnegatives = 5',
        NgramOptions(("high school", "living room"), False, 5),
    ),
    (
        "documents",
        'classes = ["en", "fr"]\nmin_documents = 3\nskip_tokens = 0',
        DocumentOptions(("en", "fr"), 3, 0),
    ),
    (
        "conllu",
        '[features]\nnoun = "upos=NOUN"\nplural = "Number=Plur & upos=NOUN|PROPN"',
        ConlluOptions(
            (WordProperty("noun", "upos=NOUN"), WordProperty("plural", "Number=Plur & upos=NOUN|PROPN"))
        ),
    ),
    (
        "entities",
        """entities = "people.csv"
name_column = "who"
label_column = "what"
classes = ["b", "a"]
contexts = "sentences"
templates = ["Here is {name}"]
max_names = 7
contexts_per_name = 2""",
        EntityOptions("people.csv", "who", "what", ("b", "a"), "sentences", ("Here is {name}",), 7, 2),
    ),
    (
        "sparse_probing",
        'folder = "sets/ewt"\nfeatures = ["noun", "verb"]\nmax_rows = 100',
        SparseProbingOptions("sets/ewt", ("noun", "verb"), 100),
    ),
    (
        "token_list",
        """words = ["red", "blue"]
matrices = ["embed", "unembed"]
several_tokens = "mean"
leading_space = false""",
        TokenListOptions(("red", "blue"), ("embed", "unembed"), "mean", False),
    ),
    (
        "directions",
        """file = "sae.safetensors"
tensor = "W_dec"
names = ["a", "b"]
names_file = "names.txt"
rows = [3, 1]
hookpoint = "resid"
layer = 4
variance = "covector\"""",
        DirectionFileOptions(
            "sae.safetensors", "W_dec", ("a", "b"), "names.txt", (3, 1), "resid", 4, "covector"
        ),
    ),
    (
        "psm",
        """file = "psm.csv"
similarity = "rbf"
tensor = ""
names = ["a", "b"]
names_file = "names.txt"
hookpoint = "mlp.out"
layer = 2""",
        PsmFileOptions("psm.csv", "rbf", "", ("a", "b"), "names.txt", "mlp.out", 2),
    ),
]


def test_the_table_of_keys_covers_every_builder_and_every_option() -> None:
    assert len({builder for builder, _, _ in EVERY_KEY}) == len(EVERY_KEY) >= 13  # of a new one its own test
    for builder, text, options in EVERY_KEY:
        assert isinstance(options, BUILDERS.get(builder).options)
        for name in asdict(options):
            assert f"{name} =" in text or f"[{name}]" in text, (builder, name)


@pytest.mark.parametrize(("builder", "text", "options"), EVERY_KEY)
def test_every_key_of_every_builder(builder: str, text: str, options: Any, tmp_path: Path) -> None:
    reads = builder in ON_TEXT or builder == "entities"  # as the table of builders says
    corpus = 'corpus = "text.txt"\n' if reads else ""
    head = f'builder = "{builder}"\n{corpus}n_sequences = 11\nctx_len = 12\nn_samples = 23\n'
    spec = set_of(tmp_path, f'{head}min_positives = 4\nseed = 5\ndescription = "Mine"\n{text}')
    assert spec.options == options
    assert (spec.name, spec.builder, spec.description) == ("mine", builder, "Mine")
    assert (spec.n_sequences, spec.ctx_len, spec.n_samples) == (11, 12, 23)
    assert (spec.min_positives, spec.seed) == (4, 5)
    assert spec.corpus == (CorpusSpec("text", "text.txt") if reads else CorpusSpec("none"))


@pytest.mark.parametrize(("builder", "text", "options"), EVERY_KEY)
def test_a_set_survives_json(builder: str, text: str, options: Any, tmp_path: Path) -> None:
    corpus = 'corpus = "text.txt"\n' if builder in (*ON_TEXT, "entities") else ""
    spec = set_of(tmp_path, f'builder = "{builder}"\n{corpus}{text}')
    assert spec.options == options
    assert DatasetSpec.from_json(json.loads(json.dumps(asdict(spec)))) == spec


def test_defaults(tmp_path: Path) -> None:
    text = set_of(tmp_path, 'builder = "text_features"')
    assert text == DatasetSpec("mine", "text_features", CorpusSpec(), 400, 128, 4000, 100, 0)
    people = set_of(tmp_path, 'builder = "entities"\nentities = "occupation"').options
    assert isinstance(people, EntityOptions)
    assert (people.name_column, people.label_column, people.contexts) == ("name", "label", "templates")
    assert len(people.templates) == 7  # those of the bundled list
    own = set_of(tmp_path, 'builder = "entities"\nentities = "people.csv"').options
    assert isinstance(own, EntityOptions)
    assert len(own.templates) == 6  # the neutral ones
    assert not set(own.templates) & set(people.templates)
    words = set_of(tmp_path, 'builder = "token_list"\nlist = "seasons"\nwords = ["monsoon"]').options
    assert words == TokenListOptions(("spring", "summer", "autumn", "winter", "monsoon"))
    pairs = set_of(tmp_path, 'builder = "ngrams"\nlist = "python_words"\nphrases = ["for example"]').options
    assert isinstance(pairs, NgramOptions)
    assert (len(pairs.phrases), pairs.phrases[0], pairs.phrases[-1]) == (12, "make sure", "for example")


def test_every_bundled_set_can_be_read() -> None:
    names = bundled_sets()
    assert len(names) >= 27
    for name in names:
        spec = load_feature_set(name)
        assert spec.name == name
        assert spec.description
    assert {load_feature_set(name).builder for name in names} >= set(ON_TEXT[:3]) | {
        "ngrams",
        "documents",
    }
    assert load_feature_set("natural_language").corpus.kind == "none"
    assert load_feature_set("compound_words").corpus.kind == "none"
    assert load_feature_set("python_words").corpus.kind == "stdlib"
    assert load_feature_set("python_package").corpus.label_key == "folder"
    compounds = load_feature_set("compound_words").options
    assert isinstance(compounds, NgramOptions)
    assert (len(compounds.phrases), compounds.phrases[0]) == (21, "high school")


# --- mistakes in a set file ---------------------------------------------------------------------------------

MISTAKES = [
    ("", "builder: 'mine' is no feature set"),
    ('builder = "text_featurs"', "builder: 'text_featurs' is unknown; allowed: text_features, "),
    ("builder = 5", "builder: 5 is not text"),
    (
        'builder = "text_features"\nctxlen = 5',
        "ctxlen: unknown key; allowed: builder, config, corpus, ctx_len",
    ),
    ('builder = "text_features"\nctx_len = "5"', "ctx_len: '5' is not a whole number"),
    ('builder = "text_features"\nctx_len = true', "ctx_len: True is not a whole number"),
    ('builder = "text_features"\nctx_len = 4', "ctx_len: 4 must be at least 8"),
    ('builder = "text_features"\nseed = -1', "seed: -1 must be at least 0"),
    ('builder = "text_features"\ncorpus = 5', "corpus: 5 is not text or a table"),
    ('builder = "text_features"\nlabel_key = 5', "label_key: 5 is not text"),
    ('builder = "text_features"\nmax_documents = "5"', "max_documents: '5' is not a whole number"),
    ('builder = "text_features"\ncorpus = "hub:a/b"', "max_documents: 0 would read a whole data set"),
    (
        'builder = "text_features"\ncorpus = "x"\nrevision = "1"',
        "revision: '1' applies to data sets of the hub",
    ),
    ('builder = "text_features"\ncorpus = {}', "corpus.path: is missing"),
    ('builder = "text_features"\ncorpus = {path = ""}', "corpus.path: a text or hub corpus has a path"),
    ('builder = "text_features"\ncorpus = {parts = {}}', "corpus.parts: a union has parts"),
    ('builder = "text_features"\ncorpus = {parts = {a = 1}}', "corpus.parts.a: 1 is not text or a table"),
    ('builder = "text_features"\ncorpus = {parts = {a = "hub:x/y"}}', "corpus.parts.a: 0 would read a whole"),
    ('builder = "text_features"\ncorpus = {path = "x", pth = 1}', "corpus.pth: unknown key; allowed: "),
    (
        'builder = "text_features"\ncorpus = {path = "x"}\nlabel_key = "y"',
        "label_key: does not apply beside a table; set it in the table `corpus`",
    ),
    (
        'builder = "token_list"\nlist = "seasons"\ncorpus = "x"',
        "corpus: does not apply: builder token_list reads no text; leave it out",
    ),
    (
        'builder = "entities"\nentities = "occupation"\nlabel_key = "x"\ncorpus = "y"',
        "corpus: does not apply: prompts need no text; give contexts",
    ),
    (
        'builder = "sparse_probing"\nfolder = "x"\nlabel_key = "x"',
        "label_key: does not apply: builder sparse",
    ),
    ('builder = "text_features"\nneeds_corpus = 1', "needs_corpus: 1 is not true or false"),
    ('builder = "text_features"\nwords = ["a"]', "words: unknown key"),
    ('builder = "tokens"', "features: is missing"),
    ('builder = "tokens"\nfeatures = ["a"]', "features: ['a'] is not a table"),
    ('builder = "tokens"\nfeatures = {a = "x"}', "features: holds 1; at least 2 are needed"),
    ('builder = "tokens"\nfeatures = {a = 5, b = "x"}', "features.a: 5 is not text or a table or a list"),
    ('builder = "tokens"\nfeatures = {a = "(", b = "x"}', "features.a: '(' is not a regular expression"),
    ('builder = "tokens"\nfeatures = {a = {regex = "("}, b = "x"}', "features.a.regex: '(' is not a regular"),
    ('builder = "tokens"\nfeatures = {a = [5], b = "x"}', "features.a.words[0]: 5 is not text"),
    ('builder = "tokens"\nfeatures = {a = ["x", "x"], b = "x"}', "features.a.words: 'x' occurs twice"),
    ('builder = "tokens"\nfeatures = {a = [], b = "x"}', "features.a: give either words or regex"),
    (
        'builder = "tokens"\nfeatures = {a = {words = ["x"], regex = "x"}, b = "x"}',
        "features.a: give either words or regex",
    ),
    ('builder = "tokens"\nfeatures = {a = {word = ["x"]}, b = "x"}', "features.a.word: unknown key"),
    (
        'builder = "tokens"\nfeatures = {a = {regex = "x", ignore_case = 1}, b = "x"}',
        "features.a.ignore_case: 1",
    ),
    ('builder = "regex"\nfeatures = {a = "", b = "x"}', "features.a: is empty; give a regular expression"),
    ('builder = "regex"\nfeatures = {a = "[", b = "x"}', "features.a: '[' is not a regular expression"),
    ('builder = "regex"\nfeatures = {a = {}, b = "x"}', "features.a.regex: is missing"),
    ('builder = "regex"\nfeatures = {a = {regex = "x", case = 1}, b = "x"}', "features.a.case: unknown key"),
    ('builder = "ngrams"', "phrases: holds 0; at least 2 are needed"),
    (
        'builder = "ngrams"\nphrases = ["high  school", "a b"]',
        "phrases: 'high  school' is not two or more words",
    ),
    ('builder = "ngrams"\nphrases = ["school", "a b"]', "phrases: 'school' is not two or more words"),
    ('builder = "ngrams"\nphrases = ["a b", 5]', "phrases[1]: 5 is not text"),
    (
        'builder = "ngrams"\nlist = "compounds"',
        "list: 'compounds': no such bigram list; allowed: compound_words",
    ),
    ('builder = "ngrams"\nlist = "python_words"\nnegatives = 0', "negatives: 0 must be at least 1"),
    ('builder = "documents"\nclasses = ["en"]', "classes: holds 1; at least 2 are needed"),
    ('builder = "documents"\nclasses = ["en", " "]', "classes: holds an empty name"),
    ('builder = "documents"\nmin_documents = 1', "min_documents: 1 must be at least 2"),
    ('builder = "documents"\nskip_tokens = "a"', "skip_tokens: 'a' is not a whole number"),
    ('builder = "conllu"\nfeatures = {a = "NOUN", b = "upos=X"}', "features.a: 'NOUN' is not FIELD=VALUE"),
    ('builder = "conllu"\nfeatures = {a = ["upos=X"], b = "upos=X"}', "features.a: ['upos=X'] is not text"),
    ('builder = "entities"', "entities: is missing"),
    (
        'builder = "entities"\nentities = "x.csv"\ncontexts = "prompts"',
        "contexts: 'prompts' is unknown; allowed",
    ),
    (
        'builder = "entities"\nentities = "x.csv"\ntemplates = ["{name} is here"]',
        "templates: '{name} is here' has no place for the name at its end",
    ),
    ('builder = "entities"\nentities = "x.csv"\nmax_names = -1', "max_names: -1 must be at least 0"),
    (
        'builder = "entities"\nentities = "x.csv"\ncontexts_per_name = 0',
        "contexts_per_name: 0 must be at least 1",
    ),
    ('builder = "sparse_probing"', "folder: is missing"),
    ('builder = "sparse_probing"\nfolder = ""', "folder: is empty; name a folder"),
    ('builder = "sparse_probing"\nfolder = "x"\nfeatures = ["a", "a"]', "features: 'a' occurs twice"),
    ('builder = "token_list"', "words: holds 0; at least 2 are needed"),
    ('builder = "token_list"\nlist = "weekday"', "list: 'weekday': no such token list; allowed: "),
    ('builder = "token_list"\nlist = "seasons"\nwords = ["winter"]', "words: 'winter' occurs twice"),
    (
        'builder = "token_list"\nlist = "seasons"\nmatrices = ["output"]',
        "matrices: 'output' is unknown; allowed",
    ),
    ('builder = "token_list"\nlist = "seasons"\nseveral_tokens = "sum"', "several_tokens: 'sum' is unknown"),
    (
        'builder = "token_list"\nlist = "seasons"\nleading_space = "no"',
        "leading_space: 'no' is unknown; allowed: true, false, auto",
    ),
    (
        'builder = "token_list"\nlist = "seasons"\nleading_space = 1',
        "leading_space: 1 is unknown; allowed: true, false, auto",
    ),
    ('builder = "directions"', "file: is missing"),
    ('builder = "directions"\nfile = "x.npz"\nvariance = "both"', "variance: 'both' is unknown; allowed: "),
    ('builder = "directions"\nfile = "x.npz"\nrows = [-1]', "rows: -1 must be at least 0"),
    ('builder = "directions"\nfile = "x.npz"\nrows = ["a"]', "rows[0]: 'a' is not a whole number"),
    ('builder = "directions"\nfile = "x.npz"\nlayer = -2', "layer: -2 must be at least -1"),
    ('builder = "psm"\nfile = "x.npz"', "similarity: is missing"),
    ('builder = "psm"\nfile = "x.npz"\nsimilarity = "cos"', "similarity: 'cos' is unknown; allowed: "),
    ('builder = "psm"\nfile = ""\nsimilarity = "rbf"', "file: is empty; name a .safetensors, .npz or .csv"),
    ('builder = "psm"\nfile = "x.npz"\nsimilarity = "rbf"\nrows = [1]', "rows: unknown key"),
    ('set = "weekday"', "set: 'weekday' is no feature set; allowed: "),
    ("set = 5", "set: 5 is not text"),
    ('set = "weekdays"\nwords = ["Monday"]', "words: 'Monday' occurs twice"),
]


@pytest.mark.parametrize(("text", "said"), MISTAKES)
def test_a_mistake_names_file_and_key(text: str, said: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, text).startswith(said)


@pytest.mark.parametrize(("text", "said"), MISTAKES[2:])
def test_in_a_study_the_key_has_its_table_in_front(text: str, said: str, tmp_path: Path) -> None:
    if "corpus" not in text and any(f'"{name}"' in text for name in ("documents", "conllu")):
        text = f'corpus = "text.txt"\n{text}'
    key = said.partition(":")[0]
    message = study_refusal(tmp_path, f"[datasets.mine]\n{text}")
    assert message.startswith(f"datasets.mine.{key}:"), message


def test_a_file_that_is_not_there_or_no_toml(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"feature set 'weekday' is unknown; allowed: .*did you mean 'weekdays'"
    ):
        load_feature_set("weekday")
    with pytest.raises(InputError, match=r"none\.toml: no such set file"):
        load_feature_set(str(tmp_path / "none.toml"))
    assert refusal(tmp_path, "builder = ").startswith("is not TOML")
    with pytest.raises(InputError, match=r"feature set .* is unknown"):
        load_feature_set(str(tmp_path))


# --- sets in files, and what a study overrides --------------------------------------------------------------


def test_a_study_takes_bundled_sets_by_name_and_overrides_keys(tmp_path: Path) -> None:
    sets = study_sets(
        tmp_path,
        """
[datasets.weekdays]
several_tokens = "mean"
[datasets.again]
set = "weekdays"
leading_space = false
[datasets.text_features]
n_samples = 50
""",
    )
    assert list(sets) == ["weekdays", "again", "text_features"]
    first, second = sets["weekdays"].options, sets["again"].options
    assert isinstance(first, TokenListOptions)
    assert isinstance(second, TokenListOptions)
    assert (first.several_tokens, first.leading_space) == ("mean", "auto")
    assert (second.several_tokens, second.leading_space) == ("refuse", False)
    assert first.words == second.words
    assert sets["again"].description == load_feature_set("weekdays").description
    assert (sets["text_features"].n_samples, sets["text_features"].n_sequences) == (50, 400)


def test_a_set_file_is_found_beside_the_study_and_its_paths_beside_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # relative to neither of the two files
    text = tmp_path / "deep" / "sets" / "text.txt"
    people = tmp_path / "deep" / "people.csv"
    text.parent.mkdir(parents=True)
    text.write_text("some text", encoding="utf-8")
    people.write_text("name,label\n", encoding="utf-8")
    (tmp_path / "deep" / "sets" / "mine.toml").write_text('builder = "text_features"\ncorpus = "text.txt"\n')
    (tmp_path / "deep" / "sets" / "people.toml").write_text(
        'builder = "entities"\nentities = "../people.csv"\n'
    )
    sets = study_sets(
        tmp_path / "deep",
        '[datasets.a]\nset = "sets/mine.toml"\nctx_len = 16\n[datasets.b]\nset = "sets/people.toml"\n',
    )
    assert sets["a"].corpus == CorpusSpec("text", str(text))
    assert (sets["a"].ctx_len, sets["a"].name) == (16, "a")
    options = sets["b"].options
    assert isinstance(options, EntityOptions)
    assert options.entities == str(people)
    assert load_feature_set("deep/sets/mine.toml").corpus.path == str(text)


def test_the_mistake_of_a_set_file_names_that_file_not_the_study(tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text('builder = "tokens"\nfeatures = {a = "x"}\n', encoding="utf-8")
    with pytest.raises(InputError) as caught:
        study_sets(tmp_path, '[datasets.mine]\nset = "other.toml"\n')
    assert checked(str(caught.value), other) == "features: holds 1; at least 2 are needed"
    other.write_text('builder = "text_features"\n', encoding="utf-8")
    said = study_refusal(tmp_path, '[datasets.mine]\nset = "other.toml"\nctx_len = 2\n')
    assert said == "datasets.mine.ctx_len: 2 must be at least 8"
    assert "set: 'othr.toml' is no feature set" in study_refusal(
        tmp_path, '[datasets.m]\nset = "othr.toml"\n'
    )


def test_a_set_may_stand_on_another_but_not_on_itself(tmp_path: Path) -> None:
    spec = set_of(tmp_path, 'set = "weekdays"\nseveral_tokens = "mean"\ndescription = "Days"')
    assert isinstance(spec.options, TokenListOptions)
    assert (len(spec.options.words), spec.options.several_tokens) == (7, "mean")
    sets = study_sets(tmp_path, '[datasets.days]\nset = "mine.toml"\nseed = 3\n')
    assert (sets["days"].options, sets["days"].seed) == (spec.options, 3)
    assert sets["days"].description == "Days"
    set_of(tmp_path, "description = 'Own words for it'", "weekdays.toml")  # the bundled set of that name
    said = refusal(tmp_path, 'set = "mine.toml"')
    assert said == "set: 'mine.toml' stands on itself; give a builder"
    (tmp_path / "other.toml").write_text('set = "mine.toml"\n')
    assert "set: 'other.toml' stands on itself" in refused_chain(tmp_path)


def refused_chain(folder: Path) -> str:
    (folder / "mine.toml").write_text('set = "other.toml"\n')
    with pytest.raises(InputError) as caught:
        load_feature_set(str(folder / "mine.toml"))
    return str(caught.value)


def test_names_win_over_what_lies_beside_the_file(tmp_path: Path) -> None:
    for name in ("occupation", "stdlib", "wiki"):
        (tmp_path / name).mkdir()
    people = set_of(tmp_path, 'builder = "entities"\nentities = "occupation"').options
    assert isinstance(people, EntityOptions)
    assert people.entities == "occupation"
    assert set_of(tmp_path, 'builder = "text_features"\ncorpus = "stdlib"').corpus.kind == "stdlib"
    assert set_of(tmp_path, 'builder = "text_features"\ncorpus = "wiki"').corpus.path == str(
        tmp_path / "wiki"
    )
    sets = study_sets(
        tmp_path,
        '[corpora.wiki]\npath = "other.txt"\n[corpora.both]\nparts = { a = "wiki", b = "stdlib" }\n'
        '[corpora.lib]\npath = "stdlib"\n'
        '[datasets.a]\nbuilder = "text_features"\ncorpus = "wiki"\n'
        '[datasets.b]\nbuilder = "text_features"\ncorpus = "both"\n'
        '[datasets.c]\nbuilder = "text_features"\ncorpus = "lib"\n',
    )
    assert sets["a"].corpus == CorpusSpec("text", "other.txt")
    assert sets["c"].corpus == CorpusSpec("stdlib")
    assert dict(sets["b"].corpus.parts) == {"a": CorpusSpec("text", "other.txt"), "b": CorpusSpec("stdlib")}


def test_a_bundled_set_is_never_shadowed_by_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weekdays.toml").write_text('builder = "text_features"\n')
    assert load_feature_set("weekdays").builder == "token_list"
    assert load_feature_set("weekdays.toml").builder == "text_features"
    assert load_feature_set("./weekdays.toml").builder == "text_features"
    bundled = set_file("weekdays")
    assert bundled is not None
    assert bundled.parent.name == "feature_sets"


# --- corpora ------------------------------------------------------------------------------------------------


def test_corpora_by_name_as_tables_and_as_unions(tmp_path: Path) -> None:
    (tmp_path / "lang.jsonl").write_text("{}\n", encoding="utf-8")
    sets = study_sets(
        tmp_path,
        """
[corpora.lang]
path = "lang.jsonl"
text_key = "content"
label_key = "language"
max_documents = 9
[corpora.pile]
path = "hub:owner/pile"
max_documents = 100
split = "train"
config = "all"
revision = "abc"
[corpora.mix]
max_documents = 7
[corpora.mix.parts]
law = "stdlib"
web = "pile"
code = { path = "lang.jsonl", label_key = "kind" }
[datasets.natural_language]
corpus = "lang"
[datasets.text_distribution]
corpus = "mix"
[datasets.inline]
builder = "documents"
corpus = { path = "lang.jsonl", label_key = "kind" }
[datasets.flat]
builder = "documents"
corpus = "lang.jsonl"
label_key = "kind"
""",
    )
    path = str(tmp_path / "lang.jsonl")
    pile = CorpusSpec("hub", "owner/pile", max_documents=100, split="train", config="all", revision="abc")
    kind = CorpusSpec("text", path, label_key="kind")
    assert sets["natural_language"].corpus == CorpusSpec("text", path, "content", 9, "language")
    union = sets["text_distribution"].corpus
    assert union.parts == (("law", CorpusSpec("stdlib")), ("web", pile), ("code", kind))
    assert (union.kind, union.max_documents, union.label) == ("union", 7, "law+web+code")
    assert sets["inline"].corpus == sets["flat"].corpus == kind


def test_a_study_that_names_another_text_gives_the_keys_of_it(tmp_path: Path) -> None:
    head = '[corpora.code]\npath = "code.jsonl"\nlabel_key = "project"\n[datasets.python_package]\n'
    sets = study_sets(tmp_path, f'{head}corpus = "code"\n')
    assert sets["python_package"].corpus == CorpusSpec("text", "code.jsonl", label_key="project")
    sets = study_sets(tmp_path, f'{head}corpus = {{ path = "other.jsonl" }}\n')
    assert sets["python_package"].corpus == CorpusSpec("text", "other.jsonl")
    sets = study_sets(tmp_path, f'{head}corpus = "folder"\n')  # a plain path keeps the set's keys
    assert sets["python_package"].corpus == CorpusSpec("text", "folder", label_key="folder")
    said = study_refusal(tmp_path, f'{head}corpus = "code"\nlabel_key = "x"\n')
    assert said == (
        "datasets.python_package.label_key: does not apply here; set it in [corpora.code], which has the text"
    )


def test_a_study_may_go_back_from_sentences_to_prompts(tmp_path: Path) -> None:
    news = 'builder = "entities"\nentities = "occupation"\ncontexts = "sentences"\ncorpus = "news.jsonl"\n'
    assert set_of(tmp_path, news).corpus.path == "news.jsonl"
    sets = study_sets(tmp_path, '[datasets.a]\nset = "mine.toml"\ncontexts = "templates"\n')
    assert sets["a"].corpus == CorpusSpec("none")


def test_a_set_file_may_leave_the_text_to_the_study(tmp_path: Path) -> None:
    spec = set_of(tmp_path, 'builder = "documents"\nlabel_key = "lang"\nclasses = ["en", "fr"]')
    assert spec.corpus == CorpusSpec("none")
    said = study_refusal(tmp_path, '[datasets.a]\nset = "mine.toml"\n')
    assert said.startswith("datasets.a.corpus: is missing; name the text")
    sets = study_sets(tmp_path, '[datasets.a]\nset = "mine.toml"\ncorpus = "x.jsonl"\n')
    assert sets["a"].corpus == CorpusSpec("text", "x.jsonl", label_key="lang")
    needs = set_of(tmp_path, 'builder = "text_features"\nneeds_corpus = true')
    assert needs.corpus == CorpusSpec("none")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[corpora.stdlib]\npath = 'x'", "corpora.stdlib.: is the name of the standard library"),
        ("[corpora.a]", "corpora.a.path: is missing"),
        ("[corpora]\na = 5", "corpora.a: 5 is not a table"),
        ("[corpora.a]\npath = 5", "corpora.a.path: 5 is not text"),
        ("[corpora.a]\npath = ''", "corpora.a.path: a text or hub corpus has a path"),
        ("[corpora.a]\npath = 'x'\nlabelkey = 'y'", "corpora.a.labelkey: unknown key; allowed: config, "),
        ("[corpora.a]\npath = 'x'\nmax_documents = -1", "corpora.a.max_documents: -1 must be at least 0"),
        ("[corpora.a]\npath = 'hub:x/y'", "corpora.a.max_documents: 0 would read a whole data set"),
        ("[corpora.a]\nparts = ['x']", "corpora.a.parts: ['x'] is not a table"),
        ("[corpora.a]\nparts = {}", "corpora.a.parts: a union has parts"),
        ("[corpora.a]\nparts = {b = 'x'}\nlabel_key = 'y'", "corpora.a.label_key: unknown key"),
        ("[corpora.a]\nparts = {b = {pth = 'x'}}", "corpora.a.parts.b.path: is missing"),
    ],
)
def test_mistakes_in_corpora(text: str, said: str, tmp_path: Path) -> None:
    message = study_refusal(tmp_path, f"{text}\n[datasets.text_features]\n")
    assert message.replace("stdlib.:", "stdlib:").startswith(said.replace("stdlib.:", "stdlib:")), message


@pytest.mark.parametrize("name", ["natural_language", "part_of_speech", "latex_syntax", "compound_words"])
def test_sets_of_text_that_does_not_ship_ask_for_it(name: str, tmp_path: Path) -> None:
    said = study_refusal(tmp_path, f"[datasets.{name}]\n")
    start = f"datasets.{name}.corpus: is missing; name the text: "
    assert said == f"{start}a file, a folder, hub:owner/name or one of [corpora]"


def test_the_order_of_keys_says_nothing(tmp_path: Path) -> None:
    make: Callable[[str], DatasetSpec] = lambda text: set_of(tmp_path, text)  # noqa: E731 (short)
    assert make('seed = 1\nbuilder = "text_features"') == make('builder = "text_features"\nseed = 1')
