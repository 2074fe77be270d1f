"""What people see while a study runs: lines in a file, bars on a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from superpos.cli import progress
from superpos.cli.progress import TerminalReporter


def run_two_stages(reporter: TerminalReporter) -> None:
    with reporter:
        reporter.start("probes", 2)
        reporter.advance("probes")
        reporter.note("one feature [is] left out")
        reporter.note("one feature [is] left out")
        reporter.advance("probes")
        reporter.finish("probes")
        for _ in range(2):  # a stage that begins twice goes on
            reporter.start("psms", 3)
            reporter.advance("psms", 3)
        reporter.finish("psms")


def test_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    run_two_stages(TerminalReporter())
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines[:2] == ["probes: 2 to do", "one feature [is] left out"]
    assert lines[2].startswith("probes: 2 of 2 in ")
    assert lines[3:5] == ["psms: 3 to do", "psms: 6 to do"]
    assert lines[5].startswith("psms: 6 of 6 in ")
    assert len(lines) == 6


def test_a_line_now_and_then(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, 16.0, 17.0, 40.0, 41.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with TerminalReporter() as reporter:
        reporter.start("fits", 100)  # at 0 s
        for _ in range(4):
            reporter.advance("fits", 10)  # at 1, 16, 17, 40 s
        reporter.finish("fits")
    assert capsys.readouterr().err.splitlines() == [
        "fits: 100 to do",
        "fits: 20 of 100, about 64 s left",
        "fits: 40 of 100, about 60 s left",
        "fits: 40 of 100 in 41.0 s",
    ]


def test_bars_on_a_terminal() -> None:
    reporter = TerminalReporter()
    stream = io.StringIO()
    reporter.console = Console(file=stream, force_terminal=True, width=100, highlight=False)
    run_two_stages(reporter)
    shown = stream.getvalue()
    assert shown.count("one feature [is] left out") == 1
    assert "2/2" in shown
    assert "6/6" in shown
