"""What a run of the study `smollm2` found, as facts that hold or do not: `make real` ends with them.

    python -m tools.real_facts --report superpos-real

Of each feature set the test ROC AUC of the probes is averaged over its features, and the layer with the
highest mean is shown, of the trained and of the random network each its own. Such a maximum over layers is a
little too high, for both alike.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import pandas as pd

import superpos

STUDY = "smollm2"
LEAST_COMPOUND_WORDS = 0.97
"""Mean ROC AUC of the compound words at the best layer; Gurnee et al. (2023) read them almost perfectly."""
LEAST_ABOVE_RANDOM = 0.05
"""By how much occupations, and whether somebody lives, are read better than with random weights."""


class Quality(NamedTuple):
    """How well the probes of one feature set read, at the layer where they read best."""

    dataset: str
    weights: str
    layer: int
    n_features: int
    roc_auc: float
    """Mean over features, on the held-out samples."""
    f1: float
    """Likewise, at this layer."""


class Fact(NamedTuple):
    """A sentence, and whether it is so."""

    holds: bool
    sentence: str


def best_layers(probes: pd.DataFrame) -> list[Quality]:
    """Return the best layer of every feature set and scheme of weights, of rows of `probe_results`."""
    own = probes[(probes["label_replicate"] < 0) & probes["roc_auc"].notna()]
    found = []
    for (dataset, weights), rows in own.groupby(["dataset", "model_weights"], sort=True):
        means = rows.groupby("layer", as_index=False).agg(
            n=("feature", "nunique"), roc_auc=("roc_auc", "mean"), f1=("f1", "mean")
        )
        layer, n, auc, f1 = max(
            zip(means["layer"], means["n"], means["roc_auc"], means["f1"], strict=True),
            key=lambda row: row[2],
        )
        found.append(Quality(str(dataset), str(weights), int(layer), int(n), float(auc), float(f1)))
    return found


def facts(probes: pd.DataFrame, progress: pd.DataFrame, report: Path) -> list[Fact]:
    """Return what has to be so after `make real`.

    Parameters
    ----------
    probes, progress
        Rows of the views `probe_results` and `study_progress` of the study.
    report
        The folder of its report.
    """
    auc = {(one.dataset, one.weights): one.roc_auc for one in best_layers(probes)}
    nothing = float("nan")
    words, chance = (auc.get(("compound_words", weights), nothing) for weights in ("pretrained", "random"))
    people, fresh = (auc.get(("people", weights), nothing) for weights in ("pretrained", "random"))
    unfinished = progress[["failed", "quarantined"]].sum().sum()
    missing = (progress["planned"] - progress[["done", "not_applicable"]].sum(axis=1)).sum()
    page = report / "index.html"
    return [
        Fact(
            words >= LEAST_COMPOUND_WORDS,
            f"compound words are read at a mean AUC of at least {LEAST_COMPOUND_WORDS}: {words:.3f} "
            f"(random weights {chance:.3f})",
        ),
        Fact(
            people >= fresh + LEAST_ABOVE_RANDOM,
            f"what people are is read better than with random weights: {people:.3f} against {fresh:.3f}",
        ),
        Fact(
            bool(len(progress)) and not unfinished and not missing,
            f"every cell is done: {unfinished} failed, {missing} missing",
        ),
        Fact(page.is_file() and STUDY in page.read_text(encoding="utf-8"), f"the report is written: {page}"),
    ]


def main() -> int:
    """Print the best layers and the facts; return 1 if one does not hold."""
    parser = argparse.ArgumentParser(description="facts of the study smollm2")
    parser.add_argument("--db", help="database URL; as for `superpos`")
    parser.add_argument("--report", type=Path, required=True)
    options = parser.parse_args()
    with superpos.connect(options.db) as results:
        probes = results.frame("probe_results", study=STUDY)
        progress = results.frame("study_progress", study=STUDY)
    table = pd.DataFrame(best_layers(probes), columns=list(Quality._fields))
    found = facts(probes, progress, options.report)
    lines = [table.to_string(index=False, float_format="%.3f"), ""]
    lines += [f"{'holds' if fact.holds else 'DOES NOT HOLD'}: {fact.sentence}" for fact in found]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if all(fact.holds for fact in found) else 1


if __name__ == "__main__":
    sys.exit(main())
