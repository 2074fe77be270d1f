"""Registers: what they find, what they refuse, and what a kind adds to keys."""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from superpos.errors import ArgumentError, InputError
from superpos.kinds import Kind, Register, strangers


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape(Kind):
    corners: Callable[[], int]

    def check(self) -> None:
        if self.corners() < 0:
            raise ArgumentError("corners", "has fewer corners than none")


SQUARE = """
from tests_shape import Shape
KIND = Shape(name="square", version=1, meaning="Four corners.", rank=2, corners=lambda: 4)
"""
TRIANGLE = (
    SQUARE.replace("square", "triangle")
    .replace("Four", "Three")
    .replace("4", "3")
    .replace("rank=2", "rank=1")
)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package `shapes` of two kinds, importable."""
    folder = tmp_path / "shapes"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "square.py").write_text(SQUARE)
    (folder / "triangle.py").write_text(TRIANGLE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, "tests_shape", sys.modules[__name__])
    yield tmp_path
    made = ("shapes", "mine", "round_shapes", "more_shapes")
    for name in [name for name in sys.modules if name.partition(".")[0] in made]:
        del sys.modules[name]


def make(package: Path, **more: object) -> Register[Shape]:  # noqa: ARG001 (the package must be importable)
    return Register("shape", Shape, package="shapes", group="tests.shapes", **more)  # type: ignore[arg-type]


def install(folder: Path, distribution: str, kind: str, value: str, source: str) -> None:
    """Put a distribution with one entry point and its module on the path."""
    info = folder / f"{distribution}-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.5\n")
    (info / "entry_points.txt").write_text(f"[tests.shapes]\n{kind} = {value}\n")
    (folder / f"{value.partition(':')[0]}.py").write_text(source)
    importlib.invalidate_caches()


def test_own_kinds_by_rank_and_name(package: Path) -> None:
    shapes = make(package)
    assert shapes.names() == ("triangle", "square")
    assert [kind.corners() for kind in shapes] == [3, 4]
    assert "square" in shapes
    assert "circle" not in shapes
    assert shapes.origin("square") is None
    assert shapes.identity("square") == {}


def test_unknown_name_suggests_the_nearest(package: Path) -> None:
    with pytest.raises(
        ArgumentError, match=r"^kinds: 'sqare' is unknown; allowed: .*did you mean 'square'\?"
    ):
        make(package).get("sqare", "kinds")


def test_module_without_its_kind_is_refused(package: Path) -> None:
    (package / "shapes" / "circle.py").write_text("KIND = 'circle'\n")
    with pytest.raises(InputError, match=r"^shapes\.circle: holds no shape circle under KIND$"):
        make(package).names()


def test_kind_without_functions_fails_at_import(package: Path) -> None:
    (package / "shapes" / "circle.py").write_text(SQUARE.replace(", corners=lambda: 4", ""))
    with pytest.raises(TypeError, match="corners"):
        make(package).get("circle")


def test_raised_version_enters_the_key(package: Path) -> None:
    file = package / "shapes" / "square.py"
    file.write_text(SQUARE.replace("version=1", "version=2"))
    assert make(package).identity("square") == {"version": 2}


@pytest.mark.parametrize("version", ["0", "'1'", "True", "1.0"])
def test_versions_that_are_none(package: Path, version: str) -> None:
    (package / "shapes" / "square.py").write_text(SQUARE.replace("version=1", f"version={version}"))
    with pytest.raises(ArgumentError, match="is no version"):
        make(package).get("square")


def test_entry_point_carries_its_distribution(package: Path) -> None:
    install(package, "round-shapes", "circle", "round_shapes:KIND", SQUARE.replace("square", "circle"))
    shapes = make(package)
    assert shapes.names() == ("triangle", "square", "circle")
    assert shapes.identity("circle") == {"from": "round-shapes 1.5", "version": 1}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            "import no_such_module",
            "cannot be imported: ModuleNotFoundError: No module named 'no_such_module'",
        ),
        ("raise RuntimeError('broken\\nin two')", "cannot be imported: RuntimeError: broken"),
        ("KIND = 7", "is no Shape, but int"),
        (SQUARE, "calls itself 'square'; give both the same name"),
        (SQUARE.replace("version=1, ", ""), "cannot be imported: TypeError"),
        (SQUARE.replace("4", "-4"), "corners: has fewer corners than none"),
        (SQUARE.replace("lambda: 4", "lambda x: 4"), "TypeError"),
        ("def broken(:", "cannot be imported: SyntaxError"),
        ("raise SystemExit(0)", "cannot be imported: SystemExit: 0"),
        ("raise BaseException('odd')", "cannot be imported: BaseException: odd"),
        (SQUARE.replace("lambda: 4", "lambda: exit(0)"), "SystemExit: 0"),
    ],
)
def test_broken_entry_point_is_one_line_that_names_the_package(package: Path, source: str, said: str) -> None:
    install(package, "round-shapes", "circle", "round_shapes:KIND", source)
    shapes = make(package)
    with pytest.raises(InputError) as caught:
        shapes.get("circle")
    assert said in str(caught.value)
    assert str(caught.value).startswith("round-shapes 1.5: shape 'circle' (round_shapes:KIND)")
    assert "\n" not in str(caught.value)
    assert shapes.get("square").corners() == 4


def test_two_kinds_of_one_name(package: Path) -> None:
    install(package, "round-shapes", "circle", "round_shapes:KIND", SQUARE.replace("square", "circle"))
    install(package, "more-shapes", "circle", "more_shapes:KIND", SQUARE.replace("square", "circle"))
    shapes = make(package)
    for ask in (shapes.get, shapes.identity, lambda _: list(shapes)):
        with pytest.raises(
            InputError, match=r"-shapes 1\.5 .*shape 'circle' has the name of one of .*-shapes 1\.5"
        ):
            ask("circle")
    assert shapes.names() == ("triangle", "square", "circle")
    assert [kind.name for kind in shapes.usable()] == ["triangle", "square"]
    assert shapes.identity("square") == {}


def test_own_name_cannot_be_taken(package: Path) -> None:
    install(package, "round-shapes", "square", "round_shapes:KIND", SQUARE)
    shapes = make(package)
    for ask in (shapes.identity, lambda _: list(shapes)):
        with pytest.raises(
            InputError, match=r"round-shapes 1\.5 .*shape 'square' has the name of one of superpos"
        ):
            ask("square")
    assert shapes.get("square").corners() == 4  # what reads results goes on
    assert shapes.names() == ("triangle", "square")


def test_entry_point_that_is_none(package: Path) -> None:
    install(package, "round-shapes", "circle", "round_shapes KIND", SQUARE.replace("square", "circle"))
    with pytest.raises(InputError, match=r"^round-shapes 1\.5: shape 'circle' .* is no entry point"):
        make(package).get("circle")


def test_broken_package_is_run_once_and_prints_nothing_into_the_output(
    package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(
        package, "round-shapes", "circle", "round_shapes:KIND", "print('hello'); raise RuntimeError('no')"
    )
    shapes = make(package)
    for _ in range(2):
        with pytest.raises(InputError, match="RuntimeError: no"):
            shapes.get("circle")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "hello\n"
    assert [kind.name for kind in shapes.usable()] == ["triangle", "square"]


def test_interrupted_import_is_no_broken_package(package: Path) -> None:
    install(package, "round-shapes", "circle", "round_shapes:KIND", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        make(package).get("circle")


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer here")
def test_trial_without_an_end_is_given_up(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strangers, "LONGEST_TRIAL", 0.05)
    endless = """
