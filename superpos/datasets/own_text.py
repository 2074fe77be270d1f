"""Labels that follow from a token's own text alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from superpos.arrays import Bool
from superpos.datasets.sequences import Labeller, TokenLabels
from superpos.datasets.sources import Document
from superpos.datasets.tokens import TokenTable


def own_text_labeller(
    features: Callable[[Sequence[bytes]], Bool], vocabulary: Bool, table: TokenTable
) -> Labeller:
    """Return the function that labels the tokens of a document by the text that each stands for.

    Parameters
    ----------
    features
        From texts, (n,), to their labels, (n, n_features).
    vocabulary
        Labels of every entry of the vocabulary, (vocab_size, n_features): where tokens spell the text, they
        are looked up here.
    table
        The tokenizer.
    """

    def look_up(_: Document, ids: list[int]) -> TokenLabels:
        return TokenLabels(np.asarray(vocabulary[np.asarray(ids, dtype=np.int64)], dtype=np.bool_))

    def by_place(document: Document, ids: list[int]) -> TokenLabels:
        texts = table.own_texts(document.text, ids)
        unlike = sorted(set(texts))
        place = {text: index for index, text in enumerate(unlike)}
        found = features(unlike) if unlike else vocabulary[:0]
        return TokenLabels(np.asarray(found[[place[text] for text in texts]], dtype=np.bool_))

    return by_place if table.by_offsets else look_up
