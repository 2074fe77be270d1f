"""Study files: defaults filled in, and one line for every mistake: file, key, value, what is allowed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from superpos.errors import InputError
from superpos.kinds.controls import CONTROLS
from superpos.specs.axes import Kernel
from superpos.specs.datasets import CorpusSpec, DatasetSpec
from superpos.specs.feature_sets import bundled_sets
from superpos.specs.models import ModelSpec
from superpos.specs.probes import ProbeSettings
from superpos.specs.study import MEDIAN_RULE, Block, ModelChoice, Reoptimisation, Study, TargetChoice
from superpos.specs.studyfile import load_study

HEAD = """
[models.nano]
[datasets.text_features]
"""
SETS = ", ".join(bundled_sets())
STUDIES = Path(__file__).resolve().parents[2] / "superpos" / "studies"


def read(folder: Path, text: str, name: str = "mine.toml") -> Study:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return load_study(path)


def read_block(folder: Path, text: str) -> Block:
    return read(folder, f"{HEAD}[[blocks]]\n{text}").blocks[0]


def refusal(folder: Path, text: str) -> str:
    """The message that a study file is refused with, without the file's name, which it must begin with."""
    with pytest.raises(InputError) as caught:
        read(folder, text)
    message = str(caught.value)
    start = f"{folder / 'mine.toml'}: "
    assert message.startswith(start)
    assert "\n" not in message
    assert caught.value.exit_status == 2
    return message.removeprefix(start)


# --- what a file holds --------------------------------------------------------------------------------------


def test_penalties_by_cross_validation(tmp_path: Path) -> None:
    block = read_block(tmp_path, 'probe_C = [1, "cv"]\nprobe_C_grid = [0.1, 1, 10]\n')
    assert block.probes == (ProbeSettings(C=1.0), ProbeSettings(C=0.0, C_grid=(0.1, 1.0, 10.0)))


def test_the_smallest_file_has_every_default(tmp_path: Path) -> None:
    study = read(tmp_path, f"{HEAD}[[blocks]]\n")
    assert (study.name, study.description, study.store_vectors) == ("mine", "", "all")
    assert study.models == (ModelChoice("nano", "nano", ("",), "pretrained", (), "float32"),)
    assert study.datasets == (
        DatasetSpec(
            "text_features", "text_features", CorpusSpec(), 400, 128, 4000, 100, 0,
            description=study.datasets[0].description,
        ),
    )  # fmt: skip
    assert study.blocks == (
        Block(
            name="block-0",
            models=("nano",),
            datasets=("text_features",),
            layers=(),
            hookpoints=("mlp.act",),
            probes=(ProbeSettings("logistic", 1.0, "balanced", "paper", 0.3, 0, 1e-8, 200, "newton"),),
            spaces=("raw",),
            targets=(TargetChoice("features", (0,)),),
            similarities=("cosine",),
            rbf_scales=(200.0,),
            kernels=(Kernel("exp", 0.0, "include", 0.0),),
            gauges=("none",),
            importance_modes=("learned",),
            n_dims=(10,),
            lambda_d=(100.0,),
            restarts=1,
            backend="compiled",
            max_iter=2000,
            gtol=1e-5,
            reoptimisations=(
                Reoptimisation(
                    "powell", (1.0,), (0.0, 0.01, 0.1), "sigma", 1, "compiled", 1e-4, 1e-4, 0, 1e-8
                ),
            ),
        ),
    )


