"""The page of feature sets: every set and builder is there, and what it tells people to write works."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from superpos.cli.dataset_sources import known_features
from superpos.datasets.build import build_dataset
from superpos.datasets.builders.documents import DocumentOptions
from superpos.datasets.builders.entities import EntityOptions
from superpos.datasets.builders.tokens import TokenOptions
from superpos.datasets.source_listing import listed_sets
from superpos.datasets.sources import load_corpus
from superpos.datasets.tokens import TokenTable, load_tokens
from superpos.errors import InputError
from superpos.kinds.builders import BUILDERS
from superpos.models import bundled_model
from superpos.records.data import LabelledTokens
from superpos.specs.datasets import CorpusSpec, DatasetSpec
from superpos.specs.feature_sets import bundled_sets, load_feature_set, load_source_set
from superpos.specs.set_sources import SetSource, load_source, set_sources
from superpos.specs.studyfile import load_study
from tools import feature_set_doc
from tools.feature_set_samples import CLASSES, CORPORA

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "feature-sets.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Every TOML block of the page in a file of the name that its first line says; its module on the path."""
    files: dict[str, Path] = {}
    (module,) = [code for code in blocks("python") if code.startswith("# mysets.py\n")]
    (tmp_path / "mysets.py").write_text(module, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "mysets", raising=False)
    monkeypatch.setattr(BUILDERS, "_found", dict(BUILDERS._found))
    for block in blocks("toml"):
        name = re.match(r"# (\w+\.toml)\n", block)
        assert name is not None, block
        assert name[1] not in files
        files[name[1]] = tmp_path / name[1]
        files[name[1]].write_text(block, encoding="utf-8")
    return files


@pytest.fixture(scope="module")
def table() -> TokenTable:
    return load_tokens(bundled_model("nano"))


def sets_of(files: dict[str, Path]) -> dict[str, DatasetSpec]:
    own = {name: path for name, path in files.items() if not name.startswith(("study", "source"))}
    return {name: load_feature_set(str(path)) for name, path in own.items()}


def test_the_page_names_every_set_and_every_builder() -> None:
    for name in bundled_sets():
        assert f"| `{name}` | `{load_feature_set(name).builder}` |" in PAGE
        assert f"### `{name}`\n" in PAGE or f"\n| `{name}` | " in PAGE.split("matrix rows are directions")[1]
    for builder in BUILDERS:
        assert f"\n| `{builder.name}` | {builder.feature} | {builder.samples} |" in PAGE


def test_set_files_of_the_page(written: dict[str, Path]) -> None:
    specs = sets_of(written)
    assert {spec.builder for spec in specs.values()} <= {*BUILDERS.names(), "mysets:seasons"}
    assert len({spec.builder for spec in specs.values()}) >= 14
    assert known_features(specs["seasons.toml"]) == ("spring", "summer", "autumn", "winter")
    assert specs["seasons.toml"].options.ignore_case
    tokens = specs["grammar.toml"].options
    assert isinstance(tokens, TokenOptions)
    assert [feature.name for feature in tokens.features] == ["article", "loop", "number", "dunder"]
    people = specs["instruments.toml"].options
    assert isinstance(people, EntityOptions)
    assert (people.label_column, len(people.templates), people.contexts_per_name) == ("instrument", 2, 2)
    news = specs["politicians_in_the_news.toml"]
    assert news.reads_corpus
    assert news.corpus.path.endswith("news.jsonl")


def test_the_studies_of_the_page(written: dict[str, Path]) -> None:
    studies = {name: load_study(path) for name, path in written.items() if name.startswith("study")}
    assert len(studies) == 5
    divided = {spec.name: spec.corpus for spec in studies["study_of_articles.toml"].datasets}
    assert [(one.documents, one.heading) for one in divided.values()] == [("heading", ""), ("heading", "# ")]
    first = {spec.name: spec for spec in studies["study.toml"].datasets}
    assert (first["grammar"].builder, first["grammar"].n_samples) == ("tokens", 2000)
    texts = {spec.name: spec.corpus for spec in studies["study_of_texts.toml"].datasets}
    assert [name for name, _ in texts["text_distribution"].parts] == ["web", "code", "notes"]
    assert (texts["compound_words"].kind, texts["compound_words"].max_documents) == ("hub", 5000)
    probing = {spec.name: spec for spec in studies["study_of_probing_data.toml"].datasets}
    assert {spec.builder for spec in probing.values()} == {"labelled_texts"}
    assert probing["high_school"].options.file.endswith("/65_high-school.csv.zst")
    assert (len(probing["compound_words"].options.files), len(probing["truth"].options.files)) == (21, 8)
    assert probing["latitude"].options.bins == (0.25, 0.5, 0.75)
    assert probing["ag_news"].options.max_rows == 5000
    block = studies["study_of_spans.toml"].blocks[0]
    assert (block.poolings, block.fit_two_classes) == (("max", "mean", "last"), True)


def test_the_source_of_the_page_is_one(written: dict[str, Path], tmp_path: Path) -> None:
    source = load_source(str(written["source_of_reviews.toml"]))
    assert source.distribution == "shop-reviews"
    for name in ("reviews_books", "reviews_shoes", "reviews_hats"):
        (tmp_path / f"{name}.csv").write_text("review,stars,returned\n", encoding="utf-8")
    departments = load_source_set(source, "departments", str(tmp_path)).options
    assert [(one.name, Path(one.file).name) for one in departments.files] == [
        ("books", "reviews_books.csv"),
        ("shoes", "reviews_shoes.csv"),
    ]
    assert (departments.label_key, departments.bins) == ("returned", ())
    hats = load_source_set(source, "reviews_hats", str(tmp_path)).options
    assert (hats.text_key, hats.label_key, hats.bins) == ("review", "stars", (0.5,))


