"""Files that are gone, damaged or different now: made again, or refused and never mixed with old results."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tiny_study import Notes, Tiny, count, read_views, run_tiny

from superpos.db.engine import Database
from superpos.db.progress import is_left, study_progress
from superpos.db.rebuild import drop_dependants
from superpos.db.results import Results
from superpos.db.studies import register_study
from superpos.errors import ContentChangedError
from superpos.records.plan import StudyPlan
from superpos.stages import datasets

Views = dict[str, list[tuple[str, ...]]]


@pytest.fixture
def other_probes(tiny: Tiny) -> StudyPlan:
    """The study with another penalty: its probes read the activation files again."""
    return tiny.plan(probe_C=0.5, kernels='["exp"]', more="")


@pytest.fixture(scope="module")
def views_of_other_probes(
    finished: Path, tiny_model: Path, tiny_corpus: Path, tmp_path_factory: Any
) -> Views:
    folder = tmp_path_factory.mktemp("other") / "copy"
    shutil.copytree(finished, folder)
    database = Database(f"sqlite:///{folder / 'superpos.db'}")
    run_tiny(database, Tiny(tiny_model, tiny_corpus, folder).plan(probe_C=0.5, kernels='["exp"]', more=""))
    found = read_views(database)
    database.dispose()
    return found


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 0x40
    path.write_bytes(bytes(content))


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("harm", [Path.unlink, flip_a_byte, cut_off], ids=["gone", "flipped", "cut"])
@pytest.mark.parametrize("kind", ["activations", "datasets"])
def test_a_file_that_is_gone_or_damaged_is_made_again(
    kind: str,
    harm: Callable[[Path], None],
    copy_of_finished: Database,
    other_probes: StudyPlan,
    views_of_other_probes: Views,
) -> None:
    files = sorted((copy_of_finished.default_data_folder / kind).rglob("*.safetensors"))
    before = {file: file.read_bytes() for file in files}
    harm(files[0])
    run_tiny(copy_of_finished, other_probes)
    assert read_views(copy_of_finished) == views_of_other_probes
    assert count(copy_of_finished, "cell_failures") == 0
    assert {file: file.read_bytes() for file in files} == before


def test_a_whole_data_folder_that_is_gone_is_made_again(
    copy_of_finished: Database, other_probes: StudyPlan, views_of_other_probes: Views
) -> None:
    shutil.rmtree(copy_of_finished.default_data_folder)
    run_tiny(copy_of_finished, other_probes)
    assert read_views(copy_of_finished) == views_of_other_probes


def test_files_are_not_needed_for_fits(copy_of_finished: Database, tiny: Tiny) -> None:
    shutil.rmtree(copy_of_finished.default_data_folder)
    run_tiny(copy_of_finished, tiny.plan(sigmas="[0.2]", more=""))
    assert count(copy_of_finished, "fits", "run_id = 2") == 5 * 2
    assert not copy_of_finished.default_data_folder.exists()


def test_activations_that_stay_lost_are_a_failure(
    copy_of_finished: Database, other_probes: StudyPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    from superpos.stages import activations

    shutil.rmtree(copy_of_finished.default_data_folder / "activations")
    monkeypatch.setattr(activations, "extract_works", lambda *_, **__: None)
    notes = Notes()
    run_tiny(copy_of_finished, other_probes, reporter=notes)
    assert count(copy_of_finished, "cell_failures", "stage = 'probes' AND reason = 'files_lost'") == 4
    assert any("gone or damaged again" in note for note in notes.said)


@pytest.fixture
def other_builder(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A builder that gives other labels under the same key, as another Python's `tokenize` would."""
    genuine = datasets.build_dataset

    def build(*arguments: Any) -> Any:
        tokens = genuine(*arguments)
        labels = tokens.labels.copy()
        labels[:20, :5] = ~labels[:20, :5]
        return replace(tokens, labels=labels)

    with monkeypatch.context() as patch:
        patch.setattr(datasets, "build_dataset", build)
        yield