def test_every_key_is_read(tmp_path: Path) -> None:
    (tmp_path / "corpus.txt").write_text("text", encoding="utf-8")
    study = read(
        tmp_path,
        """
        name = "full"
        description = "everything"
        store_vectors = "best"
        [models.a]
        name = "owner/model"
        revision = "step0"
        weights = "random"
        seeds = [3, 5]
        dtype = "bfloat16"
        [datasets.mine]
        builder = "python_syntax"
        corpus = "corpus.txt"
        text_key = "body"
        max_documents = 7
        n_sequences = 8
        ctx_len = 16
        n_samples = 40
        min_positives = 3
        seed = 9
        [[blocks]]
        name = "one"
        models = "a"
        datasets = ["mine"]
        layers = [2, 0, 2]
        hookpoints = ["resid", "embed"]
        method = "lda"
        probe_C = [0.1, 1]
        split_seeds = [0, 4]
        class_weight = "none"
        scaler = "none"
        spaces = ["raw", "scaled"]
        targets = ["features", "spectrum"]
        replicates = 3
        similarities = ["rbf", "cosine"]
        rbf_scales = ["median", 200]
        kernels = ["log", "riesz:-1", { energy = "riesz", s = 2, self_energy = "include", softening = 0.1 }]
        gauges = ["none", "unit"]
        importance_modes = ["learned", "uniform"]
        n_dims = [2, 3]
        lambda_d = [1, 10.0]
        restarts = 2
        backend = "scipy"
        max_iter = 50
        gtol = 1e-6
        [[blocks.reoptimisations]]
        optimiser = "manifold"
        sigmas = 0.5
        sigma_rule = "sigma / sqrt(f)"
        trials = 4
        gtol = 1e-9
        [[blocks.reoptimisations]]
        optimiser = "powell"
        lambda_x = [0.1, 1.0]
        backend = "compiled"
        xtol = 1e-5
        ftol = 1e-6
        max_iter = 3
        """,
    )
    block = study.blocks[0]
    assert (study.name, study.description, study.store_vectors) == ("full", "everything", "best")
    assert study.models == (ModelChoice("a", "owner/model", ("step0",), "random", (3, 5), "bfloat16"),)
    assert study.models[0].specs == tuple(ModelSpec("owner/model", "step0", "random", s) for s in (3, 5))
    corpus = CorpusSpec("text", str((tmp_path / "corpus.txt").resolve()), "body", 7)
    assert study.datasets == (DatasetSpec("mine", "python_syntax", corpus, 8, 16, 40, 3, 9),)
    assert (block.name, block.models, block.datasets) == ("one", ("a",), ("mine",))
    assert (block.layers, block.hookpoints) == ((2, 0), ("resid", "embed"))
    assert block.probes == tuple(
        ProbeSettings("lda", C, "none", "none", split_seed=seed) for C in (0.1, 1.0) for seed in (0, 4)
    )
    assert block.targets == (TargetChoice("features"), TargetChoice("spectrum", (0, 1, 2)))
    assert (block.similarities, block.rbf_scales) == (("rbf", "cosine"), (MEDIAN_RULE, 200.0))
    assert block.kernels == (Kernel("log"), Kernel("riesz", -1.0), Kernel("riesz", 2.0, "include", 0.1))
    assert [kernel.label for kernel in block.kernels] == ["log", "riesz:-1", "riesz:2"]
    assert (block.gauges, block.importance_modes) == (("none", "unit"), ("learned", "uniform"))
    assert (block.n_dims, block.lambda_d, block.restarts) == ((2, 3), (1.0, 10.0), 2)
    assert (block.backend, block.max_iter, block.gtol) == ("scipy", 50, 1e-6)
    assert block.spaces == ("raw", "scaled")
    assert block.reoptimisations == (
        Reoptimisation("manifold", (1.0,), (0.5,), "sigma / sqrt(f)", 4, "scipy", gtol=1e-9),
        Reoptimisation("powell", (0.1, 1.0), (0.0, 0.01, 0.1), "sigma", 1, "compiled", 1e-5, 1e-6, 3),
    )


def test_the_default_reoptimisation_takes_the_back_end_of_its_block(tmp_path: Path) -> None:
    assert read_block(tmp_path, 'backend = "scipy"').reoptimisations[0].backend == "scipy"


def test_random_weights_have_a_seed_of_their_own_accord(tmp_path: Path) -> None:
    study = read(tmp_path, f'{HEAD}[models.r]\nname = "nano"\nweights = "random"\n[[blocks]]\n')
    assert study.models[1].specs == (ModelSpec("nano", "", "random", 0),)
    assert study.blocks[0].models == ("nano", "r")


