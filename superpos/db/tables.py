"""Every table, under one import."""

from __future__ import annotations

from superpos.db import tables_fits, tables_inputs
from superpos.db.metadata import metadata

__all__ = ["metadata", "tables_fits", "tables_inputs"]
