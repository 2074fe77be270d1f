"""`superpos report --watch`: drawn when rows have come in, and never else, until nothing is left."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from superpos.cli import report
from superpos.db.progress import StageProgress


def row(done: int, failed: int = 0) -> tuple[StageProgress, ...]:
    return (StageProgress("fits", 10, done, failed, failed, 0),)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> tuple[list[Any], list[str]]:
    """Progress that is still to be seen, and the reports that were written."""
    seen: list[Any] = []
    drawn: list[str] = []

    class Opened:
        database = None

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: object) -> None:
            return None

        def studies(self) -> tuple[str, ...]:
            return ("s",)

    monkeypatch.setattr(report, "Results", SimpleNamespace(open=lambda _: Opened()))
    monkeypatch.setattr(report, "study_progress", lambda *_: seen.pop(0))
    paths = SimpleNamespace(index="page", left_out=("s: nothing of it",))
    monkeypatch.setattr(report, "write", lambda *given: drawn.append(str(given)) or paths)
    return seen, drawn


def test_it_draws_again_only_when_rows_have_come_in(
    looks: tuple[list[Any], list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    seen, drawn = looks
    seen += [row(2), row(2), row(2), row(7), row(10)]
    pauses: list[float] = []
    assert report.watch(None, None, Path("out"), None, 30, lambda: None, pauses.append) == 0
    assert len(drawn) == 3
    assert pauses == [30] * 4
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if line.startswith("s: ")] == [
        f"s: {done} of 10 rows when it was drawn" for done in (2, 7, 10)
    ]
    assert said[-1] == "nothing left to do"


def test_cells_that_stay_without_a_result_are_the_exit_status(looks: tuple[list[Any], list[str]]) -> None:
    seen, drawn = looks
    seen += [row(9, failed=1)]
    assert report.watch(None, ["s"], Path("out"), ["summary"], 30, lambda: None) == 1
    assert len(drawn) == 1


def test_ctrl_c_ends_it(looks: tuple[list[Any], list[str]]) -> None:
    seen, drawn = looks
    seen += [row(1)]

    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        report.watch(None, None, Path("out"), None, 30, interrupted)
    assert len(drawn) == 1
