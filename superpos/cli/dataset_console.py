"""Feature sets on a console: colours on a terminal, plain text with ⟦marks⟧ where there is none."""

from __future__ import annotations

import numpy as np
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from superpos.cli.dataset_pages import FeaturePage, SetPage
from superpos.records.data import TokenExample

OPEN, CLOSE = "⟦", "⟧"
MARKED = "bold black on yellow"
"""Style of the token of an example on a terminal with colours."""
BAR = 20
"""Characters of a full bar."""
MATRIX_FEATURES = 12
"""The phi matrix of more features is given as its largest pairs."""
LARGEST_PAIRS = 10
PLAIN_WIDTH = 200
"""Characters of a line where there is no terminal."""
_VISIBLE = {"\n": "⏎", "\t": "⇥"}


def new_console() -> Console:
    """Return a console for standard output; without a terminal its lines are long and plain."""
    console = Console(highlight=False, soft_wrap=True)
    return console if console.is_terminal else Console(highlight=False, soft_wrap=True, width=PLAIN_WIDTH)


def has_colours(console: Console) -> bool:
    """Whether colours can carry a meaning."""
    return console.is_terminal and console.color_system is not None and not console.no_color


def visible(text: str) -> str:
    """Return text on one line: ⏎ for a line break, ⇥ for a tab, escapes for what does not print."""
    return "".join(
        _VISIBLE.get(character)
        or (character if character.isprintable() else character.encode("unicode_escape").decode("ascii"))
        for character in text
    )


def marked(example: TokenExample) -> str:
    """Return an example on one line with its token between marks."""
    return f"{visible(example.before)}{OPEN}{visible(example.token)}{CLOSE}{visible(example.after)}"


def example_text(console: Console, example: TokenExample) -> Text:
    """Return an example with its token in colour, or between marks where there are no colours."""
    if not has_colours(console):
        return Text(marked(example))
    return Text.assemble(visible(example.before), (visible(example.token), MARKED), visible(example.after))


def print_page(console: Console, page: SetPage) -> None:
    """Print everything about a feature set."""
    _print_head(console, page)
    if page.phi is None:
        _print_rows(console, page)
    else:
        _print_counts(console, page.features)
        if page.counts.get("n_tokens", 1):  # samples without a text have none
            _print_examples(console, page.features)
        left_out = {feature.feature for feature in page.features if feature.duplicate_of}
        for first, second, relation in page.identical:
            gone = [name for name in (first, second) if name in left_out]
            console.print(
                f"{first} and {second} have the {relation} labels on every sample: their directions are "
                f"{'alike' if relation == 'same' else 'opposite'} by construction"
                + (f"; {' and '.join(gone)} {'is' if len(gone) == 1 else 'are'} left out" if gone else ""),
                markup=False,
            )
        _print_phi(console, page)
    if lines := (page.study or page.usage).splitlines():
        console.print(Text("in a study", style="bold"))
        for line in lines:
            console.print(f"    {line}".rstrip(), markup=False)


def _print_head(console: Console, page: SetPage) -> None:
    console.print(Text.assemble((page.name, "bold"), f"  {page.description}" if page.description else ""))
    about = {"builder": page.builder, "source": page.source, "tokenizer": page.tokenizer}
    counts = ", ".join(f"{count:,} {name.removeprefix('n_')}" for name, count in page.counts.items())
    about |= {"size": counts, "content": page.content_digest[:16], **page.interesting()}
    for name, value in about.items():
        if value:
            console.print(Text.assemble((f"    {name}: ", "dim"), visible(value)))
    for note in page.notes:
        console.print(f"    note: {note}", markup=False)


def _print_counts(console: Console, features: tuple[FeaturePage, ...]) -> None:
    table = Table("feature", "positives", "negatives", "balance", "status", box=SIMPLE, pad_edge=False)
    for column in table.columns[1:3]:
        column.justify = "right"
    for feature in features:
        filled = round(feature.balance * BAR)
        bar = Text.assemble(
            ("█" * filled, "cyan"), ("░" * (BAR - filled), "dim"), f" {100 * feature.balance:5.1f} %"
        )
        shown = (
            f"{feature.status} of {visible(feature.duplicate_of)}" if feature.duplicate_of else feature.status
        )
        status = Text(shown, style="" if feature.status == "ok" else "bold red")
        table.add_row(
            Text(visible(feature.feature)), str(feature.n_positive), str(feature.n_negative), bar, status
        )
    console.print(table)


