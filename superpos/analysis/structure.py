"""Answers that compare sets of features with themselves: through layers, and kernels over sets.

    preserved      the matrices of every two layers correlate. Of the pairs of a set the largest p counts:
                   that all do is shown only where the weakest is (an intersection-union test). Null: features
                   relabelled (`superpos.analysis.mantel`)
    best_energy    sets rank the kernels alike by how near their certified minima end to the target:
                   Kendall's W over sets, each of which is one rater, of means over the cells that all kernels
                   have. Null: each set's ranking at random (`superpos.analysis.kendall`)

Source of the intersection-union test: R. L. Berger, Technometrics 24 (1982).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from superpos.analysis.against_control import LEVEL
from superpos.analysis.answering import AXES, SUBJECT, Networks, by_optimiser, each, keep, trained_rows
from superpos.analysis.ends import is_minimum, rms
from superpos.analysis.kendall import kendall_test
from superpos.analysis.permutation import holm
from superpos.analysis.settings import main_fits, main_targets
from superpos.analysis.verdicts import SAID, TOGETHER, count_of, record, strength, under
from superpos.kinds.controls import FEATURES
from superpos.records.answers import AnswerRecord

PRESERVED, BEST_ENERGY = "preserved", "best_energy"
RELABELLED, RANDOM_RANKINGS = "relabelled features", "random rankings"
WHOLE = frozenset(math.factorial(n) for n in range(2, 8))
"""Counts of relabellings that are all there are, the identity among them."""


def preserved(rows: pd.DataFrame) -> Iterator[AnswerRecord]:
    """Yield for every set and similarity whether geometry is preserved through the layers.

    Parameters
    ----------
    rows
        Of `layer_similarity`, with its axes.
    """
    rows = trained_rows(rows[(rows["target"] == FEATURES) & rows["spearman"].notna()])
    by = [*SUBJECT, "similarity"]
    parts = {
        tuple(map(str, name)): main_targets(part.rename(columns={"layer_a": "layer"}))
        for name, part in rows.groupby(by, sort=True)
    }
    adjusted = holm([part["p_value"].max() for part in parts.values()]) if parts else ()
    for (name, part), p_adjusted in zip(parts.items(), adjusted, strict=True):
        subject = {**dict(zip(by, name, strict=True)), "optimiser": ""}
        p_value, n = float(part["p_value"].max()), int(part["n_permutations"].max())
        p_smallest = 1.0 / n if n in WHOLE else 1.0 / (n + 1)
        how = strength(p_value, float(p_adjusted), p_smallest, len(parts))
        values = part["spearman"]
        n_shown = int((part["p_value"] <= LEVEL).sum())
        yield record(
            PRESERVED,
            "Spearman",
            subject,
            RELABELLED,
            estimate=float(values.median()),
            n_cells=len(part),
            n_independent=n,
            p_value=p_value,
            p_adjusted=float(p_adjusted),
            p_smallest=p_smallest,
            n_tests=len(parts),
            strength=how,
            sentence=f"{SAID[how]}: {subject['dataset']}{under(subject)}: the matrices of every two layers "
            f"correlate: median {values.median():.2f}, range {values.min():.2f} to {values.max():.2f} over "
            f"{count_of(len(part), 'pair')} of layers, of which {n_shown} alone have p at most {LEVEL:g}; "
            f"largest p = {p_adjusted:.2g} in a family of {len(parts)}.",
        )


Scores = dict[tuple[str, ...], dict[str, pd.Series]]
"""By the values of `SUBJECT` and similarity, and by optimiser: the mean distance of minima by kernel."""


def kernel_scores(rows: pd.DataFrame, of: Networks | None = None) -> Scores:
    """Return by set, similarity and optimiser how far minima of the features end from their targets.

    Parameters
    ----------
    rows
        Of `fit_results`, with its axes and the columns of the question `keeps_low`; of one set or of several.
    of
        The networks of the study; those of the rows by default.
    """
    own = keep(rows, rows["target"] == FEATURES)
    return {
        name: {optimiser: _by_kernel(chosen) for optimiser, chosen in by_optimiser(main_fits(part))}
        for name, part in each(trained_rows(own, of), [*SUBJECT, "similarity"])
    }


def best_energy(scores: Scores) -> Iterator[AnswerRecord]:
    """Yield for every similarity and optimiser whether the sets agree on the kernel that ends nearest."""
    tables: dict[tuple[str, ...], dict[str, pd.Series]] = {}
    for name in sorted(scores):
        for optimiser, found in scores[name].items():
            subject = dict(zip([*SUBJECT, "similarity", "optimiser"], [*name, optimiser], strict=True))
            key = tuple(subject[axis] for axis in TOGETHER)
            # A data set at two hookpoints is one rater: the first that has scores.
            sets = tables.setdefault(key, {})
            if subject["dataset"] not in sets or sets[subject["dataset"]].empty:
                sets[subject["dataset"]] = found
    for key, sets in tables.items():
        yield from _agreement(dict(zip(TOGETHER, key, strict=True)), sets)


def _by_kernel(rows: pd.DataFrame) -> pd.Series:
    """Return by kernel the mean distance of minima to their targets, over cells that all kernels have."""
    value = rms(rows, "distance_final").where(is_minimum(rows))
    skip = {*SUBJECT, "kernel", "energy", "s", "self_energy", "softening", "corpus", "config_key"}
    cell = [name for name in AXES if name in rows.columns and name not in skip and rows[name].nunique() > 1]
    table = rows.assign(value_=value, one_=0, kernel=rows["kernel"].astype("str")).pivot_table(
        index=cell or "one_", columns="kernel", values="value_", aggfunc="mean", dropna=False, observed=True
    )
    scores: pd.Series = table.dropna().mean()
    return scores.dropna()


def _agreement(subject: dict[str, str], sets: dict[str, pd.Series]) -> Iterator[AnswerRecord]:
    kernels = sorted({kernel for scores in sets.values() for kernel in scores.index})
    ranked = {name: scores for name, scores in sets.items() if len(scores) == len(kernels)}
    if len(kernels) < 2 or len(sets) < 2:
        return
    where = under(subject).strip(" ()")
    if len(ranked) < 2:
        yield record(
            BEST_ENERGY, "Kendall's W", subject, RANDOM_RANKINGS,
            sentence=f"Not testable here: {where}: {len(ranked)} of {len(sets)} sets have certified minima "
            f"under all {len(kernels)} kernels.",
        )  # fmt: skip
        return
    scores = np.stack([values[kernels].to_numpy(np.float64) for values in ranked.values()])
    test = kendall_test(scores)
    if test.w is None or test.p_value is None:
        return
    m = len(ranked)
    p_smallest = 1.0 / test.n_permutations if test.exact else 1.0 / (test.n_permutations + 1)
    how = strength(test.p_value, test.p_value, p_smallest, 1)
    best = {kernels[int(index)] for index in np.argmin(scores, axis=1)}
    nearest = (
        f"all end nearest under {next(iter(best))}" if len(best) == 1 else f"{len(best)} kernels are nearest"
    )
    left = f"; {len(sets) - m} of {len(sets)} sets lack minima under some kernel" if m < len(sets) else ""
    yield record(
        BEST_ENERGY,
        "Kendall's W",
        subject,
        RANDOM_RANKINGS,
        estimate=test.w,
        n_cells=int(scores.size),
        n_independent=m,
        p_value=test.p_value,
        p_adjusted=test.p_value,
        p_smallest=p_smallest,
        n_tests=1,
        strength=how,
        sentence=f"{SAID[how]}: {where}: {count_of(m, 'set')} rank {count_of(len(kernels), 'kernel')} alike: "
        f"Kendall's W = {test.w:.2f} (random rankings average {1 / m:.2f}), p = {test.p_value:.2g}; "
        f"{nearest}{left}.",
    )
