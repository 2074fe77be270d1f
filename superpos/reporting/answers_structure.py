"""Goals 4 to 6: what is interpretable, geometry through the layers, trained against random weights."""

from __future__ import annotations

import numpy as np
import pandas as pd

from superpos.analysis import spearman
from superpos.psms import simplex_score
from superpos.reporting.answers import Answer, Finding, keeps_low, not_run, perturbs_controls, robust_energy
from superpos.reporting.charts.importance import importance
from superpos.reporting.charts.probe_quality import probe_quality
from superpos.reporting.effects import median_effect, rms
from superpos.reporting.selection import SEARCH_SETTING, headline_sigma, main_targets, similarities
from superpos.reporting.study_data import StudyData

EVEN = 0.9
"""Normalised entropy above which importance is called nearly equal."""


def answers(data: StudyData) -> tuple[Answer, ...]:
    """Return the answers to all six goals."""
    return (
        keeps_low(data),
        perturbs_controls(data),
        robust_energy(data),
        interpretable(data),
        preserved(data),
        trained_or_random(data),
    )


def interpretable(data: StudyData) -> Answer:
    """Goal 4: entropy of the importance, its correlation with frequency, simplex score."""
    goal = "4. Does anything interpretable come out (importance, simplexes)?"
    entropies: dict[str, list[float]] = {}
    correlations: list[float] = []
    findings = []
    for subject in data.subjects:
        numbers = importance(data, subject)
        for group in numbers.groups if numbers is not None else ():
            entropies.setdefault(group.kernel, []).extend(group.entropy_features.tolist())
            if group.frequency_correlation is not None:
                correlations.append(group.frequency_correlation)
                findings.append(
                    Finding(
                        f"{subject.dataset}, {group.similarity}, {group.kernel}: importance with frequency (Spearman)",
                        f"{group.frequency_correlation:+.2f}",
                        int(np.isfinite(group.relative_weights).sum()),
                    )
                )
    entropies = {kernel: values for kernel, values in entropies.items() if values}
    if not entropies:
        return not_run(goal, "no joint fit of a features target with learned importance")
    medians = {kernel: float(np.median(values)) for kernel, values in entropies.items()}
    even = sum(median > EVEN for median in medians.values())
    shape = "nearly equal" if even == len(medians) else ("uneven" if even == 0 else "equal or not by kernel")
    text = ", ".join(f"{kernel} {median:.3f}" for kernel, median in medians.items())
    sentence = f"Importance is {shape}: its median entropy over log n is {text} (1 = all equal)"
    if correlations:
        sentence += (
            f"; its rank correlation with feature frequency lies between {min(correlations):+.2f} and "
            f"{max(correlations):+.2f}"
        )
    scores = simplex_scores(data)
    for kind, values in scores.items():
        effect = median_effect(values)
        if effect is not None:
            findings.append(
                Finding(f"cosine target, {kind}: simplex score, median over layers", effect.text(), effect.n)
            )
    if scores.get("features"):
        sentence += (
            f"; the simplex score of the cosine targets has median {np.median(scores['features']):.2f}"
        )
        if scores.get("shuffled_labels"):
            sentence += f" (shuffled labels: {np.median(scores['shuffled_labels']):.2f})"
    n_fits = sum(len(values) for values in entropies.values())
    return Answer(
        goal,
        sentence + ".",
        f"{n_fits} joint fits of features",
        (
            "self-energy and softening decide how even importance is (figure of importance), not the features alone",
            "a correlation over one set's features has few points, and layers repeat the same features",
        ),
        tuple(findings),
    )


def simplex_scores(data: StudyData) -> dict[str, list[float]]:
    """Return the simplex score of every cosine target of features and of shuffled labels."""
    scores: dict[str, list[float]] = {}
    for subject in data.subjects:
        rows = data.of(subject, data.psms)
        rows = main_targets(rows[rows["similarity"] == "cosine"])
        for kind in ("features", "shuffled_labels"):
            own = rows[rows["target"] == kind].sort_values(["layer", "replicate"])
            scores.setdefault(kind, []).extend(simplex_score(data.psm(str(key))) for key in own["psm_key"])
    return scores


def preserved(data: StudyData) -> Answer:
    """Goal 5: is geometry preserved through the layers?"""
    goal = "5. Is geometry preserved through the layers?"
    if data.layer_similarity.empty:
        return not_run(goal, "no target matrices of two layers were compared")
    parts, findings, n_pairs = [], [], 0
    for similarity in similarities(data.layer_similarity):
        trained: list[float] = []
        controls: list[float] = []
        random: list[float] = []
        for subject in data.subjects:
            own = _layer_rows(data.of(subject, data.layer_similarity), similarity)
            features = own.loc[own["target"] == "features", "spearman"].dropna()
            trained.extend(features)
            controls.extend(own.loc[own["target"] == "permuted", "spearman"].dropna())
            other = _layer_rows(data.random_of(subject, data.layer_similarity), similarity)
            random.extend(other.loc[other["target"] == "features", "spearman"].dropna())
            if len(features):
                text = f"{features.median():.2f}, range {features.min():.2f} to {features.max():.2f}"
                findings.append(
                    Finding(f"{similarity}, {subject.dataset}: Spearman of two layers", text, len(features))
                )
        if not trained:
            continue
        n_pairs += len(trained)
        text = f"{similarity} targets of two layers correlate with median {np.median(trained):.2f}"
        beside = []
        if random:
            beside.append(f"random weights {np.median(random):.2f}")
        if controls:
            beside.append(f"permuted control {np.median(controls):.2f}")
        parts.append(text + (f" ({', '.join(beside)})" if beside else ""))
    if not parts:
        return not_run(goal, "no correlation of two layers is defined")
    return Answer(
        goal,
        "Spearman over feature pairs: " + "; ".join(parts) + ".",
        f"{n_pairs} pairs of layers",
        (
            "layers see the same tokens and labels, so some agreement is there before any geometry: read it beside "
            "random weights",
            "no noise ceiling yet: how well a matrix is known is not known",
        ),
        tuple(findings),
    )


