"""Studies, and sources of feature sets, that ship with the package, by name; nothing heavy is imported."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "studies"
SOURCES = Path(__file__).resolve().parent.parent / "set_sources"


def bundled_studies() -> tuple[str, ...]:
    """Return the names of the studies that ship with the package."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def set_sources() -> tuple[str, ...]:
    """Return the names of the sources of feature sets that ship with the package."""
    return tuple(sorted(path.stem for path in SOURCES.glob("*.toml")))
