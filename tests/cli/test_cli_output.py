"""Standard output that takes no more: one line on standard error, a status that is not 0, no traceback."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from superpos.cli.ending import GuardedOutput, OutputError, ended
from superpos.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
FULL = Path("/dev/full")
COMMANDS = [
    ("--help", False),
    ("run --help", False),
    ("--version", False),
    ("status", True),
    ("status --json", True),
    ("plan demo", True),
    ("plan demo --json", True),
    ("db current", True),
    ("db check", True),
    ("trace KEY", True),
    ("datasets list", False),
    ("datasets show digits", False),
    ("datasets show digits --json", False),
]
"""Commands that print, and whether they read a database."""
UNBUFFERED = [("--help", False), ("status", True), ("datasets list", False)]


class Full(io.StringIO):
    """A stream on a disk without room: what is written shows when it is flushed."""

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class Unbuffered(io.StringIO):
    def write(self, _: str) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def printing(text: str) -> Callable[[object], int]:
    def work(_: object) -> int:
        print(text)  # noqa: T201 (printing is what is tested)
        return 0

    return work


@pytest.mark.parametrize(
    ("stream", "reason"), [(Full, "No space left on device"), (Unbuffered, "Input/output error")]
)
def test_a_stream_that_fails_is_named(
    stream: type[io.StringIO],
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "stdout", stream())
    assert ended("superpos", printing("a line")) == 1
    assert capsys.readouterr().err == f"superpos: standard output: {reason}\n"


def test_the_failure_is_no_error_of_another_file() -> None:
    """Code that turns an `OSError` into words about the file it writes must not catch this one."""
    assert not issubclass(OutputError, OSError)
    with pytest.raises(OutputError, match="standard output: No space left"):
        GuardedOutput(Full()).flush()


def test_the_command_that_failed_says_so_when_output_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    def work(_: object) -> int:
        raise InputError("--x: is wrong")

    assert ended("superpos", work) == 2
    assert capsys.readouterr().err == "superpos: --x: is wrong\n"
    assert ended("superpos", printing("well")) == 0
    assert capsys.readouterr().out == "well\n"


def test_closed_output_is_nothing_to_print_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert ended("superpos", printing("nowhere")) == 0


def test_the_rest_of_the_stream_is_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    guarded = GuardedOutput(sys.stdout)
    assert guarded.encoding == sys.stdout.encoding
    assert guarded.isatty() is False
    assert guarded.write("abc") == 3
    assert capsys.readouterr().out == "abc"


@pytest.mark.skipif(not FULL.exists(), reason="the device is Linux's")
@pytest.mark.parametrize(
    ("command", "reads", "flags"),
    [(*command, []) for command in COMMANDS] + [(*command, ["-u"]) for command in UNBUFFERED],
)
def test_every_command_that_prints(command: str, reads: bool, flags: list[str], finished: Path) -> None:
    words = command.replace("KEY", a_key(finished)).split()
    if reads:
        words += ["--db", f"sqlite:///{finished / 'superpos.db'}"]
    with FULL.open("w") as full:
        done = subprocess.run(
            [sys.executable, *flags, "-m", "superpos", *words],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False, cwd=ROOT, timeout=120,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "superpos: standard output: No space left on device\n"


@pytest.mark.skipif(not FULL.exists(), reason="the device is Linux's")
def test_both_streams_full() -> None:
    with FULL.open("w") as full:
        command = [sys.executable, "-m", "superpos", "datasets", "list"]
        done = subprocess.run(command, stdout=full, stderr=full, check=False, cwd=ROOT, timeout=120)
    assert done.returncode == 1


def a_key(finished: Path) -> str:
    import sqlite3

    connection = sqlite3.connect(finished / "superpos.db")
    try:
        return str(connection.execute("SELECT key FROM psms LIMIT 1").fetchone()[0])
    finally:
        connection.close()
