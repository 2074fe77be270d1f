"""A store without models: plans over made-up inputs, and stages that hand in made-up results.

The planner is the product's over inputs of the tests' own making; no stage takes part.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from superpos.analysis.verdicts import record
from superpos.datasets.builders.directions import DirectionFileOptions
from superpos.datasets.builders.psm import PsmFileOptions
from superpos.datasets.builders.token_list import TokenListOptions
from superpos.db.activations import finish_activations, missing_activations
from superpos.db.analysis import write_analysis
from superpos.db.cells import n_results
from superpos.db.datasets import finish_dataset, missing_datasets
from superpos.db.engine import Database
from superpos.db.fits import WorkReader, insert_results, missing_cells
from superpos.db.metadata import metadata
from superpos.db.migrate import ensure_current
from superpos.db.probes import finish_directions, finish_sources, missing_directions, missing_sources
from superpos.db.psms import finish_targets, missing_targets
from superpos.db.runs import start_run
from superpos.db.studies import register_study
from superpos.hashing import content_key, text_digest
from superpos.psms.build import describe_psm
from superpos.records.data import (
    ActivationInfo,
    FeatureStatus,
    ModelInfo,
    ProbeMetrics,
    ProbeSet,
    Shard,
    TokenExample,
)
from superpos.records.fits import JointFit, Status
from superpos.records.plan import PlannedDataset, PlannedModel, StudyPlan
from superpos.records.work import (
    ActivationWork,
    DatasetSummary,
    DirectionResult,
    DirectionWork,
    FeatureSummary,
    FitResult,
    JointResult,
    JointWork,
    PsmResult,
    SourceResult,
    SourceWork,
    TargetWork,
)
from superpos.specs.axes import Kernel
from superpos.specs.datasets import DatasetSpec
from superpos.specs.models import ModelSpec
from superpos.specs.study import Block, ModelChoice, Reoptimisation, Study, TargetChoice
from superpos.stages.executor import SilentReporter
from superpos.stages.explained import find_explained
from superpos.stages.plan import Planner

FEATURES = ("digit", "capital", "space", "absent")
N_PROBED = 3
"""Features with a direction; `absent` has no positives."""
PHI = np.array([[1.0, 0.2, 0.3, 0.0], [0.2, 1.0, 0.4, 0.0], [0.3, 0.4, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
"""Phi coefficients between the labels of the features."""
SOURCE_ROWS = {
    "token_list": ("one", "two", "three"),
    "directions": ("d0", "d1", "d2", "d3"),
    "psm": ("x", "y", "z"),
}
"""Names of the rows of directions without probes, by builder."""
WIDTH = 5
N_LAYERS = 4


def model_info(spec: ModelSpec) -> ModelInfo:
    return ModelInfo(
        name=spec.name,
        revision=spec.revision,
        commit="",
        weights=spec.weights,
        seed=spec.seed,
        family="gpt_neox",
        n_layers=N_LAYERS,
        d_model=8,
        d_mlp=WIDTH,
        vocab_size=64,
        max_positions=256,
        config_digest=text_digest(spec.name),
        weights_digest="" if spec.weights == "random" else text_digest(f"weights of {spec.name}"),
        tokenizer_digest=text_digest("tokenizer"),
    )


EVERY_FIT = """
SELECT DISTINCT bt.target_id, f.joint_id, f.fit_axes_id, 4 AS n_cells, 3 AS n_usable
FROM blocks b JOIN block_targets bt ON bt.block_id = b.block_id
  JOIN targets t ON t.target_id = bt.target_id
  JOIN joint_fits j ON j.psm_id = t.psm_id
  JOIN block_joint_axes bj ON bj.block_id = b.block_id AND bj.joint_axes_id = j.joint_axes_id
  JOIN block_fit_axes bf ON bf.block_id = b.block_id
  JOIN fits f ON f.joint_id = j.joint_id AND f.fit_axes_id = bf.fit_axes_id
