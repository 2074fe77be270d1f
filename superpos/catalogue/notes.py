"""Columns of the views that are neither asked for nor measured: names, keys, outcomes, what views make."""

from __future__ import annotations

from superpos.catalogue.records import Column, Type
from superpos.stage_names import STAGES


def _said(type_: Type, *views: str, **meanings: str) -> tuple[Column, ...]:
    return tuple(Column(name=name, type=type_, meaning=said, views=views) for name, said in meanings.items())


_OUTCOMES = (
    *_said(
        "word",
        status="how it ended; see above",
        outcome="`running`, `done`, `incomplete`, `failed`, `interrupted`",
        status_joint="how the joint step ended",
        verdict_joint="what the end of the joint fit is, over vectors and importance; see below",
    ),
    *_said(
        "word",
        "dataset_features",
        status="`ok`, `no_positives`, `no_negatives`, `too_few`, `duplicate` (the same labels or rows as "
        "another feature), `opposite` (their complement or negative)",
    ),
    *_said("word", "activation_results", status="`planned`, `done`, or `not_applicable` (a refused layer)"),
    *_said("word", "probe_results", status="`converged`, `max_iter`, or why the feature was left out"),
    *_said(
        "text",
        reason="why there is no result; empty where there is one",
        message="the optimiser's own words",
    ),
    Column(name="seconds", type="number", meaning="time it took; no part of the results", unit="seconds"),
)
_NAMES = (
    *_said("text", "answers", dataset="name of the feature set; empty for all of them, each one trial"),
    *_said("text", "answers", similarity="similarity of the matrices; empty where it plays no part"),
    *_said(
        "text",
        "geometry_results",
        control="control that p is of: permuted labels where the study has them, else the first of the "
        "register; empty for controls themselves. `geometry_tests` has every one",
    ),
    *_said("text", "answers", optimiser="optimiser of the ends; empty where none is asked about"),
    *_said(
        "text",
        feature="name of the feature",
        feature_a="feature of the row",
        feature_b="feature of the column",
        duplicate_of="the feature that is kept in its place, for `duplicate` and `opposite`; else empty",
        dtype="type the activations were computed and stored in",
        builder="how labels were made",
        question="name of the question; `superpos.kinds.questions` has them in words",
        control="what the features are compared with: a kind of target, or a scheme of weights and `weights`",
        measure="name of a measure of the matrix; its register has formula and citation",
        permutation_note="why, the number of groups, and the share of training samples with other labels",
    ),
    *_said(
        "word",
        label_permutation="what changed places under `shuffled_labels`: `groups` (labels are constant within "
        "documents or entities, which exchange theirs), `rows` (labels vary within them: samples change "
        "places within a group, and groups of equal size as wholes), `mixed` (features with samples of their "
        "own differ in it); empty for the labels as they are",
        stage=", ".join(f"`{name}`" for name in STAGES)
        + "; `whitening` has a row a probe set and `ceilings` "
        "a row a target of the features, where they are asked for",
    ),
    *_said(
        "text",
        "geometry_results",
        energy="energy that the measure is of; empty for measures without one",
        kernel="label of energy and parameter: `exp`, `riesz:1`; empty likewise",
    ),
    *_said(
        "number",
        "geometry_results",
        s="parameter of the energy; 0 likewise",
        softening="eps of the energy; 0 likewise",
    ),
    *_said(
        "integer",
        "geometry_results",
        n_dims="dimension f that the measure is of; 0 for measures of the matrix as it is",
    ),
    *_said(
        "word",
        "explained_results",
        predictor="what the matrix may follow from: `label_phi`, `label_npmi`, `energy`, `list_line`, "
        "`list_circle`, `list_lag`; the page on science has each",
    ),
    *_said(
        "text",
        "explained_results",
        energy="energy in the model; empty where it predicts no pattern",
        kernel="label of energy and parameter: `exp`, `riesz:1`; empty likewise",
    ),
    *_said(
        "number",
        "explained_results",
        s="parameter of the energy; 0 likewise",
        softening="eps of the energy; 0 likewise",
    ),
    *_said("integer", "explained_results", explained_version="version of what found the row"),
    *_said("json", example="one positive example as JSON: before, token, after, document"),
    *_said(
        "integer",
        feature_index="place of the feature in its set",
        label_replicate="-1 for the labels as they are; r for permutation r of the control `shuffled_labels`",
        layer_a="first layer",
        layer_b="second, later layer",
        measure_version="version of the measure that gave the value",
        n_features="features that have a direction (n)",
        d_hook="width of the directions (d); 0 for an imported similarity matrix",
    ),
)
_MODELS = (
    *_said(
        "text",
        "model_results",
        source="where the model was read: bundled name, folder, GGUF file, package:NAME or hub repository",
        hub_commit="commit of the hub repository; empty for what is local",
        distribution="name and version of the installed distribution that holds its files; empty for others",
        quantization="types of the tensors of its GGUF file, the most frequent first; empty for others",
        family="architecture: `gpt_neox`, `llama` (with Mistral and Qwen), else the `model_type`",
        file_digest="SHA-256 of the GGUF file; empty for others",
        config_digest="SHA-256 of `config.json`",
        weights_digest="SHA-256 over the weight files; empty for hub models and weights that are drawn",
        tokenizer_digest="SHA-256 of `tokenizer.json`; empty without one",
    ),
    *_said(
        "integer",
        "model_results",
        n_layers="blocks",
        d_model="width of the residual stream",
        d_mlp="width of `mlp.act`; 0 where blocks have no single MLP",
        vocab_size="rows of the embedding",
        max_positions="longest sequence",
    ),
)
_KEYS = _said(
    "text",
    model_key="key of the model",
    probe_key="key of the probe",
    direction_key="key of the set of directions",
    target_key="key of the target",
    psm_key="key of the target similarity matrix; equal matrices share it",
    psm_key_b="key of the matrix of `layer_b`",
    joint_key="key of the joint fit",
    fit_key="joint key, a dot, key of the re-optimisation's axes; `superpos trace` takes it",
    dataset_key="key of the data set",
    activation_key="key of the activation set",
    config_key="stands for settings that are no axis: probe settings, tolerances, iteration limits",
)
_MADE = (
    *_said(
        "number",
        "explained_results",
        ceiling="most that any predictor can explain of a matrix known this well: its `reliability`; 1 where "
        "directions are read and not estimated, NULL where there is none",
        r2_of_ceiling="r2 / ceiling; by chance it may lie above 1",
        unique_of_ceiling="r2_unique / ceiling, likewise",
    ),
    *_said(
        "number",
        distance_joint="of the joint matrix to the target",
        energy_gap="energy of the end less its bound, in units of energy: no configuration is lower by more",
        rms_joint="`distance_joint` over the root of n (n - 1): the root mean square over off-diagonal "
        "entries, for both diagonals are 1; comparable between n, as the four below",
        rms_moved="`distance_moved` likewise",
        rms_drift="`distance_drift` likewise",
        rms_simplex="`distance_simplex` likewise",
        rms_polish="`distance_polish` likewise; NULL for `manifold`",
        fun_joint="objective after the joint step",
        target_min_eigenvalue="smallest eigenvalue of the target; below 0 no vectors have these similarities",
        value_min="smallest similarity over the layers",
        value_max="largest similarity over the layers",
    ),
    *_said(
        "integer",
        n_layers="layers with this setting; at each of them the pair's cosine is above 0.999 or below -0.999",
    ),
    *_said(
        "integer",
        "dataset_features",
        n_positive="positives among the samples",
        n_negative="negatives among the samples",
    ),
)
_BASINS = (
    *_said(
        "number",
        "basins",
        angle="mean angle between perturbed start and joint optimum over features and trials, in degrees",
        share_returned="`n_returned` over `n_certified`; NULL where the end at sigma 0 is no minimum",
        gap_to_best="energy of the end at sigma 0 less the least of all certified ends of the joint fit, at "
        "any sigma; NULL where the end at sigma 0 is no certified minimum",
        gap_to_bound="energy of the end at sigma 0 less its bound; NULL likewise",
    ),
    *_said(
        "integer",
        "basins",
        n_ends="trials",
        n_certified="ends that are certified minima, `strict` or `degenerate`",
        n_strict="ends that are `strict`: alone in their neighbourhood",
        n_returned="certified ends whose matrix is that of the end at sigma 0, to 1e-4 (rms)",
        n_distinct="certified ends that differ in energy or in their distances to joint optimum and target",
        n_energies="energies of certified ends: minima that differ in more than the order of their features",
        n_deeper="certified ends with less energy than the end at sigma 0",
    ),
)
_PROGRESS = (
    *_said(
        "integer",
        planned="rows (for `fits` cells) the study asks for",
        done="rows with a result",
        failed="failed, to be tried again by the next run",
        quarantined="failed three times; `superpos retry` puts them back",
        not_applicable="rows that cannot have a result (a refused layer, say)",
        run_id="number of the run",
    ),
    *_said(
        "text",
        started_at="ISO 8601, UTC",
        ended_at="ISO 8601, UTC; NULL while it runs",
        host="name of the machine",
        git_commit="commit of the checkout, `+` if files differ from it; empty for an installed wheel",
        versions="JSON: packages, Python, platform, processor",
        address="Ray cluster, or `local`",
        owner="process that runs it: boot, namespace, number and start; empty where unknown",
    ),
    *_said("json", "runs", seconds="JSON: seconds by stage"),
    *_said("number", "runs", expires_at="when its leases expire, seconds since 1970 on the database's clock"),
)

NOTED: tuple[Column, ...] = (*_OUTCOMES, *_NAMES, *_MODELS, *_KEYS, *_MADE, *_BASINS, *_PROGRESS)
"""What rows and runs are called, how they ended, and what views make of other columns."""
