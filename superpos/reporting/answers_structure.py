"""Goals 4 to 6: what is interpretable, geometry through the layers, trained against random weights."""

from __future__ import annotations

import numpy as np
import pandas as pd

from superpos.analysis import spearman
from superpos.psms import simplex_score
from superpos.reporting.answers import Answer, Finding, keeps_low, not_run, perturbs_controls, robust_energy
from superpos.reporting.charts.importance import importance
from superpos.reporting.charts.probe_quality import probe_quality
from superpos.reporting.effects import direction, median_effect, rms
from superpos.reporting.selection import SEARCH_SETTING, headline_sigma, main_targets, similarities
from superpos.reporting.study_data import StudyData, records

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
    """Answer goal 4: entropy of the importance, its correlation with frequency, simplex score."""
    goal = "4. Does anything interpretable come out (importance, simplexes)?"
    entropies: dict[tuple[str, str], list[float]] = {}
    correlations: list[float] = []
    findings: list[Finding] = []
    for subject in data.subjects:
        numbers = importance(data, subject)
        for group in numbers.groups if numbers is not None else ():
            found = entropies.setdefault((group.similarity, group.kernel), [])
            found.extend(group.entropy_features.tolist())
            if group.frequency_correlation is not None:
                correlations.append(group.frequency_correlation)
                where = f"{group.similarity}, {subject.dataset}, {group.kernel}"
                what = f"{where}: importance with frequency (Spearman)"
                n = int(np.isfinite(group.relative_weights).sum())
                findings.append(Finding(what, f"{group.frequency_correlation:+.2f}", n))
    medians = {key: float(np.median(values)) for key, values in entropies.items() if values}
    if not medians:
        return not_run(goal, "no joint fit of a features target with learned importance")
    for (similarity, kernel), median in medians.items():
        what = f"{similarity}, {kernel}: entropy of importance over log n, median"
        findings.append(Finding(what, f"{median:.3f}", len(entropies[similarity, kernel])))
    even = sum(median > EVEN for median in medians.values())
    lowest = min(medians, key=lambda key: medians[key])
    sentence = (
        f"Importance is nearly equal (median entropy over log n above {EVEN:g}) in {even} of {len(medians)} "
        f"combinations of similarity and kernel, lowest under {' '.join(lowest)} with {medians[lowest]:.2f}"
    )
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
    n_fits = sum(map(len, entropies.values()))
    return Answer(
        goal,
        sentence + ".",
        f"{n_fits} joint fits of features",
        (
            "self-energy, softening and gauge decide how even importance is, not the features alone",
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
    """Answer goal 5: geometry may be preserved through the layers."""
    goal = "5. Is geometry preserved through the layers?"
    if data.layer_similarity.empty:
        return not_run(goal, "no target matrices of two layers were compared")
    parts: list[str] = []
    findings: list[Finding] = []
    n_pairs = 0
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
            "layers see the same tokens and labels, so some likeness is there without training",
            "no noise ceiling is computed yet, so how well a matrix is known is not known",
        ),
        tuple(findings),
    )


def _layer_rows(rows: pd.DataFrame, similarity: str) -> pd.DataFrame:
    rows = rows[rows["similarity"] == similarity].rename(columns={"layer_a": "layer"})
    return main_targets(rows)


def trained_or_random(data: StudyData) -> Answer:
    """Answer goal 6: trained against random weights."""
    goal = "6. Do trained weights differ from random ones?"
    parts: list[str] = []
    findings: list[Finding] = []
    seeds, n_scores = 0, 0
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
            f"on {subject.dataset}, mean ROC AUC reaches {trained.mean[best]:.3f} (layer "
            f"{trained.layers[best]}), with random weights {random.mean[other]:.3f} (layer "
            f"{random.layers[other]})"
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
            word = direction(effect, "less far than", "farther than", "about as far as")
            parts.append(
                f"under {similarity}, re-optimisation moves trained features {word} random ones (r.m.s. "
                f"{effect.text(sign=True)}, {effect.n} pairs)"
            )
    return Answer(
        goal,
        _capital("; ".join(parts)) + ".",
        f"{n_scores} probe scores, {n_pairs} pairs of fits",
        (
            f"{seeds} seed{'s' if seeds != 1 else ''} of random weights: the spread between seeds is "
            + ("not known" if seeds == 1 else "rough"),
            "what a token is made of can be read from random weights too, so quality alone shows no geometry",
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
            both = left.merge(right, on="layer", suffixes=("", "_random"))
            for a, b in records(both, "psm_key", "psm_key_random"):
                first, second = data.psm(a), data.psm(b)
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
