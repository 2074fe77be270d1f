"""`python -m superpos` is the `superpos` command."""

from __future__ import annotations

import sys

from superpos.cli.parser import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
