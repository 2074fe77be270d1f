"""Builders from elsewhere, by reference and through entry points: from a study file to probes; mistakes."""

from __future__ import annotations

import importlib
import json
import pickle
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_study

from superpos.cli.dataset_sources import known_features, source_of
from superpos.datasets.alignment import align_ids, seen_text
from superpos.datasets.build import build_dataset, dataset_identity
from superpos.datasets.imported import imported_identity, read_imported
from superpos.datasets.tokens import load_tokens
from superpos.db.engine import Database
from superpos.db.results import Results
from superpos.errors import ArgumentError, InputError
from superpos.kinds import Register
from superpos.kinds.builders import BUILDERS, Builder, NoOptions
from superpos.kinds.options import field_meanings
from superpos.models import bundled_model
from superpos.specs.datasets import DatasetSpec
from superpos.specs.feature_sets import load_feature_set
from superpos.specs.studyfile import load_study
from superpos.stages.plan import plan_study

NANO = bundled_model("nano")
FUNCTIONS = '''
import re
from pathlib import Path

def words(text, *, ignore_case: bool = False, more: tuple[str, ...] = ()):
    """Words of Python.

    In two paragraphs.
    """
    flags = re.IGNORECASE if ignore_case else 0
    def places(word):
        return [match.span() for match in re.finditer(word, text, flags)]

    found = {name: places(rf"\\b{name}\\b") for name in words.features}
    found["self"] += [place for word in more for place in places(word)]
    return found

words.features = ("self", "return", "if")

def edges(text, tokens, lexicon="", size: int = 3):
    names = Path(lexicon).read_text().split() if lexicon else []
    if "import sys" in text:
        return None
    return [[end - start > size, text[start:end].strip() in names] for start, end in tokens]

edges.features = ["long", "listed"]
edges.files = ("lexicon",)
'''
RECORDS = """
from dataclasses import dataclass
import numpy as np
from superpos.kinds.builders import Builder

@dataclass(frozen=True)
class Told:
    width: int
    \"\"\"Numbers of a vector.\"\"\"
    scale: float = 1.0
    names: tuple[str, ...] = ("a", "b", "c")

def rows(spec):
    told = spec.told(Told)
    return told.names, told.scale * np.arange(1.0, 1.0 + 3 * told.width).reshape(3, told.width)

KIND = Builder(
    name="ramps", version=2, meaning="Ramps.", feature="a ramp", samples="none", options=Told, rows=rows
)
"""


