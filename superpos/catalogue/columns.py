"""Every measured, counted or noted column, by the table that holds it and in the order of the views.

To add one: an entry here, what computes it, a migration.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from superpos.catalogue.records import Column

_LENGTH = "similarity"
_ENERGY = "energy"
_FIT_VIEWS = ("fit_results", "best_matches")
_NO_VERDICT = "not_applicable"
_ITERATIONS = "iterations (CG, Newton or trust-region steps, Powell sweeps)"


def _number(name: str, meaning: str, unit: str = "", **options: Any) -> Column:
    """Return a measured number, which may be missing."""
    return Column(name=name, type="number", meaning=meaning, unit=unit, **options)


def _count(name: str, meaning: str, unit: str, **options: Any) -> Column:
    """Return a count that every row has."""
    return Column(name=name, type="integer", meaning=meaning, unit=unit, **{"required": True, **options})


def _text(name: str, meaning: str, **options: Any) -> Column:
    """Return a text that every row has."""
    return Column(name=name, type="text", meaning=meaning, required=True, **options)


def _word(name: str, meaning: str, **options: Any) -> Column:
    """Return a word of a closed list."""
    return Column(name=name, type="word", meaning=meaning, required=True, **options)


def _of(table: str, *columns: Column) -> tuple[Column, ...]:
    return tuple(replace(column, table=table) for column in columns)


_DATASETS = _of(
    "datasets",
    _count("n_documents", "documents that were read", "documents", required=False),
    _count("n_sequences", "sequences of tokens", "sequences", required=False),
    _count("n_tokens", "tokens in them", "tokens", required=False),
    _count("n_samples", "probed positions", "samples", required=False),
)
_ACTIVATION_SETS = _of(
    "activation_sets",
    _count("n_rows", "samples with activations", "samples", required=False),
    _count(
        "d_hook",
        "width of the hookpoint; 0 until it is known",
        "coordinates",
        views=("activation_results",),
        required=False,
    ),
    _count(
        "n_constant",
        "coordinates that do not vary over the samples; NULL where they were not counted",
        "coordinates",
        required=False,
    ),
    _number(
        "agreement",
        "largest deviation from the float32 oracle, one sequence at a time, over the oracle's "
        "root mean square",
        "root mean square",
    ),
)
_PROBES = _of(
    "probes",
    _count("n_train", "samples the probe was trained on", "samples"),
    _count("n_test", "samples it was measured on", "samples"),
    _count("n_positive", "positives in both parts together", "samples"),
    _number("accuracy", "share of test samples classified right"),
    _number("balanced_accuracy", "mean of sensitivity and specificity"),
    _number("f1", "harmonic mean of precision and recall"),
    _number("mcc", "Matthews correlation coefficient"),
    _number("roc_auc", "area under the ROC curve, from scores"),
    _number("average_precision", "area under the precision-recall curve, from scores"),
    _number("norm", "Euclidean norm of the raw coefficients"),
    _count("nit", _ITERATIONS, "iterations"),
    _number("C", "inverse strength of the penalty as used, where cross-validation chose it; NULL elsewhere"),
)
_PSMS = _of(
    "psms",
    _number("value_q25", "lower quartile of the off-diagonal similarities"),
    _number("value_median", "median of the off-diagonal similarities"),
    _number("value_q75", "upper quartile of the off-diagonal similarities"),
    _number("exponent_q25", "lower quartile of squared distance over C; NULL for cosine"),
    _number("exponent_median", "median of squared distance over C; far from 1 the RBF tells nothing"),
    _number("exponent_q75", "upper quartile of squared distance over C"),
    _number(
        "min_eigenvalue",
        "smallest eigenvalue; below 0 no vectors have these similarities",
        views=("psm_results",),
        required=True,
    ),
    _count("rank", "rank of the target matrix", ""),
    _text("warning", "what a reader should know of the matrix; empty where nothing"),
    _number(
        "reliability",
        "agreement of the matrix with itself over resampled probes; NULL until it is computed",
    ),
    _count(
        "n_resamples",
        "bootstrapped sets of probes behind the noise ceiling; 0 where there is none",
        "bootstraps",
        older=0,
    ),
    _word(
        "ceiling_method",
        "how the intervals were made: `bias_t` (spread and bias over the bootstraps, Student's "
        "quantile), `percentile` (before schema 0003: not centred on the value, too narrow), "
        "empty where there are none",
        older="",
    ),
    _count(
        "n_unknown",
        "pairs without an interval, because some bootstrap lost one of their features; NULL until"
        " it is computed",
        "pairs",
        required=False,
    ),
)
_PSM_ENTRIES = _of(
    "psm_entries",
    _number("value", "similarity", required=True),
    _number(
        "value_low",
        "lower end of the noise ceiling: the 95 % interval of what such probes say of the pair on"
        " average over samples of this size; it holds the value and reaches on to where the bias "
        "of the bootstraps points; NULL until it is computed, and where it cannot be",
    ),
    _number("value_high", "upper end of the noise ceiling; NULL likewise"),
    _number(
        "standard_error",
        "standard deviation of the similarity over samples of this size, estimated from the "
        "bootstraps; NULL likewise",
    ),
)
_PSM_MEASURES = _of(
    "psm_measures",
    _number(
        "value",
        "what the measure says of the matrix; NULL where it is not defined",
        views=("geometry_results", "geometry_tests"),
    ),
    _number(
        "bound",
        "what no vectors in d dimensions fall below; NULL for measures without such a bound",
        views=("geometry_results", "geometry_tests"),
    ),
    _number(
        "value_scaled",
        "0 at the bound, 1 for orthogonal features; NULL where the bound is not below that",
        views=("geometry_results", "geometry_tests"),
    ),
    _number(
        "value_low",
        "lower end of the 95 % interval of `value`: of what such probes say on average over samples of this "
        "size, from probes on bootstrapped groups; it holds the value and reaches on to where the bias of "
        "the bootstraps points; NULL without bootstraps, and where some bootstrap has no value",
        views=("geometry_results", "geometry_tests"),
    ),
    _number(
        "value_high", "upper end of the interval; NULL likewise", views=("geometry_results", "geometry_tests")
    ),
    _count(
        "n_bootstraps",
        "bootstraps behind the interval; 0 where there are none: of controls, of imported matrices, of "
        "measures in a dimension",
        "",
        older=0,
        views=("geometry_results", "geometry_tests"),
    ),
)
_JOINT_FITS = _of(
    "joint_fits",
    _number("fun", "objective at the end; lengths in units of the start radius", _ENERGY),
    _number(
        "fun_cg",
        "objective where the conjugate gradients ended; NULL in rows of revision 0002",
        _ENERGY,
    ),
    _number(
        "energy_joint",
        "energy after the joint step; lengths in units of the start radius",
        _ENERGY,
        column="energy",
    ),
    _number(
        "energy_bound",
        "lower bound on the energy of every configuration with this importance, these norms and this "
        "dimension, proved; NULL until it is found, and where none is known",
        _ENERGY,
        views=("joint_results",),
    ),
    _word(
        "bound_method",
        "where the bound is from: `linear_program` (Delsarte and Yudin), `convex` (the minimum without a "
        "limit on the dimension), `farthest` (no pair is farther apart than opposite vectors), `none`; empty "
        "until it is found",
        older="",
    ),
    _number("mismatch", "sum of squared differences to the target after the joint step"),
    _number(
        "distance",
        "Minkowski distance (p = 2, all n^2 entries) of the joint matrix to the target",
        _LENGTH,
    ),
    _count("nit", _ITERATIONS, "iterations", views=("joint_results",)),
    _count("nfev", "evaluations of the objective", "evaluations"),
    _count("njev", "evaluations of its gradient", "evaluations"),
    _count("nit_polish", "Newton steps of the polish of a joint fit", "iterations", older=0),
    _number(
        "gradient_norm",
        "infinity norm of the gradient over logits and vectors in units of the problem",
    ),
    _number("importance_entropy", "entropy of the importance over log n: 1 = all equal, 0 = one feature"),
    _number("norm_min", "smallest norm of the optimal features"),
    _number("norm_max", "largest norm"),
    _number("start_radius", "radius of the sphere the features started on", required=True),
)
_IMPORTANCE = _of(
    "importance",
    _number("logit", "importance logit w"),
    _number("weight", "importance, softmax of the logits"),
)
_FITS = _of(
    "fits",
    _number("distance_start", "of the perturbed start to the target", _LENGTH),
    _number("distance_final", "of the final matrix to the target", _LENGTH),
    _number("distance_moved", "of the final to the joint matrix", _LENGTH),
    _number("distance_drift", "of the final matrix at sigma 0 to the joint matrix", _LENGTH),
    _number("distance_return", "of the final matrix to the final matrix at sigma 0", _LENGTH),
    _number(
        "distance_simplex",
        "of the final matrix to the regular simplex (rbf: of its mean similarity)",
        _LENGTH,
    ),
    _number("distance_identity", "of the final matrix to the identity", _LENGTH),
    _number("distance_polish", "of Powell's end to its polished end; NULL for `manifold`", _LENGTH),
    _number("recovery", "1 - moved / d(start, joint); NULL at sigma 0"),
    _number("angle", "mean angle of the perturbation in degrees", "degrees"),
    _number(
        "rms_final",
        "root mean square over off-diagonal entries, final against target: comparable between n",
    ),
    _number("energy_start", "energy of the perturbed start", _ENERGY),
    _number("energy_final", "energy of the final features", _ENERGY),
    _number(
        "energy_bound",
        "lower bound on the energy of every configuration with this importance and dimension, and norms no "
        "farther from those of the joint fit than `norm_error`; NULL likewise",
        _ENERGY,
        views=_FIT_VIEWS,
    ),
    _number("fun", "objective at the end; lengths in units of the start radius", _ENERGY, views=_FIT_VIEWS),
    _number("norm_error", "sum of | norm - held norm |"),
    _count("nit", _ITERATIONS, "iterations", views=_FIT_VIEWS, absent=0),
    _count("nfev", "evaluations of the objective", "evaluations", views=_FIT_VIEWS, absent=0),
    _number("relative_gradient", "largest row gradient on the spheres over the forces on that row"),
    _number(
        "min_eigenvalue",
        "smallest eigenvalue of the scaled Hessian at the final point; NULL where that is not critical, for "
        "there it depends on the coordinates",
        views=_FIT_VIEWS,
    ),
    _count("n_negative", "negative eigenvalues of the scaled Hessian", "", views=_FIT_VIEWS, required=False),
    _count("n_zero", "zero eigenvalues of the scaled Hessian off the rotations", "", required=False),
    _word("verdict", "certificate of the final point; see above", absent=_NO_VERDICT),
    _word(
        "verdict_polished",
        "certificate of Powell's polished end; of the point itself for `manifold`",
        absent=_NO_VERDICT,
    ),
)
_BEST_MATCH = _of(
    "best_match",
    _count("n_cells", "cells of the group the best match was chosen from", "cells"),
    _count("n_usable", "those of them with a usable status", "cells"),
)
_LAYER_PAIRS = _of(
    "layer_pairs",
    _number("spearman", "rank correlation of the off-diagonal similarities; NULL if one matrix is constant"),
    _number("p_value", "one-sided Mantel test"),
    _count("n_permutations", "relabellings behind it; all n! where that is few", ""),
)
_MEASURE_TESTS = _of(
    "measure_tests",
    _number(
        "estimate",
        "value of the features minus the median of the draws of the control",
        views=("geometry_tests",),
    ),
    _number(
        "p_value",
        "two-sided, of this measure alone against the draws of `control`; no correction for other rows",
        views=("geometry_tests", "geometry_results"),
    ),
    _number(
        "p_smallest",
        "the least p that so many draws can give",
        views=("geometry_tests", "geometry_results"),
    ),
    _count(
        "n_replicates",
        "draws of the control that have the measure; 0 without a control",
        "draws",
        views=("geometry_tests", "geometry_results"),
    ),
)
_ANSWERS = _of(
    "study_answers",
    *(
        replace(column, views=("answers",))
        for column in (
            _number(
                "estimate",
                "features minus the median draw of the control, in `unit`; of sets together, the median over "
                "them; NULL where nothing could be compared",
            ),
            _number(
                "low",
                "the features' value minus the 97.5 % quantile of the draws: how far single draws lie from "
                "the features, no interval of `estimate`; NULL for fewer than 39",
            ),
            _number("high", "the features' value minus the 2.5 % quantile; NULL likewise"),
            _number(
                "estimate_low",
                "lower end of the 95 % interval of `estimate`: the groups of samples (documents, persons) "
                "drawn again, the draws of the control held; NULL without bootstraps of every matrix, for "
                "draws that are made of the matrix itself, and for sets together",
            ),
            _number("estimate_high", "upper end of the interval; NULL likewise"),
            _count("n_bootstraps", "bootstraps behind the interval; 0 where there is none", "", older=0),
            _text("unit", "unit of these numbers"),
            _count("n_cells", "cells that the features and every draw have, minima alone", "cells"),
            _count(
                "n_independent",
                "draws of the control; of sets together, sets; of their agreement beside a control, draws",
                "",
            ),
            _number("p_value", "two-sided, max-T over layers and kernels; of sets together, a sign test"),
            _number("p_adjusted", "after Holm's correction for the family"),
            _number("p_smallest", "the least p that so many draws, or sets, can give, before the correction"),
            _count(
                "n_tests",
                "tests of the family: those that the study declares together, or else of the same question, "
                "similarity, optimiser and control",
                "",
            ),
            _text("family", "name of the family that the study declares; empty without one", older=""),
            _number("level", "of the family", required=True, older=0.05),
            _number("margin", "difference that the family takes for none, in `unit`; NULL without one"),
            _number(
                "p_absent",
                "that the difference is the margin or more in some layer or under some kernel (two one-sided "
                "tests), after the correction; NULL without a margin",
            ),
            _word(
                "strength",
                "`shown` (p at most `level` after the correction), `suggested` (only before it, or a test "
                "that is in none of the families that its study declares), `shown absent` (a difference of "
                "`margin` is excluded), `not shown`, `not testable here` (too few draws or sets, or no row "
                "that can carry a claim)",
                width=24,
            ),
            _text("sentence", "the answer in words"),
        )
    ),
)
_EXPLAINED = _of(
    "target_explained",
    *(
        replace(column, views=("explained_results",))
        for column in (
            _number(
                "correlation",
                "Spearman correlation of predictor and similarities over the pairs; NULL for levels, and "
                "where `reason` says why",
            ),
            _number(
                "r2", "share of the variance of the similarities' ranks that the predictor explains alone"
            ),
            _number(
                "r2_chance", "mean of `r2` over the relabellings; NULL for controls, which are not tested"
            ),
            _number("r2_unique", "what it adds to the predictors `beside` it"),
            _number("r2_common", "r2 - r2_unique: what they explain as well; below 0 where they hide it"),
            _number("r2_model", "what it and they explain together"),
            _number("partial", "its correlation with the similarities, those beside it taken off both"),
            _number("p_value", "of `correlation` or `r2`, features relabelled (words of a list: reordered)"),
            _number("p_smallest", "the least that `p_value` could have been"),
            _count("n_permutations", "relabellings or orders behind `p_value`; 0 where it is not tested", ""),
            _number("p_unique", "of `partial`, by double semi-partialing"),
            _number("p_unique_smallest", "the least that `p_unique` could have been"),
            _count("n_permutations_unique", "relabellings behind `p_unique`; 0 likewise", ""),
            _text("beside", "the other predictors of the model, by commas; empty where there are none"),
            _word(
                "list_order", "order of the list that the features are words of: `linear`, `cyclic`, or empty"
            ),
            _text("reason", "why a number is missing; empty where none is"),
        )
    ),
)
_FEATURES = _of(
    "target_features",
    _number(
        "dimensionality",
        "share of a dimension that the feature has, 1 / sum_j T_ij^2: 1 where it is orthogonal to all, "
        "1/2 in an antipodal pair",
        views=("feature_dimensionality",),
    ),
    _number(
        "dimensionality_norms",
        "the same with the lengths of the directions, as in the toy models: |p_i|^2 / sum_j <p_i / |p_i|, "
        "p_j>^2; NULL where a control has none of its own, or the matrix is a finished one",
        views=("feature_dimensionality",),
    ),
)

MEASURED: tuple[Column, ...] = (
    *_DATASETS,
    *_ACTIVATION_SETS,
    *_PROBES,
    *_PSMS,
    *_PSM_ENTRIES,
    *_PSM_MEASURES,
    *_JOINT_FITS,
    *_IMPORTANCE,
    *_FITS,
    *_BEST_MATCH,
    *_LAYER_PAIRS,
    *_MEASURE_TESTS,
    *_ANSWERS,
    *_EXPLAINED,
    *_FEATURES,
)
"""What stages measure."""
