"""Whether the answers of a study are those that this version would give.

    digest = SHA-256 of the version of every question, and of what all of them share

Answers are stored with it. A question that is mended, new or gone makes it another one, and the next run asks
again; nothing else is computed.
"""

from __future__ import annotations

from functools import lru_cache

from superpos.db.analysis import UNFINISHED, analysed
from superpos.db.engine import Database
from superpos.hashing import canonical_json, text_digest
from superpos.kinds.questions import QUESTIONS

VERSION = 1
"""Raised whenever numbers, strengths or sentences of answers would change for no question's reason."""


@lru_cache(maxsize=1)
def asked() -> str:
    """Return the digest of what is asked."""
    versions = {question.name: question.version for question in QUESTIONS.usable()}
    return text_digest(canonical_json([VERSION, versions]))


def outdated(database: Database, study_id: int) -> bool:
    """Return whether a study has answers, and they are to other questions."""
    found = analysed(database, study_id)
    return found is not None and found[0] != UNFINISHED and found[1] != asked()
