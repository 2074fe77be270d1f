"""Cells of the stage `fits`, whole and by part; beside those of another source tree if one is named.

    python -m benchmarks.cells [--before TREE] [--turns T] [--joint-fits J] [--trials K] [--all-sizes]

A turn is one list of joint fits, each with Powell at sigma 0, 0.01 and 0.1 and the manifold optimiser, as in
the demo; `--trials 2` draws two perturbations a sigma, six cells a joint fit as in the thesis' grid. Each
tree runs in a process of its own (one thread, a numba cache of its own) and is handed the same lists, turn by
turn and in alternating order: a ratio is taken within a turn, so that other work on the machine slows both
sides. Times are CPU seconds of those processes; tables are Markdown, medians with quartiles. Parts are timed
in calls of their own, for a clock costs what a small part does.

Every column of every cell, and every array of a joint fit, is compared bit for bit.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

SIZES = [(11, 3), (11, 6), (11, 10), (11, 16)]
MORE_SIZES = [*SIZES, (2, 2), (3, 2), (5, 4), (8, 8), (21, 6), (21, 20)]
KERNELS: list[dict[str, Any]] = [
    {"energy": "exp"},
    {"energy": "log"},
    {"energy": "riesz", "s": 1.0, "self_energy": "include", "softening": 0.1},
]
MORE_KERNELS: list[dict[str, Any]] = [
    *KERNELS,
    {"energy": "exp", "s": 4.0},
    {"energy": "exp", "self_energy": "exclude"},
    {"energy": "gauss", "s": 0.5},
    {"energy": "log", "self_energy": "include", "softening": 0.1},
    {"energy": "riesz", "s": 1.0},
    {"energy": "riesz", "s": 3.0},
    {"energy": "riesz", "s": -1.0},
]
UNJUDGED = "min_eigenvalue"
"""The one column that an older tree fills off critical points too, where its sign means nothing."""
PARTS = {
    "run_joint": "joint step and its polish",
    "_reoptimise": "Powell or manifold",
    "_certify": "verdicts",
    "_polish": "polish of Powell's ends",
    "cell_distances": "distances",
    "distance": "distances",
    "_distance": "distances",
    "_recovery": "distances",
    "distance_to_simplex": "distances",
    "distance_to_identity": "distances",
    "rms_offdiagonal": "distances",
    "perturbation_angles": "angles",
}
"""Functions that `superpos.stages.fit_cells` calls, in either tree, and the part that each is."""
REST = "similarities, draws, the rest"


def works(
    turn: int, count: int, sizes: list[tuple[int, int]], kernels: list[dict[str, Any]], trials: int = 1
) -> list[Any]:
    """Return joint fits of random targets with their re-optimisations."""
    from superpos.psms import cosine, rbf
    from superpos.records.work import JointWork
    from superpos.specs.axes import FitAxes, JointAxes

    fits = [FitAxes("powell", sigma=0.0), FitAxes("manifold", sigma=0.0)]
    fits += [FitAxes("powell", sigma=sigma, trial=t) for sigma in (0.01, 0.1) for t in range(trials)]
    made = []
    for k in range(count):
        n, f = sizes[k % len(sizes)]
        kernel = kernels[k // len(sizes) % len(kernels)]
        by_cosine = (k + k // len(sizes)) % 2 == 0
        rng = np.random.default_rng([turn, k])
        rows = rng.standard_normal((n, 40)) + 2.0 * rng.uniform() * rng.standard_normal(40)
        squares = ((rows[:, None] - rows) ** 2).sum(axis=-1)[np.triu_indices(n, 1)]
        scale = 1.0 if by_cosine else float(np.median(squares))
        axes = JointAxes(
            **kernel, gauge="unit" if by_cosine else "none", n_dims=f, max_iter=500, restart=turn % 2
        )
        made.append(
            JointWork(
                psm_id=k,
                joint_axes_id=0,
                psm_key=bytes(16),
                axes_key=bytes(16),
                target=cosine(rows) if by_cosine else rbf(rows, scale=scale),
                similarity="cosine" if by_cosine else "rbf",
                rbf_scale=scale,
                axes=axes,
                done=None,
                fits=tuple((place, bytes(16), each) for place, each in enumerate(fits)),
                unperturbed={},
                keep_vectors=True,
            )
        )  # fmt: skip
    return made


def contents(results: list[Any]) -> list[dict[str, str]]:
    """Return all that a database would hold of the results, by column, exactly."""
    found = []
    for result in results:
        joint = result.joint
        shared = {
            "joint distance": repr(result.distance), "joint entropy": repr(result.entropy),
            "failures": repr([failure.message for failure in result.failures]),
            **{f"joint {name}": _exact(getattr(joint, name)) for name in joint.__dataclass_fields__},
        }  # fmt: skip
        found.append(shared)
        for fit in result.fits:
            columns = {name: repr(value) for name, value in fit.columns.items() if name != "seconds"}
            arrays = {name: _exact(getattr(fit, name)) for name in ("vectors", "similarities", "polished")}
            found.append({**columns, **arrays})
    return found


def _exact(value: Any) -> str:
    return hashlib.sha256(value.tobytes()).hexdigest() if isinstance(value, np.ndarray) else repr(value)


def timed_parts(
    module: Any, parts: Mapping[str, str] = PARTS
) -> tuple[Counter[str], dict[str, Callable[..., Any]]]:
    """Clock the parts of `superpos.stages.fit_cells`; return the seconds, and what to put back."""
    spent: Counter[str] = Counter()
    held = {name: getattr(module, name) for name in parts if hasattr(module, name)}
    depth = [0]

    def clocked(function: Callable[..., Any], part: str) -> Callable[..., Any]:
        def call(*args: Any, **settings: Any) -> Any:
            if depth[0]:
                return function(*args, **settings)
            depth[0] = 1
            start = time.process_time()
            try:
                return function(*args, **settings)
            finally:
                spent[part] += time.process_time() - start
                depth[0] = 0

        return call

    for name, function in held.items():
        setattr(module, name, clocked(function, parts[name]))
    return spent, held


def serve() -> None:
    """Answer lines of settings with the seconds and the contents of a turn (in the process of a tree)."""
    from superpos.fits.compiled import warm_up
    from superpos.stages import fit_cells

    warm_up()
    print(json.dumps({"tree": str(Path(fit_cells.__file__).parents[2])}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        given = works(asked["turn"], asked["count"], asked["sizes"], asked["kernels"], asked["trials"])
        start = time.process_time()
        results = [fit_cells.compute_work(work) for work in given]
        whole = time.process_time() - start
        spent, held = timed_parts(fit_cells)
        start = time.process_time()
        for work in given:
            fit_cells.compute_work(work)
        spent[REST] = time.process_time() - start - sum(spent.values())
        for name, function in held.items():
            setattr(fit_cells, name, function)
        print(json.dumps({"whole": whole, "parts": spent, "contents": contents(results)}), flush=True)


class Tree:
    """A source tree in a process of its own."""

    def __init__(self, path: Path, cache: Path | None) -> None:
        settings = {
            **os.environ,
            "PYTHONPATH": str(path),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        if cache is not None:
            settings["NUMBA_CACHE_DIR"] = str(cache)
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(Path(__file__).resolve()), "--serve"],
            env=settings, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.path = self._answer()["tree"]

    def _answer(self) -> Any:
        assert self._process.stdout is not None  # noqa: S101
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"cells: the process of a tree ended with {self._process.wait()}")
        return json.loads(line)

    def turn(self, **settings: Any) -> Any:
        """Return seconds and contents of one turn."""
        assert self._process.stdin is not None  # noqa: S101
        print(json.dumps(settings), file=self._process.stdin, flush=True)
        return self._answer()

    def end(self) -> None:
        """Let the process go."""
        assert self._process.stdin is not None  # noqa: S101
        self._process.stdin.close()
        self._process.wait()


def compare(before: list[dict[str, str]], after: list[dict[str, str]]) -> Iterator[str]:
    """Yield the columns that differ, once for each row; `UNJUDGED` off critical points is passed over."""
    for old, new in zip(before, after, strict=True):
        for name in old.keys() | new.keys():
            if old.get(name) == new.get(name):
                continue
            if name == UNJUDGED and new.get("verdict") != repr("strict"):
                continue
            yield name


def milliseconds(values: list[float], cells: int) -> str:
    low, middle, high = np.quantile(np.array(values) * 1e3 / cells, [0.25, 0.5, 0.75])
    return f"{middle:.3f} [{low:.3f}, {high:.3f}]"


def spread(values: list[float]) -> str:
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return f"{middle:.2f} [{low:.2f}, {high:.2f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description="Cells of the stage fits, whole and by part.")
    parser.add_argument("--before", type=Path, help="another source tree, which is timed beside this one")
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--joint-fits", type=int, default=24, help="joint fits of a turn")
    parser.add_argument("--trials", type=int, default=1, help="perturbations of each sigma")
    parser.add_argument("--all-sizes", action="store_true", help="more sizes and kernels, for the bits")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        with threadpool_limits(limits=1):
            serve()
        return
    here = Path(__file__).resolve().parents[1]
    with tempfile.TemporaryDirectory() as scratch:
        caches: list[Path | None] = [None, Path(os.environ.get("SUPERPOS_BEFORE_CACHE", scratch))]
        paths = [here] if options.before is None else [here, options.before.resolve()]
        trees = [Tree(path, cache) for path, cache in zip(paths, caches, strict=False)]
        sizes, kernels = (MORE_SIZES, MORE_KERNELS) if options.all_sizes else (SIZES, KERNELS)
        asked = {
            "count": options.joint_fits, "sizes": sizes, "kernels": kernels, "trials": options.trials
        }  # fmt: skip
        cells = (2 + 2 * options.trials) * options.joint_fits
        for tree in trees:
            tree.turn(turn=0, **{**asked, "count": 2})
        found: list[list[Any]] = [[] for _ in trees]
        differing: Counter[str] = Counter()
        for turn in range(1, options.turns + 1):
            order = list(enumerate(trees))
            for place, tree in order if turn % 2 else reversed(order):
                found[place].append(tree.turn(turn=turn, **asked))
            if len(trees) == 2:
                differing.update(compare(found[1][-1]["contents"], found[0][-1]["contents"]))
        for tree in trees:
            tree.end()
    print(
        f"# Cells\n\n{options.turns} turns of {cells} cells, load {os.getloadavg()[0]:.1f}; CPU ms a cell.\n"
    )
    print("| part | now | before | before / now |\n|---|---|---|---|")
    names = dict.fromkeys([*PARTS.values(), REST])
    for name in ["whole", *names]:
        columns = [[_seconds(answer, name) for answer in answers] for answers in found]
        now = milliseconds(columns[0], cells)
        other, ratio = "–", "–"
        if len(columns) == 2:
            other = milliseconds(columns[1], cells)
            ratio = spread([b / a for a, b in zip(*columns, strict=True)])
        print(f"| {name} | {now} | {other} | {ratio} |")
    if len(trees) == 2:
        rows = options.turns * (cells + options.joint_fits)
        said = ", ".join(f"{name} in {count}" for name, count in differing.most_common()) or "none"
        print(f"\nColumns that differ in any of {rows} rows ({options.turns * cells} cells): {said}.")


def _seconds(answer: Any, name: str) -> float:
    return float(answer["whole"] if name == "whole" else answer["parts"].get(name, 1e-9))


if __name__ == "__main__":
    main()
