"""Which shards of an activation set are finished: a small JSON file beside them, renamed into place.

The journal names what bits depend on (`identity`); another model, other tokens, batches, versions or devices
make it void and the set starts anew. Entries are believed only where the file still has the SHA-256 that
was written down, so a damaged or missing shard is one that has to be made again.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

from superpos.errors import InputError
from superpos.files import sync_folder
from superpos.hashing import file_digest
from superpos.reading.texts import read_json_object


class Journal:
    """SHA-256 of every finished shard of one activation set."""

    def __init__(self, path: Path, identity: str) -> None:
        self.path = path
        self.identity = identity
        self.digests: dict[str, str] = {}
        """File name -> SHA-256, as written down."""

    def read(self, folder: Path) -> None:
        """Take over the entries whose files are whole; a journal that is unreadable or void has none."""
        try:
            content = read_json_object(self.path)
        except InputError:
            return
        shards = content.get("shards")
        if content.get("identity") != self.identity or not isinstance(shards, dict):
            return
        for name, digest in shards.items():
            with suppress(InputError):  # a file that cannot be read is made again like a damaged one
                if file_digest(folder / name) == digest:
                    self.digests[name] = digest

    def add(self, name: str, digest: str) -> None:
        """Write down a finished shard."""
        self.digests[name] = digest
        content = {"identity": self.identity, "shards": dict(sorted(self.digests.items()))}
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}.tmp")
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        temporary.replace(self.path)
        sync_folder(self.path.parent)

    def drop(self) -> None:
        """Forget everything."""
        self.digests.clear()
        self.path.unlink(missing_ok=True)
