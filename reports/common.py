"""What the scripts share: each is `superpos report --only NAME` for one study, to copy and change."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from superpos.cli.ending import ended
from superpos.cli.interrupt import Interruption


def run(name: str, argv: Sequence[str] | None = None) -> int:
    """Parse `--db`, `--study`, `--out`, answer a question, and return the exit status of the command.

    Writes `index.html`, `summary.md`, and SVG and CSV files below `figures` and `tables`; prints what is left
    out.
    """
    from superpos.reporting.questions import QUESTIONS

    asks = next(question.asks for question in QUESTIONS if question.name == name)
    parser = argparse.ArgumentParser(description=asks)
    parser.add_argument("--db", help="database URL (default: SUPERPOS_DB_URL, else sqlite:///superpos.db)")
    parser.add_argument("--study", required=True, help="name of the study")
    parser.add_argument("--out", required=True, type=Path, help="folder of page, figures and tables")

    def work(_: Interruption) -> int:
        from superpos.cli.report import write

        options = parser.parse_args(argv)
        paths = write(options.db, [options.study], options.out, [name])
        for line in paths.left_out:
            print(f"left out: {line}")
        print(f"{len(paths.figures)} figures: {paths.index}")
        return 0

    return ended("reports", work)
