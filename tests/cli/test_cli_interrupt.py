"""Signals that end a run: none is lost, none stops the writing down of how it ended."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator

import pytest

from superpos.cli.ending import ended
from superpos.cli.interrupt import Interruption
from superpos.cli.progress import TerminalReporter


def test_a_swallowed_interruption_comes_back_at_the_next_step() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interruption() as interruption, TerminalReporter(interruption.check) as reporter:
        reporter.start("fits", 2)
        reporter.advance("fits")
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            reporter.advance("fits")
    assert signal.getsignal(signal.SIGINT) is before


class Finaliser:
    """Meets a signal, or something else, while it is taken down."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error

    def __del__(self) -> None:
        if self.error is not None:
            raise self.error
        signal.raise_signal(signal.SIGINT)


def test_an_interruption_that_a_finaliser_drops_is_not_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: reported.append(what.exc_type))
    before = sys.unraisablehook
    with Interruption() as interruption:
        Finaliser(None)
        Finaliser(ValueError("of a library"))
        assert reported == [ValueError]
        with pytest.raises(KeyboardInterrupt):
            interruption.check()
    assert sys.unraisablehook is before


@pytest.fixture(autouse=True)
def hangup_is_not_ignored() -> Iterator[None]:
    """Under `nohup` it is, and stays so."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_every_signal_is_an_interruption_with_the_status_of_shells(
    name: str, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    number = getattr(signal, name)
    before = signal.getsignal(number)

    def work(_: Interruption) -> int:
        signal.raise_signal(number)
        return 0

    assert ended("superpos", work) == status
    out, err = capsys.readouterr()
    assert (out, err) == ("", "superpos: interrupted; finished work is kept, the same command continues\n")
    assert signal.getsignal(number) is before


def test_what_a_scheduler_sends_again_does_not_stop_the_end() -> None:
    """`timeout` sends SIGTERM to its child and then to the group: the second one meets the clean-up."""
    finished = False

    def stopped_twice() -> None:
        nonlocal finished
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)
            finished = True

    with Interruption() as interruption:
        with pytest.raises(KeyboardInterrupt):
            stopped_twice()
        assert finished
        assert interruption.exit_status == 143
        with pytest.raises(KeyboardInterrupt):
            interruption.check()
        with pytest.raises(KeyboardInterrupt):  # who is impatient can still press Ctrl-C
            signal.raise_signal(signal.SIGINT)


def test_a_library_that_makes_an_interruption_of_its_own_hides_no_signal() -> None:
    """Ray's calls end in a KeyboardInterrupt without words when a signal comes while they wait."""

    def work(_: Interruption) -> int:
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        raise KeyboardInterrupt

    assert ended("superpos", work) == 143

    def alone(_: Interruption) -> int:
        raise KeyboardInterrupt

    assert ended("superpos", alone) == 130


def test_an_ignored_signal_stays_ignored() -> None:
    """As under `nohup`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interruption() as interruption:
            signal.raise_signal(signal.SIGHUP)
            interruption.check()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
