"""`python -m superpos` is the `superpos` command."""

from __future__ import annotations

import sys

from superpos.cli import parser
from superpos.cli.ending import left

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit status. Without arguments it is a process of its own."""
    status = parser.main(arguments)
    return left(status) if arguments is None else status


if __name__ == "__main__":
    sys.exit(main())
