"""Which sequences stay together when samples are split: those of one document, or of one entity."""

from __future__ import annotations

import numpy as np

from superpos.arrays import Int

MIN_DOCUMENTS = 10
"""With fewer documents than this, sequences are the groups of a split."""
DOCUMENTS, WINDOWS = "documents", "windows of documents"
"""What a group is: all sequences of a document, or one sequence."""
NAMES, NAMES_AND_DOCUMENTS = "names", "names and documents"
NAMES_ONLY = "names only: more than half of the samples are connected through documents"
"""Of entities: all sequences of a name, of what names and documents connect, of a name though they do."""
TEXTS = "texts that differ in capitals or white space alone"
TEXTS_BY_KEY = f"{TEXTS}, and those of one group of the file"
"""Of labelled texts."""
EQUAL_ROWS = "rows of equal tokens"
"""Of imported rows, whose documents are not known."""


def document_groups(sequence_documents: Int) -> tuple[Int, str]:
    """Return the group of every sequence, (n_sequences,), and what a group is.

    It is the document of the sequence, or the sequence itself if documents are few.
    """
    if len(np.unique(sequence_documents)) >= MIN_DOCUMENTS:
        return np.asarray(sequence_documents, dtype=np.int64), DOCUMENTS
    return np.arange(len(sequence_documents), dtype=np.int64), WINDOWS
