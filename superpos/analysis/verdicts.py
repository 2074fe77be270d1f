"""Answers in words: how strong a comparison is within its family, and the sentence that says it.

The verdict comes first, then the number with its unit, its control and what is behind it. An interval that
holds 0 is "not shown". That a difference is absent is said only where a margin was stated beforehand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from superpos.analysis.against_control import LEVEL, Comparison, sign_test
from superpos.analysis.answering import SUBJECT, Compared, is_of_matrix
from superpos.analysis.families import Tested, within_families
from superpos.kinds.questions import Question
from superpos.records.answers import AnswerRecord, Strength

TOGETHER = ("model", "revision", "similarity", "optimiser")
"""Axes that sets of features have in common where they are counted together."""
NO_SIDE = "differs, to no one side, from"
"""The verb where layers and kernels go to both sides."""
SAID: dict[Strength, str] = {
    "shown": "Shown",
    "suggested": "Suggested",
    "shown absent": "Shown absent",
    "not shown": "Not shown",
    "not testable here": "Not testable here",
}


def strength(
    p_value: float,
    p_adjusted: float,
    p_smallest: float,
    n_tests: int,
    *,
    level: float = LEVEL,
    p_absent: float | None = None,
    exploratory: bool = False,
) -> Strength:
    """Return how strong a test is.

    Parameters
    ----------
    p_value, p_adjusted, p_smallest
        Alone, within the family, and the least that was possible alone.
    n_tests
        In its family.
    level
        Of the family.
    p_absent
        That the difference is the margin or more, within the family; None without a margin.
    exploratory
        Whether the study states its tests, and not this one: nothing is shown by it.
    """
    if min(1.0, p_smallest * n_tests) > level:
        return "not testable here"
    if p_adjusted <= level and not exploratory:
        return "shown"
    if p_absent is not None and p_absent <= level:
        return "shown absent"
    return "suggested" if p_value <= level else "not shown"


def answers(
    question: Question,
    found: Sequence[Compared],
    tests: Sequence[Tested] | None = None,
    *,
    stated: bool = False,
) -> Iterator[AnswerRecord]:
    """Yield the answer of each set against each control, and of the sets together.

    Parameters
    ----------
    question
        What was asked.
    found
        Every comparison of a study.
    tests
        Each within its family; None where the study declares none.
    stated
        Whether the study states its tests: what sets say together is none of them and suggests at most.
    """
    within = within_families({question.name: found})[question.name] if tests is None else tests
    families: dict[tuple[str, str, str], list[tuple[Compared, Tested]]] = {}
    for one, test in zip(found, within, strict=True):
        same = (one.control, one.subject.get("similarity", ""), one.subject["optimiser"])
        families.setdefault(same, []).append((one, test))
    for family in families.values():
        compared = [one for one, _ in family]
        places = _places(compared)
        for one, test in family:
            yield _of_set(question, one, places, test)
        yield from _of_sets(question, compared, stated)


def _places(family: Sequence[Compared]) -> dict[str, set[str]]:
    """Return the hookpoints of every data set of a family."""
    places: dict[str, set[str]] = {}
    for one in family:
        places.setdefault(one.subject["dataset"], set()).add(one.subject["hookpoint"])
    return places


def _of_set(question: Question, one: Compared, places: dict[str, set[str]], test: Tested) -> AnswerRecord:
    name = one.control.replace("_", " ")
    where = one.subject["dataset"]
    where += f" at {one.subject['hookpoint']}" if len(places[where]) > 1 else ""
    where += under(one.subject)
    unsound = ""
    if one.n_unsound:
        share = "all" if one.n_unsound == one.n_rows else f"{one.n_unsound:,} of"
        unsound = f"{share} {one.n_rows:,} rows of the features are {question.unsound}"
    if one.found is None or test.p_adjusted is None:
        why = unsound or f"no cell is shared by the features and {name}"
        sentence = f"Not testable here: {where}: {why}."
        return record(
            question.name, question.unit, one.subject, one.control, sentence=sentence,
            family=test.family, level=test.level, margin=test.margin,
        )  # fmt: skip
    found = one.found
    how = strength(
        found.p_value, test.p_adjusted, found.p_smallest, test.n_tests,
        level=test.level, p_absent=test.p_absent, exploratory=test.exploratory,
    )  # fmt: skip
    said = [f"{question.quantity} {found.estimate:+.3g} ({question.unit})"]
    if found.low is not None and found.high is not None:
        said.append(f"{found.low:+.3g} to {found.high:+.3g} from single draws")
    if found.estimate_low is None or found.estimate_high is None:
        of_matrix = is_of_matrix(one.control)
        said.append(
            "no interval, " + ("draws of the matrix itself" if of_matrix else "samples not drawn again")
        )
    else:
        ends = f"{found.estimate_low:+.3g} to {found.estimate_high:+.3g}"
        said.append(f"95 % interval {ends}, {count_of(found.n_bootstraps, 'bootstrap')} of the samples")
    said.append(f"{count_of(found.n_draws, 'draw')}, {count_of(found.n_cells, 'cell')}")
    said.append(_within_family(one, found, test, how))
    differs = f"{where} {_verb(question, found, how)} {name}"
    if how == "shown absent":
        differs = f"{where} lies within {test.margin:g} of {name} in every layer and under every kernel"
    return record(
        question.name,
        question.unit,
        one.subject,
        one.control,
        estimate=found.estimate,
        low=found.low,
        high=found.high,
        estimate_low=found.estimate_low,
        estimate_high=found.estimate_high,
        n_bootstraps=found.n_bootstraps,
        n_cells=found.n_cells,
        n_independent=found.n_draws,
        p_value=found.p_value,
        p_adjusted=test.p_adjusted,
        p_smallest=found.p_smallest,
        n_tests=test.n_tests,
        family=test.family,
        level=test.level,
        margin=test.margin,
        p_absent=test.p_absent,
        strength=how,
        sentence=f"{SAID[how]}: {differs}: {'; '.join([*said, *filter(None, (one.note, unsound))])}.",
    )


def _within_family(one: Compared, found: Comparison, test: Tested, how: Strength) -> str:
    """Return what a sentence says of the test: its p, its family, where the difference is largest."""
    family = f"the family {test.family} of {test.n_tests}" if test.family else f"a family of {test.n_tests}"
    if how == "not testable here":
        return f"in {family} no p could be below {min(1.0, found.p_smallest * test.n_tests):.2g}"
    if how == "shown absent":
        return f"p = {test.p_absent:.2g} that it lies farther, in {family}"
    layer, kernel = one.columns[found.column]
    place = " ".join(filter(None, (f"layer {layer}" if layer >= 0 else "", kernel)))
    most = f", most at {place}: {found.column_estimate:+.3g}" if place and len(one.columns) > 1 else ""
    small = ""
    if test.margin is not None and test.p_absent is not None and test.p_absent <= test.level:
        small = f", and nowhere by {test.margin:g} or more (p = {test.p_absent:.2g})"
    beside = ", a test that the study does not state" if test.exploratory else ""
    return f"p = {test.p_adjusted:.2g} in {family}{beside}{most}{small}"


def _verb(question: Question, found: Comparison, how: Strength) -> str:
    """Return the verb of a sentence; a test of columns that go to both sides names no side."""
    if found.estimate == 0.0:
        return "does not differ from"
    if how in ("shown", "suggested"):
        within = found.low is not None and found.high is not None and found.low <= 0.0 <= found.high
        if within or found.estimate * found.column_estimate < 0.0:
            return NO_SIDE
    return question.lower if found.estimate < 0.0 else question.higher


def _of_sets(question: Question, family: Sequence[Compared], stated: bool) -> Iterator[AnswerRecord]:
    """Yield what several sets say together: to which side each differs, a data set being one trial."""
    groups: dict[tuple[str, ...], dict[str, list[Comparison]]] = {}
    for one in family:
        if one.found is not None:
            key = tuple(one.subject.get(name, "") for name in TOGETHER)
            groups.setdefault(key, {}).setdefault(one.subject["dataset"], []).append(one.found)
    control = family[0].control
    for key, sets in groups.items():
        if len(sets) < 2:
            continue
        # A data set at two hookpoints is one trial.
        estimates = [float(np.median([found.estimate for found in own])) for own in sets.values()]
        test = sign_test(estimates)
        how = strength(test.p_value, test.p_value, test.p_smallest, 1, exploratory=stated)
        less = test.n_below >= test.n_above
        verb, count = (question.lower, test.n_below) if less else (question.higher, test.n_above)
        middle = float(np.median(estimates))
        subject = dict(zip(TOGETHER, key, strict=True))
        said = [f"{question.quantity}, median difference {middle:+.3g} ({question.unit})"]
        if how == "not testable here":
            said.append(f"over {count_of(len(estimates), 'set')} no p could be below {test.p_smallest:.2g}")
        else:
            said.append(f"sign test over {count_of(len(estimates), 'set')}, p = {test.p_value:.2g}")
        yield record(
            question.name,
            question.unit,
            subject,
            control,
            estimate=middle,
            n_cells=sum(found.n_cells for own in sets.values() for found in own),
            n_independent=test.n_below + test.n_above,
            p_value=test.p_value,
            p_adjusted=test.p_value,
            p_smallest=test.p_smallest,
            n_tests=1,
            strength=how,
            sentence=f"{SAID[how]}: {count} of {len(estimates)} sets{under(subject)}: each {verb} "
            f"{control.replace('_', ' ')}: {'; '.join(said)}.",
        )


def record(
    question: str,
    unit: str,
    subject: dict[str, str],
    control: str,
    *,
    sentence: str,
    estimate: float | None = None,
    low: float | None = None,
    high: float | None = None,
    estimate_low: float | None = None,
    estimate_high: float | None = None,
    n_bootstraps: int = 0,
    n_cells: int = 0,
    n_independent: int = 0,
    p_value: float | None = None,
    p_adjusted: float | None = None,
    p_smallest: float | None = None,
    n_tests: int = 0,
    family: str = "",
    level: float = LEVEL,
    margin: float | None = None,
    p_absent: float | None = None,
    strength: Strength = "not testable here",
) -> AnswerRecord:
    """Return an answer; what is not said is not known, and can then not be tested."""
    return AnswerRecord(
        question=question,
        **{
            name: subject.get(name, "") for name in (*SUBJECT, "similarity", "optimiser")
        },  # a set, or what sets share
        control=control,
        estimate=estimate,
        low=low,
        high=high,
        estimate_low=estimate_low,
        estimate_high=estimate_high,
        n_bootstraps=n_bootstraps,
        unit=unit,
        n_cells=n_cells,
        n_independent=n_independent,
        p_value=p_value,
        p_adjusted=p_adjusted,
        p_smallest=p_smallest,
        n_tests=n_tests,
        family=family,
        level=level,
        margin=margin,
        p_absent=p_absent,
        strength=strength,
        sentence=sentence,
    )


def under(subject: dict[str, str]) -> str:
    """Return similarity and optimiser of a set in brackets, empty without either."""
    parts = [subject.get("similarity", ""), subject["optimiser"]]
    said = ", ".join(filter(None, parts))
    return f" ({said})" if said else ""


def count_of(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