def corners():
    while True:
        try:
            x = 1
        except Exception:
            pass
"""
    source = endless + SQUARE.replace("square", "circle").replace("lambda: 4", "corners")
    install(package, "round-shapes", "circle", "round_shapes:KIND", source)
    before, running = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)[0]
    with pytest.raises(InputError, match=r"^round-shapes 1\.5: shape 'circle' .* end within 0\.05 s$"):
        make(package).get("circle")
    assert signal.getsignal(signal.SIGALRM) is before
    assert (signal.getitimer(signal.ITIMER_REAL)[0] > 0) == (running > 0)


def test_reference_to_a_kind_of_the_users(package: Path) -> None:
    (package / "mine.py").write_text(SQUARE.replace("square", "blob"))
    shapes = make(package)
    assert shapes.get("mine:KIND").name == "blob"
    origin = shapes.origin("mine:KIND")
    assert origin is not None
    assert origin.version.startswith("sha256:")
    assert shapes.names() == ("triangle", "square")  # what a reference gave has no name of its own
    with pytest.raises(InputError, match=r"shape 'mine:GONE' cannot be imported: AttributeError"):
        shapes.get("mine:GONE")


def test_reference_to_a_plain_function(package: Path) -> None:
    (package / "mine.py").write_text("def blob():\n    return 9\n")
    shapes = make(package)
    with pytest.raises(InputError, match="is no Shape, but function"):
        shapes.get("mine:blob")
    wrapping = make(
        package, wrap=lambda name, made: Shape(name=name, version=1, meaning="Of the user.", corners=made)
    )
    assert wrapping.get("mine:blob").corners() == 9


def test_register_by_hand(package: Path) -> None:
    shapes = make(package)
    blob = Shape(name="blob", version=1, meaning="A blob.", corners=lambda: 0)
    assert shapes.register(blob) is blob
    assert shapes.register(blob) is blob
    assert shapes.get("blob").corners() == 0
    with pytest.raises(InputError, match="the name is taken"):
        shapes.register(Shape(name="square", version=1, meaning="Another.", corners=lambda: 4))
    with pytest.raises(InputError, match="fewer corners"):
        shapes.register(Shape(name="hole", version=1, meaning="A hole.", corners=lambda: -1))
