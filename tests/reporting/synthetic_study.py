"""A small synthetic study in a fresh SQLite database, with seeded numbers of a plausible size."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from superpos.db import tables as t
from superpos.db.engine import Database
from superpos.db.migrate import ensure_current
from superpos.seeding import generator
from superpos.stages.answers import ask
from superpos.stages.executor import SilentReporter
from superpos.stages.explained import find_explained
from superpos.stages.measure_tests import tests_of_measures

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CONTROLS = ("permuted", "gaussian", "shuffled_entries", "spectrum", "shuffled_labels")
TEXT = (
    "contains_digit", "all_digits", "contains_capital", "leading_capital", "all_capitals",
    "contains_whitespace", "has_leading_space", "no_leading_space_and_loweralpha",
    "contains_all_whitespace", "is_not_alphanumeric", "is_not_ascii",
)  # fmt: skip
SYNTAX = ("keyword", "operator", "number", "string", "comment", "name")
EXP, LOG = ("exp", 0.0, "exp", "include", 0.0), ("log", 0.0, "log", "exclude", 0.0)
KERNELS = (EXP, LOG, ("riesz", 1.0, "riesz:1", "include", 0.1))


@dataclass
class Place:
    """Where the directions of a set come from, and the setting of its fits, where they are not the usual."""

    hookpoints: tuple[str, ...] = ("mlp.act",)
    layers: tuple[int, ...] = ()
    """Empty = those of the plan."""
    pooling: str = "token"
    method: str = "logistic"
    gauge: str = "unit"
    powell: bool = True


@dataclass
class Plan:
    """What the synthetic study holds."""

    name: str = "synthetic"
    datasets: dict[str, tuple[str, ...]] = field(
        default_factory=lambda: {"text_features": TEXT, "python_syntax": SYNTAX}
    )
    layers: tuple[int, ...] = (0, 1, 2)
    weights: tuple[str, ...] = ("pretrained", "random")
    similarities: tuple[str, ...] = ("cosine", "rbf")
    controls: tuple[str, ...] = CONTROLS
    kernels: tuple[tuple[str, float, str, str, float], ...] = KERNELS
    n_dims: tuple[int, ...] = (4, 10)
    sigmas: tuple[float, ...] = (0.0, 0.01, 0.1)
    sweep: tuple[float, ...] = (0.003, 0.03, 0.3, 1.0)
    manifold: bool = True
    extra_setting: bool = True
    fits: bool = True
    match: bool = True
    store_arrays: bool = True
    replicates: int = 1
    n_resamples: int = 0
    """Above 0, targets of features have a noise ceiling."""
    measures: tuple[str, ...] = ()
    """Measures of the matrices that are stored."""
    explained: bool = False
    """Whether what the matrices follow from is found."""
    phi: bool = False
    """Whether the labels' correlations are stored."""
    left_out: str = ""
    places: dict[str, Place] = field(default_factory=dict)
    """Sets that differ from the others, by name."""
    example: dict[str, str] = field(
        default_factory=lambda: {"before": "x = f(", "token": " 42", "after": ")\n", "document": "os.py"}
    )


def key(*parts: object) -> bytes:
    return hashlib.sha256(repr(parts).encode()).digest()[:16]


def psm(rng: np.random.Generator, n: int, similarity: str, spread: float) -> np.ndarray:
    X = rng.normal(size=(n, 12)) + spread * rng.normal(size=(1, 12))
    if similarity == "cosine":
        X /= np.linalg.norm(X, axis=1, keepdims=True)
        matrix = X @ X.T
    else:
        r2 = np.sum((X[:, None] - X[None]) ** 2, axis=2)
        matrix = np.exp(-r2 / np.median(r2[np.triu_indices(n, 1)]))
    matrix = (matrix + matrix.T) / 2
    np.fill_diagonal(matrix, 1.0)
    return matrix


