"""Results as files that other tools open: Parquet, safetensors, a data card, queries; and archives."""

from superpos.export.archive import archive
from superpos.export.folder import Exported, export
from superpos.export.restored import restore

__all__ = ["Exported", "archive", "export", "restore"]
