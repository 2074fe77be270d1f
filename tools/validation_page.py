"""Write `docs/validation.md`: what is found of planted geometry.

    python -m tools.validation_page > docs/validation.md       the page, from stored numbers
    python -m tools.validation_page --nulls NAME FIRST AFTER   studies of one null family, a JSON line each
    python -m tools.validation_page --deep NAME FIRST AFTER    the same with the questions on fits
    python -m tools.validation_page --joint NAME FIRST AFTER   those of `superpos.follows_labels`
    python -m tools.validation_page --power NAME FIRST AFTER   studies of planted effects of several sizes
    python -m tools.validation_page --recovery                 recovered matrices, a JSON line each
    python -m tools.validation_page --collect FOLDER           keep what nulls-NAME.jsonl and so on hold

The numbers lie in `docs/validation.json`; a test makes some of them again.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tools.validation_families import joint, nulls, power, recovery
from tools.validation_numbers import EXPLAINED, FITTED, HELD_OUT
from tools.validation_rates import kept, kept_power, more_than, nulls_table, power_table

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "docs" / "validation.json"
PROSE = ROOT / "tools" / "validation_prose.md"
ONLY_DEEP = ("balance", *FITTED, *EXPLAINED, "labels_explain" + HELD_OUT)
"""Questions of deep studies that the page shows."""


def page(stored: Mapping[str, Any], prose: str) -> str:
    """Return the page: prose, with a table in the place of each `{{name}}`."""
    tables = {
        "nulls": nulls_table(stored["nulls"]),
        "deep": nulls_table(stored["deep"], ONLY_DEEP),
        "joint": nulls_table(stored["joint"]),
        "power": power_table(stored["power"]),
        "recovery": _recovery_table(stored["recovery"]),
        "minima": _minima_table(stored["minima"]),
    }
    for name, text in tables.items():
        prose = prose.replace(f"{{{{{name}}}}}\n", text)
    return prose


def collect(folder: Path, stored: dict[str, Any]) -> None:
    """Put what files of a folder hold, in order from study 0, in the place of fewer such studies."""
    for kind in ("nulls", "deep", "joint", "power"):
        held = stored.setdefault(kind, {})
        for path in sorted(folder.glob(f"{kind}-*.jsonl")):
            name = path.stem.partition("-")[2]
            lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            if kind == "power":
                held[name] = kept_power(name, lines)
                continue
            known = held.setdefault(name, {})
            known.update({key: one for key, one in kept(lines).items() if more_than(one, known.get(key))})


def _recovery_table(found: Sequence[Mapping[str, Any]]) -> str:
    head = (
        "| shape | strength | samples | method | AUC | planted | bias | noise | correlation |\n"
        "|---|---:|---:|---|---:|---:|---:|---:|---:|\n"
    )
    rows = []
    for one in found:
        r = one["correlation"]
        numbers = (one["auc"], one["planted"], one["bias"], one["noise"])
        cells = [f"`{one['shape']}`", f"{one['strength']:g}", f"{one['n_samples']:,}", f"`{one['method']}`"]
        cells += [f"{value:.3f}" for value in numbers]
        rows.append(f"| {' | '.join(cells)} | {'' if r is None else f'{r:+.2f}'} |\n")
    return head + "".join(rows)


def _minima_table(found: Sequence[Mapping[str, Any]]) -> str:
    head = (
        "| planted | f | verdict | above the bound | moved (rms) | noise (rms) |\n"
        "|---|---:|---|---:|---:|---:|\n"
    )
    return head + "".join(
        f"| `{one['shape']}` | {one['n_dims']} | {one['verdict']} | {one['gap']:.1e} | {one['moved']:.3f} | "
        f"{one['noise']:.3f} |\n"
        for one in found
    )


def main(arguments: Sequence[str]) -> int:
    """Print the page, or numbers for it."""
    parser = argparse.ArgumentParser(prog="python -m tools.validation_page", description=__doc__)
    for name in ("nulls", "deep", "joint", "power"):
        parser.add_argument(f"--{name}", nargs=3, metavar=("NAME", "FIRST", "AFTER"))
    parser.add_argument("--recovery", action="store_true")
    parser.add_argument("--collect", type=Path, metavar="FOLDER")
    given = parser.parse_args(arguments)
    stored = json.loads(FILE.read_text(encoding="utf-8"))
    if given.collect:
        collect(given.collect, stored)
        FILE.write_text(json.dumps(stored, separators=(",", ":"), sort_keys=True) + "\n", encoding="utf-8")
        return 0
    lines = _asked(given)
    if lines is None:
        sys.stdout.write(page(stored, PROSE.read_text(encoding="utf-8")))
        return 0
    for line in lines:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
    return 0


def _asked(given: argparse.Namespace) -> Iterator[dict[str, Any]] | None:
    """Return the studies that are asked for; None where it is the page."""
    families: dict[str, Callable[[str, range], Iterator[dict[str, Any]]]] = {
        "nulls": nulls,
        "deep": partial(nulls, deep=True),
        "joint": joint,
        "power": power,
    }
    for kind, studies in families.items():
        if told := getattr(given, kind):
            return studies(told[0], range(int(told[1]), int(told[2])))
    return recovery() if given.recovery else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
