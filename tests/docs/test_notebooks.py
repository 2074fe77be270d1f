"""The notebooks run from top to bottom on a small database, and carry no outputs.

They are executed by a few lines of our own: what they need is Python, not a server of kernels.
"""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib import pyplot as plt

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))


def cells(name: str) -> list[dict[str, Any]]:
    content = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))
    assert (content["nbformat"], content["nbformat_minor"]) == (4, 5)
    found: list[dict[str, Any]] = content["cells"]
    return found


def run(name: str) -> tuple[dict[str, Any], list[Any]]:
    """Run the code cells in one namespace; return it, and the value that each cell shows."""
    names: dict[str, Any] = {"__name__": "__main__"}
    shown = []
    for place, cell in enumerate(cells(name)):
        if cell["cell_type"] != "code":
            continue
        tree = ast.parse("".join(cell["source"]))
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        file = f"{name}.ipynb[{place}]"
        exec(compile(tree, file, "exec"), names)  # noqa: S102 (the notebook's own code)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), file, "eval"), names)  # noqa: S307 (likewise)
            if value is not None:
                shown.append(value)
    return names, shown


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("notebooks")


@pytest.fixture(autouse=True)
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(plt, "subplots", _without_a_window)
    yield
    plt.close("all")


def _without_a_window(**options: Any) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(**options)
    return figure, figure.subplots()


def test_there_are_three_without_outputs() -> None:
    assert NAMES == ["first-hour", "reading-a-study", "your-own-directions"]
    for name in NAMES:
        found = cells(name)
        assert found[0]["source"][0].startswith("# ")
        assert len({cell["id"] for cell in found}) == len(found)
        for cell in found:
            if cell["cell_type"] == "code":
                assert (cell["outputs"], cell["execution_count"]) == ([], None)
            else:
                assert max(map(len, cell["source"])) <= 115
                assert not re.search(r"https?://", "".join(cell["source"]))


def test_the_first_hour_and_the_reading_of_its_study() -> None:
    names, shown = run("first-hour")
    assert "first-hour" in repr(shown[0])
    probes = shown[1]
    assert probes.shape[1] == 2
    assert probes.max().max() > 0.9  # a small model reads digits and capitals
    assert len(names["own"]) == 2 * (1 + 39 + 39)
    own = names["answers"][names["answers"].question == "own_energy"]
    assert set(own.control) == {"permuted", "gaussian"}
    assert own.p_smallest.tolist() == [pytest.approx(1 / 40)] * 2
    assert (own.p_value >= own.p_smallest).all()

    names, shown = run("reading-a-study")
    assert set(names["fits"].sigma) == {0.0, 0.1}
    assert names["T"].names == names["results"].psm(names["row"].psm_key).names
    assert names["places"].draws.tolist() == [39] * 4
    assert isinstance(shown[-1], tuple)
    assert (names["done"].folder / "README.md").is_file()
    assert "not_below" in names["one"].reading


def test_your_own_directions() -> None:
    names, shown = run("your-own-directions")
    tests = names["tests"]
    assert len(tests) == 4
    assert (tests.p_value == tests.p_smallest).all()  # two features almost one: beyond every draw
    assert names["mine"].n_draws.tolist() == [99]
    assert isinstance(shown[0], pd.DataFrame)
    assert shown[-2].shape == (3, 3)
    assert shown[-1] in ("strict", "degenerate", "saddle", "not_critical", "not_applicable")
