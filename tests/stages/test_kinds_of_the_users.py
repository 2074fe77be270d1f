"""Controls and a scheme of weights that a study names by reference, from the text to measured matrices."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tiny_study import Tiny, run_tiny

from superpos.db.engine import Database
from superpos.db.migrate import ensure_current
from superpos.db.results import Results
from superpos.errors import InputError
from superpos.kinds.controls import CONTROLS
from superpos.kinds.measures import MEASURES
from superpos.kinds.register import Register
from superpos.kinds.weights import WEIGHTS
from superpos.psms import cosine
from superpos.records.plan import StudyPlan
from superpos.specs.studyfile import load_study
from superpos.stages.plan import plan_study

SOURCE = '''
import numpy as np
import torch
from superpos.kinds.controls import Control
from superpos.kinds.weights import WEIGHTS, WeightsScheme

def turned(rows, replicate):
    """Rows turned, each by a rotation of its own."""
    rng = np.random.default_rng(replicate)
    return np.stack([row @ np.linalg.qr(rng.standard_normal((len(row),) * 2))[0] for row in rows])

def noisy(cosines, replicate, width):
    noise = np.triu(np.random.default_rng([replicate, width]).uniform(-0.1, 0.1, cosines.shape), 1)
    return cosines + noise + noise.T

def load(folder, seed, dtype):
    module = WEIGHTS.get("pretrained").load(folder, -1, dtype)
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            flat = parameter.view(-1)
            flat.copy_(flat[torch.randperm(flat.numel(), generator=draw)])
    return module

NOISY = Control(name="noisy", version=1, meaning="Cosines with noise.", draws_from="matrix",
                keeps="The cosines, roughly.", destroys="Their digits.", arguments={"cosine": noisy})
SHUFFLED = WeightsScheme(name="shuffled", version=1, meaning="Entries change places.", seeded=True,
                         reads_files=True, keeps="The entries.", destroys="Their places.", load=load)
'''


@pytest.fixture
def of_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module `mykinds` that can be imported; the registers forget it afterwards."""
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "mykinds.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    forget(monkeypatch)
    return folder / "mykinds.py"


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "mykinds", raising=False)
    registers: tuple[Register, ...] = (CONTROLS, WEIGHTS)  # type: ignore[type-arg]  # of two kinds
    for register in registers:
        own = {name: found for name, found in register._found.items() if ":" not in name}
        monkeypatch.setattr(register, "_found", own)


def study(tiny: Tiny, *, similarity: str = "cosine") -> Path:
    text = tiny.text(more="")
    text = text.replace("[datasets.", 'weights = "mykinds:SHUFFLED"\nseeds = [0, 1]\n[datasets.', 1)
    text = text.replace('"gaussian", "shuffled_labels"]', '"mykinds:turned", "mykinds:NOISY"]')
    text = text.replace('gauges = ["unit"]', f'similarities = ["{similarity}"]\nreplicates = 2\nlayers = [1]')
    file = tiny.folder / "mine.toml"
    file.write_text(text, encoding="utf-8")
    return file


def plan(tiny: Tiny, **changes: str) -> StudyPlan:
    return plan_study(load_study(study(tiny, **changes)))


@pytest.mark.usefixtures("of_user")
def test_a_study_of_somebodys_own_kinds(tiny: Tiny, new_database: Callable[[str], Database]) -> None:
    database = new_database("mine")
    ensure_current(database)
    run_tiny(database, plan(tiny), stages=("datasets", "activations", "probes", "psms"))
    results = Results(database)
    matrices = results.frame("psm_results")
    assert set(matrices["model_weights"]) == {"mykinds:SHUFFLED"}
    assert set(matrices["model_seed"]) == {0, 1}
    counts = matrices.groupby(["model_seed", "target"]).size().to_dict()
    kinds = {"features": 1, "mykinds:turned": 2, "mykinds:NOISY": 2}
    assert counts == {(seed, kind): n for seed in (0, 1) for kind, n in kinds.items()}
    for seed in (0, 1):
        own = matrices[matrices["model_seed"] == seed].set_index(["target", "replicate"])
        features = results.psm(own.loc[("features", 0), "psm_key"]).matrix
        directions = results.directions(own.loc[("features", 0), "direction_key"]).coef_raw
        np.testing.assert_array_equal(features, cosine(directions))
        turned = CONTROLS.get("mykinds:turned").directions
        assert turned is not None
        made = results.psm(own.loc[("mykinds:turned", 1), "psm_key"])
        np.testing.assert_array_equal(made, cosine(turned(directions, 1)))
        noise = results.psm(own.loc[("mykinds:NOISY", 1), "psm_key"]).matrix - features
        assert 0.01 < np.max(np.abs(noise)) <= 0.1
    measured = results.frame("geometry_results")
    names = {kind.name for kind in MEASURES if kind.applies_to("cosine") and kind.reads != "intervals"}
    assert measured.groupby("target_key")["measure"].agg(set).map(names.__eq__).all()
    assert set(measured["target_key"]) == set(matrices["target_key"])


def test_keys_follow_the_source_of_kinds_that_are_not_ours(
    tiny: Tiny, of_user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = plan(tiny)
    assert plan(tiny).targets == before.targets
    of_user.write_text(SOURCE.replace("-0.1, 0.1", "-0.2, 0.2"), encoding="utf-8")
    forget(monkeypatch)
    after = plan(tiny)
    assert not {one.key for one in after.models} & {one.key for one in before.models}
    assert not {one.key for one in after.targets} & {one.key for one in before.targets}


@pytest.mark.usefixtures("of_user")
def test_a_control_without_this_similarity_is_not_applicable(
    tiny: Tiny, new_database: Callable[[str], Database]
) -> None:
    database = new_database("rbf")
    ensure_current(database)
    run_tiny(database, plan(tiny, similarity="rbf"), stages=("datasets", "activations", "probes", "psms"))
    matrices = Results(database).frame("psm_results")
    assert set(matrices["target"]) == {"features", "mykinds:turned"}


def test_an_unknown_control_is_one_line_with_file_and_key(tiny: Tiny) -> None:
    file = tiny.file()
    file.write_text(file.read_text().replace('"gaussian"', '"gausian"'), encoding="utf-8")
    with pytest.raises(InputError, match=r"targets: 'gausian' is unknown; .*did you mean 'gaussian'\?"):
        load_study(file)
