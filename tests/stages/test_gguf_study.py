"""A study of a model in an installed distribution, from a GGUF file to report, trace and recomputation."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from gguf_files import write_pair
from tiny_study import run_tiny

from superpos.db.engine import Database
from superpos.db.results import Results
from superpos.db.trace import trace
from superpos.hashing import file_digest
from superpos.models import bundled_model
from superpos.reporting.about import about
from superpos.reporting.study_data import StudyData
from superpos.specs.studyfile import load_study
from superpos.stages.plan import plan_study
from superpos.stages.recompute import recompute

STUDY = """
name = "{name}"
[models.tiny]
name = "{model}"
[datasets.text_features]
corpus = "{corpus}"
n_sequences = 40
ctx_len = 24
n_samples = 200
min_positives = 20
[datasets.words]
builder = "token_list"
words = ["one", "two", "all", "not"]
[[blocks]]
layers = [1]
gauges = ["unit"]
n_dims = [3]
max_iter = 20
backend = "scipy"
[[blocks.reoptimisations]]
sigmas = [0.0]
max_iter = 1
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A distribution with one GGUF file."""
    folder = tmp_path_factory.mktemp("site")
    metadata = folder / "tiny_model-0.3.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-model\nVersion: 0.3\n")
    (metadata / "RECORD").write_text("tiny_model/tiny.gguf,,\n")
    (folder / "tiny_model").mkdir()
    tokenizer = bundled_model("nano") / "tokenizer.json"
    write_pair(
        "llama",
        folder / "tiny_model" / "tiny.gguf",
        folder / "plain",
        metadata={"llama.context_length": 256},
        tokenizer=tokenizer,
        vocab_size=4096,
        max_position_embeddings=256,
    )
    return folder


def test_what_a_model_was_made_of_is_in_views_report_and_trace(
    site: Path,
    tiny_corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    new_database: Callable[[str], Database],
) -> None:
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("SUPERPOS_MODELS", str(tmp_path / "models"))
    (tmp_path / "made.toml").write_text(
        STUDY.format(name="made", model="package:tiny-model", corpus=tiny_corpus), encoding="utf-8"
    )
    database = new_database("made")
    run_tiny(database, plan_study(load_study(tmp_path / "made.toml")), data_folder=tmp_path / "data")
    results = Results(database)
    (row,) = results.frame("model_results").to_dict("records")
    text = about(StudyData(results, "made"))
    digest = file_digest(site / "tiny_model" / "tiny.gguf")
    assert (row["source"], row["distribution"]) == ("package:tiny-model", "tiny-model 0.3")
    assert (row["quantization"], row["file_digest"]) == ("Q8_0, F32", digest)
    made = f"tiny-model 0.3; dequantised from GGUF of Q8_0, F32, file {digest[:12]}…"
    assert f"Model package:tiny-model ({made}); feature sets" in text

    fit = results.frame("fit_results")["fit_key"].iloc[0]
    (model,) = [one for one in trace(database, fit) if one.kind == "model"]
    assert model.columns["quantization"] == "Q8_0, F32"
    assert model.columns["distribution"] == "tiny-model 0.3"
    assert recompute(database, row["model_key"], tmp_path / "data").agrees
    direction = results.frame("psm_results")["direction_key"].iloc[0]
    assert recompute(database, direction, tmp_path / "data").agrees

    # A copy of the folder that was made is the same model: nothing of it is computed again.
    (folder,) = [one for one in (tmp_path / "models" / "gguf").iterdir() if one.name.startswith(digest)]
    shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "copy" / "gguf.json").unlink()
    (tmp_path / "copy.toml").write_text(
        STUDY.format(name="copy", model="copy", corpus=tiny_corpus), encoding="utf-8"
    )
    plan = plan_study(load_study(tmp_path / "copy.toml"))
    assert plan.models[0].key.hex() == row["model_key"]
    assert [entry.key for entry in plan.activations] == [
        entry.key for entry in plan_study(load_study(tmp_path / "made.toml")).activations
    ]
