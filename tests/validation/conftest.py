"""A reporter that keeps notes, for every test of the validation."""

from __future__ import annotations

import pytest
from planted_studies import Notes


@pytest.fixture
def notes() -> Notes:
    """A reporter that keeps notes."""
    return Notes()
