"""Labels that are one word or one number in two spellings: `1` and `1.0`, `é` composed and decomposed.

Labels are compared character by character, so such labels are classes of their own, or a class and documents
that nobody reads. That may be meant; it is said.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable


def sense(label: str) -> str | float:
    """Return what a label stands for whichever way it is spelled: a finite number, or text.

    Text is compared in the compatibility form of Unicode (NFKC) with white space made single blanks; capitals
    count.
    """
    text = " ".join(unicodedata.normalize("NFKC", label).split())
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def spelled_alike(labels: Iterable[str], used: Iterable[str] | None = None) -> list[list[str]]:
    """Return groups of labels with one sense, each sorted; only those with a label that is used, if given."""
    by_sense: dict[str | float, set[str]] = {}
    for label in labels:
        by_sense.setdefault(sense(label), set()).add(label)
    wanted = None if used is None else set(used)
    return sorted(
        sorted(group)
        for group in by_sense.values()
        if len(group) > 1 and (wanted is None or not wanted.isdisjoint(group))
    )
