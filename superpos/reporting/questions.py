"""Questions that are asked of a study alone: `superpos report --only NAME`.

A question is a choice among the figures of chapters; nothing is computed for it alone. What a set has no
figure of is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from superpos.errors import InputError, allowed, shown
from superpos.reporting.sections import CHAPTERS, Chapter, Drawn
from superpos.reporting.study_data import StudyData
from superpos.reporting.subjects import Subject

ROWS = ("embed", "unembed")
"""Hookpoints whose directions are rows of a matrix."""


class Part(NamedTuple):
    """Figures of one chapter."""

    chapter: str
    figures: tuple[str, ...] = ()
    """What their names begin with; all where there are none."""
    hookpoints: tuple[str, ...] = ()
    """Of which subjects; of all where there are none."""


class Question(NamedTuple):
    """A question, and the figures that answer it."""

    name: str
    asks: str
    parts: tuple[Part, ...]


QUESTIONS = (
    Question("probe_quality", "How well do probes read the features?", (Part("probes"),)),
    Question(
        "target_geometry",
        "What do the target matrices look like, and what do single numbers say of them?",
        (Part("targets"), Part("ceiling"), Part("geometry")),
    ),
    Question(
        "own_energy", "Is the energy of the directions themselves low?", (Part("lead", ("own-energy",)),)
    ),
    Question(
        "controls",
        "Do features end nearer to their targets than controls do?",
        (Part("lead", ("differences",)), Part("distances", ("comparison",))),
    ),
    Question("best_matches", "What do the best matches look like?", (Part("optimal"),)),
    Question(
        "perturbation",
        "What does the size of the perturbation do?",
        (Part("distances", ("distances", "sweep")),),
    ),
    Question(
        "cross_layer",
        "Is geometry the same from layer to layer?",
        (Part("layers"), Part("across", ("cross-layer",))),
    ),
    Question("cross_dataset", "Do the sets agree on a kernel?", (Part("across", ("cross-dataset",)),)),
    Question("weights", "Does the importance tell features apart?", (Part("importance"),)),
    Question(
        "certificates",
        "Which ends are minima?",
        (Part("lead", ("gradients",)), Part("optimisers"), Part("outcomes")),
    ),
    Question(
        "trained_vs_random",
        "What of it do random weights show too?",
        (Part("probes"), Part("geometry", ("geometry",)), Part("layers")),
    ),
    Question("checkpoints", "How does it change while the model is trained?", (Part("revisions"),)),
    Question(
        "embeddings",
        "What do rows of the embedding show, without a probe?",
        tuple(Part(name, (), ROWS) for name in ("targets", "geometry", "optimal")),
    ),
    Question(
        "label_statistics", "Do the labels alone explain the geometry?", (Part("features"), Part("labels"))
    ),
    Question("sensitivity", "What do dimension and kernel change?", (Part("sensitivity"),)),
    Question("summary", "Which claims hold? Verdicts and answers, without figures.", ()),
)
"""Names are unique; none is that of a chapter unless it means the same."""


def chosen_chapters(only: Sequence[str]) -> tuple[Chapter, ...]:
    """Return chapters in the order of the page: those of some names, or all where none is named.

    A name is a chapter's or a question's. Of a chapter that several names ask for, each asks for its figures.

    Raises
    ------
    InputError
        For an unknown name.
    """
    if not only:
        return tuple(CHAPTERS)
    asked = {question.name: question.parts for question in QUESTIONS}
    wanted: dict[str, list[Part]] = {}
    for name in only:
        parts = (Part(name),) if name in CHAPTERS.names() else asked.get(name)
        if parts is None:
            known = (*CHAPTERS.names(), *asked)
            raise InputError(f"only: {shown(name)} is unknown; {allowed(name, tuple(dict.fromkeys(known)))}")
        for part in parts:
            wanted.setdefault(part.chapter, []).append(part)
    return tuple(_narrowed(chapter, wanted[chapter.name]) for chapter in CHAPTERS if chapter.name in wanted)


def _narrowed(chapter: Chapter, parts: Sequence[Part]) -> Chapter:
    """Return a chapter that draws what some parts ask for."""
    if any(part == Part(chapter.name) for part in parts):
        return chapter

    def draw(data: StudyData, subjects: Sequence[Subject]) -> Iterator[Drawn]:
        for part in parts:
            own = [one for one in subjects if not part.hookpoints or one.hookpoint in part.hookpoints]
            if own or not subjects:
                for drawn in chapter.draw(data, own):
                    if not part.figures or drawn.name.startswith(part.figures):
                        yield drawn

    return replace(chapter, draw=draw)