WHERE b.study_id = :study_id
"""


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file at the newest revision, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "migrated.db"
    handle = Database(f"sqlite:///{path}")
    ensure_current(handle)
    with handle.read() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    handle.dispose()
    return path


@pytest.fixture(scope="session")
def migrated_server(postgres_server: str) -> str:
    """Name of a PostgreSQL database at the newest revision, to be copied by the server."""
    url = sa.make_url(postgres_server)
    admin = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql("CREATE DATABASE migrated")
    admin.dispose()
    handle = Database(url.set(database="migrated").render_as_string(hide_password=False))
    ensure_current(handle)
    handle.dispose()
    return "migrated"


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A fresh database of each kind at the newest revision, copied from one that was migrated once."""
    if request.param == "sqlite":
        path = tmp_path / "superpos.db"
        shutil.copyfile(request.getfixturevalue("migrated_file"), path)
        handle = Database(f"sqlite:///{path}")
        yield handle
        handle.dispose()
        return
    server: str = request.getfixturevalue("postgres_server")
    template: str = request.getfixturevalue("migrated_server")
    name = f"copy_{uuid.uuid4().hex}"
    admin = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
    handle = Database(sa.make_url(server).set(database=name).render_as_string(hide_password=False))
    yield handle
    handle.dispose()
    with admin.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    admin.dispose()


@pytest.fixture
def make_plan() -> Callable[..., StudyPlan]:
    """Plans over made-up models and text; arguments are those of a one-block study."""

    def plan(
        name: str = "small",
        *,
        text: str = "some text",
        description: str = "",
        store_vectors: str = "all",
        models: tuple[ModelChoice, ...] = (ModelChoice("tiny", "tiny"),),
        blocks: tuple[Block, ...] | None = None,
        sources: tuple[str, ...] = (),
        **block: Any,
    ) -> StudyPlan:
        chosen = blocks or (make_block(models=tuple(m.label for m in models), **block),)
        specs = source_specs(sources)
        if specs:
            chosen += (source_block(chosen[0], specs),)
        if block.get("layers") == ():  # nothing is probed
            chosen = chosen[1:]
        specs = (DatasetSpec("words", "text_features"), *specs)
        study = Study(name, description, models, specs, chosen, store_vectors)  # type: ignore[arg-type] # text on purpose
        return MadeUpInputs(study, text).plan()

    return plan


SOURCES = ("embed", "unembed", "vectors", "matrix")
"""Directions without probes: rows of two matrices of a model, and two files."""


def source_specs(kinds: tuple[str, ...]) -> tuple[DatasetSpec, ...]:
    """Return the sets of directions without probes."""
    matrices: Any = tuple(kind for kind in kinds if kind in ("embed", "unembed"))
    options = {
        "digits": TokenListOptions(("one", "two", "three"), matrices) if matrices else None,
        "decoder": DirectionFileOptions("decoder.npz", hookpoint="resid", layer=1)
        if "vectors" in kinds
        else None,
        "finished": PsmFileOptions("finished.csv", "cosine") if "matrix" in kinds else None,
    }
    builders = {"digits": "token_list", "decoder": "directions", "finished": "psm"}
    return tuple(DatasetSpec(name, builders[name], options=some) for name, some in options.items() if some)


def source_block(like: Block, specs: tuple[DatasetSpec, ...]) -> Block:
    """Return a block of these sets that fits them as another block fits its own, beside one control."""
    kinds = (TargetChoice("features"), TargetChoice("shuffled_entries"))
    return replace(like, name="sources", datasets=tuple(spec.name for spec in specs), targets=kinds)


class MadeUpInputs(Planner):
    """The planner over models and text that do not exist."""

    def __init__(self, study: Study, text: str) -> None:
        super().__init__(study)
        self.text = text

    def model_info(self, spec: ModelSpec) -> ModelInfo:
        return model_info(spec)

    def tokenized(self, spec: DatasetSpec, model: PlannedModel) -> PlannedDataset:
        return self._made_up(spec, model)

    def imported(self, spec: DatasetSpec, models: Sequence[str]) -> PlannedDataset:  # noqa: ARG002 (the real one asks it)
        return self._made_up(spec, None)

    def _made_up(self, spec: DatasetSpec, model: PlannedModel | None) -> PlannedDataset:
        identity: dict[str, Any] = {"builder": spec.builder, "name": spec.name}
        if model is not None:
            identity["tokenizer_digest"] = model.info.tokenizer_digest
        if spec.reads_corpus:
            identity["corpus_digest"] = text_digest(self.text)
        key = content_key("dataset", 1, identity)
        corpus = "stdlib" if spec.reads_corpus else ""
        planned = PlannedDataset(
            key=key,
            name=spec.name,
            corpus=corpus,
            spec=spec,
            identity=identity,
            tokenizer_model=model and model.spec,
        )
        return self.datasets.setdefault(key, planned)