def test_the_page_names_every_source() -> None:
    for name in set_sources():
        assert f"\n| `{name}` | " in PAGE


def test_counts_of_sources_are_those_of_the_package() -> None:
    source = load_source(feature_set_doc.SOURCE)
    try:
        source.files()
    except InputError:
        pytest.skip("sae-probes is not installed")
    names = ("political_party", "athlete_sport", "us_state", "disease_class")
    sets = list(listed_sets(source, only=names))
    assert set(feature_set_doc.rows_table(sets).splitlines()) <= set(PAGE.splitlines())
    assert set(feature_set_doc.thesis_tables(sets[:2]).splitlines()) <= set(PAGE.splitlines())


def test_counts_stay_where_the_package_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise InputError("not installed")

    monkeypatch.setattr(SetSource, "files", refuse)
    parts = feature_set_doc.source_parts(PAGE)
    assert sorted(parts) == ["several", "thesis"]
    whole = dict.fromkeys((match[2] for match in feature_set_doc.REGION.finditer(PAGE)), "x")
    filled = feature_set_doc.filled(PAGE, whole | parts)
    for name in parts:
        assert region(filled, name) == region(PAGE, name)


def region(page: str, name: str) -> str:
    return page.split(f"<!-- generated: {name} -->")[1].split("<!-- end -->", maxsplit=1)[0]


@pytest.mark.parametrize("name", ["grammar.toml", "addresses.toml", "phrases.toml", "packages.toml"])
def test_sets_of_the_page_that_need_nothing_find_their_features(name: str, written: dict[str, Path]) -> None:
    spec = load_feature_set(str(written[name]))
    folders = ("json", "email", "unittest")
    corpus = load_corpus(spec.corpus)
    keep = tuple(
        document
        for number, document in enumerate(corpus.documents)
        if number % 8 == 0 or document.name.startswith(folders)
    )
    corpus = type(corpus)(keep, corpus.digest, corpus.provenance)
    small = {"n_sequences": 120, "n_samples": 300, "min_positives": 3}
    tokens = build_dataset(DatasetSpec(**{**fields_of(spec), **small}), bundled_model("nano"), corpus)
    assert (tokens.labels.sum(axis=0) > 0).all()
    assert all(example is not None for example in tokens.examples)


def fields_of(spec: DatasetSpec) -> dict[str, Any]:
    return {name: getattr(spec, name) for name in DatasetSpec.__dataclass_fields__}


def test_the_python_of_the_page_runs(table: TokenTable) -> None:
    (code,) = [code for code in blocks("python") if "tokens = " in code]
    space: dict[str, Any] = {}
    exec(compile(code, "feature-sets.md", "exec"), space)  # noqa: S102 (the page's own example)
    tokens = space["tokens"]
    assert isinstance(tokens, LabelledTokens)
    places = tokens.sequence_starts[tokens.sample_sequences] + tokens.sample_positions
    lengths = np.array([len(table.token_bytes[index]) for index in tokens.token_ids[places]])
    np.testing.assert_array_equal(tokens.labels, np.column_stack([lengths == 1, lengths >= 5]))
    assert tokens.labels.any(axis=0).all()


def test_the_commands_of_the_page_exist() -> None:
    from superpos.cli.parser import build_parser

    commands = re.findall(r"^    superpos (datasets .*?)(?:  +#.*)?$", PAGE, re.MULTILINE)
    assert len(commands) >= 8
    for command in commands:
        assert build_parser().parse_args(command.split()).command == "datasets"


@pytest.mark.parametrize("name", CORPORA)
def test_the_sentences_show_every_feature_of_a_set(name: str, table: TokenTable, tmp_path: Path) -> None:
    page = feature_set_doc._sample_page(name, table, tmp_path)
    spec = load_feature_set(name)
    expected = CLASSES.get(name) or known_features(spec)
    assert tuple(feature.feature for feature in page.features) == expected
    section = PAGE.split(f"### `{name}`\n")[1].split("\n### ")[0].split("<!-- end -->")[0]
    for feature in page.features:
        assert len(feature.examples) == 1, feature.feature
        row = next(line for line in section.splitlines() if line.startswith(f"| `{feature.feature}` |"))
        assert row == f"| `{feature.feature}` | {feature_set_doc._cell(feature.examples[0], 36)} |"


def test_filling_keeps_the_prose_and_refuses_other_parts() -> None:
    page = "a\n<!-- generated: x -->\nold\n<!-- end -->\nb\n<!-- generated: y -->\n<!-- end -->\n"
    new = feature_set_doc.filled(page, {"x": "one\\1\n", "y": "two"})
    parts = (("x", "one\\1"), ("y", "two"))
    filled = [f"<!-- generated: {name} -->\n\n{text}\n\n<!-- end -->\n" for name, text in parts]
    assert new == f"a\n{filled[0]}b\n{filled[1]}"
    assert feature_set_doc.filled(new, {"x": "one\\1", "y": "two"}) == new
    with pytest.raises(InputError, match="the page has x, y; wanted: x"):
        feature_set_doc.filled(page, {"x": ""})


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a", "`a`"),
        ("a`b", "``a`b``"),
        ("`a", "`` `a ``"),
        ("a|b", "`a\\|b`"),
        (" a ", "`  a  `"),
        (" a", "` a`"),
    ],
)
def test_code_spans(text: str, code: str) -> None:
    assert feature_set_doc._code(text) == code


def test_tables_of_the_page_are_the_generated_ones() -> None:
    assert feature_set_doc.builders_table() in PAGE
    assert feature_set_doc.sets_table() in PAGE
    assert load_feature_set("python_package").corpus == CorpusSpec("stdlib", label_key="folder")
    assert isinstance(load_feature_set("natural_language").options, DocumentOptions)
