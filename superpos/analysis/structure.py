"""Whether the geometry of a set is preserved through the layers: that matrices of every two correlate.

Of the pairs of a set the largest p counts: that all correlate is shown only where the weakest is (an
intersection-union test). Null: features relabelled (`superpos.analysis.mantel`).

Source of the intersection-union test: R. L. Berger, Technometrics 24 (1982).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

from superpos.analysis.against_control import LEVEL
from superpos.analysis.answering import SUBJECT, trained_rows
from superpos.analysis.permutation import holm
from superpos.analysis.settings import main_targets
from superpos.analysis.verdicts import SAID, count_of, record, strength, under
from superpos.kinds.controls import FEATURES
from superpos.records.answers import AnswerRecord

PRESERVED = "preserved"
RELABELLED = "relabelled features"
WHOLE = frozenset(math.factorial(n) for n in range(2, 8))
"""Counts of relabellings that are all there are, the identity among them."""


def preserved(rows: pd.DataFrame, *, stated: bool = False) -> Iterator[AnswerRecord]:
    """Yield for every set and similarity whether geometry is preserved through the layers.

    Parameters
    ----------
    rows
        Of `layer_similarity`, with its axes.
    stated
        Whether the study states its tests: this is none of them, so that it suggests at most.
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
        how = strength(p_value, float(p_adjusted), p_smallest, len(parts), exploratory=stated)
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
