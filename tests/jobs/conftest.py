"""The tiny study, for jobs that are submitted."""

from __future__ import annotations

from tiny_study import (  # noqa: F401 -- fixtures
    finished,
    finished_views,
    tiny,
    tiny_corpus,
    tiny_model,
)
