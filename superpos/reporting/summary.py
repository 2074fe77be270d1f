"""The summary: answers, figures and progress as Markdown, for a terminal, a pull request or a notebook."""

from __future__ import annotations

import re

from superpos.reporting.page import StudyPage

SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!$])")


def render_summary(studies: tuple[StudyPage, ...], database: str) -> str:
    """Return the Markdown text; names from the database are escaped."""
    lines = ["# The geometry of features in superposition", "", f"Database: {escape(database)}", ""]
    if not studies:
        lines += ["The database holds no study.", ""]
    for study in studies:
        lines += [f"## Study {escape(study.name)}", "", escape(study.about), ""]
        for answer in study.answers:
            lines += [f"**{escape(answer.goal)}**", "", escape(answer.sentence), ""]
        lines += ["### Progress", "", "| stage | planned | done | failed | quarantined | not applicable |"]
        lines += ["|---|--:|--:|--:|--:|--:|"]
        lines += ["| " + " | ".join(escape(str(value)) for value in row) + " |" for row in study.progress]
        lines += ["", "### Figures", ""]
        for section in study.sections:
            if section.note:
                lines.append(f"- {escape(section.title)}: {escape(section.note)}")
            lines += [f"- [{escape(figure.title)}](figures/{figure.file}.png)" for figure in section.figures]
        lines.append("")
    return "\n".join(lines)


def escape(text: str) -> str:
    """Return a text on one line that Markdown and the HTML within it show as it is."""
    return SPECIAL.sub(r"\\\1", " ".join(text.split())).replace("\\<", "&lt;").replace("\\>", "&gt;")
