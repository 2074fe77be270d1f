"""The summary: answers, figures and progress as Markdown, for a terminal, a pull request or a notebook."""

from __future__ import annotations

import re

from superpos.reporting.claims import Judged
from superpos.reporting.page import StudyPage

SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!$])")


def render_summary(studies: tuple[StudyPage, ...], database: str) -> str:
    """Return the Markdown text; names from the database are escaped."""
    lines = ["# The geometry of features in superposition", "", f"Database: {escape(database)}", ""]
    if not studies:
        lines += ["The database holds no study.", ""]
    for study in studies:
        lines += [f"## Study {escape(study.name)}", "", escape(study.about), ""]
        lines += [escape(study.unfinished), ""] if study.unfinished else []
        if study.verdicts:
            lines += [
                "| claim | the thesis | Powell's ends | here | strongest number |",
                "|---|---|---|---|---|",
            ]
        for verdict in study.verdicts:
            cells = [escape(verdict.claim), escape(verdict.said)]
            cells += [_judged(verdict.powell), _judged(verdict.here), escape(verdict.strongest)]
            lines.append(f"| {' | '.join(cells)} |")
        lines += [""] if study.verdicts else []
        for answer in study.answers:
            lines += [f"**{escape(answer.goal)}**", "", escape(answer.sentence), ""]
        lines += ["### Progress", "", "| stage | planned | done | failed | quarantined | not applicable |"]
        lines += ["|---|--:|--:|--:|--:|--:|"]
        lines += ["| " + " | ".join(escape(str(value)) for value in row) + " |" for row in study.progress]
        lines += ["", "### Figures", ""]
        for section in study.sections:
            if section.note:
                lines.append(f"- {escape(section.title)}: not run in this study: {escape(section.note)}")
        lines += [f"- [{escape(figure.title)}](figures/{figure.file}.svg)" for figure in study.figures]
        lines.append("")
    return "\n".join(lines)


def _judged(one: Judged) -> str:
    return f"**{escape(one.word)}** {escape(one.text)}" if one.word else ""


def escape(text: str) -> str:
    """Return a text on one line that Markdown and the HTML within it show as it is."""
    return SPECIAL.sub(r"\\\1", " ".join(text.split())).replace("\\<", "&lt;").replace("\\>", "&gt;")