def test_relative_paths_lie_beside_the_study_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "notes.txt").write_text("text", encoding="utf-8")
    text = (
        '[models.m]\nname = "model"\n[models.hub]\nname = "owner/model"\n'
        '[datasets.text_features]\ncorpus = "notes.txt"\n[[blocks]]\n'
    )
    study = read(tmp_path, text)
    assert study.models[0].name == str((tmp_path / "model").resolve())
    assert study.models[1].name == "owner/model"
    assert study.datasets[0].corpus.path == str((tmp_path / "notes.txt").resolve())
    monkeypatch.chdir(tmp_path)
    assert load_study(Path("mine.toml")) == study  # started from elsewhere, it is the same study


def test_plain_data_hold_every_default(tmp_path: Path) -> None:
    data = read(tmp_path, f"{HEAD}[[blocks]]\n").as_dict()
    assert data["blocks"][0]["reoptimisations"][0]["lambda_x"] == (1.0,)
    assert data["datasets"][0]["corpus"]["kind"] == "stdlib"


@pytest.mark.parametrize("path", sorted(STUDIES.glob("*.toml")), ids=lambda path: path.stem)
def test_bundled_studies_parse_and_are_named_after_their_file(path: Path) -> None:
    study = load_study(path)
    assert study.name == path.stem
    assert study.description


def test_there_is_a_demo() -> None:
    assert (STUDIES / "demo.toml").is_file()


# --- files that are no study file ---------------------------------------------------------------------------


def test_a_missing_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.toml: no such study file"):
        load_study(tmp_path / "absent.toml")


def test_a_folder_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be read \(Is a directory\)$"):
        load_study(tmp_path)


def test_other_encodings_are_refused_at_their_first_byte(tmp_path: Path) -> None:
    path = tmp_path / "latin.toml"
    path.write_bytes('name = "é"\n'.encode("latin-1"))
    with pytest.raises(InputError, match=r"latin\.toml: is not UTF-8 text \(byte 8\)$"):
        load_study(path)


def test_what_is_not_toml_is_refused_with_its_place(tmp_path: Path) -> None:
    assert refusal(tmp_path, "name = \n").startswith("is not TOML (Invalid value (at line 1,")
    assert refusal(tmp_path, "[a]\n[a]\n").startswith("is not TOML (")


# --- mistakes, one a line -----------------------------------------------------------------------------------

