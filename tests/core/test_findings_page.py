"""The page of findings says what answers say."""

from __future__ import annotations

import pandas as pd
import pytest

from tools import findings_page
from tools.findings_page import _shown, main, wrapped

ROW = {
    "question": "own_energy", "control": "permuted", "dataset": "a", "similarity": "cosine",
    "strength": "shown", "sentence": "Shown: a has less energy than permuted (cosine): " + "word " * 30,
}  # fmt: skip


def shown(*changes):
    return list(_shown(pd.DataFrame([{**ROW, **change} for change in changes])))


def test_only_what_is_shown_of_one_similarity_is_said():
    lines = shown({}, {"strength": "not shown"}, {"similarity": "rbf"}, {"dataset": ""})
    assert sum(line.startswith("- ") for line in lines) == 1
    assert lines[0].startswith("**Do the directions sit where the energy is low")
    assert "Against permuted:" in " ".join(lines[0].split())


def test_lines_fit_a_page_and_many_are_counted():
    lines = shown(*({"dataset": str(number)} for number in range(11)))
    assert all(len(line) <= 100 for text in lines for line in text.splitlines())
    assert lines[-2:] == ["- and 3 more", ""]
    assert wrapped("a b", "- ") == "- a b"


def test_studies_and_databases_have_to_fit(monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(findings_page, "document", lambda pages: asked.extend(pages) or "page")
    assert main(["--db", "x", "one", "two"]) == 0
    assert asked == [("x", "one"), ("x", "two")]
    with pytest.raises(SystemExit):
        main(["--db", "x", "--db", "y", "one"])
    assert "2 databases for 1 studies" in capsys.readouterr().err