def make_block(
    name: str = "block",
    *,
    layers: tuple[int, ...] = (0, 1),
    controls: tuple[str, ...] = ("gaussian",),
    replicates: int = 1,
    energies: tuple[str, ...] = ("exp",),
    sigmas: tuple[float, ...] = (0.0, 0.1),
    trials: int = 1,
    **rest: Any,
) -> Block:
    """One small block: features and controls, two layers, one kernel, sigma 0 and 0.1."""
    kinds = ("features", *controls)
    return Block(
        name,
        rest.pop("models", ("tiny",)),
        ("words",),
        layers=layers,
        targets=tuple(TargetChoice(kind, tuple(range(replicates))) for kind in kinds),  # type: ignore[arg-type] # text
        kernels=tuple(Kernel(energy) for energy in energies),  # type: ignore[arg-type] # text
        n_dims=rest.pop("n_dims", (2,)),
        reoptimisations=(Reoptimisation(sigmas=sigmas, trials=trials),),
        **rest,
    )


@dataclass
class Store:
    """One database and the stages of a study on it, with results that follow from keys alone."""

    database: Database
    plan: StudyPlan
    study_id: int
    run_id: int
    salt: str = ""
    """Part of every content digest: another salt is other content under the same keys."""

    def datasets(self) -> list[bytes]:
        keys = list(missing_datasets(self.database, self.study_id))
        for key in keys:
            finish_dataset(self.database, key, self.summary(key), self.run_id)
        return keys

    def summary(self, key: bytes) -> DatasetSummary:
        planned = next(dataset for dataset in self.plan.datasets if dataset.key == key)
        if not planned.spec.has_probes:
            names = SOURCE_ROWS[planned.spec.builder]
            rows = tuple(FeatureSummary(name, 0, 0, FeatureStatus.OK, None) for name in names)
            return DatasetSummary(0, 0, 0, 0, None, "", text_digest(f"{key.hex()}{self.salt}"), {}, rows)
        return DatasetSummary(
            n_documents=3,
            n_sequences=20,
            n_tokens=400,
            n_samples=100,
            phi=PHI,
            path=f"datasets/{key.hex()}.safetensors",
            content_digest=text_digest(f"{key.hex()}{self.salt}"),
            provenance={"corpus": "text"},
            features=(
                FeatureSummary("digit", 40, 60, FeatureStatus.OK, TokenExample("a ", "1", " b", "one.txt")),
                FeatureSummary("capital", 30, 70, FeatureStatus.OK, TokenExample("", "A", "", "two.txt")),
                FeatureSummary("space", 50, 50, FeatureStatus.OK, None),
                FeatureSummary("absent", 0, 100, FeatureStatus.NO_POSITIVES, None),
            ),
        )

    def activations(self) -> list[ActivationWork]:
        works = list(missing_activations(self.database, self.study_id))
        if works:
            pairs = [(work, self.activation(work)) for work in works]
            finish_activations(self.database, pairs, text_digest("data"), self.run_id)
        return works

    def activation(self, work: ActivationWork, status: str = "ok") -> ActivationInfo:
        shard = Shard(
            f"activations/{work.key.hex()}-0.safetensors",
            100,
            WIDTH,
            work.dtype,
            text_digest(f"{work.key.hex()}{self.salt}"),
        )
        shards = (shard,) if status == "ok" else ()
        return ActivationInfo(work.hookpoint, work.layer, status, 100, WIDTH, work.dtype, 1e-6, shards)

    def directions(self) -> list[DirectionWork]:
        works = list(missing_directions(self.database, self.study_id))
        if works:
            finish_directions(self.database, [self.direction(work) for work in works], self.run_id)
        return works

    def direction(self, work: DirectionWork) -> DirectionResult:
        coef = numbers(work.key, N_PROBED, WIDTH)
        metrics = tuple(
            ProbeMetrics(
                name, "converged" if i < N_PROBED else "no_positives", 70, 30, 40,
                *((0.9, 0.8, 0.7, 0.6, 0.95, 0.85, 1.5) if i < N_PROBED else (None,) * 7), 7,
            )
            for i, name in enumerate(FEATURES)
        )  # fmt: skip
        probes = ProbeSet(
            FEATURES[:N_PROBED],
            metrics,
            coef,
            coef / 2.0,
            np.zeros(N_PROBED),
            np.full(WIDTH, 2.0),
            np.arange(100) < 70,
        )
        return DirectionResult(work.direction_id, probes, "", work.activation_digest)

    def sources(self) -> list[SourceWork]:
        works = list(missing_sources(self.database, self.study_id))
        if works:
            finish_sources(self.database, [self.source(work) for work in works], self.run_id)
        return works

    def source(self, work: SourceWork) -> SourceResult:
        spec = next(dataset.spec for dataset in self.plan.datasets if dataset.key == work.dataset_key)
        names = SOURCE_ROWS[spec.builder]
        vectors = numbers(work.key, len(names), WIDTH)
        if spec.builder != "psm":
            return SourceResult(work.direction_id, names, vectors, None, "")
        rows = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return SourceResult(work.direction_id, names, None, rows @ rows.T, "cosine")

    def targets(self, limit: int = 1000) -> list[TargetWork]:
        works = list(missing_targets(self.database, self.study_id, limit))
        if works:
            finish_targets(self.database, [self.target(work) for work in works], self.run_id)
        self.measures()
        return works

    def measures(self) -> None:
        """A measure with a value and one without, of every matrix that has none."""
        psms, measured = metadata.tables["psms"].c, metadata.tables["psm_measures"]
        with self.database.write() as connection:
            bare = sa.select(psms.psm_id).where(psms.psm_id.not_in(sa.select(measured.c.psm_id)))
            rows = [
                {"psm_id": psm_id, "measure": name, "version": 1, "value": value}
                for psm_id in connection.scalars(bare)
                for name, value in (("ones", 1.0), ("undefined", float("nan")))
            ]
            if rows:
                connection.execute(measured.insert(), rows)

    def target(self, work: TargetWork) -> PsmResult:
        shared = work.kind == "gaussian" and work.similarity == "cosine"
        inputs = [] if shared else [work.direction_key]
        names = {"kind": work.kind, "replicate": work.replicate, "similarity": work.similarity}
        key = content_key("psm", 1, {**names, "space": work.space, "C": work.rbf_scale}, inputs)
        given = work.directions.matrix if work.directions.raw is None else work.directions.raw
        assert given is not None
        rows = numbers(key, len(given), WIDTH)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        matrix = rows @ rows.T
        matrix = (matrix + matrix.T) / 2.0
        if work.similarity == "rbf":
            matrix = np.exp(matrix - 1.0)
        np.fill_diagonal(matrix, 1.0)
        scale = 0.0 if work.similarity == "cosine" else abs(work.rbf_scale)
        record = describe_psm(
            matrix,
            similarity=work.similarity,  # type: ignore[arg-type] # text from the database
            kind=work.kind,
            replicate=work.replicate,
            rbf_scale_resolved=scale,
        )
        return PsmResult(work.target_id, key, record)

    def works(self, keep_vectors: bool = True) -> list[JointWork]:
        """The missing fits as work."""
        cells = missing_cells(self.database, self.study_id)
        return list(WorkReader(self.database, keep_vectors).works(cells))

    def fits(self) -> list[JointWork]:
        works = self.works()
        if works:
            insert_results(self.database, [joint_result(work) for work in works], self.run_id)
        return works

    def inputs(self) -> Store:
        """Every stage before the fits."""
        self.datasets()
        self.activations()
        self.directions()
        self.sources()
        self.targets()
        return self

    def everything(self) -> Store:
        """Every stage up to the fits."""
        self.inputs()
        self.fits()
        return self

    def analyse(self) -> None:
        """Make every stored fit of the study a best match of its target, and pair the first two targets."""
        find_explained(self.database, self.study_id, SilentReporter())
        with self.database.read() as connection:
            best = connection.execute(sa.text(EVERY_FIT), {"study_id": self.study_id})
            rows = [dict(row) for row in best.mappings()]
        ids = sorted({row["target_id"] for row in rows})
        pairs = [
            {"target_a": a, "target_b": b, "spearman": 0.5, "p_value": 0.2, "n_permutations": 99}
            for a in ids[:1]
            for b in ids[1:2]
        ]
        count = n_results(self.database, self.study_id)
        said = record("keeps_low", "rms per entry", {"dataset": "text", "optimiser": "powell"}, "gaussian",
                      sentence="Not testable here: made up.")  # fmt: skip
        tests = [
            {
                "target_id": a, "measure": "ones", "energy": "", "s": 0.0, "softening": 0.0, "n_dims": 0,
                "control": "gaussian", "is_first": 1, "estimate": 0.1, "p_value": 1.0, "p_smallest": 0.5,
                "n_replicates": 1,
            }
            for a in ids[:1]
        ]  # fmt: skip
        write_analysis(self.database, self.study_id, self.run_id, count, rows, pairs, [said], tests)

    def count(self, table: str) -> int:
        with self.database.read() as connection:
            return int(connection.scalar(sa.select(sa.func.count()).select_from(sa.table(table))) or 0)


