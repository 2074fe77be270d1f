"""An interruption that a library swallows is not lost."""

from __future__ import annotations

import signal

import pytest

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
