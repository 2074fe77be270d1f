"""Where a kind is from: keys carry it and `trace` shows it, so that a result names the code that made it."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from importlib.metadata import EntryPoint, PackageNotFoundError, packages_distributions, version
from pathlib import Path

from superpos.hashing import file_digest


@dataclass(frozen=True, slots=True)
class Origin:
    """A distribution and its version, or a module of no distribution and the digest of its source."""

    name: str
    version: str

    @property
    def label(self) -> str:
        """As keys and pages show it."""
        return f"{self.name} {self.version}"


def origin_of_entry(entry: EntryPoint) -> Origin:
    """Return the distribution that an entry point belongs to."""
    if entry.dist is None:
        return origin_of_module(entry.module)
    return Origin(entry.dist.name, entry.dist.version)


def origin_of_module(module: str) -> Origin:
    """Return the distribution that brought a module, or the digest of its source if none did.

    Parameters
    ----------
    module
        Dotted name of a module that can be imported.
    """
    names = packages_distributions().get(module.partition(".")[0], [])
    for name in names:
        try:
            return Origin(name, version(name))
        except PackageNotFoundError:  # metadata that names itself otherwise
            continue
    file = getattr(importlib.import_module(module), "__file__", None)
    return Origin(module, f"sha256:{file_digest(Path(file))}" if file else "in memory")