def numbers(key: bytes, *shape: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Normal numbers that follow from a key."""
    return np.random.default_rng(int.from_bytes(key[:8], "big")).standard_normal(shape)


def joint_result(work: JointWork) -> JointResult:
    """What a worker would hand back, made of the keys."""
    key = content_key("joint", 1, {}, [work.psm_key, work.axes_key])
    n = work.target.shape[0]
    joint: JointFit | None = None
    if work.done is None:
        logits = numbers(key, n)
        joint = JointFit(
            vectors=numbers(key, n, work.axes.n_dims),
            logits=logits,
            importance=np.exp(logits) / np.exp(logits).sum(),
            norms=np.arange(1.0, n + 1.0),
            similarities=np.eye(n),
            start_radius=1.0,
            fun=1.5,
            energy=1.0,
            mismatch=0.005,
            gradient_norm=1e-6,
            nit=10,
            nfev=20,
            njev=20,
            status=Status.CONVERGED,
            message="",
        )
    fits = tuple(fit_result(fit_id, axes_key, work, n) for fit_id, axes_key, _ in work.fits)
    return JointResult(work.psm_id, work.joint_axes_id, key, joint, 0.07, 0.9, 0.01, fits, ())


def fit_result(fit_axes_id: int, axes_key: bytes, work: JointWork, n: int) -> FitResult:
    value = float(numbers(axes_key)) ** 2
    names = (
        "distance_start", "distance_final", "distance_moved", "distance_drift", "distance_return",
        "distance_simplex", "distance_identity", "recovery", "angle", "rms_final", "fun", "energy_start",
        "energy_final", "norm_error", "relative_gradient", "min_eigenvalue",
    )  # fmt: skip
    columns: dict[str, Any] = {
        **dict.fromkeys(names, value),
        "distance_polish": None,
        "n_negative": 0,
        "n_zero": 1,
        "nit": 5,
        "nfev": 50,
        "verdict": "strict",
        "verdict_polished": "strict",
        "status": "converged",
        "seconds": 0.01,
    }
    vectors = numbers(axes_key, n, work.axes.n_dims)
    return (
        FitResult(fit_axes_id, columns, vectors, np.eye(n))
        if work.keep_vectors
        else FitResult(fit_axes_id, columns, None, None)
    )


def new_run(database: Database, study: str = "small") -> int:
    return start_run(
        database, study=study, host="here", git_commit="", versions={"numpy": "2"}, address="local"
    )


Opener = Callable[..., Store]


@pytest.fixture
def open_store(database: Database, make_plan: Callable[..., StudyPlan]) -> Opener:
    """Register a study (a plan, or the arguments of one) and return the store to fill."""

    def make(plan: StudyPlan | None = None, salt: str = "", **arguments: Any) -> Store:
        chosen = make_plan(**arguments) if plan is None else plan
        study_id = register_study(database, chosen)
        return Store(database, chosen, study_id, new_run(database, chosen.study.name), salt)

    return make


@pytest.fixture
def sqlite(migrated_file: Path, tmp_path: Path) -> Iterator[Database]:
    """A fresh SQLite database, for what only SQLite has."""
    path = tmp_path / "one.db"
    shutil.copyfile(migrated_file, path)
    handle = Database(f"sqlite:///{path}")
    yield handle
    handle.dispose()


@pytest.fixture
def results_of() -> Callable[[JointWork], JointResult]:
    """What a worker would hand back for a piece of work."""
    return joint_result


@pytest.fixture
def block() -> Callable[..., Block]:
    """A small block, to be changed by arguments."""
    return make_block


@pytest.fixture
def sources() -> tuple[str, ...]:
    """Directions without probes: rows of either matrix of a model, imported vectors, an imported matrix."""
    return SOURCES


@pytest.fixture
def without_joint() -> Callable[[JointResult], JointResult]:
    """A result without its joint fit, as workers return where the database holds it."""
    return lambda result: replace(result, joint=None)
