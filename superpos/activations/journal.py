"""Which shards of an activation set are finished: a small JSON file beside them, renamed into place.

The journal names what bits depend on (`identity`); another model, other tokens, batches, versions or devices
make it void and the set starts anew. Entries are believed only where the file still has the SHA-256 that
was written down, so a damaged or missing shard is one that has to be made again.
"""

from __future__ import annotations

import json
from contextlib import suppress

from superpos.errors import InputError
from superpos.reading.texts import decoded, parsed_json
from superpos.storage.files import Place, digest_of, read_stored, remove_stored, write_stored


class Journal:
    """SHA-256 of every finished shard of one activation set."""

    def __init__(self, path: Place, identity: str) -> None:
        self.path = path
        self.identity = identity
        self.digests: dict[str, str] = {}
        """File name -> SHA-256, as written down."""

    def read(self, folder: Place) -> None:
        """Take over the entries whose files are whole; a journal that is unreadable or void has none."""
        try:
            stored = read_stored(self.path)
            content = None if stored is None else parsed_json(decoded(stored, str(self.path)), str(self.path))
        except InputError:
            return
        if not isinstance(content, dict) or content.get("identity") != self.identity:
            return
        shards = content.get("shards")
        if not isinstance(shards, dict):
            return
        for name, digest in shards.items():
            with suppress(InputError):  # a file that cannot be read is made again like a damaged one
                if digest_of(folder / name) == digest:
                    self.digests[name] = digest

    def add(self, name: str, digest: str) -> None:
        """Write down a finished shard."""
        self.digests[name] = digest
        content = {"identity": self.identity, "shards": dict(sorted(self.digests.items()))}
        write_stored(self.path, (json.dumps(content, indent=1) + "\n").encode(), synced=False)

    def drop(self) -> None:
        """Forget everything."""
        self.digests.clear()
        remove_stored(self.path)
