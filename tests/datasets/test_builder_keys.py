"""Keys of feature sets: no kind of ours may move them, whatever becomes of the code around it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from superpos.datasets.build import dataset_identity
from superpos.datasets.imported import imported_identity
from superpos.hashing import content_key
from superpos.models import bundled_model
from superpos.specs.feature_sets import load_feature_set
from superpos.specs.versions import ALGORITHM_VERSIONS

PINNED = {
    "text_features": ("", "62356a65f24fbe9063ccc60b8abdfd36"),
    "python_syntax": ("n_samples = 50\nduplicates = 'keep'", "fb4d823925b89b566b9cdbf444f20a42"),
    "latex_syntax": ("ctx_len = 32\nseed = 3", "950231df4eac3da73f14bbd9af570ddb"),
    "tokens": (
        "[features]\narticle = ['a', 'the']\ndigit = '[0-9]'\nmonth = {words = ['may'], ignore_case = true}",
        "19122463ed9798485c4a17cfee254b13",
    ),
    "regex": (
        "[features]\nurl = 'https?://'\nnote = {regex = 'note:', ignore_case = true}",
        "19d4d62685b86aca0dea3eb6f3f47611",
    ),
    "ngrams": (
        "list = 'python_words'\nphrases = ['high school']\nnegatives = 3",
        "03c6932e28bce7f9fc48c0e8d953cdbe",
    ),
    "documents": ("classes = ['b', 'a']\nskip_tokens = 0", "7d99e0455bdb37ce768f8b82b3c8bf4c"),
    "conllu": (
        "[features]\nnoun = 'upos=NOUN'\nplural = 'Number=Plur & upos=NOUN|PROPN'",
        "a8a79aa2ce766c39e13a06b65dadbbe6",
    ),
    "entities": (
        "entities = 'people.csv'\nlabel_column = 'work'\nmax_names = 3",
        "a616b6655cda0b94d375fd4979476d1e",
    ),
    "entities of a bundled list": (
        "entities = 'occupation'\nclasses = ['actor', 'singer']",
        "78de28d3cb9787dfc1e8bb0a1c559141",
    ),
    "entities in sentences": (
        "entities = 'people.csv'\ncorpus = 'text.txt'\ncontexts = 'sentences'",
        "0253e8e39125088e5f415fe149cb7d14",
    ),
    "sparse_probing": ("folder = 'rows'\nfeatures = ['noun', 'verb']", "19a2361bdece99bcad39b32ed11fab8a"),
    "token_list": (
        "list = 'seasons'\nwords = ['monsoon']\nmatrices = ['embed', 'unembed']",
        "3a75aa7320e7de3253dfcde04cf88ff0",
    ),
    "directions": (
        "file = 'rows.csv'\nrows = [1, 0]\nhookpoint = 'resid'\nlayer = 2",
        "5f3347e45bac185f35f508909dbd1810",
    ),
    "psm": (
        "file = 'rows.csv'\nnames_file = 'names.txt'\nsimilarity = 'rbf'",
        "fdd5106dce0008071c3606200a696fce",
    ),
}
"""What a set file says beside its builder, and the key of the set under the bundled tokenizer."""
TEXTLESS = ("entities", "sparse_probing", "token_list", "directions", "psm")


@pytest.mark.parametrize("case", PINNED)
def test_the_key_of_a_set_stays(case: str, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("Maria Curie wrote that the sun is a star.\n", encoding="utf-8")
    (tmp_path / "people.csv").write_text("name,label,work\nMaria Curie,x,physics\n", encoding="utf-8")
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "state.json").write_text("{}", encoding="utf-8")
    (tmp_path / "rows.csv").write_text("1,0\n0,1\n", encoding="utf-8")
    (tmp_path / "names.txt").write_text("a\nb\n", encoding="utf-8")
    builder = case.partition(" ")[0]
    lines, key = PINNED[case]
    corpus = "" if builder in TEXTLESS else "corpus = 'text.txt'\n"
    file = tmp_path / "mine.toml"
    file.write_text(f"builder = '{builder}'\n{corpus}{lines}\n", encoding="utf-8")
    spec = load_feature_set(str(file))
    identity: dict[str, Any] = (
        imported_identity(spec)
        if builder in ("directions", "psm")
        else dataset_identity(spec, bundled_model("nano"))
    )
    assert content_key("dataset", ALGORITHM_VERSIONS["dataset"], identity).hex() == key