MODULES = ("mysets", "myramps", "broken")


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path with modules of somebody's own; what they leave in the register is forgotten."""
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "mysets.py").write_text(FUNCTIONS, encoding="utf-8")
    (folder / "myramps.py").write_text(RECORDS, encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(BUILDERS, "_found", dict(BUILDERS._found))
    for name in MODULES:
        sys.modules.pop(name, None)
    yield folder
    for name in MODULES:
        sys.modules.pop(name, None)


def set_of(folder: Path, text: str) -> DatasetSpec:
    file = folder / "mine.toml"
    file.write_text(text, encoding="utf-8")
    return load_feature_set(str(file))


def words_set(folder: Path, corpus: Path, more: str = "") -> DatasetSpec:
    sizes = "n_sequences = 30\nctx_len = 32\nn_samples = 200\nmin_positives = 5\n"
    return set_of(folder, f"builder = 'mysets:words'\ncorpus = '{corpus}'\n{sizes}{more}")


# --- what a function says -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("mine")
def test_a_function_of_the_text(tmp_path: Path, tiny_corpus: Path) -> None:
    spec = words_set(tmp_path, tiny_corpus, "more = ['elf']\nignore_case = true\n")
    assert asdict(spec.options) == {"ignore_case": True, "more": ("elf",)}
    assert (spec.kind.meaning, spec.reads_corpus, spec.has_probes) == ("Words of Python.", True, True)
    assert known_features(spec) == ("self", "return", "if")
    assert source_of(spec) == str(tiny_corpus)
    tokens = build_dataset(spec, NANO)
    assert tokens.feature_names == ("self", "return", "if")
    table = load_tokens(NANO)
    sampled = tokens.token_ids[tokens.sequence_starts[tokens.sample_sequences] + tokens.sample_positions]
    texts = [table.token_bytes[index].decode("utf-8", "replace").strip() for index in sampled]
    assert tokens.labels.sum(axis=0).min() >= 5
    for text, (is_self, is_return, is_if) in zip(texts, tokens.labels.tolist(), strict=True):
        if text in ("self", "return", "if"):
            assert (is_self, is_return, is_if) == (text == "self", text == "return", text == "if")
    assert tokens.provenance["spans"]["self"] > 0


@pytest.mark.usefixtures("mine")
def test_a_function_of_the_tokens(tmp_path: Path, tiny_corpus: Path) -> None:
    (tmp_path / "lexicon.txt").write_text("self return", encoding="utf-8")
    sizes = "n_sequences = 20\nctx_len = 32\nn_samples = 100\n"
    text = f"builder = 'mysets:edges'\ncorpus = '{tiny_corpus}'\nlexicon = 'lexicon.txt'\nsize = 4\n{sizes}"
    spec = set_of(tmp_path, text)
    assert spec.options.lexicon == str(tmp_path / "lexicon.txt")  # beside the file, as every path
    tokens = build_dataset(spec, NANO)
    table = load_tokens(NANO)
    assert tokens.provenance["documents_not_labelled"] > 0  # those of None
    sampled = tokens.token_ids[tokens.sequence_starts[tokens.sample_sequences] + tokens.sample_positions]
    for index, (is_long, listed) in zip(sampled, tokens.labels.tolist(), strict=True):
        text = table.token_bytes[index].decode("utf-8", "replace")
        assert is_long == (len(text) > 4)
        assert listed == (text.strip() in ("self", "return"))


@pytest.mark.usefixtures("mine")
def test_places_of_characters_that_several_bytes_write(tmp_path: Path) -> None:
    text = "déjà vu: self — naïve return, se\u0301lf"
    seen = seen_text(text, load_tokens(NANO))
    aligned = align_ids(seen, load_tokens(NANO).encode(text), load_tokens(NANO))
    assert aligned is not None
    (tmp_path / "text").mkdir()
    for number in range(3):
        (tmp_path / "text" / f"{number}.txt").write_text(f"{text} {number} " * 9, encoding="utf-8")
    spec = set_of(
        tmp_path,
        f"builder = 'mysets:words'\ncorpus = '{tmp_path / 'text'}'\n"
        "n_sequences = 3\nctx_len = 64\nn_samples = 100\nmin_positives = 0\n",
    )
    tokens = build_dataset(spec, NANO)
    column = tokens.labels[:, tokens.feature_names.index("self")]
    table = load_tokens(NANO)
    sampled = tokens.token_ids[tokens.sequence_starts[tokens.sample_sequences] + tokens.sample_positions]
    found = {table.token_bytes[index].decode("utf-8", "replace").strip() for index in sampled[column]}
    assert found
    assert all(piece in "self" for piece in found)


def test_keys_carry_the_source_and_the_files(mine: Path, tmp_path: Path, tiny_corpus: Path) -> None:
    spec = words_set(tmp_path, tiny_corpus)
    identity = dataset_identity(spec, NANO)
    assert identity["kind"]["from"].startswith("mysets sha256:")
    assert identity["builder"]["options"] == {"ignore_case": False, "more": ()}
    assert "kind" not in dataset_identity(DatasetSpec("t", "text_features", spec.corpus), NANO)
    (mine / "mysets.py").write_text(FUNCTIONS + "\n# another\n", encoding="utf-8")
    BUILDERS._found.pop("mysets:words")
    assert dataset_identity(words_set(tmp_path, tiny_corpus), NANO)["kind"] != identity["kind"]
    lexicon = tmp_path / "lexicon.txt"
    digests = []
    for content in ("self", "return"):
        lexicon.write_text(content, encoding="utf-8")
        told = set_of(
            tmp_path, f"builder = 'mysets:edges'\ncorpus = '{tiny_corpus}'\nlexicon = '{lexicon}'\n"
        )
        digests.append(dataset_identity(told, NANO)["builder"]["options"]["lexicon"])
    assert digests[0] != digests[1]
    assert {len(digest) for digest in digests} == {64}


@pytest.mark.usefixtures("mine")
def test_a_specification_travels(tmp_path: Path, tiny_corpus: Path) -> None:
    spec = words_set(tmp_path, tiny_corpus, "more = ['a', 'b']\n")
    assert pickle.loads(pickle.dumps(spec)) == spec  # noqa: S301 (our own)
    assert DatasetSpec.from_json(json.loads(json.dumps(asdict(spec)))) == spec
    BUILDERS._found.pop("mysets:words")  # as in a worker, which has made no record yet
    assert asdict(pickle.loads(pickle.dumps(spec))) == asdict(spec)  # noqa: S301


# --- from a study to probes ---------------------------------------------------------------------------------


def install(folder: Path, distribution: str, entries: str) -> None:
    info = folder / f"{distribution.replace('-', '_')}-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.5\n")
    (info / "entry_points.txt").write_text(f"[superpos.builders]\n{entries}\n")
    importlib.invalidate_caches()


