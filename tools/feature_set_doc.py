"""Fill the generated parts of a page: `python -m tools.feature_set_doc docs/feature-sets.md`.

Prose is written by hand in the page; what stands between `<!-- generated: NAME -->` and `<!-- end -->` is
replaced by what the sets give here and now, with the bundled model's tokenizer. Counts of a package that is
not installed stay as they are.
"""

from __future__ import annotations

import platform
import re
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from superpos.cli.dataset_console import marked, visible
from superpos.cli.dataset_pages import SetPage, labelled_page
from superpos.cli.dataset_sources import corpus_label, known_features
from superpos.cli.dataset_words import words_page
from superpos.datasets.build import build_dataset
from superpos.datasets.builders.documents import DocumentOptions
from superpos.datasets.source_listing import ListedSet, listed_sets
from superpos.datasets.tokens import TokenTable, load_tokens
from superpos.errors import InputError
from superpos.kinds.builders import BUILDERS
from superpos.models import BUNDLED, bundled_model
from superpos.records.data import TokenExample
from superpos.specs.datasets import CorpusSpec, DatasetSpec
from superpos.specs.feature_sets import bundled_sets, load_feature_set
from superpos.specs.set_sources import load_source
from tools.feature_set_samples import CLASSES, CORPORA

CONTEXT = 36
"""Characters of an example that are shown on either side."""
WORD = 12
"""Letters of a word that are given up for an example that begins or ends with a whole word."""
REGION = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


SOURCE = "sae-probes"
THESIS = (
    "compound_words",
    "occupation",
    "political_party",
    "is_alive",
    "sex_or_gender",
    "athlete_sport",
)
"""Sets of the thesis that the source has."""
COUNTS = ("kept", "repeated", "contradictory")
"""Counts of rows that are shown."""


def filled(page: str, parts: Mapping[str, str]) -> str:
    """Return a page with its generated parts replaced.

    Raises
    ------
    InputError
        If the page has not exactly these parts.
    """
    found = [match[2] for match in REGION.finditer(page)]
    if sorted(found) != sorted(parts):
        raise InputError(f"generated parts: the page has {', '.join(found)}; wanted: {', '.join(parts)}")
    return REGION.sub(lambda match: f"{match[1]}\n{parts[match[2]].strip()}\n\n{match[3]}", page)


def generated_parts(page: str) -> dict[str, str]:
    """Return every generated part of the page; builds every set that ships."""
    table = load_tokens(bundled_model(BUNDLED[0]))
    names = [name for name in bundled_sets() if name not in CORPORA]
    lists = [name for name in names if not load_feature_set(name).has_probes]
    with tempfile.TemporaryDirectory() as folder:
        samples = [_sample_page(name, table, Path(folder)) for name in CORPORA]
    return {
        "builders": builders_table(),
        "sets": sets_table(),
        "versions": f"Python {platform.python_version()}, tokenizer of the bundled model `{BUNDLED[0]}`.",
        "shipped": "\n".join(_section(_page(name, table), CONTEXT) for name in names if name not in lists),
        "words": _words_table([_page(name, table) for name in lists]),
        "samples": "\n".join(_section(one, CONTEXT, counts=False) for one in samples),
        **source_parts(page),
    }


def source_parts(page: str) -> dict[str, str]:
    """Return the tables of the source's sets; those of the page where its package is not installed."""
    source = load_source(SOURCE)
    try:
        source.files()
    except InputError:
        found = {match[2]: match[0].removeprefix(match[1]) for match in REGION.finditer(page)}
        return {name: found[name].removesuffix("<!-- end -->") for name in ("thesis", "several")}
    sets = {one.name: one for one in listed_sets(source)}
    several = [one for one in sets.values() if len(one.files) == 1 and len(one.features) > 2]
    return {
        "thesis": thesis_tables([sets[name] for name in THESIS]),
        "several": rows_table(several),
    }


def thesis_tables(sets: list[ListedSet]) -> str:
    """Return the counts of each set, and of each of its features."""
    rows = ["| set | feature | texts that have it | that have it not |", "|---|---|---:|---:|"]
    for one in sets:
        rows += [
            f"| `{one.name}` | `{feature.name}` | {feature.n_positive:,} | {feature.n_negative:,} |"
            for feature in one.features
        ]
    return "\n".join([rows_table(sets), "", *rows])


def rows_table(sets: list[ListedSet]) -> str:
    """Return what becomes of the rows of sets."""
    head = "| set | files | features | texts | repeated rows | contradictory rows | median length |"
    rows = [head, "|---|---:|---:|---:|---:|---:|---:|"]
    for one in sets:
        counts = one.counts or {}
        numbers = (len(one.files), len(one.features), *(counts[name] for name in COUNTS), one.median_length)
        rows.append(f"| `{one.name}` | {' | '.join(f'{number:,}' for number in numbers)} |")
    return "\n".join(rows)


def builders_table() -> str:
    """Return the table of builders."""
    rows = [f"| `{kind.name}` | {kind.feature} | {kind.samples} |" for kind in BUILDERS]
    return "\n".join(["| builder | a feature is | samples |", "|---|---|---|", *rows])


