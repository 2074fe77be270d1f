"""The page of findings says what answers say."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import sqlalchemy as sa

from superpos.analysis.verdicts import NO_SIDE
from superpos.reporting.claims import Judged
from tools import findings_claims, findings_page
from tools.findings_claims import claims
from tools.findings_page import _not_found, _repulsion, main
from tools.findings_short import in_short, side_of
from tools.findings_text import number, wrapped
from tools.findings_traps import Trap, share

PAGE = Path(__file__).resolve().parents[2] / "docs" / "findings.md"
ROW = {
    "question": "own_energy", "control": "shuffled_labels", "dataset": "a", "hookpoint": "resid",
    "similarity": "cosine", "optimiser": "", "estimate": 0.5, "low": 0.4, "high": 0.6, "estimate_low": None,
    "estimate_high": None, "unit": "u", "n_independent": 199, "p_adjusted": 0.04, "n_tests": 2,
    "strength": "shown", "sentence": "A sentence.",
}  # fmt: skip


def study(*changes, name="one"):
    return SimpleNamespace(study=name, answers=pd.DataFrame([{**ROW, **change} for change in changes]))


def test_a_claim_has_a_verdict_for_each_study_and_the_number_that_weighs_most():
    weak = study({"strength": "not shown", "p_adjusted": 0.3}, name="two")
    both = study({}, {"control": "permuted", "strength": "not shown", "p_adjusted": 1.0})
    text = " ".join(" ".join(claims([both, weak])).split())
    assert "| `one` | `two` |" in text
    assert "**No** the opposite | **Not shown** |" in text
    assert "`one`, a: +0.5 (+0.4 to +0.6) u, against shuffled labels (cosine); p = 0.04" in text
    assert "Sets that differ from each control: permuted 0 of 1, shuffled labels 1 of 1." in text
    assert f"Would change it: {findings_claims.WOULD_CHANGE['Features sit where an energy is low']}." in text


@pytest.mark.parametrize(
    ("word", "text", "side"),
    [
        ("Yes", "for 2 of 4 sets", "for"),
        ("Suggested", "by the sign test over 21 sets", "for"),
        ("Suggested", "", "for"),
        ("Suggested", "for 1, a difference to no one side for 3 of 8 sets", "for"),
        ("No", "the opposite", "against"),
        ("Suggested", "the opposite for 1, a difference to no one side for 1 of 4 sets", "against"),
        ("Mixed", "holds for 3, the opposite for 2 of 8 tests of 4 sets", "both"),
        ("Suggested", "for 1, the opposite for 2 of 3 sets", "both"),
        ("Suggested", "a difference to no one side for 2 of 8 sets", "no one side"),
        ("Mixed", "differs from shuffled labels, to no one side", "no one side"),
        ("Not shown", "for any of 4 sets", "not shown"),
        ("Not testable", "2 draws", ""),
        ("", "", ""),
    ],
)
def test_a_verdict_is_to_one_side(word, text, side):
    assert side_of(Judged(word, text, "")) == side


def test_claims_are_told_in_short():
    yes, no, none = Judged("Yes", "", ""), Judged("No", "the opposite", ""), Judged("Not shown", "", "")
    unknown = Judged("Not testable", "", "")
    found = {
        "A": [yes, yes, unknown], "B": [no, yes, none], "C": [unknown], "D": [none, none], "E": [no],
        "F": [Judged("Mixed", "holds for 1, the opposite for 1", "")],
    }  # fmt: skip
    assert list(in_short(found))[1:] == [
        "- **For, in every study that can test it:** A (2 of 3).",
        "- **Against, in every one:** E (1 of 1).",
        "- **Both, in every one:** F (1 of 1).",
        "- **Shown in none:** D (2 of 2).",
        "- **Studies differ:** B (for 1, against 1, not shown 1).",
        "- **Never testable:** C.",
        "",
    ]


def test_a_claim_that_cannot_be_tested_has_no_number():
    lines = list(claims([study({"strength": "not testable here", "n_independent": 5})]))
    assert lines[1] == "- **Never testable:** Features sit where an energy is low."
    (row,) = [line for line in lines if line.startswith("| Features")]
    assert row == (
        "| Features sit where an energy is low | its question; never asked directly "
        "| **Not testable** 5 draws; 2 tests need 39 |"
    )
    assert [line for line in lines if line.startswith("- ")] == [lines[1]]


def test_energy_against_every_control_is_counted_by_side():
    rows = [{}, {"dataset": "b", "estimate": -0.5}, {"dataset": "c", "strength": "suggested"}]
    rows += [{"dataset": "d", "strength": "not testable here"}, {"dataset": "", "strength": "shown"}]
    rows += [{"similarity": "rbf"}, {"control": "gaussian", "strength": "not shown"}]
    rows += [{"dataset": "e", "sentence": f"Shown: e (cosine) {NO_SIDE} shuffled labels: x."}]
    table = list(_repulsion([study(*rows)]))
    assert table[2:] == [
        "| `one` | shuffled labels | 1 | 0 | 1 | 1 | 1 | 0 | 1 |",
        "| `one` | gaussian | 0 | 0 | 0 | 0 | 0 | 1 | 0 |",
        "",
    ]


def test_controls_with_equal_counts_share_a_row_of_their_study():
    none = {"strength": "not testable here", "n_independent": 5}
    kept = "rerandomized_keep_embeddings weights"
    rows = [{}, *({**none, "control": control} for control in ("gaussian", "permuted", kept))]
    table = list(_repulsion([study(*rows), study(rows[1], name="two")]))
    assert table[2:] == [
        "| `one` | shuffled labels | 0 | 0 | 1 | 0 | 0 | 0 | 0 |",
        (
            "| `one` | rerandomized weights with embeddings kept, permuted, gaussian "
            "| 0 | 0 | 0 | 0 | 0 | 0 | 1 |"
        ),
        "| `two` | gaussian | 0 | 0 | 0 | 0 | 0 | 0 | 1 |",
        "",
    ]


def test_what_no_row_can_carry_is_not_testable_without_a_reason():
    lines = list(claims([study({"strength": "not testable here", "estimate": None})]))
    (row,) = [line for line in lines if line.startswith("| Features")]
    assert row.endswith("| **Not testable** |")


def test_the_page_fits_four_pages():
    """Of 650 words each, rules of tables not counted."""
    words = re.findall(r"[^\s|]*\w[^\s|]*", PAGE.read_text(encoding="utf-8"))
    assert len(words) <= 4 * 650


def test_sets_together_name_the_controls_that_they_differ_from():
    alone = {"strength": "not testable here", "n_independent": 1}
    rows = [alone, {"dataset": "", "strength": "suggested", "n_independent": 8}]
    rows += [{**row, "control": "permuted"} for row in (alone, {**rows[1], "strength": "not shown"})]
    text = " ".join(" ".join(claims([study(*rows)])).split())
    assert "**Suggested** the opposite by the sign test over 8 sets |" in text
    assert "The sets together differ from shuffled labels; from permuted no difference is shown." in text


def test_what_was_not_found_has_its_largest_number():
    rows = [{"strength": "not shown", "p_adjusted": 0.5}]
    rows += [{"dataset": "b", "estimate": -0.7, "strength": "not shown", "p_adjusted": 0.6}]
    text = " ".join(" ".join(_not_found([study(*rows)])).split())
    assert text == ("- `one`: Features sit where an energy is low (b: -0.7 u (cosine); p = 0.6; 199 draws).")
    rows = [{**row, "control": "permuted"} for row in rows]
    text = " ".join(" ".join(_not_found([study(*rows)])).split())
    assert "u, against permuted (cosine)" in text


def test_a_number_names_its_interval_control_and_draws():
    row = pd.Series(
        {**ROW, "estimate_low": 0.3, "estimate_high": 0.9, "hookpoint": "embed", "optimiser": "manifold"}
    )
    assert number(row) == (
        "a at embed: +0.5 [+0.3, +0.9] u, against shuffled labels (cosine, manifold); p = 0.04; "
        "199 draws; shown"
    )
    together = pd.Series({**ROW, "dataset": "", "n_independent": 8})
    assert number(together) == "all sets: +0.5 u, against shuffled labels (cosine); p = 0.04; 8 sets; shown"


@pytest.mark.parametrize(
    ("caught", "among", "text"),
    [
        ("x > 1", "1 = 1", "50 % of 1,000"),
        ("x > 5", "1 = 1", "0 % of 1,000"),
        ("x = 1", "x = 1", "100 % of 500"),
        ("n = 7", "1 = 1", "0.1 % of 1,000"),
        ("n <> 7", "1 = 1", "99.9 % of 1,000"),
        ("n > 7", "1 = 1", "99.2 % of 1,000"),
        ("x = 1", "x = 9", "–"),
    ],
)
def test_the_share_of_a_trap_is_of_the_cells_that_it_can_catch(tmp_path, caught, among, text):
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'v.db'}")
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE v (study TEXT, x INT, n INT)"))
        rows = [{"s": s, "x": 1 + n % 2, "n": n} for s in ("one", "other") for n in range(1000)]
        connection.execute(sa.text("INSERT INTO v VALUES (:s, :x, :n)"), rows)
    database = SimpleNamespace(read=engine.connect)
    data = SimpleNamespace(study="one", results=SimpleNamespace(database=database))
    assert share(data, Trap("name", "v", among, caught)) == text
    engine.dispose()


def test_lines_fit_a_page():
    assert wrapped("a b", "- ") == "- a b"
    assert all(len(line) <= 100 for line in wrapped("word " * 60, "- ").splitlines())


def test_studies_and_databases_have_to_fit(monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(findings_page, "document", lambda pages: asked.extend(pages) or "page")
    assert main(["--db", "x", "one", "two"]) == 0
    assert asked == [("x", "one"), ("x", "two")]
    with pytest.raises(SystemExit):
        main(["--db", "x", "--db", "y", "one"])
    assert "2 databases for 1 studies" in capsys.readouterr().err
