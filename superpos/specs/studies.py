"""Studies that ship with the package, by name."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "studies"


def bundled_studies() -> tuple[str, ...]:
    """Return the names of the studies that ship with the package."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))