GRID = "is empty, so the grid is empty; give at least one value"
RIESZ_0 = "0 is not an exponent of the riesz energy; use energy 'log' for the limit"
TOP: list[tuple[str, str]] = [
    ("", "models: is missing"),
    ("[models.nano]\n", "datasets: is missing"),
    ("models = 3\n", "models: 3 is not a table"),
    ("[models]\n", "models: is empty; add a table"),
    ("models.nano = 3\n", "models.nano: 3 is not a table"),
    (HEAD, "blocks: is empty, so the grid is empty; add a [[blocks]] table"),
    (f"blocks = []\n{HEAD}", "blocks: is empty, so the grid is empty; add a [[blocks]] table"),
    (f"blocks = 3\n{HEAD}", "blocks[0]: 3 is not a table"),
    (f"name = 3\n{HEAD}[[blocks]]\n", "name: 3 is not text"),
    (f'name = ""\n{HEAD}[[blocks]]\n', "name: '' is not a study name; use letters, digits and dashes"),
    (f'name = "a/b"\n{HEAD}[[blocks]]\n', "name: 'a/b' is not a study name; use letters, digits and dashes"),
    (f"description = 1979-05-27\n{HEAD}[[blocks]]\n", "description: datetime.date(1979, 5, 27) is not text"),
    (
        f'store_vectors = "bets"\n{HEAD}[[blocks]]\n',
        "store_vectors: 'bets' is unknown; allowed: all, best (did you mean 'best'?)",
    ),
    (
        f'descripton = ""\n{HEAD}[[blocks]]\n',
        (
            "descripton: unknown key; allowed: blocks, corpora, datasets, defaults, description, extends, "
            "kernels, models, name, noise_ceiling, reoptimisations, store_vectors, tests (did you mean "
            "'description'?)"
        ),
    ),
    (
        f'{HEAD}[models.a]\nrevison = "x"\n[[blocks]]\n',
        (
            "models.a.revison: unknown key; allowed: dtype, name, revision, revisions, seeds, steps, weights "
            "(did you mean 'revision'?)"
        ),
    ),
    (
        f'{HEAD}[models.a]\nweights = "randm"\n[[blocks]]\n',
        (
            "models.a.weights: 'randm' is unknown; allowed: pretrained, random, random_keep_embeddings, "
            "shuffled, shuffled_keep_embeddings, rerandomized, rerandomized_keep_embeddings (did you mean "
            "'random'?)"
        ),
    ),
    (
        f'{HEAD}[models.a]\ndtype = "float64"\n[[blocks]]\n',
        "models.a.dtype: 'float64' is unknown; allowed: float32, bfloat16, float16 (did you mean 'float16'?)",
    ),
    (
        f"{HEAD}[models.a]\nseeds = [1]\n[[blocks]]\n",
        (
            "models.a.seeds: [1] applies to drawn weights only (random, random_keep_embeddings, shuffled, "
            "shuffled_keep_embeddings, rerandomized, rerandomized_keep_embeddings); leave it out"
        ),
    ),
    (
        f'{HEAD}[models.a]\nweights = "random"\nseeds = [-1]\n[[blocks]]\n',
        "models.a.seeds: -1 must be at least 0",
    ),
    (
        f'{HEAD}[models.a]\nweights = "random"\nseeds = [4294967296]\n[[blocks]]\n',
        "models.a.seeds: 4294967296 must be at most 2147483647",
    ),
    (f"{HEAD}[models.a]\nseeds = [1.5]\n[[blocks]]\n", "models.a.seeds[0]: 1.5 is not a whole number"),
    (f"{HEAD}[models.a]\nname = 1\n[[blocks]]\n", "models.a.name: 1 is not text"),
    (
        "[models.nano]\n[datasets.text_feature]\n[[blocks]]\n",
        (
            f"datasets.text_feature.builder: 'text_feature' is no feature set; allowed: {SETS} "
            "(did you mean 'text_features'?), a .toml file, or give a builder"
        ),
    ),
    (f"{HEAD}ctx_len = 7\n[[blocks]]\n", "datasets.text_features.ctx_len: 7 must be at least 8"),
    (f"{HEAD}n_samples = true\n[[blocks]]\n", "datasets.text_features.n_samples: True is not a whole number"),
    (f"{HEAD}seed = -1\n[[blocks]]\n", "datasets.text_features.seed: -1 must be at least 0"),
    (
        f"{HEAD}max_documents = -1\n[[blocks]]\n",
        "datasets.text_features.max_documents: -1 must be at least 0",
    ),
    (
        f'{HEAD}n_sequences = "9"\n[[blocks]]\n',
        "datasets.text_features.n_sequences: '9' is not a whole number",
    ),
    (
        f"{HEAD}n_sample = 9\n[[blocks]]\n",
        (
            "datasets.text_features.n_sample: unknown key; allowed: builder, config, corpus, ctx_len, "
            "description, documents, duplicates, heading, label_key, max_documents, min_positives, "
            "n_samples, n_sequences, needs_corpus, order, revision, seed, set, source, source_folder, split, "
            "text_key (did you mean 'n_samples'?)"
        ),
    ),
]
BLOCK: list[tuple[str, str]] = [
    ("models = []", f"blocks[0].models: {GRID}"),
    ("datasets = []", f"blocks[0].datasets: {GRID}"),
    ("layers = []", "blocks[0].layers: is empty, so the grid is empty; give layer numbers or 'all'"),
    ("hookpoints = []", f"blocks[0].hookpoints: {GRID}"),
    ("probe_C = []", f"blocks[0].probe_C: {GRID}"),
    ("split_seeds = []", f"blocks[0].split_seeds: {GRID}"),
    ("spaces = []", f"blocks[0].spaces: {GRID}"),
    ("targets = []", f"blocks[0].targets: {GRID}"),
    ("similarities = []", f"blocks[0].similarities: {GRID}"),
    ("kernels = []", f"blocks[0].kernels: {GRID}"),
    ("gauges = []", f"blocks[0].gauges: {GRID}"),
    (
        "importance_modes = []",
        f"blocks[0].importance_modes: {GRID}",
    ),
    ("n_dims = []", f"blocks[0].n_dims: {GRID}"),
    ("lambda_d = []", f"blocks[0].lambda_d: {GRID}"),
    (
        'similarities = ["rbf"]\nrbf_scales = []',
        "blocks[0].rbf_scales: is empty while similarity rbf is asked for; give a number or 'median'",
    ),
    ('models = ["nan"]', "blocks.block-0.models: 'nan' is unknown; allowed: nano (did you mean 'nano'?)"),
    (
        'datasets = ["text_feature"]',
        (
            "blocks.block-0.datasets: 'text_feature' is unknown; allowed: text_features "
            "(did you mean 'text_features'?)"
        ),
    ),
    ('layers = "al"', "blocks[0].layers: 'al' is unknown; allowed: 'all' or layer numbers from 0"),
    ("layers = [-1]", "blocks[0].layers: [-1] is unknown; allowed: 'all' or layer numbers from 0"),
    ("layers = [true]", "blocks[0].layers: [True] is unknown; allowed: 'all' or layer numbers from 0"),
    (
        'hookpoints = ["mlp.in"]',
        (
            "blocks[0].hookpoints: 'mlp.in' is unknown; allowed: embed, resid, resid.mid, attn.z, attn.out, "
            "attn.add, mlp.act, mlp.out, mlp.add, and their names in other libraries (docs/models.md) "
            "(did you mean 'mlp.out'?)"
        ),
    ),
    (
        'method = "logistics"',
        (
            "blocks[0].method: 'logistics' is unknown; allowed: logistic, mean_difference, lda "
            "(did you mean 'logistic'?)"
        ),
    ),
    ("probe_C = 0", "blocks[0].probe_C: 0 must be above 0"),
    ('probe_C = "vc"', "blocks[0].probe_C: 'vc' is unknown; allowed: numbers above 0 or 'cv'"),
    (
        'probe_C = "cv"\nprobe_C_grid = [1, 0.1]',
        "blocks[0].probe_C_grid: [1.0, 0.1] must be at least two ascending numbers, or none",
    ),
    ('poolings = ["min"]', "blocks[0].poolings: 'min' is unknown; allowed: max, mean, last"),
    ("split_seeds = [-1]", "blocks[0].split_seeds: -1 must be at least 0"),
    (
        'space = "raw"',
        (
            "blocks[0].space: unknown key; allowed: backend, class_weight, datasets, fit_two_classes, "
            "gauges, gtol, hookpoints, importance_modes, joint_polish, kernels, lambda_d, layers, "
            "like, max_iter, method, models, n_dims, name, poolings, probe_C, probe_C_grid, rbf_scales, "
            "reoptimisations, replicates, restarts, scaler, similarities, spaces, split_seeds, targets "
            "(did you mean 'spaces'?)"
        ),
    ),
    (
        'spaces = ["raww"]',
        "blocks[0].spaces: 'raww' is unknown; allowed: raw, scaled, whitened, pattern (did you mean 'raw'?)",
    ),
    (
        'targets = ["feature"]',
        (
            f"blocks[0].targets: 'feature' is unknown; allowed: {', '.join(CONTROLS.names())} "
            "(did you mean 'features'?)"
        ),
    ),
    ("replicates = 0", "blocks[0].replicates: 0 must be at least 1"),
    ("replicates = -3", "blocks[0].replicates: -3 must be at least 1"),
    (
        'similarities = ["cosin"]',
        "blocks[0].similarities: 'cosin' is unknown; allowed: cosine, rbf (did you mean 'cosine'?)",
    ),
    ("rbf_scales = [0]", "blocks[0].rbf_scales: 0 must be above 0"),
    ("rbf_scales = [-1.0]", "blocks[0].rbf_scales: -1 must be above 0"),
    ('rbf_scales = "mean"', "blocks[0].rbf_scales: 'mean' is unknown; allowed: a number above 0, 'median'"),
    (
        'kernels = ["expo"]',
        (
            "blocks[0].kernels[0]: 'expo' is unknown; "
            "allowed: exp, log, riesz:<s>, gauss:<t> (did you mean 'exp'?)"
        ),
    ),
    ('kernels = ["exp", "log:2"]', "blocks[0].kernels[1]: 'log:2': log takes no parameter; use 'log'"),
    (
        'kernels = ["exp:0"]',
        "blocks[0].kernels[0]: 'exp:0': beta must be from 0.01 to 100; 'exp' is exp with 1",
    ),
    ('kernels = ["exp:101"]', "blocks[0].kernels[0]: 101 must be from 0.01 to 100"),
    ('kernels = ["exp:-1"]', "blocks[0].kernels[0]: -1 must be from 0.01 to 100"),
    (
        'kernels = ["gauss"]',
        "blocks[0].kernels[0]: 0 is no width of the gauss energy; write 'gauss:<t>' with t from 0.01 to 1000",
    ),
    ('kernels = ["gauss:-2"]', "blocks[0].kernels[0]: -2 must be from 0.01 to 1000"),
    (
        'kernels = ["gauss:wide"]',
        "blocks[0].kernels[0]: 'gauss:wide': 'wide' is not a number; use 'gauss:<t>'",
    ),
    (
        'kernels = ["riesz"]',
        f"blocks[0].kernels[0]: {RIESZ_0}",
    ),
    (
        'kernels = ["riesz:0"]',
        f"blocks[0].kernels[0]: {RIESZ_0}",
    ),
    ('kernels = ["riesz:x"]', "blocks[0].kernels[0]: 'riesz:x': 'x' is not a number; use 'riesz:<s>'"),
    ('kernels = ["riesz:nan"]', "blocks[0].kernels[0]: nan is not finite"),
    ("kernels = [3]", "blocks[0].kernels[0]: 3 is not text or a table"),
    ("kernels = [{}]", "blocks[0].kernels[0].energy: is missing"),
    (
        'kernels = [{ energy = "rieszz" }]',
        (
            "blocks[0].kernels[0].energy: 'rieszz' is unknown; "
            "allowed: exp, log, riesz, gauss (did you mean 'riesz'?)"
        ),
    ),
    (
        'kernels = [{ energy = "log", s = 2 }]',
        "blocks[0].kernels[0].s: 2 does not apply to the log energy; leave it out",
    ),
    (
        'kernels = [{ energy = "riesz", s = 0 }]',
        f"blocks[0].kernels[0].s: {RIESZ_0}",
    ),
    ('kernels = [{ energy = "riesz", s = "1" }]', "blocks[0].kernels[0].s: '1' is not a number"),
    (
        'kernels = [{ energy = "log", self_energy = "includ" }]',
        (
            "blocks[0].kernels[0].self_energy: 'includ' is unknown; allowed: exclude, include "
            "(did you mean 'include'?)"
        ),
    ),
    (
        'kernels = [{ energy = "log", self_energy = "include" }]',
        "blocks[0].kernels[0].softening: 0 makes the included diagonal of log infinite; use a value above 0",
    ),
    (
        'kernels = [{ energy = "riesz", s = 1, self_energy = "include", softening = 0 }]',
        (
            "blocks[0].kernels[0].softening: 0 makes the included diagonal of riesz:1 infinite; "
            "use a value above 0"
        ),
    ),
    (
        'kernels = [{ energy = "exp", softening = 0.1 }]',
        "blocks[0].kernels[0].softening: 0.1 does not apply to the exp energy; use 0",
    ),
    (
        'kernels = [{ energy = "log", softening = -0.1 }]',
        "blocks[0].kernels[0].softening: -0.1 must be at least 0",
    ),
    (
        'kernels = [{ energy = "log", soft = 1 }]',
        (
            "blocks[0].kernels[0].soft: unknown key; allowed: energy, s, self_energy, softening "
            "(did you mean 'softening'?)"
        ),
    ),
    (
        'gauges = ["units"]',
        "blocks[0].gauges: 'units' is unknown; allowed: none, unit, mean_norm (did you mean 'unit'?)",
    ),
    (
        'gauges = ["mean_norm"]\nkernels = ["exp", "log"]',
        "blocks[0].gauges: mean_norm under cosine is for the exp energy only, not log; use unit",
    ),
    (
        'importance_modes = ["learnt"]',
        (
            "blocks[0].importance_modes: 'learnt' is unknown; allowed: learned, uniform "
            "(did you mean 'learned'?)"
        ),
    ),
    ("n_dims = 1", "blocks[0].n_dims: 1 must be at least 2"),
    ("n_dims = [2, 2.5]", "blocks[0].n_dims[1]: 2.5 is not a whole number"),
    ("n_dims = [10000000000]", "blocks[0].n_dims: 10000000000 must be at most 2147483647"),
    ("lambda_d = [-1.0]", "blocks[0].lambda_d: -1 must be at least 0"),
    ("lambda_d = [inf]", "blocks[0].lambda_d: inf is not finite"),
    (f"lambda_d = [1{'0' * 400}]", "blocks[0].lambda_d[0]: is beyond the largest double"),
    ("restarts = 0", "blocks[0].restarts: 0 must be at least 1"),
    ("max_iter = 0", "blocks[0].max_iter: 0 must be at least 1"),
    ("gtol = 0", "blocks[0].gtol: 0 must be above 0"),
    (
        'backend = "numba"',
        "blocks[0].backend: 'numba' is unknown; allowed: scipy, compiled",
    ),
]
REOPTIMISATION: list[tuple[str, str]] = [
    (
        'optimiser = "powel"',
        "optimiser: 'powel' is unknown; allowed: powell, manifold (did you mean 'powell'?)",
    ),
    ("lambda_x = -1", "lambda_x: -1 must be at least 0"),
    ("lambda_x = []", "lambda_x: is empty; give at least one number"),
    ("sigmas = [0.1, -0.1]", "sigmas: -0.1 must be at least 0"),
    ("sigmas = [nan]", "sigmas: nan is not finite"),
    ('sigmas = ["0.1"]', "sigmas: '0.1' is unknown; allowed: numbers from 0, 'sphere'"),
    (
        'sigma_rule = "sigma / sqrt(n)"',
        (
            "sigma_rule: 'sigma / sqrt(n)' is unknown; allowed: sigma, sigma / sqrt(f) "
            "(did you mean 'sigma / sqrt(f)'?)"
        ),
    ),
    ("trials = 0", "trials: 0 must be at least 1"),
    ("trials = 1.0", "trials: 1.0 is not a whole number"),
    ("xtol = 0", "xtol: 0 must be above 0"),
    ("ftol = -1e-4", "ftol: -0.0001 must be above 0"),
    ("gtol = 0", "gtol: 0 must be above 0"),
    ("max_iter = -1", "max_iter: -1 must be at least 0"),
    (
        'backend = "compile"',
        "backend: 'compile' is unknown; allowed: scipy, compiled (did you mean 'compiled'?)",
    ),
    (
        "sigma = 0.1",
        (
            "sigma: unknown key; allowed: backend, ftol, gtol, lambda_x, max_iter, optimiser, sigma_rule, "
            "sigmas, trials, xtol (did you mean 'sigmas'?)"
        ),
    ),
]