def _layer_rows(rows: pd.DataFrame, similarity: str) -> pd.DataFrame:
    rows = rows[rows["similarity"] == similarity].rename(columns={"layer_a": "layer"})
    return main_targets(rows)


def trained_or_random(data: StudyData) -> Answer:
    """Goal 6: trained against random weights."""
    goal = "6. Do trained weights differ from random ones?"
    parts, findings, seeds, n_scores = [], [], 0, 0
    for subject in data.subjects:
        numbers = probe_quality(data, subject)
        series = {one.name: one for one in numbers.series} if numbers is not None else {}
        trained, random = series.get("trained weights"), series.get("random weights")
        if trained is None or random is None:
            continue
        seeds = max(seeds, random.n_sets)
        best = int(np.nanargmax(trained.mean))
        other = int(np.nanargmax(random.mean))
        parts.append(
            f"on {subject.dataset} mean ROC AUC reaches {trained.mean[best]:.3f} (layer {trained.layers[best]}) against "
            f"{random.mean[other]:.3f} (layer {random.layers[other]}) with random weights"
        )
        gain = median_effect(
            np.array(trained.mean)[: len(random.mean)] - np.array(random.mean)[: len(trained.mean)]
        )
        if gain is not None and trained.layers == random.layers:
            findings.append(Finding(f"{subject.dataset}: mean ROC AUC, trained − random, median over layers",
                                    gain.text(sign=True), gain.n))  # fmt: skip
        n_scores += sum(len(one.features) * len(one.layers) for one in (trained, random))
    if not parts:
        return not_run(goal, "no model with random weights beside a trained one")
    findings.extend(_matrix_agreement(data))
    n_pairs = 0
    for similarity, difference in moved_differences(data).items():
        effect = median_effect(difference)
        if effect is not None:
            n_pairs += effect.n
            parts.append(
                f"re-optimisation moves trained features {effect.text(sign=True)} r.m.s. more than random ones "
                f"under {similarity} (paired, {effect.n} pairs)"
            )
    return Answer(
        goal,
        _capital("; ".join(parts)) + ".",
        f"{n_scores} probe scores, {n_pairs} pairs of fits",
        (
            f"{seeds} seed{'s' if seeds != 1 else ''} of random weights: the spread between seeds is "
            + ("not known" if seeds == 1 else "rough"),
            "token-identity features can be read from random weights too, so quality alone is no evidence of geometry",
        ),
        tuple(findings),
    )


def _matrix_agreement(data: StudyData) -> list[Finding]:
    """Return how target matrices of trained and random weights correlate at the same layer."""
    found = []
    for subject in data.subjects:
        own, other = data.of(subject, data.psms), data.random_of(subject, data.psms)
        for similarity in similarities(own) if not other.empty else ():
            left = main_targets(own[(own["similarity"] == similarity) & (own["target"] == "features")])
            right = main_targets(other[(other["similarity"] == similarity) & (other["target"] == "features")])
            values = []
            for a, b in left.merge(right, on="layer", suffixes=("", "_random"))[
                ["psm_key", "psm_key_random"]
            ].itertuples(index=False):
                first, second = data.psm(str(a)), data.psm(str(b))
                if first.shape == second.shape:
                    upper = np.triu_indices(first.shape[0], 1)
                    correlation = spearman(first[upper], second[upper])
                    if correlation is not None:
                        values.append(correlation)
            if values:
                text = f"{np.median(values):.2f}"
                found.append(
                    Finding(
                        f"{similarity}, {subject.dataset}: Spearman of trained and random matrices",
                        text,
                        len(values),
                    )
                )
    return found


def moved_differences(data: StudyData) -> dict[str, pd.Series]:
    """Return distance moved, trained minus random, of the same settings, layers, dimensions and draws."""
    axes = ["layer", "similarity", "kernel", *SEARCH_SETTING]
    parts: dict[str, list[pd.Series]] = {}
    for subject in data.subjects:
        own = data.main_fits(subject)
        other = data.random_of(subject, data.fits)
        if own.empty or other.empty:
            continue
        own = own[(own["target"] == "features") & (own["optimiser"] == "powell")]
        own = own[own["sigma"] == headline_sigma(own)]
        other = other[other["target"] == "features"]
        left = own[axes].assign(moved=rms(own, "distance_moved"))
        right = other[axes].assign(other=rms(other, "distance_moved"))
        right = right.groupby(axes, sort=True)["other"].median().reset_index()
        both = left.merge(right, on=axes)
        for similarity, group in both.groupby("similarity", sort=True):
            parts.setdefault(str(similarity), []).append(group["moved"] - group["other"])
    return {name: pd.concat(values) for name, values in parts.items()}


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
