"""The version of the package, which everything may import; `superpos` itself leads to everything."""

from __future__ import annotations

__version__ = "0.1.0"
