"""Goals 6 and 7: trained against random weights, and whether geometry follows from the labels."""

from __future__ import annotations

import numpy as np
import pandas as pd

from superpos.analysis import spearman
from superpos.analysis.settings import SEARCH_SETTING, headline_sigma, main_targets
from superpos.reporting.answers import Answer, Finding, keeps_low, not_run, perturbs_controls, robust_energy
from superpos.reporting.answers_structure import interpretable, preserved
from superpos.reporting.charts.label_correlation import label_correlations
from superpos.reporting.charts.probe_quality import probe_quality
from superpos.reporting.effects import direction, median_effect, rms
from superpos.reporting.selection import main_optimiser, similarities
from superpos.reporting.study_data import StudyData
from superpos.reporting.study_views import records


def answers(data: StudyData) -> tuple[Answer, ...]:
    """Return the answers to all goals."""
    return (
        keeps_low(data),
        perturbs_controls(data),
        robust_energy(data),
        interpretable(data),
        preserved(data),
        trained_or_random(data),
        follows_labels(data),
    )


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


def follows_labels(data: StudyData) -> Answer:
    """Answer goal 7: whether geometry predicts the correlation of the labels."""
    goal = "7. Does geometry predict the correlation of the labels?"
    parts: list[str] = []
    findings: list[Finding] = []
    values: dict[tuple[str, str], list[float]] = {}
    for subject in data.subjects:
        numbers = label_correlations(data, subject)
        for row in numbers.rows if numbers is not None else ():
            values.setdefault((row.similarity, row.weights), []).append(row.rho)
            if numbers is not None and row.layer == numbers.layer:
                text = f"{row.rho:+.2f}"
                if np.isfinite(row.low):
                    text += f" [{row.low:+.2f}, {row.high:+.2f}]"
                what = f"{row.similarity}, {subject.dataset}, layer {row.layer}, {row.weights}: Spearman"
                findings.append(Finding(what, text, row.n_features * (row.n_features - 1) // 2))
    if not values:
        return not_run(goal, "no target of four or more features whose labels correlate in different ways")
    for similarity in dict.fromkeys(name for name, _ in values):
        own = {weights: found for (name, weights), found in values.items() if name == similarity}
        first, *others = own
        text = (
            f"{similarity} targets correlate with phi with median {np.median(own[first]):+.2f} over "
            f"{len(own[first])} targets of {first}, range {min(own[first]):+.2f} to {max(own[first]):+.2f}"
        )
        for other in others:
            text += f" ({other} {np.median(own[other]):+.2f})"
        parts.append(text)
    return Answer(
        goal,
        "Spearman over feature pairs: " + "; ".join(parts) + ".",
        f"{sum(map(len, values.values()))} targets",
        (
            "phi is that of the samples, which are drawn so that rare features occur",
            "probes learn these labels, so labels that go together give similar directions in any network",
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
        own = own[(own["target"] == "features") & (own["optimiser"] == main_optimiser(own))]
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