@pytest.fixture
def installed(mine: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The modules as a distribution; the register looks for entry points anew."""
    install(mine, "my-sets", "python_words = mysets:words\nramps = myramps:KIND")
    for name in ("_scanned", "_modules"):
        monkeypatch.delitem(BUILDERS.__dict__, name, raising=False)
    return mine


@pytest.mark.usefixtures("installed")
def test_from_a_study_to_probes(
    tmp_path: Path,
    tiny_corpus: Path,
    tiny_model: Path,
    new_database: Callable[[str], Database],
) -> None:
    sizes = "n_sequences = 40\nctx_len = 32\nn_samples = 240\nmin_positives = 25\n"
    (tmp_path / "study.toml").write_text(
        f"[models.tiny]\nname = '{tiny_model}'\n"
        f"[datasets.entry]\nbuilder = 'python_words'\ncorpus = '{tiny_corpus}'\n{sizes}"
        f"[datasets.named]\nbuilder = 'mysets:words'\ncorpus = '{tiny_corpus}'\nignore_case = true\n{sizes}"
        "[datasets.ramps]\nbuilder = 'ramps'\nwidth = 4\nscale = 2\n"
        "[[blocks]]\nlayers = [0]\n",
        encoding="utf-8",
    )
    plan = plan_study(load_study(tmp_path / "study.toml"))
    database = new_database("sets")
    tiny_study.run_tiny(database, plan, stages=("datasets", "activations", "probes", "psms"))
    frame = Results(database).frame("probe_results", study="study")
    assert set(frame["dataset"]) == {"entry", "named"}
    assert set(frame["feature"]) == {"self", "return", "if"}
    assert (frame["status"] == "converged").all()
    psms = Results(database).frame("psm_results", study="study")
    assert set(psms["dataset"]) == {"entry", "named", "ramps"}
    again = plan_study(load_study(tmp_path / "study.toml"))
    assert [one.key for one in again.datasets] == [one.key for one in plan.datasets]


@pytest.mark.usefixtures("installed")
def test_a_record_of_vectors(tmp_path: Path) -> None:
    assert BUILDERS.names()[-2:] == ("python_words", "ramps")
    spec = set_of(tmp_path, "builder = 'ramps'\nwidth = 2\nscale = 3\n")
    names, values = read_imported(spec)
    assert names == ("a", "b", "c")
    np.testing.assert_array_equal(values, [[3.0, 6.0], [9.0, 12.0], [15.0, 18.0]])
    assert imported_identity(spec)["kind"] == {"from": "my-sets 1.5", "version": 2}
    words = set_of(tmp_path, "builder = 'python_words'\n")
    assert dataset_identity(words, NANO)["kind"] == {"from": "my-sets 1.5", "version": 1}


# --- bad input: one line that names package and kind --------------------------------------------------------

TAKES = "parameters: are {}; a builder's function takes (text) or (text, tokens), and options by their names"
NAMED = "f.features = ('a', 'b')"
BROKEN = [
    ("def f(text): ...", "features: are not named; give the function their names: f.features = "),
    ("def f(text): ...\nf.features = 'ab'", "features: are not named"),
    ("def f(text): ...\nf.features = ('a',)", "features: holds 1; at least 2 are needed"),
    ("def f(text): ...\nf.features = ('a', 'a')", "features: 'a' occurs twice"),
    (f"def f(): ...\n{NAMED}", TAKES.format("()")),
    (f"def f(*, text): ...\n{NAMED}", TAKES.format("(*, text)")),
    (f"def f(text=''): ...\n{NAMED}", TAKES.format("(text='')")),
    (f"def f(text, **more): ...\n{NAMED}", TAKES.format("(text, **more)")),
    (f"def f(text, *, x: set = 1): ...\n{NAMED}", "x: has the annotation set, which no study file fills"),
    (f"def f(text, *, x: 'Gone' = 1): ...\n{NAMED}", "parameters: cannot be read (NameError: "),
    (f"def f(text, *, seed=1): ...\n{NAMED}", "its option seed is a key of every set"),
    (f"def f(text): ...\n{NAMED}\nf.files = 'x'", "options: OptionsOfF has no field x"),
    ("import no_such_module", "cannot be imported: ModuleNotFoundError: No module named 'no_such_module'"),
    ("raise RuntimeError('broken\\nin two')", "cannot be imported: RuntimeError: broken"),
    ("g = 1", "cannot be imported: AttributeError: module 'broken' has no attribute 'f'"),
    ("f = 7", "is no Builder, but int"),
    ("from superpos.kinds.builders import Builder as f", "is no Builder, but type"),
]


@pytest.mark.parametrize(("source", "said"), BROKEN)
def test_a_function_that_is_no_builder(source: str, said: str, mine: Path, tmp_path: Path) -> None:
    (mine / "broken.py").write_text(source, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        set_of(tmp_path, "builder = 'broken:f'\n")
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'mine.toml'}: builder: ")
    assert "'broken:f'" in message
    assert said in message
    assert "\n" not in message


def test_an_entry_point_that_is_no_builder_names_its_package(installed: Path, tmp_path: Path) -> None:
    (installed / "mysets.py").write_text("def words(text):\n    return {}\n", encoding="utf-8")
    said = r"builder: my-sets 1\.5: builder 'python_words' \(mysets:words\): features: are not named"
    with pytest.raises(InputError, match=said):
        set_of(tmp_path, "builder = 'python_words'\n")


ANSWERS = [
    ("text", "[1]", "returns list; a function of the text returns a dict of places by feature"),
    ("text", "{'c': []}", "'c' is no feature of it; allowed: a, b"),
    ("text", "{'a': 3}", "a: 3 is no list of places"),
    ("text", "{'a': [3]}", "a: 3 is no place (start, end)"),
    ("text", "{'a': [(1, 2, 3)]}", "a: (1, 2, 3) is no place (start, end)"),
    ("text", "{'a': [(0.5, 2)]}", "a: (0.5, 2) is no place (start, end)"),
    ("text", "{'a': [(5, 4)]}", "a: (5, 4) lies outside of the text, which has "),
    ("text", "{'a': [(0, 10**9)]}", "a: (0, 1000000000) lies outside of the text"),
    ("text", "1 / 0", "ZeroDivisionError: division by zero (broken.py, line 2)"),
    ("text, tokens", "[[True]]", "labels have the shape (1, 1); ("),
    ("text, tokens", "[[True], [True, False]]", "labels are no array"),
    ("text, tokens", "[[2, 0]] * len(tokens)", "labels are not all true or false, 1 or 0"),
    ("text, tokens", "[['x', 'y']] * len(tokens)", "labels are not all true or false, 1 or 0"),
]


@pytest.mark.parametrize(("takes", "answer", "said"), ANSWERS)
def test_an_answer_that_labels_nothing(
    takes: str, answer: str, said: str, mine: Path, tmp_path: Path, tiny_corpus: Path
) -> None:
    source = f"def f({takes}):\n    return {answer}\nf.features = ('a', 'b')\n"
    (mine / "broken.py").write_text(source, encoding="utf-8")
    spec = set_of(tmp_path, f"builder = 'broken:f'\ncorpus = '{tiny_corpus}'\n")
    with pytest.raises(InputError) as caught:
        build_dataset(spec, NANO)
    message = str(caught.value)
    assert re.match(r"builder broken:f: document \S+: ", message)
    assert said in message
    assert "\n" not in message


KEYS = [
    ("mor = ['x']", "mor: unknown key; allowed: builder, "),
    ("ignore_case = 1", "ignore_case: 1 is not true or false"),
    ("more = [3]", "more[0]: 3 is not text"),
]


@pytest.mark.usefixtures("mine")
@pytest.mark.parametrize(("line", "said"), KEYS)
def test_keys_of_a_function_are_checked(line: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        set_of(tmp_path, f"builder = 'mysets:words'\n{line}\n")
    assert str(caught.value).startswith(f"{tmp_path / 'mine.toml'}: {said}")


def builder(**changes: Any) -> Builder:
    values: dict[str, Any] = {"name": "x", "version": 1, "meaning": "X.", "feature": "an x"}
    return Builder(**{**values, **changes})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "functions: has none; give one of text_labels, build, recorded, words, rows"),
        ({"rows": len, "build": len}, "functions: has build and rows; give one of"),
        ({"rows": len, "options": int}, "options: <class 'int'> is no dataclass"),
        ({"rows": len, "meaning": " "}, "meaning: is empty"),
    ],
)
def test_records_that_are_no_builder(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        builder(**changes)
    assert str(caught.value).startswith(said)


def takes_none() -> None: ...
def takes_one(_spec: object) -> None: ...
def takes_two(_spec: object, _table: object) -> None: ...


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rows": takes_none}, "rows: takes (), but it is called with (spec)"),
        ({"build": takes_one}, "build: takes (_spec), but it is called with (spec, table)"),
        ({"text_labels": takes_two}, "text_labels: takes (_spec, _table), but it is called with"),
        ({"words": takes_two}, "options: NoOptions has no field words"),
        ({"rows": 7}, "rows: 7 is no function; it is called with (spec)"),
        ({"build": takes_two, "similarity": takes_one}, "similarity: belongs to `rows`"),
    ],
)
def test_records_whose_functions_cannot_be_called(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        builder(**changes).check()
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("(('a', 'b'), np.zeros((2, 3)))", "rows: row 0 is all zero and has no direction"),
        ("(('a', 'b'), np.ones((3, 3)))", "names: 2 names for 3 rows"),
        ("(('a', 'a'), np.ones((2, 3)))", "names: 'a' occurs twice"),
        ("(('a', 'b'), [[1, float('nan')], [1, 1]])", "rows: "),
        ("7", "returns int; names and rows are needed"),
    ],
)
def test_rows_of_a_builder_from_elsewhere_are_checked(
    rows: str, said: str, mine: Path, tmp_path: Path
) -> None:
    source = re.sub("return told.*", f"return {rows}", RECORDS)
    (mine / "myramps.py").write_text(source, encoding="utf-8")
    spec = set_of(tmp_path, "builder = 'myramps:KIND'\nwidth = 4\n")
    with pytest.raises(InputError, match=re.escape(said)) as caught:
        read_imported(spec)
    assert str(caught.value).startswith("datasets.mine: builder myramps:KIND: ")


# --- our own ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(BUILDERS), ids=lambda kind: kind.name)
def test_own_kinds_would_pass_as_kinds_from_elsewhere(kind: Builder) -> None:
    fresh: Register[Builder] = Register(
        "builder", Builder, package="superpos.datasets.builders", group="tests.builders"
    )
    assert fresh.get(kind.name) is kind
    assert BUILDERS.identity(kind.name) == {}
    if kind.read is None:
        kind.check()
    assert kind.keys or kind.options is NoOptions
    assert set(kind.files) <= {key.name for key in kind.keys}
    assert set(field_meanings(kind.options)) == {key.name for key in kind.keys}  # which the pages need