def sets_table() -> str:
    """Return the table of bundled sets."""
    rows = ["| set | builder | a feature is | features | samples | text |", "|---|---|---|---:|---|---|"]
    for name in bundled_sets():
        spec = load_feature_set(name)
        features = known_features(spec)
        text = corpus_label(spec) if spec.reads_corpus else "prompts" if spec.has_probes else "none"
        count = "labels" if features is None else str(len(features))
        rows.append(
            f"| `{name}` | `{spec.builder}` | {spec.kind.feature} | {count} | {spec.kind.samples} | {text} |"
        )
    return "\n".join(rows)


def _page(name: str, table: TokenTable) -> SetPage:
    spec = load_feature_set(name)
    if spec.kind.words:
        return words_page(spec, table, "", BUNDLED[0])
    tokens = build_dataset(spec, bundled_model(BUNDLED[0]))
    return labelled_page(spec, tokens, table, 1, "", BUNDLED[0])


def _sample_page(name: str, table: TokenTable, folder: Path) -> SetPage:
    """Return the page of a set whose text does not ship, built on a few sentences of our own."""
    file, text = CORPORA[name]
    (folder / file).write_text(text, encoding="utf-8")
    spec = replace(
        load_feature_set(name),
        corpus=CorpusSpec.from_text(str(folder / file), label_key="label" if name in CLASSES else ""),
        n_sequences=2,
        n_samples=20,
        min_positives=1,
    )
    if name in CLASSES:
        spec = replace(spec, options=DocumentOptions(CLASSES[name]), n_sequences=len(CLASSES[name]))
    tokens = build_dataset(_with_all_features(spec), bundled_model(BUNDLED[0]))
    return labelled_page(spec, tokens, table, 1, "", BUNDLED[0])


def _with_all_features(spec: DatasetSpec) -> DatasetSpec:
    """Return the set with samples enough for an example of each feature."""
    wide = {"compound_words": 21, "latex_syntax": 2}
    return replace(spec, n_samples=60, n_sequences=wide.get(spec.name, spec.n_sequences), min_positives=2)


def _section(page: SetPage, context: int, *, counts: bool = True) -> str:
    lines = [f"### `{page.name}`", "", f"{page.description}."]
    if counts:
        kinds = {"samples": "samples", "sequences": "sequences", "documents": "documents"}
        called = BUILDERS.get(page.builder).documents
        if called != kinds["documents"]:  # and then each text is a sequence of its own
            kinds = {"samples": "samples", "documents": called}
        sizes = ", ".join(f"{page.counts[f'n_{what}']:,} {called}" for what, called in kinds.items())
        lines += ["", f"Built with its defaults: {sizes}.", ""]
        lines += ["| feature | positives | negatives | example |", "|---|---:|---:|---|"]
    else:
        lines += ["", "| feature | example |", "|---|---|"]
    for feature in page.features:
        example = _cell(feature.examples[0], context) if feature.examples else ""
        numbers = f" {feature.n_positive} | {feature.n_negative} |" if counts else ""
        lines.append(f"| {_code(feature.feature)} |{numbers} {example} |")
    left_out = {feature.feature for feature in page.features if feature.duplicate_of}
    for first, second, relation in page.identical:
        gone = f"; {_code(second)} is left out" if second in left_out else ""
        lines.append(
            f"\n{_code(first)} and {_code(second)} have the {relation} labels on every sample{gone}."
        )
    return "\n".join(lines) + "\n"


def _words_table(pages: list[SetPage]) -> str:
    """Return the table of word lists: each word, with its tokens where they are several."""
    rows = ["| set | words, with their tokens where these are several |", "|---|---|"]
    for page in pages:
        words = [
            feature.feature
            if len(feature.tokens) == 1
            else f"{feature.feature} ({_code('+'.join(token.strip() or '␣' for token in feature.tokens))})"
            for feature in page.features
        ]
        rows.append(f"| `{page.name}` | {', '.join(words)} |")
    return "\n".join(rows)


def _cell(example: TokenExample, context: int) -> str:
    """Return an example as code, cut to `context` characters on either side."""
    before, after = visible(example.before), visible(example.after)
    if len(before) > context:  # and then at the beginning of a word, if one begins soon
        rest, space, words = before[-context:].partition(" ")
        before = f"…{words if space and len(rest) < WORD else before[-context:]}"
    if len(after) > context:
        words, space, rest = after[:context].rpartition(" ")
        after = f"{words if space and len(rest) < WORD else after[:context]}…"
    inner = marked(TokenExample("", example.token, "", ""))
    return _code(f"{before}{inner}{after}")


def _code(text: str) -> str:
    """Return text as a code span within a table of Markdown."""
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    pad = " " if text.startswith("`") or text.endswith("`") or (text[:1] == text[-1:] == " ") else ""
    return f"{fence}{pad}{text}{pad}{fence}".replace("|", "\\|")


def main() -> None:
    """Rewrite the page that is named on the command line."""
    path = Path(sys.argv[1])
    page = path.read_text(encoding="utf-8")
    path.write_text(filled(page, generated_parts(page)), encoding="utf-8")


if __name__ == "__main__":
    main()
