"""Keys that an archive leaves out: they are hashes of what their rows say and of the keys of their parents.

A key is 16 random bytes, and nothing makes it smaller: of an archive of 300,000 probes they were a fifth. So
each is computed again, with the versions that the archive names. A row whose key does not come out like that,
such as one of a kind that another package adds, or of an older version, keeps it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from superpos.db.probes import probe_key
from superpos.errors import InputError
from superpos.hashing import content_key
from superpos.specs.versions import ALGORITHM_VERSIONS

Rows = list[tuple[Any, ...]]
NUMBERS = {
    "activation_sets": "activation_id",
    "direction_sets": "direction_id",
    "psms": "psm_id",
    "joint_axes": "joint_axes_id",
    "joint_fits": "joint_id",
    "fit_axes": "fit_axes_id",
}
"""Tables whose keys are part of those of others, with what numbers their rows."""
LEFT_OUT = ("direction_sets", "probes", "targets", "psms", "joint_fits", "fits")
"""Tables whose keys are computed again."""
VERSIONS = {name: ALGORITHM_VERSIONS[name] for name in ("directions", "target", "psm", "joint")}
_OF_TARGET = ("space", "kind", "replicate", "similarity", "rbf_scale")


class KeptKeys:
    """Takes keys out of rows and puts them back.

    Tables come in the order of `superpos.db.archived.kept_tables`: directions before matrices, these before
    their fits. The targets are looked at first (`foresee`), for they say what a matrix is of.
    """

    def __init__(self, versions: Mapping[str, int] = VERSIONS) -> None:
        self.versions = dict(versions)
        self._keys: dict[str, dict[int, bytes]] = {name: {} for name in NUMBERS}
        self._targets: dict[int, dict[str, Any]] = {}
        self._digests = {name: hashlib.sha256() for name in LEFT_OUT}

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 of the keys of each table so far, in the order of its rows."""
        return {name: found.hexdigest() for name, found in self._digests.items()}

    def foresee(self, columns: Sequence[str], batches: Iterable[Rows]) -> None:
        """Note which target each matrix is of: the first one."""
        for rows in batches:
            for row in rows:
                said = dict(zip(columns, row, strict=True))
                self._targets.setdefault(said["psm_id"], said)

    def without(self, table: str, columns: Sequence[str], batches: Iterable[Rows]) -> Iterator[Rows]:
        """Yield rows of a table with None where their key can be computed again."""
        for rows in batches:
            yield [self._without(table, columns, row) for row in rows] if _is_of(table, columns) else rows

    def again(self, table: str, columns: Sequence[str], batches: Iterable[Rows]) -> Iterator[Rows]:
        """Yield rows of a table with the keys that `without` took out."""
        for rows in batches:
            yield [self._again(table, columns, row) for row in rows] if _is_of(table, columns) else rows

    def _without(self, table: str, columns: Sequence[str], row: tuple[Any, ...]) -> tuple[Any, ...]:
        said = dict(zip(columns, row, strict=True))
        self._note(table, said)
        same = table in LEFT_OUT and self._computed(table, said) == said["key"]
        return tuple({**said, "key": None}.values()) if same else row

    def _again(self, table: str, columns: Sequence[str], row: tuple[Any, ...]) -> tuple[Any, ...]:
        said = dict(zip(columns, row, strict=True))
        if said["key"] is None:
            said["key"] = self._computed(table, said)
            if said["key"] is None:
                raise InputError(f"the archive does not fit together: a row of {table} is of none")
        self._note(table, said)
        return tuple(said.values())

    def _note(self, table: str, row: Mapping[str, Any]) -> None:
        if table in NUMBERS:
            self._keys[table][row[NUMBERS[table]]] = bytes.fromhex(row["key"])
        if table in LEFT_OUT:
            self._digests[table].update(row["key"].encode("ascii"))

    def _computed(self, table: str, row: Mapping[str, Any]) -> str | None:
        """Return the key that a row says; None where it does not say one."""
        try:
            if table == "fits":
                parts = (self._keys[name][row[NUMBERS[name]]] for name in ("joint_fits", "fit_axes"))
                return ".".join(key.hex() for key in parts)
            return self._key(table, row).hex()
        except KeyError:
            return None

    def _key(self, table: str, row: Mapping[str, Any]) -> bytes:
        keys, versions = self._keys, self.versions
        if table == "probes":
            return probe_key(keys["direction_sets"][row["direction_id"]], row["feature"])
        if table == "joint_fits":
            parents = [keys["psms"][row["psm_id"]], keys["joint_axes"][row["joint_axes_id"]]]
            return content_key("joint", versions["joint"], {}, parents)
        if table == "direction_sets":
            spec = {**json.loads(row["settings"]), "label_replicate": row["label_replicate"]}
            parents = [keys["activation_sets"][row["activation_id"]]]
            return content_key("directions", versions["directions"], spec, parents)
        kind, target = ("psm", self._targets[row["psm_id"]]) if table == "psms" else ("target", row)
        spec = {name: target[name] for name in _OF_TARGET}
        if kind == "target" and target["fit_two_classes"]:
            spec["fit_two_classes"] = True
        return content_key(kind, versions[kind], spec, [keys["direction_sets"][target["direction_id"]]])


def _is_of(table: str, columns: Sequence[str]) -> bool:
    # Older schemas have no key of a fit.
    return "key" in columns and (table in NUMBERS or table in LEFT_OUT)
