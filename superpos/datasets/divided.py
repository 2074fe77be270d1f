"""Texts divided into documents: at headings, or into paragraphs.

A document is the unit that a split keeps whole. A file that holds many texts, such as a dump of an
encyclopaedia, is one document as it comes; windows of one text would then lie on both sides of the split.

| documents | a document is                                                              |
|-----------|----------------------------------------------------------------------------|
| file      | a text as it comes: a file, a record                                       |
| heading   | from a line that is a heading up to the next; what stands before the first |
| paragraph | a run of lines that are not blank                                          |

The parts of a text are slices of it, line ends included; the name of a part is that of the text and the line
it begins in, `wiki.txt:17`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from superpos.datasets.corpus import Document
from superpos.errors import ArgumentError, InputError
from superpos.specs.datasets import CorpusSpec


def divided(source: Iterable[Document], spec: CorpusSpec, where: str) -> Iterator[Document]:
    """Yield the documents of texts as the corpus divides them; labels stay.

    Raises
    ------
    ArgumentError
        If a text is CoNLL-U, whose sentences are its documents already.
    InputError
        If documents begin at headings and no line of any text is one.
    """
    if spec.documents == "file":
        yield from source
        return
    pattern = re.compile(spec.heading_pattern)
    headings = 0
    for document in source:
        if document.source:
            raise ArgumentError("documents", f"{spec.documents!r} does not apply: {document.name} is CoNLL-U")
        lines = list(io.StringIO(document.text, newline=""))
        if spec.documents == "heading":
            starts = [index for index, line in enumerate(lines) if pattern.match(line.rstrip("\r\n"))]
            headings += len(starts)
        else:
            starts = _paragraph_starts(lines)
        starts = starts if 0 in starts else [0, *starts]
        for first, after in zip(starts, [*starts[1:], len(lines)], strict=True):
            yield replace(document, name=f"{document.name}:{first + 1}", text="".join(lines[first:after]))
    if spec.documents == "heading" and not headings:
        raise InputError(
            f"{where}: heading: no line matches {spec.heading_pattern!r}; give a pattern that does"
        )


def _paragraph_starts(lines: list[str]) -> list[int]:
    """Return the lines, counted from 0, that are not blank and follow a blank one."""
    return [index for index in range(1, len(lines)) if lines[index].strip() and not lines[index - 1].strip()]
