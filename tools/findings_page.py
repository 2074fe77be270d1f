"""Write `docs/findings.md` from the answers of studies that were run.

    python -m tools.findings_page --db sqlite:///superpos.db demo > docs/findings.md

The page says what the views say and nothing else, so that page and answers cannot disagree: the verdict of
each claim in each study, the number that weighs most, the share of cells in each trap, energy against every
control, and what was looked for and not found.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import superpos
from superpos.analysis.verdicts import NO_SIDE
from superpos.records.answers import STRENGTHS
from superpos.reporting.about import about
from superpos.reporting.answers import control_order, is_testable
from superpos.reporting.claims import CLAIMS, LABELS, judged_rows, one_similarity, rows_of, verdicts
from superpos.reporting.selection import POWELL
from superpos.reporting.study_data import StudyData
from tools.findings_claims import claims
from tools.findings_text import listed, number, wrapped
from tools.findings_traps import traps

INTRODUCTION = """# Findings

Written by `python -m tools.findings_page` from the views of studies that were run. A claim is of
one set of features against one control, at the same layer, kernel and dimension; p is adjusted for
all that was looked at. Ends that are no certified minima carry no claim. "Not shown" is not
"absent", and what no study stated beforehand is suggested at most. Where no set has draws enough,
the sign test over sets speaks, a set being one trial. "Not testable" without a reason: no row can
carry the claim. Round brackets say how far single draws lie, square ones are a 95 % interval. Other
models may differ.

Two things are known from planted geometry ([validation](validation.md)). Exclusive classes are low
in energy beside `gaussian` and `permuted` on noise alone: only exchanged labels (`shuffled_labels`)
judge what a model has learned, and a verdict is against them unless it names another control. And
weights of probes that read well are the dual basis of the directions: that they look spread is no
repulsion.

`superpos import docs/archives/nano-thesis --db sqlite:///nano-thesis.db` brings the numbers of
`nano-thesis`, and `superpos report` its report, without the model. The others take a
`superpos run`.
"""
TRAPS = """A share is of the cells that the trap can catch, features and controls together.
A dash stands where a study has none.
"""
REPULSION = """Directions that repel each other have less energy than a control. Counted are sets of each
study, by method, `embed` and `unembed` apart, under the first similarity. "No one side": not the
same one in every layer and under every kernel. Controls with equal counts share a row.
"""
NOT_FOUND = """Claims of which nothing was shown or suggested, each with its largest difference among sets,
against shuffled labels unless another control is named.
"""
HEAD = (
    "study", "control", "less, shown", "less, suggested", "more, shown", "more, suggested", "no one side",
    "not shown", "not testable",
)  # fmt: skip


def document(pages: Sequence[tuple[str, str]]) -> str:
    """Return the page of some studies, each with the URL of its database.

    Raises
    ------
    InputError
        If a database does not hold its study.
    """
    with ExitStack() as stack:
        studies = [StudyData(stack.enter_context(superpos.connect(url)), study) for url, study in pages]
        parts = [
            INTRODUCTION,
            "## The claims of the thesis\n", *claims(studies),
            "## Traps, and the share of cells in them\n", TRAPS, *traps(studies),
            "## Repulsion, or what labels make\n", REPULSION, *_repulsion(studies),
            "## Looked for and not found\n", NOT_FOUND, *_not_found(studies),
            "## The studies\n", *_studies(studies),
        ]  # fmt: skip
    return "\n".join(parts)


def _repulsion(studies: Sequence[StudyData]) -> Iterator[str]:
    """Yield a row for each study and control, or several alike: how many sets have more energy, or less."""
    yield f"| {' | '.join(HEAD)} |"
    yield "|---" * len(HEAD) + "|"
    for data in studies:
        rows = data.answers
        rows = one_similarity(rows[(rows["question"] == "own_energy") & (rows["dataset"] != "")])
        alike: dict[tuple[int, ...], list[str]] = {}
        for control in sorted(rows["control"].unique(), key=control_order):
            part = rows[rows["control"] == control]
            to_one = ~part["sentence"].str.contains(NO_SIDE, regex=False)
            counts = [
                int(((part["strength"] == word) & to_one & (side * part["estimate"] > 0)).sum())
                for side in (-1, 1)
                for word in STRENGTHS[:2]
            ]
            counts.append(int((part["strength"].isin(STRENGTHS[:2]) & ~to_one).sum()))
            untestable = int((~is_testable(part)).sum())
            counts += [len(part) - sum(counts) - untestable, untestable]
            alike.setdefault(tuple(counts), []).append(str(control))
        for numbers, controls in alike.items():
            yield f"| `{data.study}` | {listed(controls)} | {' | '.join(map(str, numbers))} |"
    yield ""


def _not_found(studies: Sequence[StudyData]) -> Iterator[str]:
    """Yield a line for each study: claims of which nothing was shown, with the largest number."""
    of = {claim.claim: claim for claim in CLAIMS}
    for data in studies:
        none = [one for one in verdicts(data) if one.here.word == "Not shown"]
        if not none:
            continue
        said = []
        for one in none:
            rows = rows_of(of[one.claim], data.answers)
            rows = judged_rows(rows[rows["optimiser"] != POWELL])[1]
            rows = rows[rows["estimate"].notna()]
            if rows.empty:
                continue
            largest = rows.sort_values("estimate", key=abs, kind="stable").iloc[-1]
            said.append(f"{one.claim} ({number(largest, LABELS, spread=False).removesuffix('; not shown')})")
        if said:
            yield wrapped(f"`{data.study}`: {'. '.join(said)}.", "- ")
    yield ""


def _studies(studies: Sequence[StudyData]) -> Iterator[str]:
    for data in studies:
        rows = data.answers
        counts = rows["strength"].value_counts()
        said = ", ".join(f"{counts[word]:,} {word}" for word in STRENGTHS if word in counts)
        yield wrapped(f"**`{data.study}`**. {about(data)}") + "\n"
        yield wrapped(f"{len(rows):,} comparisons: {said}." if said else "No answers.") + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--db", action="append", required=True, help="database of the studies that follow")
    parser.add_argument("study", nargs="+", help="a study; as many as there are databases, or all of one")
    arguments = parser.parse_args(argv)
    urls = arguments.db * len(arguments.study) if len(arguments.db) == 1 else arguments.db
    if len(urls) != len(arguments.study):
        parser.error(f"{len(urls)} databases for {len(arguments.study)} studies: give one, or one each")
    sys.stdout.write(document(list(zip(urls, arguments.study, strict=True))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
