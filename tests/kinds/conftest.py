"""The tiny model and its text, for kinds that go through a study."""

from __future__ import annotations

from tiny_study import new_database, tiny_corpus, tiny_model  # noqa: F401 -- fixtures
