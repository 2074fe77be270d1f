"""Sources of many sets: which sets they have, how a study takes one, and what can be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from superpos.errors import InputError
from superpos.specs.datasets import DatasetSpec
from superpos.specs.feature_sets import load_feature_set
from superpos.specs.set_sources import load_source, set_sources
from superpos.specs.studyfile import load_study

SOURCE = """
meaning = "Vectors"
distribution = "tiny-vectors"
folder = "tiny/data"
suffixes = [".csv.zst", ".csv"]
[keys]
builder = "directions"
layer = 3
[sets.fruit]
file = "1_fruit"
hookpoint = "resid"
description = "Fruit"
"""
VECTORS = "apple,1,2\npear,2,1\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A source of a distribution that is not installed, in a file of its own."""
    file = tmp_path / "vectors.toml"
    file.write_text(SOURCE, encoding="utf-8")
    return file


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the distribution's files, which is installed then."""
    site = tmp_path / "site"
    data = site / "tiny" / "data"
    data.mkdir(parents=True)
    inside = (
        "tiny/data/1_fruit.csv.zst",
        "tiny/data/2_trees.csv.zst",
        "tiny/data/README",
        "tiny/table.csv.zst",
    )
    for name in inside:
        (site / name).write_text(VECTORS, encoding="utf-8")
    metadata = site / "tiny_vectors-1.2.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-vectors\nVersion: 1.2\n")
    (metadata / "RECORD").write_text("".join(f"{name},,\n" for name in inside), encoding="utf-8")
    monkeypatch.syspath_prepend(str(site))
    return data


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files of the kind, one of them of another."""
    place = tmp_path / "cloned"
    (place / "deeper").mkdir(parents=True)
    for name in ("1_fruit.csv", "3_birds.csv", "notes.txt", "deeper/4_fish.csv"):
        (place / name).write_text(VECTORS, encoding="utf-8")
    return place


def sets_of(folder: Path, text: str) -> dict[str, DatasetSpec]:
    path = folder / "study.toml"
    path.write_text(f"{text}\n[models.nano]\n[[blocks]]\n", encoding="utf-8")
    return {spec.name: spec for spec in load_study(path).datasets}


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(InputError) as caught:
        sets_of(folder, text)
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(f"{folder}/", "")


def test_those_that_ship_can_be_read_and_say_what_they_are() -> None:
    assert {"geometry-of-truth", "sae-probes"} <= set(set_sources())
    for name in set_sources():
        source = load_source(name)
        assert source.name == name
        assert source.meaning
        assert source.cite


@pytest.mark.usefixtures("installed")
def test_every_file_is_a_set_and_those_with_keys_have_names_of_their_own(source: Path) -> None:
    found = load_source(str(source))
    assert {name: file.path.name for name, file in found.files().items()} == {
        "1_fruit": "1_fruit.csv.zst",
        "2_trees": "2_trees.csv.zst",
    }
    sets = sets_of(
        source.parent,
        """
        [datasets.fruit]
        source = "vectors.toml"
        [datasets.2_trees]
        source = "vectors.toml"
        [datasets.mine]
        source = "vectors.toml"
        set = "1_fruit"
        layer = 7
        """,
    )
    inside = "package:tiny-vectors/tiny/data/"
    assert [spec.options.file for spec in sets.values()] == [
        f"{inside}1_fruit.csv.zst",
        f"{inside}2_trees.csv.zst",
        f"{inside}1_fruit.csv.zst",
    ]
    assert [spec.options.layer for spec in sets.values()] == [3, 3, 7]
    assert [spec.options.hookpoint for spec in sets.values()] == ["resid", "", "resid"]
    assert [spec.description for spec in sets.values()] == ["Fruit", "", "Fruit"]


def test_a_study_of_a_package_that_is_not_installed_can_be_read(source: Path) -> None:
    sets = sets_of(source.parent, '[datasets.fruit]\nsource = "vectors.toml"\n')
    assert sets["fruit"].options.file == "package:tiny-vectors/tiny/data/1_fruit.csv.zst"
    with pytest.raises(InputError, match=r"pip install --no-deps tiny-vectors$"):
        load_source(str(source)).files()


def test_a_folder_takes_the_place_of_the_package(source: Path, folder: Path) -> None:
    text = '[datasets.{}]\nsource = "vectors.toml"\nsource_folder = "cloned"\n'
    sets = sets_of(source.parent, text.format("fruit") + text.format("3_birds"))
    assert sets["fruit"].options.file == str(folder / "1_fruit.csv")
    assert (sets["3_birds"].options.file, sets["3_birds"].options.layer) == (str(folder / "3_birds.csv"), 3)
    said = refusal(source.parent, text.format("4_fish"))
    assert said.startswith(
        "study.toml: datasets.4_fish.source: '4_fish' is no set of vectors; allowed: fruit, "
    )
    gone = text.replace("cloned", "cloend")
    sets = sets_of(source.parent, gone.format("fruit"))  # as a model's folder that is not there yet
    assert sets["fruit"].options.file == "cloend/1_fruit.csv.zst"
    with pytest.raises(InputError, match=r"^cloend: no such folder; source vectors is one of \.csv\.zst or"):
        load_source(str(source)).files("cloend")


@pytest.mark.usefixtures("installed")
def test_a_set_file_may_stand_on_a_source_and_a_study_on_it(source: Path) -> None:
    (source.parent / "mine.toml").write_text('source = "vectors.toml"\nset = "fruit"\nlayer = 9\n')
    spec = load_feature_set(str(source.parent / "mine.toml"))
    assert (spec.options.layer, spec.options.hookpoint) == (9, "resid")
    sets = sets_of(source.parent, '[datasets.a]\nset = "mine.toml"\nhookpoint = "mlp.out"\n')
    assert (sets["a"].options.layer, sets["a"].options.hookpoint) == (9, "mlp.out")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            'source = "vectors.toml"\nset = "friut"',
            "datasets.a.set: 'friut' is no set of vectors; allowed: fruit,",
        ),
        ('source = "vectors.toml"\nset = "1_friut"', "(did you mean '1_fruit'?)"),
        (
            'source = "vectors.toml"',
            "datasets.a.source: 'a' is no set of vectors; allowed: fruit, 2_trees, 1_fruit",
        ),
        ('source = "sae-prob"', "datasets.a.source: 'sae-prob' is no source; allowed: "),
        ('source = "sae-prob"', "(did you mean 'sae-probes'?)"),
        ('source = "other.toml"', "datasets.a.source: 'other.toml' is no source; allowed: "),
        (f'source = "{"x" * 300}.toml"', "datasets.a.source: "),
        (f'source = "{"x" * 300}.toml"', "cannot be read: File name too long"),
        ('source = "~nobody-at-all/x.toml"', "datasets.a.source: "),
        ("source = 3", "datasets.a.source: 3 is not text"),
        ('source = "vectors.toml"\nset = 3', "datasets.a.set: 3 is not text"),
        ('source_folder = "cloned"', "datasets.a.source_folder: does not apply without `source`"),
        ('source = "vectors.toml"\nset = "fruit"\nlayr = 3', "datasets.a.layr: unknown key; allowed: "),
        (
            'source = "geometry-of-truth"\nset = "cities"',
            "datasets.a.set: source geometry-of-truth is a folder of",
        ),
    ],
)
@pytest.mark.usefixtures("installed")
def test_what_a_table_can_have_wrong(source: Path, text: str, said: str) -> None:
    message = refusal(source.parent, f"[datasets.a]\n{text}\n")
    assert message.startswith("study.toml: datasets.a.")
    assert said in message


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('meaning = "Vectors"', "", "vectors.toml: meaning: is missing"),
        ('[".csv.zst", ".csv"]', "[]", "vectors.toml: suffixes: is empty; say what names of files end in"),
        ('folder = "tiny/data"', 'foldr = "tiny/data"', "vectors.toml: foldr: unknown key; allowed: "),
        ("layer = 3", "layr = 3", "vectors.toml: sets.fruit.layr: unknown key; allowed: "),
        ("layer = 3", 'layer = "x"', "vectors.toml: sets.fruit.layer: 'x' is not a whole number"),
        (
            '"1_fruit"',
            '"5_fruit"',
            "source vectors has no file '5_fruit'; another version may have other files; ",
        ),
        (
            '"tiny/data"',
            '"tiny/date"',
            "tiny-vectors 1.2: tiny/date: holds no .csv.zst or .csv file; another version",
        ),
    ],
)
@pytest.mark.usefixtures("installed")
def test_what_a_source_can_have_wrong(source: Path, old: str, new: str, said: str) -> None:
    source.write_text(SOURCE.replace(old, new), encoding="utf-8")
    assert said in refusal(source.parent, '[datasets.fruit]\nsource = "vectors.toml"\n')
