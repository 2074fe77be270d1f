"""What a source's sets hold, against rows counted here; sources that ship, where their packages are."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from tokenizers import Tokenizer

from superpos.datasets.build import build_dataset
from superpos.datasets.source_listing import ListedFeature, ListedSet, listed_sets
from superpos.errors import InputError
from superpos.models import bundled_model
from superpos.reading.distributions import find_distribution
from superpos.specs.feature_sets import load_source_set
from superpos.specs.set_sources import SetSource, load_source

SOURCE = """
meaning = "Labelled texts"
distribution = "tiny-texts"
folder = "tiny/data"
suffixes = [".csv.zst"]
[keys]
builder = "labelled_texts"
text_key = "prompt"
label_key = "target"
[sets.animals]
positive = "yes"
files = { cats = "1_cats", dogs = "2_dogs" }
[sets.cats]
file = "1_cats"
feature = "cat"
description = "Cats"
[sets.far]
file = "hub:owner/name"
max_rows = 5
"""
Rows = list[tuple[str, object]]
CATS: Rows = [(f"cat {n}", "yes" if n % 2 else "no") for n in range(40)]
FILES: Mapping[str, Rows] = {
    # a row that stands three times, a text with two labels, an empty text, none of a label
    "1_cats": [*CATS, CATS[3], CATS[3], (CATS[8][0], "yes"), (" ", "no"), ("cat of nobody", "")],
    "2_dogs": [(f"dog {n}", "yes" if n < 13 else "no") for n in range(30)],
    "3_sizes": [(f"a size of {n}", 1.5 * n) for n in range(50)],
    "4_colours": [(f"{colour} {n}", colour) for n in range(10) for colour in ("red", "green", "blue")],
    "5_again": [(f"dog {n}", "yes" if n < 13 else "no") for n in range(30)],
    "6_alike": [(f"text {n}", "x") for n in range(9)],
}


def packed(rows: Rows) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([("prompt", "target"), *rows])
    plain = text.getvalue().encode()
    return pa.compress(plain, codec="zstd", asbytes=True)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SetSource:
    """A source whose distribution is installed."""
    site = tmp_path / "site"
    (site / "tiny" / "data").mkdir(parents=True)
    for name, rows in FILES.items():
        (site / "tiny" / "data" / f"{name}.csv.zst").write_bytes(packed(rows))
    metadata = site / "tiny_texts-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: tiny-texts\nVersion: 1.0\nLicense: MIT\n"
    )
    (metadata / "RECORD").write_text("".join(f"tiny/data/{name}.csv.zst,,\n" for name in FILES))
    monkeypatch.syspath_prepend(str(site))
    file = tmp_path / "texts.toml"
    file.write_text(SOURCE, encoding="utf-8")
    return load_source(str(file))


def by_name(source: SetSource) -> dict[str, ListedSet]:
    return {one.name: one for one in listed_sets(source)}


def test_every_row_is_counted_as_what_becomes_of_it(source: SetSource) -> None:
    sets = by_name(source)
    assert list(sets) == ["animals", "cats", "far", "2_dogs", "3_sizes", "4_colours", "5_again", "6_alike"]
    cats = sets["cats"]
    assert cats.counts == {
        "read": 45, "empty": 1, "without_label": 1, "repeated": 2, "contradictory": 2, "kept": 39,
    }  # fmt: skip
    assert cats.features == (ListedFeature("cat", 20, 19),)
    assert (cats.n_labels, cats.description, cats.refused) == (2, "Cats", "")
    assert cats.median_length == 6
    animals = sets["animals"]
    assert animals.features == (ListedFeature("cats", 20, 19), ListedFeature("dogs", 13, 17))
    assert animals.counts is not None
    assert animals.counts["kept"] == 69
    assert [feature.n_positive for feature in sets["4_colours"].features] == [10, 10, 10]


def test_what_cannot_be_a_set_says_why_and_what_is_there_twice_is_named(source: SetSource) -> None:
    sets = by_name(source)
    assert sets["3_sizes"].is_numeric
    assert "divide them at quantiles" in sets["3_sizes"].refused
    assert (sets["3_sizes"].n_labels, sets["3_sizes"].features) == (50, ())
    assert not sets["6_alike"].is_numeric
    assert "at least 2 are needed" in sets["6_alike"].refused
    assert {name: one.same_as for name, one in sets.items() if one.same_as} == {"5_again": "2_dogs"}
    assert (sets["far"].counts, sets["far"].files) == (None, ("hub:owner/name",))


def test_a_set_that_is_built_has_what_was_counted(source: SetSource) -> None:
    sets = by_name(source)
    for name in ("animals", "cats", "2_dogs", "4_colours"):
        tokens = build_dataset(load_source_set(source, name), bundled_model("nano"))
        listed = sets[name]
        assert tokens.feature_names == tuple(feature.name for feature in listed.features)
        rows = tokens.provenance["rows"]
        assert listed.counts is not None
        assert {key: rows[key] for key in listed.counts if key != "kept"} == {
            key: count for key, count in listed.counts.items() if key != "kept"
        }
        assert rows["texts"] == listed.counts["kept"]


def test_a_file_that_cannot_be_read_says_so_and_the_others_are_listed(source: SetSource) -> None:
    path = source.files()["2_dogs"].path
    whole = path.read_bytes()
    other = packed([]).replace(b"target", b"labels")
    for damaged in (whole[: len(whole) // 2], b"prompt,target\nplain text,1\n", b"", other):
        path.write_bytes(damaged)
        sets = by_name(source)
        assert sets["2_dogs"].counts is None
        assert "2_dogs.csv.zst" in sets["2_dogs"].refused
        assert "\n" not in sets["2_dogs"].refused
        assert sets["animals"].refused == sets["2_dogs"].refused
        assert sets["cats"].counts is not None
        with pytest.raises(InputError, match=r"2_dogs\.csv\.zst"):
            build_dataset(load_source_set(source, "animals"), bundled_model("nano"))


def test_another_version_without_a_file_leaves_out_what_stands_on_it(source: SetSource) -> None:
    source.files()["2_dogs"].path.unlink()
    sets = by_name(source)
    said = "source texts has no file '2_dogs'; another version may have other files; allowed: 1_cats, "
    assert sets["animals"].refused.startswith(said)
    assert "2_dogs" not in sets
    assert sets["cats"].counts is not None


# --- the sources that ship ----------------------------------------------------------------------------------


def installed(name: str) -> bool:
    try:
        find_distribution(name)
    except InputError:
        return False
    return True


probes = pytest.mark.skipif(not installed("sae-probes"), reason="sae-probes is not installed")


@probes
def test_every_file_of_sae_probes_is_a_set_with_a_name_and_a_description() -> None:
    source = load_source("sae-probes")
    files = source.files()
    assert len(files) == 155
    assert len(source.sets) == 157
    assert source.names(files) == tuple(source.sets)
    assert {own["file"] for own in source.sets.values() if "file" in own} == set(files)
    assert all(own["description"] for own in source.sets.values())
    assert len(source.sets["compound_words"]["files"]) == 21


def read_by_pandas(path: Path) -> pd.DataFrame:
    """The rows of a packed CSV file, unpacked by Arrow: pandas would need a package of its own for it."""
    with pa.input_stream(path, compression="zstd") as stream:
        return pd.read_csv(stream, dtype=str, keep_default_na=False)


@probes
@pytest.mark.parametrize(
    "name", ["high-school", "political_party", "context_type", "disease_class", "us_lat"]
)
def test_counts_of_sae_probes_are_those_of_pandas(name: str) -> None:
    source = load_source("sae-probes")
    one = next(one for one in listed_sets(source, only=(name,)))
    path = source.files()[source.sets[name]["file"]].path
    rows = read_by_pandas(path)
    labels = rows.groupby("prompt")["target"].nunique()
    clear = rows[rows["prompt"].isin(labels.index[labels == 1])]
    kept = clear.drop_duplicates("prompt")
    assert one.counts is not None
    assert one.counts["read"] == len(rows)
    assert one.counts["contradictory"] == len(rows) - len(clear)
    assert one.counts["repeated"] == len(clear) - len(kept)
    assert one.counts["kept"] == len(kept)
    assert one.median_length == round(kept["prompt"].str.len().median())
    assert one.n_labels == kept["target"].nunique()
    if name == "high-school":
        assert one.features == (
            ListedFeature("high school", *kept["target"].value_counts()[["bigram", "not_bigram"]]),
        )


@probes
def test_the_sets_of_several_classes_are_23_and_those_of_two_113() -> None:
    """By the labels alone: what the package's own table calls continuous has three such sets."""
    source = load_source("sae-probes")
    kinds: dict[str, int] = {"two": 0, "several": 0, "numbers": 0}
    for file in source.files().values():
        labels = read_by_pandas(file.path)["target"].nunique()
        kinds["two" if labels == 2 else "several" if labels <= 11 else "numbers"] += 1
    assert kinds == {"two": 113, "several": 23, "numbers": 19}


@probes
def test_the_token_that_is_read_is_the_last_one_of_the_prompt() -> None:
    """As in the paper: the last of the plain tokenizer's ids; a long prompt loses its front."""
    source = load_source("sae-probes")
    spec = replace(load_source_set(source, "high-school"), n_samples=10_000, ctx_len=64)
    tokens = build_dataset(spec, bundled_model("nano"))
    rows = read_by_pandas(source.files()["65_high-school"].path)
    plain = Tokenizer.from_file(str(bundled_model("nano") / "tokenizer.json"))
    prompts = rows["prompt"].drop_duplicates()
    expected = Counter(plain.encode(text, add_special_tokens=False).ids[-1] for text in prompts)
    places = tokens.sequence_starts[tokens.sample_sequences] + tokens.sample_positions
    read = Counter(tokens.token_ids[places].tolist())
    assert sum(read.values()) > 0.99 * len(prompts)  # those that a short context makes alike count once
    assert read <= expected
    assert (np.diff(tokens.sequence_starts) <= 64).all()
    np.testing.assert_array_equal(tokens.sample_positions, np.diff(tokens.sequence_starts) - 1)
