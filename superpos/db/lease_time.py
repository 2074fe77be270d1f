"""How long the leases of a run last after its last beat."""

from __future__ import annotations

import os

LEASE_VARIABLE = "SUPERPOS_LEASE_SECONDS"
LEASE_SECONDS = 120.0
"""Seconds, unless the environment says otherwise."""
BEATS = 6
"""Beats in this time."""


def lease_seconds() -> float:
    """Return how long leases last."""
    try:
        return max(float(os.environ.get(LEASE_VARIABLE, LEASE_SECONDS)), 0.1)
    except ValueError:
        return LEASE_SECONDS
