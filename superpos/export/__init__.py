"""Results as files that other tools open: Parquet, safetensors, a data card, queries."""

from superpos.export.folder import Exported, export

__all__ = ["Exported", "export"]
