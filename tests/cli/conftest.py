"""The tiny study, for tests of the command."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def _load() -> ModuleType:
    """Import the module beside the tests of the stages: folders of tests are no packages."""
    if "tiny_study" not in sys.modules:
        path = Path(__file__).parent.parent / "stages" / "tiny_study.py"
        spec = importlib.util.spec_from_file_location("tiny_study", path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules["tiny_study"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["tiny_study"])
    return sys.modules["tiny_study"]


_module = _load()
copy_of_finished = _module.copy_of_finished
finished = _module.finished
finished_views = _module.finished_views
new_database = _module.new_database
tiny = _module.tiny
tiny_corpus = _module.tiny_corpus
tiny_model = _module.tiny_model
