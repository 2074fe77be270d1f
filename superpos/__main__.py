"""`python -m superpos` is the `superpos` command."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from superpos.cli import parser

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command as a process of its own; return its exit status."""
    status = parser.main(arguments)
    if arguments is None and (local := sys.modules.get("superpos.cluster.local")):
        local.end_process(status)
    return status


if __name__ == "__main__":
    sys.exit(main())
