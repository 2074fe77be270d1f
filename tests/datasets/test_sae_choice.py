"""Which latents of an autoencoder are wanted, by number, name, list or co-activity; and their names."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import autoencoders as made
import numpy as np
import pytest
from autoencoders import N
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from safetensors.numpy import save_file

from superpos.datasets.builders.sae import SaeOptions
from superpos.datasets.imported import read_imported
from superpos.datasets.sae import choice, coactivity
from superpos.datasets.sae.coactivity import most_coactive
from superpos.errors import ArgumentError, InputError
from superpos.specs.datasets import DatasetSpec


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return made.saelens_6(tmp_path)


def names_of(place: Path, **options: Any) -> tuple[str, ...]:
    return read_imported(DatasetSpec("mine", "sae", options=SaeOptions(str(place), **options))).names


def written(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.fixture
def labels(tmp_path: Path) -> str:
    """Explanations as Neuronpedia exports them: numbers as text, several of one latent, some without."""
    lines = [
        {"modelId": "m", "layer": "1-res", "index": "3", "description": " dogs \n and  wolves"},
        {"index": "3", "description": "animals"},
        {"index": "7", "description": "cats"},
        {"index": "9", "description": "cats"},
        {"index": 11, "description": None},
    ]
    return written(tmp_path / "labels.jsonl", "".join(json.dumps(line) + "\n" for line in lines))


# --- names --------------------------------------------------------------------------------------------------


def test_names_of_labels(place: Path, labels: str, tmp_path: Path) -> None:
    expected = ("dogs and wolves", "cats (latent 7)", "cats (latent 9)", "latent_11")
    assert names_of(place, rows=(3, 7, 9, 11), labels_file=labels) == expected
    assert names_of(place, rows=(3, 7), labels_file=labels) == ("dogs and wolves", "cats")
    csv = written(tmp_path / "a.csv", '\ufeffdescription,index\ndogs,3\n"cats, lions",7\n')
    assert names_of(place, rows=(7, 3), labels_file=csv) == ("cats, lions", "dogs")
    packed = tmp_path / "labels.jsonl.gz"
    packed.write_bytes(gzip.compress(Path(labels).read_bytes()))
    assert names_of(place, rows=(3, 9), labels_file=str(packed)) == ("dogs and wolves", "cats")
    bare = written(tmp_path / "b.csv", "3,dogs\n7,cats\n")
    assert names_of(place, rows=(7, 3), labels_file=bare) == ("cats", "dogs")
    assert names_of(place, rows=(7, 3), names=("x", "y"), labels_file=bare) == ("x", "y")


def test_latents_by_name(place: Path, labels: str) -> None:
    with pytest.raises(InputError, match=r"names no latent 'cows'; allowed: dogs and wolves, cats"):
        names_of(place, features=("dogs and wolves", "cows"), labels_file=labels)
    with pytest.raises(InputError, match=r"'cats' names 2 latents; choose with rows: 7, 9"):
        names_of(place, features=("dogs and wolves", "cats"), labels_file=labels)


def test_the_vectors_are_those_of_the_names(place: Path, tmp_path: Path) -> None:
    file = written(tmp_path / "names.csv", "5,five\n2,two\n4,four\n")
    spec = DatasetSpec(
        "mine", "sae", options=SaeOptions(str(place), features=("two", "five"), labels_file=file)
    )
    found = read_imported(spec)
    assert found.names == ("two", "five")
    np.testing.assert_array_equal(found.values, made.decoder()[[2, 5]].double().numpy())


# --- lists --------------------------------------------------------------------------------------------------


def test_a_list_in_its_order(place: Path, tmp_path: Path) -> None:
    for name, text in (
        ("a.txt", "9\n\n4\n 11\n"),
        ("a.csv", "index,density\n9,0.5\n4,0.4\n11,0.1\n"),
        ("a.jsonl", '{"index": 9}\n{"index": "4"}\n{"index": 11}\n'),
    ):
        file = written(tmp_path / name, text)
        assert names_of(place, rows_file=file) == ("latent_9", "latent_4", "latent_11")
        assert names_of(place, rows_file=file, most=2) == ("latent_9", "latent_4")


LISTS = [
    ("a.txt", "9\n24\n", {}, r"a\.txt: line 2: latent 24 is not there; there are 0 to 23"),
    ("a.txt", "9\n-1\n", {}, r"a\.txt: line 2: '-1' is no number of a latent, counted from 0"),
    ("a.txt", "9\n9\n", {}, r"a\.txt: line 2: latent 9 stands in line 1 already"),
    ("a.txt", "9\n1.5\n", {}, r"a\.txt: line 2: '1\.5' is no number of a latent"),
    ("a.txt", "\n", {}, r"a\.txt: holds no number of a latent"),
    ("a.txt", "9\n", {}, r"1 latent is asked for; geometry needs at least 2"),
    ("a.txt", "9\n8\n", {"most": 3}, r"a\.txt: holds 2 latents; 3 are asked for"),
    ("a.jsonl", '{"index": 9}\n{"latent": 4}\n', {}, r"a\.jsonl: line 2: .* is no object with the key index"),
    ("a.jsonl", "{\n", {}, r"a\.jsonl: line 1: not JSON"),
    ("a.csv", '9\n4,"x\n', {}, r"a\.csv: line 2: not CSV"),
    ("a.toml", "9\n", {}, r"a\.toml: cannot be read as a list of latents; allowed: \.jsonl, \.csv, \.txt"),
]


@pytest.mark.parametrize(("name", "text", "options", "says"), LISTS, ids=[one[3][:40] for one in LISTS])
def test_lists_that_cannot_be_used(
    place: Path, tmp_path: Path, name: str, text: str, options: dict[str, Any], says: str
) -> None:
    with pytest.raises(InputError, match=says) as caught:
        names_of(place, rows_file=written(tmp_path / name, text), **options)
    assert "\n" not in str(caught.value)


# --- co-activity --------------------------------------------------------------------------------------------


def test_the_most_coactive(place: Path, tmp_path: Path) -> None:
    pairs = written(tmp_path / "p.csv", "first,second,count\n3,4,5\n4,7,2\n7,7,99\n9,3,1\n4,3,1\n")
    # c_3 = 5 + 1 + 1, c_4 = 5 + 2 + 1, c_7 = 2, c_9 = 1; the pair (7, 7) is none.
    assert names_of(place, coactive=pairs, most=3) == ("latent_4", "latent_3", "latent_7")
    assert names_of(place, coactive=pairs, most=3, near=3) == ("latent_3", "latent_4", "latent_9")
    with pytest.raises(InputError, match=r"p\.csv: 4 latents are active together with another one; 5 are"):
        names_of(place, coactive=pairs, most=5)
    with pytest.raises(InputError, match="3 latents are active with latent 3, itself included; 4 are"):
        names_of(place, coactive=pairs, most=4, near=3)


@settings(max_examples=25, deadline=None)
@given(arrays(np.int64, (6, 6), elements=st.integers(0, 3)), st.integers(-1, 5))
def test_pairs_and_matrices_say_the_same(
    tmp_path_factory: pytest.TempPathFactory, counts: Any, near: int
) -> None:
    folder = tmp_path_factory.mktemp("c")
    both = counts + counts.T
    np.fill_diagonal(both, 0)
    strength = both.sum(axis=1) if near < 0 else both[near]
    order = sorted(range(6), key=lambda one: (-strength[one], one))
    expected = [one for one in order if strength[one] > 0]
    expected = expected if near < 0 else [near, *expected]
    np.savez(folder / "m.npz", counts.astype(np.float32))
    save_file({"m": counts.T.astype(np.float64)}, folder / "m.safetensors")
    pairs = "".join(f"{i},{j},{counts[i, j]}\n" for i in range(6) for j in range(6))
    files = [folder / "m.npz", folder / "m.safetensors", Path(written(folder / "m.csv", pairs))]
    for file in files:
        if len(expected) >= 2:
            assert most_coactive(file, 6, len(expected), near) == tuple(expected)
        with pytest.raises(InputError, match="are asked for"):
            most_coactive(file, 6, len(expected) + 1, near)


def test_a_matrix_is_read_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = np.random.default_rng(2).random((N, N))
    np.savez(tmp_path / "m.npz", counts)
    whole = most_coactive(tmp_path / "m.npz", N, 9)
    monkeypatch.setattr(coactivity, "BLOCK", 5 * N)
    assert most_coactive(tmp_path / "m.npz", N, 9) == whole


PAIRS = [
    ("3,4\n", r"p\.csv: line 1: 2 fields; two latents and a count are needed"),
    ("3,4,1\n3,99,1\n", r"p\.csv: line 2: latent 99 is not there; there are 0 to 23"),
    ("3,4,1\n3,x,1\n", r"p\.csv: line 2: 'x' is no number of a latent"),
    ("3,4,-1\n", r"p\.csv: line 1: '-1' is no count; numbers of 0 or more"),
    ("3,4,nan\n", r"p\.csv: line 1: 'nan' is no count"),
    ("3,4,1_0\n", r"p\.csv: line 1: '1_0' is no count"),
]


@pytest.mark.parametrize(("text", "says"), PAIRS, ids=[one[1][:40] for one in PAIRS])
def test_pairs_that_cannot_be_used(place: Path, tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        names_of(place, coactive=written(tmp_path / "p.csv", text), most=2)


def test_matrices_of_pairs_that_cannot_be_used(place: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", np.ones((N, N - 1)))
    with pytest.raises(InputError, match=r"arr_0 has the shape \(24, 23\); pairs of 24 latents are needed"):
        names_of(place, coactive=str(tmp_path / "m.npz"), most=2)
    np.savez(tmp_path / "m.npz", np.ones((N, N)), np.ones(2))
    with pytest.raises(InputError, match=r"holds 2 arrays; one matrix"):
        names_of(place, coactive=str(tmp_path / "m.npz"), most=2)
    wrong = np.ones((N, N))
    wrong[5, 6] = np.nan
    np.savez(tmp_path / "m.npz", wrong)
    with pytest.raises(InputError, match=r"row 5: nan is no count"):
        names_of(place, coactive=str(tmp_path / "m.npz"), most=2)


# --- what does not go together ------------------------------------------------------------------------------


OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"file": ""}, "file: is empty"),
    ({"rows": (1, 1)}, "rows: 1 occurs twice"),
    ({"rows": (-1,)}, "rows: -1 must be at least 0"),
    ({"rows": (1, 2), "rows_file": "a.txt"}, "rows_file: does not apply beside rows"),
    ({"features": ("a", "b")}, "features: are names of latents, which labels_file gives"),
    ({"features": ("a", "a"), "labels_file": "x.csv"}, "features: 'a' occurs twice"),
    ({"most": 5}, "most: 5 applies to rows_file and coactive only"),
    ({"coactive": "p.csv"}, "most: 0 is how many latents coactive takes; at least 2"),
    ({"near": 3}, "near: 3 applies to coactive only"),
    ({"part": "bias"}, "part: 'bias' is unknown; allowed: decoder, encoder"),
    ({"orientation": "diagonal"}, "orientation: 'diagonal' is unknown; allowed: auto, rows, columns"),
    ({"hookpoint": "blocks.3.hook_resid_post", "layer": 2}, "layer: 2 is not the layer of hookpoint"),
    ({"names": ("a\n", "b")}, "names: .* is no name"),
]


@pytest.mark.parametrize(("options", "says"), OPTIONS, ids=[one[1][:40] for one in OPTIONS])
def test_options_that_do_not_go_together(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ArgumentError, match=says):
        SaeOptions(**{"file": "x", **options})


def test_latents_and_names_that_cannot_be(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"weights\.safetensors: latent 24 is not there; there are 0 to 23"):
        names_of(place, rows=(0, 24))
    with pytest.raises(InputError, match="1 names for 2 latents"):
        names_of(place, rows=(0, 1), names=("a",))
    monkeypatch.setattr(choice, "MOST_LATENTS", 10)
    with pytest.raises(InputError, match="has 24 latents; a set has at most 10: choose some with rows"):
        names_of(place)
    with pytest.raises(InputError, match=r"11 latents of 24 are asked for; a set has at most 10"):
        names_of(place, rows=tuple(range(11)))
    assert len(names_of(place, rows=tuple(range(10)))) == 10
