"""Labelled texts from a study file to the probes: how they are pooled, whose texts they are, notes."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

from tiny_study import Notes

from superpos.datasets.artifacts import load_dataset
from superpos.db.engine import Database
from superpos.db.results import Results
from superpos.specs.studyfile import load_study
from superpos.stages.executor import SerialExecutor
from superpos.stages.pipeline import run_study
from superpos.stages.plan import plan_study
from superpos.stages.recompute import recompute
from superpos.stages.tasks import TASKS

STUDY = """
[models.tiny]
name = "{model}"

[datasets.kinds]
builder = "labelled_texts"
file = "kinds.csv.gz"
label_key = "kind"
position = "mean"
ctx_len = 48

[datasets.pairs]
builder = "labelled_texts"
files = {{ "error code" = "errors.tsv", "file name" = "files.tsv" }}
positive = 1
ctx_len = 48

[[blocks]]
layers = [1]
poolings = ["max", "last"]
"""
WORDS = ("index", "value", "line", "list", "number", "string", "data", "text", "item", "key")


def write_files(folder: Path, model: Path) -> Path:
    """Write three files and the study; a row is repeated and one contradicted."""
    rows = ["text,kind"]
    for number in range(90):
        word = WORDS[number % 10]
        text = (f"def {word}_{number}(self)", f'"the {word} {number}"', f"return {word} + {number}")[
            number % 3
        ]
        rows.append('"{}",{}'.format(text.replace('"', '""'), ("def", "text", "sum")[number % 3]))
    rows += [rows[1], rows[2].replace(",text", ",sum")]
    (folder / "kinds.csv.gz").write_bytes(gzip.compress("\n".join(rows).encode()))
    for file, first, second in (("errors", "error", "code"), ("files", "file", "name")):
        lines = ["text\tlabel"]
        for number in range(60):
            pair = (f"{first} {second}", f"{WORDS[number % 10]} {second}")[number % 2]
            lines.append(f"{number} is the {pair}\t{1 - number % 2}")
        (folder / f"{file}.tsv").write_text("\n".join(lines), encoding="utf-8")
    path = folder / "labelled.toml"
    path.write_text(STUDY.format(model=model), encoding="utf-8")
    return path


def test_labelled_texts_go_through_the_pipeline(
    new_database: Callable[[str], Database], tiny_model: Path, tmp_path: Path
) -> None:
    plan = plan_study(load_study(write_files(tmp_path, tiny_model)))
    database, notes = new_database("labelled"), Notes()
    stages = ("datasets", "activations", "probes")
    run_study(database, plan, SerialExecutor(TASKS), notes, data_folder=tmp_path / "data", stages=stages)
    probes = Results(database).frame("probe_results", study="labelled")
    assert probes.groupby("dataset").pooling.unique().map(list).to_dict() == {
        "kinds": ["mean"],
        "pairs": ["token"],
    }
    assert set(probes.feature) == {"def", "text", "sum", "error code", "file name"}
    assert (probes.status == "converged").all()
    assert probes[probes.dataset == "kinds"].roc_auc.min() > 0.8
    assert "data set kinds: 92 rows hold 89 texts; rows left out: 1 repeated, 2 contradictory" in notes.said
    assert any(note.startswith("data set pairs: 120 rows hold ") for note in notes.said)
    [kept] = [
        tokens
        for path in sorted((tmp_path / "data" / "datasets").glob("*.safetensors"))
        if not (tokens := load_dataset(path)).shares_samples
    ]
    assert kept.feature_names == ("error code", "file name")
    assert kept.members.sum(axis=0).tolist() == [60, 60]
    with database.read() as connection:
        keys = connection.exec_driver_sql("SELECT key FROM activation_sets").scalars().all()
    assert len(keys) == 2
    for key in keys:
        assert recompute(database, str(key), tmp_path / "data").differing == ()
