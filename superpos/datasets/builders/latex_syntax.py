r"""The 11 LaTeX features: the constructs that a token's anchor lies in.

The anchor of a token is the first character it holds that is not white space, or its first character if there
is none. Constructs may lie in one another; a token has the features of all that hold its anchor.

| feature             | the anchor lies in                                                                  |
|---------------------|-------------------------------------------------------------------------------------|
| is_command          | a control sequence: a backslash and letters, or a backslash and one other character |
| is_inline_math      | the content of `$...$`, `\(...\)` or the environment math                           |
| is_display_math     | the content of `$$...$$`, `\[...\]` or equation, align, alignat, flalign, gather,   |
|                     | multline, eqnarray (with or without star), displaymath                              |
| is_superscript      | the argument of `^` in a formula                                                    |
| is_subscript        | the argument of `_` in a formula                                                    |
| is_numerator        | the first argument of frac, dfrac, tfrac, cfrac                                     |
| is_denominator      | their second argument                                                               |
| is_environment_name | the name in `\begin{name}` or `\end{name}`                                          |
| is_section_title    | the argument of part, chapter, section, ..., subparagraph (not the optional one)    |
| is_citation_key     | the keys of cite and its kin (natbib, biblatex), with the commas between them       |
| is_comment          | a comment, its `%` included, or the content of the environment comment              |

Delimiters and braces around a content or argument are no part of it. An argument without braces is one
character or a control sequence, that of a script with the groups right behind it (`x^\mathrm{T}`). A formula
includes the text within it (`\text{...}`), but `^` and `_` count as scripts only outside of such text.
Comments have no other feature. Verbatim text (verb, lstinline; verbatim, Verbatim, lstlisting, minted) and
the addresses of url, href and path have none. Macros are not expanded: a formula between macros of one's own
is text, and `{a \over b}` is no fraction.

What is unbalanced is not sampled (see `latex_scanner`); provenance counts such tokens in the documents that
were read (`tokens_unclear`). Documents without any control sequence are no LaTeX. They are left out, and so
are those whose tokens do not spell their text (see `alignment`); both are counted among the documents without
labels.

Source of the idea: the LaTeX set of Gurnee et al., Finding Neurons in a Haystack (2023); the list is ours.
"""

from __future__ import annotations

import numpy as np

from superpos.arrays import Bool, Int
from superpos.datasets.alignment import Alignment, align_ids, covered, seen_text
from superpos.datasets.corpus_sets import TextLabels
from superpos.datasets.latex_scanner import LatexScanner
from superpos.datasets.sequences import TokenLabels
from superpos.datasets.sources import Corpus, Document
from superpos.datasets.tokens import TokenTable
from superpos.kinds.builders import Builder
from superpos.specs.datasets import DatasetSpec

LATEX_FEATURES = (
    "is_command",
    "is_inline_math",
    "is_display_math",
    "is_superscript",
    "is_subscript",
    "is_numerator",
    "is_denominator",
    "is_environment_name",
    "is_section_title",
    "is_citation_key",
    "is_comment",
)
_COMMENT = LATEX_FEATURES.index("is_comment")


def character_features(text: str) -> tuple[Bool, Bool] | None:
    """Return features of every character, (n_characters, 11), and which are unclear, (n_characters,).

    None if the text has no control sequence.
    """
    spans = LatexScanner(text).scan()
    if not spans.command:
        return None
    features = np.zeros((len(text), len(LATEX_FEATURES)), dtype=np.bool_)
    for column, name in enumerate(LATEX_FEATURES):
        features[:, column] = covered(getattr(spans, name.removeprefix("is_")), len(text))
    features[features[:, _COMMENT], :_COMMENT] = False
    features[covered(spans.verbatim, len(text))] = False
    return features, covered(spans.unclear, len(text))


def anchors(text: str, aligned: Alignment) -> Int:
    """Return the anchor of every token as place in the text, (n_tokens,)."""
    visible = np.flatnonzero([not character.isspace() for character in text])
    following = np.append(visible, len(text))[np.searchsorted(visible, aligned.starts)]
    return np.asarray(np.where(following < aligned.ends, following, aligned.starts), dtype=np.int64)


def text_labels(spec: DatasetSpec, table: TokenTable, corpus: Corpus) -> TextLabels:  # noqa: ARG001 (one signature for all builders)
    """Return the features of tokens by the constructs that their anchors lie in."""
    counts = {"tokens_unclear": 0}

    def label(document: Document, ids: list[int]) -> TokenLabels | None:
        text = seen_text(document.text, table)
        found, aligned = character_features(text), align_ids(text, ids, table)
        if found is None or aligned is None:
            return None
        features, unclear = found
        # The blank that SentencePiece may put first holds no character.
        place = np.minimum(anchors(text, aligned), len(text) - 1)
        counts["tokens_unclear"] += int(np.count_nonzero(unclear[place]))
        return TokenLabels(np.asarray(features[place], dtype=np.bool_), ~unclear[place])

    return TextLabels(LATEX_FEATURES, label, provenance=counts)


KIND = Builder(
    name="latex_syntax",
    version=1,
    rank=2,
    meaning="The 11 constructs of LaTeX.",
    feature="the LaTeX construct that the token lies in",
    text_labels=text_labels,
    needs_corpus=True,
    features=lambda _: LATEX_FEATURES,
)