@pytest.mark.parametrize(("text", "wanted"), TOP, ids=[wanted[:60] for _, wanted in TOP])
def test_mistakes_outside_blocks(tmp_path: Path, text: str, wanted: str) -> None:
    assert refusal(tmp_path, text) == wanted


@pytest.mark.parametrize(("text", "wanted"), BLOCK, ids=[text[:40] for text, _ in BLOCK])
def test_mistakes_in_a_block(tmp_path: Path, text: str, wanted: str) -> None:
    assert refusal(tmp_path, f"{HEAD}[[blocks]]\n{text}\n") == wanted


@pytest.mark.parametrize(("text", "wanted"), REOPTIMISATION, ids=[text for text, _ in REOPTIMISATION])
def test_mistakes_in_a_reoptimisation(tmp_path: Path, text: str, wanted: str) -> None:
    message = refusal(tmp_path, f"{HEAD}[[blocks]]\n[[blocks]]\n[[blocks.reoptimisations]]\n{text}\n")
    assert message == f"blocks[1].reoptimisations[0].{wanted}"


def test_mean_norm_is_allowed_where_it_holds(tmp_path: Path) -> None:
    block = read_block(tmp_path, 'gauges = ["mean_norm"]\nkernels = ["exp"]')
    assert block.gauges == ("mean_norm",)
    block = read_block(tmp_path, 'gauges = ["mean_norm"]\nkernels = ["log"]\nsimilarities = ["rbf"]')
    assert block.kernels == (Kernel("log"),)


