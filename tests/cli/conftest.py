"""The tiny study, for tests of the command."""

from __future__ import annotations

from tiny_study import (  # noqa: F401 -- fixtures
    copy_of_finished,
    finished,
    finished_views,
    new_database,
    tiny,
    tiny_corpus,
    tiny_model,
)
