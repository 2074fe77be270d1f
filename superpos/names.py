"""What a name may hold: it goes into both database systems, TOML files, tables and charts as it is.

PostgreSQL holds no U+0000 and no half of a surrogate pair; other control characters, line separators and
marks that turn the direction of text make two names look like one or tear a line apart.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST_NAME = 500
"""Characters of a name: PostgreSQL indexes at most 2,704 bytes, and a character may need four."""
_UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_KINDS = {
    "Cc": "the control character",
    "Cf": "the mark of text direction",
    "Cs": "half a surrogate pair, which is no text,",
    "Zl": "the line separator",
    "Zp": "the paragraph separator",
}


def unfit_character(text: str) -> str:
    """Return what keeps a text from being part of a name, empty if nothing does."""
    found = _UNFIT.search(text)
    if found is None:
        return ""
    character = found.group()
    kind = _KINDS[unicodedata.category(character)]
    return f"it holds {kind} U+{ord(character):04X} at character {found.start()}"


def unfit_name(name: str) -> str:
    """Return what keeps a text from being the name of a feature or a label, empty if nothing does."""
    if len(name) > LONGEST_NAME:
        return f"it has {len(name)} characters, at most {LONGEST_NAME} are allowed"
    return unfit_character(name)
