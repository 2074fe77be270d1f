"""Write `docs/findings.md` from the answers of studies that were run.

    python -m tools.findings_page --db sqlite:///superpos.db demo > docs/findings.md

The page says what the view `answers` says and nothing else, so that page and answers cannot disagree: a table
of verdicts for each study, and below it the sentences of every answer that is shown, for one similarity.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Iterator, Sequence

import pandas as pd

import superpos
from superpos.kinds.similarities import SIMILARITIES
from superpos.records.answers import STRENGTHS
from superpos.reporting.about import about
from superpos.reporting.answers import asked_in_words, in_words
from superpos.reporting.claims import Judged, verdicts
from superpos.reporting.looks import in_order
from superpos.reporting.study_data import StudyData

WIDTH = 100
MAX_SHOWN = 8
"""Sentences of one question and control that are printed; the others are counted."""
INTRODUCTION = """# Findings

Written by `python -m tools.findings_page` from the view `answers` of studies that were run. A claim
is of one set of features against one control, at the same layer, kernel and dimension; p is
adjusted for the layers, kernels and sets that were looked at. Ends that are no certified minima
carry no claim. "Not shown" is not "absent". `nano` has four layers of width 128 and read Python's
standard library; SmolLM2-135M has thirty and read much of the web. What holds for them need not
hold for others.

Two things are known of probes from planted geometry ([validation](validation.md)). Exclusive
classes are low in energy beside `gaussian` and `permuted` on noise alone, so that only exchanged
labels judge what a model has learned. And where probes read well, their weights are the dual basis
of the directions: that they look spread is no repulsion.
"""


def document(pages: Sequence[tuple[str, str]]) -> str:
    """Return the page of some studies, each with the URL of its database.

    Raises
    ------
    InputError
        If a database does not hold its study.
    """
    parts = [INTRODUCTION]
    for url, study in pages:
        with superpos.connect(url) as results:
            parts += _study(StudyData(results, study))
    return "\n".join(parts)


def _study(data: StudyData) -> Iterator[str]:
    yield f"## Study `{data.study}`\n"
    yield wrapped(about(data)) + "\n"
    found = verdicts(data)
    if not found:
        yield "No answers.\n"
        return
    yield "| claim | the thesis | Powell's ends | certified minima, or no fit | strongest number |"
    yield "|---|---|---|---|---|"
    for one in found:
        cells = (one.claim, one.said, _judged(one.powell), _judged(one.here), one.strongest or "none")
        yield f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
    yield ""
    rows = data.answers
    counts = rows["strength"].value_counts()
    said = ", ".join(f"{counts[word]:,} {word}" for word in STRENGTHS if word in counts)
    yield wrapped(f"In all {len(rows):,} comparisons: {said}. Those shown, of sets:") + "\n"
    yield from _shown(rows)


def _shown(rows: pd.DataFrame) -> Iterator[str]:
    rows = rows[(rows["strength"] == STRENGTHS[0]) & (rows["dataset"] != "")]
    named = [name for name in rows["similarity"].unique() if name]
    main = in_order(SIMILARITIES, named)[0] if named else ""
    rows = rows[rows["similarity"].isin(("", main))]
    for (question, control), part in rows.groupby(["question", "control"], sort=False):
        yield wrapped(f"**{asked_in_words(str(question))}** Against {in_words(str(control))}:") + "\n"
        for sentence in part["sentence"].tolist()[:MAX_SHOWN]:
            yield wrapped(sentence, "- ")
        if len(part) > MAX_SHOWN:
            yield f"- and {len(part) - MAX_SHOWN} more"
        yield ""


def _judged(one: Judged) -> str:
    return f"**{one.word}** {one.text}".strip() if one.word else "not asked"


def wrapped(text: str, first: str = "") -> str:
    """Return a text in lines as wide as a page's, the first of which may begin with a bullet."""
    return textwrap.fill(
        " ".join(text.split()), WIDTH, initial_indent=first, subsequent_indent=" " * len(first),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


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