def test_revisions_and_training_steps(tmp_path: Path) -> None:
    def specs(lines: str) -> tuple[ModelSpec, ...]:
        text = HEAD.replace("[models.nano]", f"[models.nano]\n{lines}")
        return read(tmp_path, f"{text}[[blocks]]\n").models[0].specs

    assert specs("steps = [0, 64]") == (ModelSpec("nano", "step0"), ModelSpec("nano", "step64"))
    assert specs('revisions = ["main", "abc"]') == (ModelSpec("nano", "main"), ModelSpec("nano", "abc"))
    assert specs('revision = "abc"') == (ModelSpec("nano", "abc"),)
    random = specs('revisions = ["a", "b"]\nweights = "random"\nseeds = [1, 2]')
    assert [(one.revision, one.seed) for one in random] == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        ('revision = "a"\nsteps = [1]', "models.nano.steps: give only one of revision, steps"),
        ("steps = [-1]", "models.nano.steps: -1 is no training step; they count from 0"),
        ('revisions = ["a", "a"]', "models.nano.revisions: ['a', 'a'] is empty or names one twice"),
    ],
)
def test_revisions_that_are_none(tmp_path: Path, lines: str, wanted: str) -> None:
    text = HEAD.replace("[models.nano]", f"[models.nano]\n{lines}")
    assert refusal(tmp_path, f"{text}[[blocks]]\n") == wanted


