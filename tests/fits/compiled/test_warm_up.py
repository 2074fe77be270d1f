"""Processes that start together share the compiling: none waits while something is left that nobody takes."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from superpos.fits.compiled import warm
from superpos.fits.compiled.warm import STEPS, _cache_folder, in_turns


class Work:
    """Steps that take as long as they are told, and a cache that says which are there."""

    def __init__(self, names: str) -> None:
        self.cached: set[str] = set()
        self.compiled: list[str] = []
        self.may_end = {name: threading.Event() for name in names}
        self.begun = {name: threading.Event() for name in names}

    def step(self, name: str) -> Any:
        def take() -> None:
            if name not in self.cached:
                self.compiled.append(name)
                self.begun[name].set()
                assert self.may_end[name].wait(20)
                self.cached.add(name)

        take.__name__ = name
        return take


def test_two_processes_compile_each_step_once(tmp_path: Path) -> None:
    work = Work("abc")
    steps = [work.step(name) for name in "abc"]
    threads = [threading.Thread(target=in_turns, args=(steps, tmp_path)) for _ in range(2)]
    threads[0].start()
    assert work.begun["a"].wait(20)
    threads[1].start()
    assert work.begun["b"].wait(20)  # the second passes over what the first is compiling
    work.may_end["a"].set()
    assert work.begun["c"].wait(20)  # and the first over what the second is compiling
    assert all(thread.is_alive() for thread in threads)
    for name in "bc":
        work.may_end[name].set()
    for thread in threads:
        thread.join(20)
    assert sorted(work.compiled) == ["a", "b", "c"]
    assert not any(thread.is_alive() for thread in threads)


def test_what_another_process_never_ends_is_compiled_here_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm, "LONGEST", 0.05)
    work = Work("a")
    stuck = threading.Thread(target=in_turns, args=([work.step("a")], tmp_path))
    stuck.start()
    assert work.begun["a"].wait(20)
    taken: list[str] = []

    def other() -> None:
        taken.append("a")

    other.__name__ = "a"
    in_turns([other], tmp_path)
    assert taken == ["a"]
    work.may_end["a"].set()
    stuck.join(20)


@pytest.mark.parametrize("folder", [None, "missing/folder"])
def test_without_a_folder_for_locks_every_step_is_taken(folder: str | None, tmp_path: Path) -> None:
    (tmp_path / "missing").write_text("a file", encoding="utf-8")
    taken: list[int] = []
    in_turns([lambda: taken.append(1), lambda: taken.append(2)], tmp_path / folder if folder else None)
    assert taken == [1, 2]


def test_a_step_that_fails_is_free_for_others(tmp_path: Path) -> None:
    def step() -> None:
        raise RuntimeError("no compiler")

    with pytest.raises(RuntimeError, match="no compiler"):
        in_turns([step], tmp_path)
    taken: list[str] = []

    def again() -> None:
        taken.append("taken")

    again.__name__ = "step"
    in_turns([again], tmp_path)
    assert taken == ["taken"]


def test_the_engine_has_a_cache_and_every_step_a_name_of_its_own() -> None:
    folder = _cache_folder()
    assert folder is not None
    assert folder.is_dir()
    assert len({step.__name__ for step in STEPS}) == len(STEPS) == 7