@pytest.mark.usefixtures("other_builder")
def test_a_data_set_with_other_content_is_refused_until_it_is_rebuilt(
    copy_of_finished: Database, tiny: Tiny, other_probes: StudyPlan, finished_views: Views
) -> None:
    plan = tiny.plan()
    register_study(copy_of_finished, plan)
    shutil.rmtree(copy_of_finished.default_data_folder)
    key = plan.datasets[0].key.hex()
    for _ in range(2):  # also when the other content lies in the folder already
        with pytest.raises(ContentChangedError, match=rf"{key}: content_changed.*--rebuild {key}"):
            run_tiny(copy_of_finished, other_probes)
    assert count(copy_of_finished, "probes", "direction_id > 4") == 0
    run_tiny(copy_of_finished, plan)  # what needs no file goes on as before
    assert read_views(copy_of_finished) == finished_views

    said = drop_dependants(copy_of_finished, key)
    assert said[0] == "dropped 1 data sets"
    assert count(copy_of_finished, "fits") == count(copy_of_finished, "probes") == 0
    assert is_left(study_progress(copy_of_finished, plan.study.name))
    run_tiny(copy_of_finished, plan)
    assert not is_left(study_progress(copy_of_finished, plan.study.name))
    now = read_views(copy_of_finished)
    assert {view: len(rows) for view, rows in now.items()} == {v: len(r) for v, r in finished_views.items()}
    assert now["dataset_features"] != finished_views["dataset_features"]
    assert now["probe_results"] != finished_views["probe_results"]


def test_activations_with_other_content_are_refused_and_heal(
    copy_of_finished: Database, other_probes: StudyPlan, views_of_other_probes: Views,
    finished_views: Views, monkeypatch: pytest.MonkeyPatch, tiny: Tiny,
) -> None:  # fmt: skip
    from superpos.activations import extract as module

    genuine = module.extract

    def other_device(model: Any, *arguments: Any, **options: Any) -> Any:
        for parameter in model.module.parameters():
            parameter.mul_(1.0 + 1e-3)
        return genuine(model, *arguments, **options)

    shutil.rmtree(copy_of_finished.default_data_folder / "activations")
    with monkeypatch.context() as patch:
        patch.setattr(module, "extract", other_device)
        for _ in range(2):
            with pytest.raises(ContentChangedError, match=r"activations [0-9a-f]{32}: content_changed"):
                run_tiny(copy_of_finished, other_probes)
    register_study(copy_of_finished, tiny.plan())
    assert read_views(copy_of_finished)["fit_results"] == finished_views["fit_results"]
    run_tiny(copy_of_finished, other_probes)  # the old device again
    assert read_views(copy_of_finished) == views_of_other_probes


def test_one_activation_set_rebuilt_gives_the_same_bits(
    copy_of_finished: Database, tiny: Tiny, finished_views: Views
) -> None:
    plan = tiny.plan()
    said = drop_dependants(copy_of_finished, plan.activations[1].key.hex())
    assert said[:2] == ["dropped 1 activation sets", "dropped 2 probe sets"]
    progress = {row.stage: row.undone for row in study_progress(copy_of_finished, "tiny")}
    # The layer's five targets are planned again; the matrix that it shares with the other layer stays.
    assert progress == {
        "datasets": 0, "activations": 1, "probes": 2, "psms": 5, "fits": 2 * 6 + 2 * 2 + 6, "analysis": 1,
    }  # fmt: skip
    assert count(copy_of_finished, "psms", "key IS NOT NULL") == 9 - 4
    run_tiny(copy_of_finished, plan)
    assert read_views(copy_of_finished) == finished_views


def test_an_edited_text_is_another_data_set_and_a_new_revision(
    copy_of_finished: Database, tiny: Tiny, tmp_path: Path
) -> None:
    corpus = tmp_path / "text"
    shutil.copytree(tiny.corpus, corpus)
    with (corpus / "cmd.py").open("a", encoding="utf-8") as stream:
        stream.write("\n# one line more\n")
    run_tiny(copy_of_finished, tiny.plan(corpus=corpus, more=""), stages=("datasets",))
    assert count(copy_of_finished, "datasets") == 2
    assert count(copy_of_finished, "studies", "name = 'tiny'") == 2
    with copy_of_finished.read() as connection:
        newest = connection.scalar(sa.text("SELECT MAX(revision) FROM current_studies"))
    assert newest == 2
    assert Results(copy_of_finished).frame("fit_results", study="tiny").empty


def test_a_model_that_changes_after_planning_is_a_failure(
    new_database: Callable[[str], Database], tiny: Tiny, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny.model, folder)
    plan = tiny.plan(model=folder, more="")
    (folder / "config.json").write_text(
        (folder / "config.json").read_text(encoding="utf-8").replace("0.4", "0.5"), encoding="utf-8"
    )
    database = new_database("changing")
    run_tiny(database, plan, stages=("datasets", "activations"))
    changed = "reason = 'ContentChangedError' AND message LIKE '%files changed since the study was planned'"
    assert count(database, "cell_failures", changed) == 2