def _print_examples(console: Console, features: tuple[FeaturePage, ...]) -> None:
    legend = "" if has_colours(console) else f"; the sample stands between {OPEN} and {CLOSE}"
    console.print(Text.assemble(("examples", "bold"), (f" (⏎ line break, ⇥ tab{legend})", "dim")))
    for feature in features:
        console.print(Text(f"  {visible(feature.feature)}", style="bold"))
        for example in feature.examples:
            line = Text("      ") + example_text(console, example)
            console.print(line.append(f"   {visible(example.document)}", style="dim"))
        if not feature.examples:
            console.print(Text("      no positive sample", style="dim"))


def _print_phi(console: Console, page: SetPage) -> None:
    assert page.phi is not None and page.phi_meant is not None  # noqa: S101, PT018 (narrows the types)
    n = len(page.features)
    if n > MATRIX_FEATURES:
        rows, columns = np.triu_indices(n, 1)
        keep = page.phi_meant[rows, columns]
        rows, columns = rows[keep], columns[keep]
        largest = np.argsort(-np.abs(page.phi[rows, columns]), kind="stable")[:LARGEST_PAIRS]
        console.print(Text.assemble(("largest phi coefficients of labels", "bold")))
        for i, j in zip(rows[largest], columns[largest], strict=True):
            first, second = page.features[i].feature, page.features[j].feature
            console.print(f"    {page.phi[i, j]:+.2f}  {first}, {second}", markup=False)
        return
    console.print(Text("phi coefficients of the labels", style="bold"))
    table = Table("", *(str(index + 1) for index in range(n)), box=None, padding=(0, 1), pad_edge=True)
    for column in table.columns[1:]:
        column.justify = "right"
    for i, feature in enumerate(page.features):
        cells = [_cell(page.phi[i, j], bool(page.phi_meant[i, j]) or i == j) for j in range(n)]
        table.add_row(Text(f"{i + 1:>2} {visible(feature.feature)}"), *cells)
    console.print(table)


def _cell(value: float, meant: bool) -> Text:
    """Return a phi coefficient on a ground of blue (negative) or red (positive); `.` where undefined."""
    if not meant:
        return Text(".", style="dim")
    strength = round(255 * (1.0 - min(1.0, abs(value))))
    ground = f"#ff{strength:02x}{strength:02x}" if value > 0 else f"#{strength:02x}{strength:02x}ff"
    return Text(f"{value:.2f}", style=f"black on {ground}")


def _print_rows(console: Console, page: SetPage) -> None:
    """Print what a set without labels has: words with their tokens, or names and quartiles."""
    if any(feature.tokens for feature in page.features):
        table = Table("word", "tokens", "", box=SIMPLE, pad_edge=False)
        for feature in page.features:
            tokens = " ".join(f"{OPEN}{visible(token)}{CLOSE}" for token in feature.tokens)
            several = f"{len(feature.tokens)} tokens" if len(feature.tokens) != 1 else ""
            table.add_row(Text(visible(feature.feature)), Text(tokens), Text(several, style="bold red"))
        console.print(table)
        return
    names = ", ".join(visible(feature.feature) for feature in page.features[:LONG_LIST])
    more = f" and {len(page.features) - LONG_LIST} more" if len(page.features) > LONG_LIST else ""
    console.print(f"    names: {names}{more}", markup=False)
    table = Table("", "min", "25 %", "median", "75 %", "max", box=SIMPLE, pad_edge=False)
    for name, values in page.quartiles.items():
        table.add_row(name, *(f"{value:.4g}" for value in values))
    console.print(table)


LONG_LIST = 40
"""Names of imported rows that are shown."""
