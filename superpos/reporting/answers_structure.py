"""Goals 4 and 5: what is interpretable, geometry through the layers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from superpos.analysis.settings import main_targets
from superpos.kinds.measures import MEASURES
from superpos.psms import simplex_score
from superpos.reporting.answers import NO_CEILING, Answer, Finding, not_run
from superpos.reporting.charts.importance import importance
from superpos.reporting.effects import median_effect
from superpos.reporting.remarks import shuffled_labels
from superpos.reporting.selection import similarities
from superpos.reporting.study_data import StudyData

EVEN = 0.9
"""Normalised entropy above which importance is called nearly equal."""


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
            *filter(None, (shuffled_labels(data, data.subjects).removesuffix("."),)),
        ),
        tuple(findings),
    )


def simplex_scores(data: StudyData) -> dict[str, list[float]]:
    """Return the simplex score of every target that has one, of features and of shuffled labels."""
    defined = MEASURES.get("simplex_score").applies_to
    scores: dict[str, list[float]] = {}
    for subject in data.subjects:
        rows = data.of(subject, data.psms)
        rows = main_targets(rows[rows["similarity"].map(defined).astype(bool)])
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
    n_pairs, n_known = 0, 0
    for similarity in similarities(data.layer_similarity):
        trained: list[float] = []
        bounds: list[float] = []
        controls: list[float] = []
        random: list[float] = []
        for subject in data.subjects:
            own = _layer_rows(data.of(subject, data.layer_similarity), similarity)
            features = own.loc[own["target"] == "features", "spearman"].dropna()
            trained.extend(features)
            bounds.extend(attenuation(data, own[(own["target"] == "features") & own["spearman"].notna()]))
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
        known = [value for value in bounds if np.isfinite(value)]
        if known:
            # A correlation cannot exceed the root of the product of the reliabilities (attenuation).
            ratio = median_effect(np.array(trained) / np.array(bounds))
            beside.append(f"at most about {np.median(known):.2f} as well as the matrices are known")
            if ratio is not None:
                what = f"{similarity}: Spearman over the root of the product of the two reliabilities"
                findings.append(Finding(what, ratio.text(), ratio.n))
        n_known += len(known)
        parts.append(text + (f" ({', '.join(beside)})" if beside else ""))
    if not parts:
        return not_run(goal, "no correlation of two layers is defined")
    return Answer(
        goal,
        "Spearman over feature pairs: " + "; ".join(parts) + ".",
        f"{n_pairs} pairs of layers",
        (
            "layers see the same tokens and labels, so some likeness is there without training",
            (
                f"the bound by noise is known for {n_known} of {n_pairs} pairs, is itself an estimate, and "
                "belongs to product-moment correlations"
                if n_known
                else f"{NO_CEILING}, so how well a matrix is known is not known"
            ),
        ),
        tuple(findings),
    )


def _layer_rows(rows: pd.DataFrame, similarity: str) -> pd.DataFrame:
    rows = rows[rows["similarity"] == similarity].rename(columns={"layer_a": "layer"})
    return main_targets(rows)


def attenuation(data: StudyData, rows: pd.DataFrame) -> list[float]:
    """Return sqrt(r_a r_b) of the reliabilities of the two matrices of every row of `layer_similarity`.

    NaN where one is not known or not positive. It bounds the correlation of two measurements whose errors
    are independent: C. Spearman, American Journal of Psychology 15 (1904).
    """
    known = data.psms[data.psms["n_resamples"] > 0].drop_duplicates("psm_key")
    reliability = known.set_index("psm_key")["reliability"]
    reliability = reliability.where(reliability > 0.0)
    first, second = (
        reliability.reindex(rows[name]).to_numpy(np.float64) for name in ("psm_key", "psm_key_b")
    )
    return [float(value) for value in np.sqrt(first * second)]
