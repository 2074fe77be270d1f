"""Classes of the tokens of a vocabulary, by their bytes: what a token looks like, whatever it means.

    class = 2 kind + space      space: 1 if a blank stands before the text of the token, else 0
    kind                        0 letters, 1 digits, 2 other text, 3 blanks alone, 4 bytes that are no text

Letters and digits are those of Unicode. A token is of kind 0 or 1 only if all of it is, the blank apart.
Special tokens, and ids that name no entry, have class -1.
"""

from __future__ import annotations

import numpy as np

from superpos.arrays import Int
from superpos.datasets.tokens import TokenTable

LETTERS, DIGITS, OTHER, BLANKS, BYTES = range(5)


def token_classes(table: TokenTable) -> Int:
    """Return the class of every token, (vocabulary,)."""
    found = np.array([_class(spelled) for spelled in table.token_bytes], dtype=np.int64)
    found[np.asarray(table.special[: len(found)])] = -1
    return found


def _class(spelled: bytes) -> int:
    try:
        text = spelled.decode("utf-8")
    except UnicodeDecodeError:
        return 2 * BYTES
    body = text.strip()
    space = int(bool(body) and text[:1].isspace())
    if not body:
        return 2 * BLANKS
    kind = LETTERS if body.isalpha() else DIGITS if body.isdigit() else OTHER
    return 2 * kind + space
