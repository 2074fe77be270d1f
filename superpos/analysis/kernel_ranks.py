"""Whether sets agree on the energy whose minima end nearest to their targets, and more than controls do.

    score_sk      mean distance of certified minima of set s to their targets under kernel k, over the cells
                  that all kernels have
    W             Kendall's W of the sets' rankings of the kernels (`superpos.analysis.kendall`)
    against random rankings   each set's ranking permuted on its own
    against a control         W of the sets' draws number r = 1 .. R of the control; p as of every question
                              (`superpos.analysis.against_control`)

That sets agree need not say anything of features: a stiff kernel pulls any matrix farther away than a soft
one, so that exchanged labels may be ranked the same way. Only the second comparison sees that.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from superpos.analysis.against_control import compare
from superpos.analysis.answering import AXES, SUBJECT, Networks, by_optimiser, each, is_trained, keep
from superpos.analysis.ends import is_minimum, rms
from superpos.analysis.kendall import kendall_test, kendall_w
from superpos.analysis.settings import main_fits
from superpos.analysis.verdicts import SAID, TOGETHER, count_of, record, strength, under
from superpos.arrays import Float
from superpos.kinds.controls import FEATURES
from superpos.records.answers import AnswerRecord

BEST_ENERGY, UNIT = "best_energy", "Kendall's W"
RANDOM_RANKINGS = "random rankings"
Draw = tuple[str, int]
"""Kind of target and replicate."""
Drawn = dict[Draw, pd.Series]
"""The mean distance of minima by kernel, of the features and of every draw of every control."""
Scores = dict[tuple[str, ...], dict[str, Drawn]]
"""By the values of `SUBJECT` and similarity, and by optimiser."""
OWN: Draw = (FEATURES, 0)


def kernel_scores(rows: pd.DataFrame, of: Networks | None = None) -> Scores:
    """Return by set, similarity and optimiser how far minima end from their targets under each kernel.

    Parameters
    ----------
    rows
        Of `fit_results`, with its axes and the columns of the question `keeps_low`; of one set or of several.
    of
        The networks of the study; those of the rows by default.
    """
    return {
        name: {optimiser: _by_draw(chosen) for optimiser, chosen in by_optimiser(main_fits(part))}
        for name, part in each(keep(rows, is_trained(rows, of)), [*SUBJECT, "similarity"])
    }


def best_energy(scores: Scores, *, stated: bool = False) -> Iterator[AnswerRecord]:
    """Yield for every similarity and optimiser whether the sets agree on the kernel that ends nearest.

    Parameters
    ----------
    scores
        Of `kernel_scores`.
    stated
        Whether the study states its tests: this is none of them, so that it suggests at most.
    """
    tables: dict[tuple[str, ...], dict[str, Drawn]] = {}
    for name in sorted(scores):
        for optimiser, found in scores[name].items():
            subject = dict(zip([*SUBJECT, "similarity", "optimiser"], [*name, optimiser], strict=True))
            key = tuple(subject[axis] for axis in TOGETHER)
            # A data set at two hookpoints or by two methods is one rater: the first that has scores.
            sets = tables.setdefault(key, {})
            if subject["dataset"] not in sets or sets[subject["dataset"]].get(OWN, _NONE).empty:
                sets[subject["dataset"]] = found
    for key, sets in tables.items():
        subject = dict(zip(TOGETHER, key, strict=True))
        yield from _agreement(subject, sets, stated)


_NONE = pd.Series(dtype="float64")


def _by_draw(rows: pd.DataFrame) -> Drawn:
    """Return the mean distance of minima by kernel of every draw, over the cells that all kernels have."""
    value = rms(rows, "distance_final").where(is_minimum(rows))
    skip = {*SUBJECT, "kernel", "energy", "s", "self_energy", "softening", "corpus", "config_key"}
    skip |= {"target", "replicate"}
    cell = [name for name in AXES if name in rows.columns and name not in skip and rows[name].nunique() > 1]
    table = rows.assign(value_=value, one_=0, kernel=rows["kernel"].astype("str")).pivot_table(
        index=["target", "replicate", *(cell or ["one_"])], columns="kernel", values="value_",
        aggfunc="mean", dropna=False, observed=True,
    )  # fmt: skip
    means = table.dropna().groupby(level=["target", "replicate"], observed=True).mean()
    draws = zip(means.index.get_level_values(0), means.index.get_level_values(1), strict=True)
    return {(str(target), int(draw)): means.iloc[place] for place, (target, draw) in enumerate(draws)}


def _agreement(subject: dict[str, str], sets: dict[str, Drawn], stated: bool) -> Iterator[AnswerRecord]:
    own = {name: found.get(OWN, _NONE) for name, found in sets.items()}
    kernels = sorted({kernel for scores in own.values() for kernel in scores.index})
    ranked = {name: scores for name, scores in own.items() if len(scores) == len(kernels)}
    if len(kernels) < 2 or len(sets) < 2:
        return
    where = under(subject).strip(" ()")
    if len(ranked) < 2:
        yield record(
            BEST_ENERGY, UNIT, subject, RANDOM_RANKINGS,
            sentence=f"Not testable here: {where}: {len(ranked)} of {len(sets)} sets have certified minima "
            f"under all {len(kernels)} kernels.",
        )  # fmt: skip
        return
    scores = _table(list(ranked.values()), kernels)
    test = kendall_test(scores)
    if test.w is None or test.p_value is None:
        return
    m = len(ranked)
    p_smallest = 1.0 / test.n_permutations if test.exact else 1.0 / (test.n_permutations + 1)
    how = strength(test.p_value, test.p_value, p_smallest, 1, exploratory=stated)
    best = {kernels[int(index)] for index in np.argmin(scores, axis=1)}
    nearest = (
        f"all end nearest under {next(iter(best))}" if len(best) == 1 else f"{len(best)} kernels are nearest"
    )
    left = f"; {len(sets) - m} of {len(sets)} sets lack minima under some kernel" if m < len(sets) else ""
    yield record(
        BEST_ENERGY,
        UNIT,
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
    for control in sorted({target for found in sets.values() for target, _ in found} - {FEATURES}):
        yield from _against(subject, control, {name: sets[name] for name in ranked}, kernels, stated)


def _against(
    subject: dict[str, str], control: str, sets: dict[str, Drawn], kernels: list[str], stated: bool
) -> Iterator[AnswerRecord]:
    """Yield whether the sets agree more than their draws of one control, over the sets that have some."""
    draws = {
        name: {
            draw: row for (target, draw), row in found.items() if target == control and _whole(row, kernels)
        }
        for name, found in sets.items()
    }
    there = [name for name, found in draws.items() if found]
    if len(there) < 2:
        return
    shared = sorted(set.intersection(*(set(draws[name]) for name in there)))
    found_w = [kendall_w(_table([draws[name][draw] for name in there], kernels)) for draw in shared]
    drawn = [w for w in found_w if w is not None]
    w = kendall_w(_table([sets[name][OWN] for name in there], kernels))
    if not drawn or w is None:
        return
    found = compare([w], np.asarray(drawn)[:, None], [0])
    if found is None:
        return
    name = control.replace("_", " ")
    how = strength(found.p_value, found.p_value, found.p_smallest, 1, exploratory=stated)
    verb = "agree less than" if found.estimate < 0.0 else "agree more than"
    verb = verb if found.estimate else "do not agree more than"
    p = f"no p could be below {found.p_smallest:.2g}"
    p = p if how == "not testable here" else f"p = {found.p_value:.2g}"
    yield record(
        BEST_ENERGY,
        UNIT,
        subject,
        control,
        estimate=found.estimate,
        low=found.low,
        high=found.high,
        n_cells=len(there) * len(kernels),
        n_independent=len(drawn),
        p_value=found.p_value,
        p_adjusted=found.p_value,
        p_smallest=found.p_smallest,
        n_tests=1,
        strength=how,
        sentence=f"{SAID[how]}: {under(subject).strip(' ()')}: {count_of(len(there), 'set')} "
        f"{verb} {name} on {count_of(len(kernels), 'kernel')}: Kendall's W {w:.2f}, median of "
        f"{count_of(len(drawn), 'draw')} {np.median(drawn):.2f}; {p}.",
    )


def _whole(row: pd.Series, kernels: list[str]) -> bool:
    return bool(row.reindex(kernels).notna().all())


def _table(rows: list[pd.Series], kernels: list[str]) -> Float:
    """Return scores, (sets, kernels)."""
    return np.stack([row[kernels].to_numpy(np.float64) for row in rows])