@pytest.mark.parametrize("name", sorted(path.stem for path in STUDIES.glob("*.toml")))
def test_every_bundled_study_is_read(name: str) -> None:
    study = load_study(STUDIES / f"{name}.toml")
    assert study.name == name
    assert study.description


@pytest.fixture
def own_energies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A module of the user's with energies, and one that cannot be imported."""
    (tmp_path / "my_energies.py").write_text(
        "from superpos.fits.energies.log import KIND as flat\n"
        "from superpos.fits.energies.riesz import KIND as steep\n"
    )
    (tmp_path / "my_broken.py").write_text("raise OSError('on purpose')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in ("my_energies", "my_broken"):
        sys.modules.pop(name, None)


@pytest.mark.usefixtures("own_energies")
def test_kernels_may_be_energies_of_the_users(tmp_path: Path) -> None:
    block = read_block(
        tmp_path,
        'kernels = ["my_energies:flat", "my_energies:steep:2", { energy = "my_energies:steep", s = 1 }]',
    )
    assert block.kernels == (
        Kernel("my_energies:flat"),
        Kernel("my_energies:steep", 2.0),
        Kernel("my_energies:steep", 1.0),
    )


@pytest.mark.usefixtures("own_energies")
@pytest.mark.parametrize(
    ("kernel", "wanted"),
    [
        (
            '"my_energies:flat:1"',
            (
                "blocks[0].kernels[0]: 'my_energies:flat:1': my_energies:flat takes no parameter; "
                "use 'my_energies:flat'"
            ),
        ),
        (
            '"my_energies:none"',
            (
                "blocks[0].kernels[0]: energy 'my_energies:none' cannot be imported: AttributeError: module "
                "'my_energies' has no attribute 'none'"
            ),
        ),
        (
            '"my_broken:flat"',
            "blocks[0].kernels[0]: energy 'my_broken:flat' cannot be imported: OSError: on purpose",
        ),
        ('"os.path:join"', "blocks[0].kernels[0]: energy 'os.path:join' is no Energy, but function"),
        (
            '"nothing_of_this_name:x"',
            (
                "blocks[0].kernels[0]: 'nothing_of_this_name:x' is unknown; "
                "allowed: exp, log, riesz:<s>, gauss:<t>"
            ),
        ),
        (
            '{ energy = "my_broken:flat" }',
            "blocks[0].kernels[0]: energy 'my_broken:flat' cannot be imported: OSError: on purpose",
        ),
        (
            '"my_energies:steep:x"',
            "blocks[0].kernels[0]: 'my_energies:steep:x': 'x' is not a number; use 'my_energies:steep:<s>'",
        ),
    ],
)
def test_what_is_no_energy_of_the_users(tmp_path: Path, kernel: str, wanted: str) -> None:
    assert refusal(tmp_path, f"{HEAD}[[blocks]]\nkernels = [{kernel}]\n") == wanted
