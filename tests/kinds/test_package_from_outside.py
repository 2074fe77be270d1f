"""A package of a stranger adds a kind of every family through entry points, and a study runs with them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from superpos.db.results import Results

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "tests" / "assets" / "more_kinds"
FROM = "superpos-more-kinds 1.2.0"

STUDY = """
name = "outside"

[models.tiny]
name = "{model}"

[datasets.letters]
builder = "capitals"
letters = ["a", "e", "r", "s", "t"]
corpus = "{corpus}"
n_sequences = 40
ctx_len = 24
n_samples = 200
min_positives = 20

[defaults]
layers = [1]
gauges = ["unit"]
importance_modes = ["uniform"]  # learned, it would all go to one feature
n_dims = [3]
max_iter = 200

[[blocks]]
name = "theirs"
targets = ["features", "flipped_signs"]
similarities = ["cosine", "cauchy"]
rbf_scales = [2.0]
kernels = ["screened", "exp"]
[[blocks.reoptimisations]]
optimiser = "lbfgs"
sigmas = [0.1]
[[blocks.reoptimisations]]
optimiser = "manifold"
sigmas = [0.1]

[[blocks]]
name = "reference"
kernels = ["screened"]
backend = "scipy"
[[blocks.reoptimisations]]
optimiser = "manifold"
sigmas = [0.1]
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which the package is installed, as its owner would: built, with its metadata."""
    folder = tmp_path_factory.mktemp("outside")
    shutil.copytree(SOURCE, folder / "source")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += [
        "--no-index",
        "--no-build-isolation",
        "--target",
        str(folder / "site"),
        str(folder / "source"),
    ]
    subprocess.run(command, check=True, capture_output=True, text=True)
    path = os.pathsep.join([str(folder / "site"), str(ROOT)])
    return {**os.environ, "PYTHONPATH": path, "SUPERPOS_DB_URL": ""}


def superpos(environment: dict[str, str], *arguments: str, folder: Path, status: int = 0) -> str:
    done = subprocess.run(  # noqa: PLW1510 (the status is compared below)
        [sys.executable, "-m", "superpos", *arguments],
        env=environment, cwd=folder, capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def run(
    installed: dict[str, str],
    tiny_model: Path,
    tiny_corpus: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The folder of a study that has run with every kind of the package."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "outside.toml").write_text(STUDY.format(model=tiny_model, corpus=tiny_corpus))
    superpos(
        installed, "run", "outside.toml", "--db", "sqlite:///outside.db", "--workers", "1", folder=folder
    )
    return folder


@pytest.fixture(scope="module")
def results(run: Path) -> Results:
    return Results.open(f"sqlite:///{run / 'outside.db'}")


@pytest.mark.cluster
def test_every_cell_of_the_study_has_its_result(results: Results) -> None:
    fits = results.frame("fit_results")
    theirs = fits[fits["backend"] == "compiled"]
    assert set(theirs["kernel"]) == {"screened", "exp"}
    assert set(theirs["similarity"]) == {"cosine", "cauchy"}
    assert set(theirs["target"]) == {"features", "flipped_signs"}
    assert set(theirs["optimiser"]) == {"lbfgs", "manifold"}
    assert len(theirs) == 2 * 2 * 2 * 2 * 2  # each with sigma 0 beside 0.1
    assert set(theirs["status"]) <= {"converged", "max_iter"}
    assert (theirs["relative_gradient"] < 1e-3).all()
    assert set(results.frame("dataset_features")["feature"]) == {f"has_{letter}" for letter in "aerst"}
    assert set(results.frame("study_progress")["failed"]) == {0}


@pytest.mark.cluster
def test_the_compiled_engine_and_the_reference_agree_on_their_energy(results: Results) -> None:
    fits = results.frame("fit_results")
    same = fits[
        (fits["kernel"] == "screened") & (fits["similarity"] == "cosine")
        & (fits["target"] == "features") & (fits["optimiser"] == "manifold")
    ].pivot_table(index="sigma", columns="backend", values="energy_final")  # fmt: skip
    assert list(same.columns) == ["compiled", "scipy"]
    assert len(same) == 2
    assert abs(same["compiled"] - same["scipy"]).max() < 1e-6 * same["scipy"].abs().max()


@pytest.mark.cluster
def test_their_measure_is_known_of_every_matrix(results: Results) -> None:
    geometry = results.frame("geometry_results")
    found = geometry[geometry["measure"] == "mean_square"]
    assert len(found) == results.frame("psm_results")["psm_key"].nunique()
    assert found["value"].between(0.0, 1.0).all()


@pytest.mark.cluster
def test_the_report_draws_them_and_a_trace_names_their_package(
    installed: dict[str, str], run: Path, results: Results
) -> None:
    database = ("--db", "sqlite:///outside.db")
    superpos(installed, "report", "--study", "outside", "--out", "report", *database, folder=run)
    page = (run / "report" / "index.html").read_text(encoding="utf-8")
    for name in ("screened", "cauchy", "flipped signs", "lbfgs"):
        assert name in page
    fits = results.frame("fit_results")
    row = fits[
        (fits["kernel"] == "screened") & (fits["optimiser"] == "lbfgs") & (fits["similarity"] == "cauchy")
    ].iloc[0]
    said = superpos(installed, "trace", row["fit_key"], "--recompute", *database, folder=run)
    assert FROM in said


@pytest.mark.cluster
def test_without_the_package_nothing_is_lost_and_one_line_says_what_is_missing(run: Path) -> None:
    alone = {**os.environ, "PYTHONPATH": str(ROOT), "SUPERPOS_DB_URL": ""}
    said = superpos(alone, "plan", "outside.toml", folder=run, status=2)
    assert said.count("\n") == 1
    assert "'capitals' is unknown" in said
    said = superpos(
        alone, "report", "--study", "outside", "--out", "alone", "--db", "sqlite:///outside.db", folder=run
    )
    assert "screened" in (run / "alone" / "index.html").read_text(encoding="utf-8")


@pytest.mark.cluster
def test_their_version_is_part_of_the_keys(installed: dict[str, str], run: Path, tmp_path: Path) -> None:
    """Another release of the package is computed anew beside the old one."""
    site = tmp_path / "site"
    shutil.copytree(installed["PYTHONPATH"].split(os.pathsep)[0], site)
    (info,) = site.glob("*.dist-info")
    metadata = info / "METADATA"
    metadata.write_text(metadata.read_text().replace("Version: 1.2.0", "Version: 1.3.0"))
    newer = {**installed, "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)])}
    plans = [
        json.loads(
            superpos(
                environment, "plan", "outside.toml", "--json", "--db", "sqlite:///outside.db", folder=run
            )
        )
        for environment in (installed, newer)
    ]
    assert plans[0] != plans[1]
