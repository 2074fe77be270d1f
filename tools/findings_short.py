"""The claims over all studies in a few lines: which hold, which are reversed, which nobody could test.

A study is for a claim where some of its sets show or suggest it and none the opposite, against it the other
way round, and on both sides where it has sets of either kind. Studies that cannot test it do not count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from superpos.reporting.claims import Judged
from tools.findings_text import wrapped

FOR, AGAINST, BOTH, NEITHER, NONE = "for", "against", "both", "no one side", "not shown"
UNTESTED = "Not testable"
OPPOSITE = "the opposite"
MEANING = """In short: a study is for a claim where some of its sets show or suggest it and none the
opposite, against it the other way round.
"""


def side_of(judged: Judged) -> str:
    """Return to which side a verdict is; empty where the study cannot say."""
    if judged.word in ("", UNTESTED):
        return ""
    if judged.word == "Not shown":
        return NONE
    against = judged.word == "No" or OPPOSITE in judged.text
    holds = judged.word == "Yes" or judged.text.startswith(("holds for ", "for "))
    if holds and against:
        return BOTH
    if against:
        return AGAINST
    return NEITHER if "no one side" in judged.text and not holds else FOR


def in_short(found: Mapping[str, Sequence[Judged]]) -> Iterator[str]:
    """Yield lines of Markdown.

    Parameters
    ----------
    found
        The verdicts of the studies that ask of a claim, by claim.
    """
    titles = (*_ALIKE.values(), "Studies differ", "Never testable")
    lines: dict[str, list[str]] = {title: [] for title in titles}
    for claim, judged in found.items():
        sides = Counter(filter(None, map(side_of, judged)))
        tested = sides.total()
        if not tested:
            lines["Never testable"].append(claim)
        elif len(sides) == 1:
            lines[_ALIKE[next(iter(sides))]].append(f"{claim} ({tested} of {len(judged)})")
        else:
            said = ", ".join(f"{side} {sides[side]}" for side in _ALIKE if sides[side])
            lines["Studies differ"].append(f"{claim} ({said})")
    yield wrapped(MEANING) + "\n"
    for title, claims in lines.items():
        if claims:
            yield wrapped(f"**{title}:** {'; '.join(claims)}.", "- ")
    yield ""


_ALIKE = {
    FOR: "For, in every study that can test it",
    AGAINST: "Against, in every one",
    BOTH: "Both, in every one",
    NEITHER: "A difference to no one side, in every one",
    NONE: "Shown in none",
}
"""What is said of claims on which all studies that can test them agree, by side."""