class Builder:
    """Collects rows with ids of its own and writes them table by table."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.rows: dict[Any, list[dict[str, Any]]] = {}
        self.counts: dict[Any, int] = {}
        self.by_key: dict[tuple[Any, bytes], int] = {}

    def add(self, table: Any, id_column: str = "", **values: Any) -> int:
        """Return the id of a row; a row whose key is there already is not added again."""
        if id_column and "key" in values:
            known = self.by_key.get((table, values["key"]))
            if known is not None:
                return known
        number = self.counts.get(table, 0) + 1
        self.counts[table] = number
        if id_column:
            values[id_column] = number
            if "key" in values:
                self.by_key[table, values["key"]] = number
        self.rows.setdefault(table, []).append(values)
        return number

    def ids(self, table: Any, id_column: str) -> list[int]:
        return [row[id_column] for row in self.rows.get(table, [])]

    def write(self) -> None:
        order = list(t.targets.metadata.sorted_tables)
        with self.database.write() as connection:
            for table in sorted(self.rows, key=order.index):
                connection.execute(table.insert(), self.rows[table])


def build(database: Database, plans: Sequence[Plan], *, pairs: bool = True) -> None:
    """Write plans into an empty database; layer similarities for the first one."""
    ensure_current(database)
    builder = Builder(database)
    run = builder.add(
        t.runs, "run_id", started_at=MOMENT, ended_at=MOMENT, host="node-1", git_commit="abc1234",
        versions={"superpos": "0.1.0", "numpy": "2.4"}, address="ray://user:secret@node-1:10001",
        study=plans[0].name if plans else "none", seconds={"fits": 12.5}, outcome="done",
    )  # fmt: skip
    for index, plan in enumerate(plans):
        study = Study(builder, plan, run)
        study.build()
        if pairs and index == 0:
            layer_pairs(builder, study)
    builder.write()
    for study_id, plan in zip(builder.ids(t.studies, "study_id"), plans, strict=True):
        if plan.explained:
            find_explained(database, study_id, SilentReporter())
        answer(database, study_id)


def answer(database: Database, study_id: int) -> None:
    """Ask the questions of the rows that are there, as the stage `analysis` does."""
    said = ask(database, study_id, note=print)
    found = (
        (t.study_answers, [{**asdict(one), "place": place} for place, one in enumerate(said)]),
        (t.measure_tests, tests_of_measures(database, study_id)),
    )
    with database.write() as connection:
        for table, rows in found:
            connection.execute(table.delete().where(table.c.study_id == study_id))
            if rows:
                connection.execute(table.insert(), [{**row, "study_id": study_id} for row in rows])


class Study:
    """Adds one plan."""

    def __init__(self, builder: Builder, plan: Plan, run: int) -> None:
        self.b, self.plan, self.run = builder, plan, run
        self.rng = generator("sample", name=plan.name, seed=0)
        self.study = builder.add(
            t.studies, "study_id", name=plan.name, revision=1, digest="0" * 64, specification={},
            algorithm_versions={}, store_vectors="all", created_at=MOMENT,
        )  # fmt: skip
        self.distance_final: dict[tuple[int, int], float] = {}

    def build(self) -> None:
        joint_extra = [self.joint_axes(("riesz", 1.0, "riesz:1", "exclude", 0.0), 10, gauge="none")]
        powell = [self.fit_axes("powell", sigma) for sigma in self.plan.sigmas]
        manifold = [self.fit_axes("manifold", 0.0)] if self.plan.manifold else []
        sweep = [self.fit_axes("powell", sigma) for sigma in self.plan.sweep]
        main: dict[str, list[int]] = {}
        swept: dict[str, list[int]] = {}
        exact: list[int] = []
        for weights in self.plan.weights:
            seed = -1 if weights == "pretrained" else 0
            model = self.b.add(
                t.models, "model_id", key=key("model", weights), source="nano", revision="", hub_commit="",
                weights=weights, seed=seed, family="gpt_neox", n_layers=len(self.plan.layers), d_model=128,
                d_mlp=512, vocab_size=4096, max_positions=512, config_digest="", weights_digest="",
                tokenizer_digest="",
            )  # fmt: skip
            self.b.add(t.study_models, study_id=self.study, model_id=model, name="nano")
            for name, features in self.plan.datasets.items():
                dataset = self.dataset(name, features, first=weights == self.plan.weights[0])
                place = self.plan.places.get(name, Place())
                layers = place.layers or self.plan.layers
                for hookpoint in place.hookpoints:
                    for layer in layers:
                        targets = self.layer(model, weights, dataset, features, layer, hookpoint, place)
                        if not place.powell:
                            exact.extend(targets)
                            continue
                        main.setdefault(place.gauge, []).extend(targets)
                        if layer == layers[-1] and weights == "pretrained":
                            swept.setdefault(place.gauge, []).extend(targets)
        for gauge, targets in main.items():
            joints = [self.joint_axes(k, n, gauge) for k in self.plan.kernels for n in self.plan.n_dims]
            self.block(f"main-{gauge}", targets, joints, [*powell, *manifold])
            if gauge in swept and sweep:
                self.block(f"sweep-{gauge}", swept[gauge], joints, sweep)
        if exact:
            joints = [self.joint_axes(k, n) for k in self.plan.kernels for n in self.plan.n_dims]
            self.block("exact", exact, joints, manifold)
        if "unit" in swept and self.plan.extra_setting:
            self.block("thesis", swept["unit"], joint_extra, powell)

    def dataset(self, name: str, features: tuple[str, ...], *, first: bool) -> int:
        identity = self.b.add(
            t.datasets, "dataset_id", key=key("dataset", name, features), builder="text_features",
            specification={}, corpus_digest="c", tokenizer_digest="t", n_documents=7, n_sequences=20,
            n_tokens=2000, n_samples=1000,
            phi=psm(generator("sample", name=name, seed=1), len(features), "cosine", 0.5)
            if self.plan.phi else None, path=None, content_digest="d", provenance={},
            status="done", reason="",
        )  # fmt: skip
        if first:
            self.b.add(t.study_datasets, study_id=self.study, dataset_id=identity, name=name, corpus="stdlib")
            known = {row["dataset_id"] for row in self.b.rows.get(t.features, [])}
            if identity not in known:
                for index, feature in enumerate(features):
                    count = 0 if feature == self.plan.left_out else 40 * (index + 1)
                    self.b.add(
                        t.features, dataset_id=identity, feature_index=index, feature=feature,
                        n_positive=count, n_negative=1000 - count, status="ok" if count else "no_positives",
                        example=self.plan.example if count else None,
                    )  # fmt: skip
        return identity

    def layer(
        self, model: int, weights: str, dataset: int, features: tuple[str, ...], layer: int, hookpoint: str,
        place: Place,
    ) -> list[int]:  # fmt: skip
        activation = self.b.add(
            t.activation_sets, "activation_id", key=key("activation", model, dataset, layer, hookpoint),
            model_id=model, dataset_id=dataset, hookpoint=hookpoint, layer=layer, pooling=place.pooling,
            dtype="float32", n_rows=1000, d_hook=512, agreement=1e-6, dataset_digest="d",
            content_digest="a", status="done", reason="", run_id=self.run,
        )  # fmt: skip
        targets = []
        probed = tuple(feature for feature in features if feature != self.plan.left_out)
        for control in ("features", *(self.plan.controls if weights == "pretrained" else ())):
            for replicate in range(self.plan.replicates if control != "features" else 1):
                labels = replicate if control == "shuffled_labels" else -1
                direction = self.directions(activation, weights, features, layer, labels, place.method)
                targets.extend(
                    self.target(direction, weights, probed, layer, control, replicate, similarity)
                    for similarity in self.plan.similarities
                )
        return targets

    def directions(
        self, activation: int, weights: str, features: tuple[str, ...], layer: int, labels: int, method: str
    ) -> int:
        name = key("directions", activation, labels)
        known = self.b.by_key.get((t.direction_sets, name))
        if known is not None:
            return known
        probed = [feature for feature in features if feature != self.plan.left_out]
        site = self.b.rows[t.activation_sets][activation - 1]
        direction = self.b.add(
            t.direction_sets, "direction_id", key=name, activation_id=activation,
            **{name: site[name] for name in ("model_id", "dataset_id", "hookpoint", "layer", "pooling")},
            matrix_similarity="", method=method,
            probe_C=1.0, split_seed=0, label_replicate=labels, settings={}, config_key="11111111",
            n_features=len(probed), d_hook=512, coef_raw=np.zeros((len(probed), 4)),
            coef_scaled=np.zeros((len(probed), 4)), intercept=np.zeros(len(probed)), scale=np.ones(4),
            activation_digest="a", content_digest="d", status="done", reason="", run_id=self.run,
        )  # fmt: skip
        for row, feature in enumerate(probed):
            self.b.add(t.direction_rows, direction_id=direction, row_index=row, feature=feature)
        base = 0.5 if labels >= 0 else (0.95 if weights == "pretrained" else 0.88)
        for index, feature in enumerate(features):
            kept = feature in probed
            score = float(np.clip(base + 0.01 * layer + 0.02 * self.rng.normal(), 0.0, 1.0)) if kept else None
            self.b.add(
                t.probes, direction_id=direction, feature_index=index, key=key("probe", direction, index),
                feature=feature, row_index=probed.index(feature) if kept else None,
                n_train=700 if kept else 0, n_test=300 if kept else 0,
                n_positive=40 * (index + 1) if kept else 0, accuracy=score, balanced_accuracy=score,
                f1=score, mcc=score, roc_auc=score, average_precision=score, norm=1.0, nit=9,
                status="converged" if kept else "no_positives",
            )  # fmt: skip
        return direction

    def target(
        self, direction: int, weights: str, features: tuple[str, ...], layer: int, kind: str, replicate: int,
        similarity: str,
    ) -> int:  # fmt: skip
        name = key("target", direction, kind, replicate, similarity)
        stored = self.b.by_key.get((t.targets, name))
        if stored is not None:
            return stored
        n = len(features)
        known = kind == "features" and self.plan.n_resamples > 0
        spread = 0.9 if kind == "features" else 0.0
        shared = generator("sample", name=f"{weights}{kind}{similarity}{n}", seed=replicate)
        matrix = 0.8 * psm(shared, n, similarity, spread) + 0.2 * psm(self.rng, n, similarity, spread)
        matrix_id = self.b.add(
            t.psms, "psm_id", key=key("psm", name), similarity=similarity, n_features=n,
            rbf_scale_resolved=0.0 if similarity == "cosine" else 20.0 + layer, matrix=matrix,
            value_q25=0.0, value_median=0.1, value_q75=0.2, min_eigenvalue=0.01, rank=n, warning="",
            n_resamples=self.plan.n_resamples if known else 0,
            reliability=float(self.rng.uniform(0.6, 0.99)) if known else None,
            ceiling_method="bias_t" if known else "", n_unknown=0 if known else None,
            content_digest="p", run_id=self.run,
        )  # fmt: skip
        for place, measure in enumerate(self.plan.measures):
            value = None if measure == "nothing" else float(matrix.sum()) + 100.0 * place
            named, kernel, n_dims = (*measure.split("@"), "", "")[:3]
            scaled = value is not None and kernel and not n_dims
            self.b.add(
                t.psm_measures, psm_id=matrix_id, measure=named, version=1, value=value, energy=kernel,
                kernel=kernel, n_dims=int(n_dims or 0), bound=value - 2.0 if scaled else None,
                value_scaled=0.5 * value if scaled else None,
            )  # fmt: skip
        rows, columns = np.triu_indices(n, 1)
        for a, b in zip(rows.tolist(), columns.tolist(), strict=True):
            value = float(matrix[a, b])
            width = self.rng.uniform(0.05, 0.2, size=2) if known else None
            self.b.add(
                t.psm_entries, psm_id=matrix_id, row_a=a, row_b=b, value=value,
                value_low=None if width is None else value - width[0],
                value_high=None if width is None else value + width[1],
                standard_error=None if width is None else 0.2 * float(width.sum()),
            )  # fmt: skip
        return self.b.add(
            t.targets, "target_id", key=name, direction_id=direction, space="raw", kind=kind,
            replicate=replicate, similarity=similarity, rbf_scale=0.0 if similarity == "cosine" else -1.0,
            fit_two_classes=0, psm_id=matrix_id, status="done", reason="", run_id=self.run,
        )  # fmt: skip

    def joint_axes(self, kernel: tuple[str, float, str, str, float], n_dims: int, gauge: str = "unit") -> int:
        energy, s, label, own, softening = kernel
        return self.b.add(
            t.joint_axes, "joint_axes_id", key=key("joint_axes", kernel, n_dims, gauge), energy=energy, s=s,
            kernel=label, self_energy=own, softening=softening, gauge=gauge, importance_mode="learned",
            joint_polish="on",
            n_dims=n_dims, lambda_d=100.0, restart=0, backend="compiled", max_iter=500, gtol=1e-5,
            config_key="22222222", algorithm_version=1,
        )  # fmt: skip

    def fit_axes(self, optimiser: str, sigma: float) -> int:
        return self.b.add(
            t.fit_axes, "fit_axes_id", key=key("fit_axes", optimiser, sigma), optimiser=optimiser,
            lambda_x=1.0 if optimiser == "powell" else 0.0, sigma=sigma, sigma_rule="sigma", trial=0,
            backend="compiled", xtol=1e-4, ftol=1e-4, max_iter=0, gtol=1e-8, config_key="33333333",
            algorithm_version=1,
        )  # fmt: skip

    def block(self, name: str, targets: list[int], joints: list[int], fits: list[int]) -> None:
        block = self.b.add(t.blocks, "block_id", study_id=self.study, name=name)
        for target in targets:
            self.b.add(t.block_targets, block_id=block, target_id=target)
        for joint in joints:
            self.b.add(t.block_joint_axes, block_id=block, joint_axes_id=joint)
        for fit in fits:
            self.b.add(t.block_fit_axes, block_id=block, fit_axes_id=fit)
        if not self.plan.fits:
            return
        for target in targets:
            best: dict[tuple[str, str, int], tuple[float, int, int]] = {}
            for axes in joints:
                joint = self.joint(target, axes)
                for fit in fits:
                    if (joint, fit) not in self.distance_final:
                        self.fit(joint, fit)
                    distance = self.distance_final[joint, fit]
                    own = self.b.rows[t.joint_axes][axes - 1]
                    group = (own["kernel"], own["gauge"], fit)
                    if group not in best or distance < best[group][0]:
                        best[group] = (distance, joint, fit)
            if self.plan.match:
                for _, joint, fit in best.values():
                    self.b.add(
                        t.best_match, study_id=self.study, target_id=target, joint_id=joint,
                        fit_axes_id=fit, n_cells=len(self.plan.n_dims), n_usable=len(self.plan.n_dims),
                    )  # fmt: skip

    def joint(self, target: int, axes: int) -> int:
        row, own = self.b.rows[t.targets][target - 1], self.b.rows[t.joint_axes][axes - 1]
        name = key("joint", row["psm_id"], axes)
        known = self.b.by_key.get((t.joint_fits, name))
        if known is not None:
            return known
        matrix_row = self.b.rows[t.psms][row["psm_id"] - 1]
        n, matrix = matrix_row["n_features"], matrix_row["matrix"]
        noise = 0.02 if row["kind"] == "features" else 0.06
        drawn = self.rng.normal(scale=noise, size=(n, n))
        optimal = matrix + (drawn + drawn.T) / 2
        np.fill_diagonal(optimal, 1.0)
        logits = 0.3 * self.rng.normal(size=n)
        weights = np.exp(logits) / np.sum(np.exp(logits))
        entropy = float(-np.sum(weights * np.log(weights)) / np.log(n))
        unbounded = own["gauge"] == "none" and row["similarity"] == "cosine"
        joint = self.b.add(
            t.joint_fits, "joint_id", key=name, psm_id=row["psm_id"], joint_axes_id=axes, fun=1.0,
            energy=0.9, mismatch=0.01, distance=float(np.linalg.norm(optimal - matrix)), nit=100, nfev=120,
            njev=120, gradient_norm=1e-4, importance_entropy=entropy, norm_min=0.9, norm_max=1.1,
            start_radius=1.0,
            status="unbounded" if unbounded else ("converged" if self.rng.random() < 0.6 else "max_iter"),
            message="", vectors=np.zeros((n, own["n_dims"])), logits=logits, similarities=optimal,
            seconds=0.01, run_id=self.run,
        )  # fmt: skip
        for index in range(n):
            self.b.add(
                t.importance, joint_id=joint, row_index=index, logit=float(logits[index]),
                weight=float(weights[index]),
            )  # fmt: skip
        return joint

    def fit(self, joint: int, axes: int) -> None:
        row, own = self.b.rows[t.joint_fits][joint - 1], self.b.rows[t.fit_axes][axes - 1]
        n, sigma = row["similarities"].shape[0], own["sigma"]
        manifold = own["optimiser"] == "manifold"
        moved = (0.6 if manifold else 0.25) * (1.0 + 2.0 * sigma**0.5) * float(self.rng.uniform(0.8, 1.2))
        drawn = self.rng.normal(scale=moved / n, size=(n, n))
        final = row["similarities"] + (drawn + drawn.T) / 2
        target = self.b.rows[t.psms][row["psm_id"] - 1]["matrix"]
        simplex = np.where(np.eye(n) > 0, 1.0, -1.0 / (n - 1))
        start = row["distance"] * (1.0 + sigma)
        gradient = 10.0 ** (self.rng.uniform(-10, -8) if manifold else self.rng.uniform(-3.5, -0.5))
        energy = 0.9 - (0.1 if manifold else 0.06) * float(self.rng.uniform(0.5, 1.0))
        self.distance_final[joint, axes] = float(np.linalg.norm(final - target))
        self.b.add(
            t.fits, joint_id=joint, fit_axes_id=axes, key=f"{row['key'].hex()}.{own['key'].hex()}",
            distance_start=start,
            distance_final=self.distance_final[joint, axes],
            distance_moved=float(np.linalg.norm(final - row["similarities"])),
            distance_drift=0.2 * float(self.rng.uniform(0.9, 1.1)),
            distance_return=None if sigma == 0 else sigma + 0.1,
            distance_simplex=float(np.linalg.norm(final - simplex)),
            distance_identity=float(np.linalg.norm(final - np.eye(n))),
            distance_polish=None if manifold else float(np.linalg.norm(final - target)) * 1.6,
            recovery=None if sigma == 0 else 0.3, angle=50 * sigma, rms_final=0.1, fun=energy,
            energy_start=0.9, energy_final=energy, norm_error=0.0,
            energy_bound=energy - (1e-8 if manifold and joint % 3 else 0.05), relative_gradient=gradient,
            min_eigenvalue=0.1, n_negative=0, n_zero=0, nit=3, nfev=900,
            verdict="strict" if manifold else ("not_critical" if gradient > 1e-3 else "saddle"),
            verdict_polished="strict" if manifold or self.rng.random() < 0.7 else "degenerate",
            status="converged" if manifold else ("stalled" if gradient > 1e-2 else "converged"),
            seconds=0.02, run_id=self.run,
        )  # fmt: skip
        if self.plan.store_arrays:
            self.b.add(
                t.fit_arrays, joint_id=joint, fit_axes_id=axes, vectors=np.zeros((n, 2)), similarities=final
            )


def layer_pairs(builder: Builder, study: Study) -> None:
    """Add the Spearman correlations of the study's target matrices of neighbouring layers."""
    groups: dict[tuple[Any, ...], list[tuple[int, int]]] = {}
    for target in builder.rows.get(t.targets, []):
        direction = builder.rows[t.direction_sets][target["direction_id"] - 1]
        activation = builder.rows[t.activation_sets][direction["activation_id"] - 1]
        name = (
            activation["model_id"],
            activation["dataset_id"],
            target["kind"],
            target["replicate"],
            target["similarity"],
        )
        groups.setdefault(name, []).append((activation["layer"], target["target_id"]))
    for members in groups.values():
        ordered = sorted(members)
        for i, (_, a) in enumerate(ordered):
            for _, b in ordered[i + 1 :]:
                builder.add(
                    t.layer_pairs, study_id=study.study, target_a=a, target_b=b,
                    spearman=float(study.rng.uniform(0.5, 0.95)), p_value=0.001, n_permutations=999,
                )  # fmt: skip
