"""Write `docs/validation.md`: what is found of planted geometry.

    python -m tools.validation_page > docs/validation.md       the page, from stored numbers
    python -m tools.validation_page --nulls NAME FIRST AFTER   studies of one null family, a JSON line each
    python -m tools.validation_page --recovery                 recovered matrices, a JSON line each

The numbers lie in `docs/validation.json`; a test makes some of them again.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from scipy.stats import binomtest

from superpos.datasets.builders.planted import PlantedOptions
from tools.validation_studies import Design, recovered, study

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "docs" / "validation.json"
PROSE = ROOT / "tools" / "validation_prose.md"
LEVEL = 0.05
SMALL: dict[str, Any] = {"shape": "random", "n_features": 5, "width": 24, "strength": 0.0}
NULLS = {
    "unread": Design(planted=PlantedOptions(**SMALL)),
    "random": Design(planted=PlantedOptions(**{**SMALL, "strength": 4.0})),
    "classes": Design(planted=PlantedOptions(**SMALL, labels="classes")),
    "together": Design(planted=PlantedOptions(**SMALL, labels="together", correlation=0.5)),
    "groups": Design(planted=PlantedOptions(**SMALL, group_size=10, group_noise=1.0)),
    "uneven": Design(planted=PlantedOptions(**SMALL, decay=1.0)),
}
"""Families in which there is nothing to find."""
FOUND = (("random", "read_by_probes"),)
"""But for this: probes do read planted features."""
SHAPES = {"simplex": 6, "orthoplex": 8, "circle": 7, "hierarchy": 9, "pairs": 8}
METHODS = ("mean_difference", "logistic", "lda")
STRENGTHS, SAMPLES, SEEDS = (1.0, 4.0), (500, 4000), 4


def nulls(name: str, numbers: range) -> Iterator[dict[str, Any]]:
    """Yield the p-values of null studies, by question and control."""
    for number in numbers:
        found = study(NULLS[name], number)
        yield {"number": number, "p": {f"{q} | {c}": round(p, 6) for (q, c), p in found.p_values.items()}}


def recovery() -> Iterator[dict[str, Any]]:
    """Yield how far recovered matrices lie from planted ones."""
    for shape, strength, n_samples, method in product(SHAPES, STRENGTHS, SAMPLES, METHODS):
        options = PlantedOptions(shape=shape, n_features=SHAPES[shape], strength=strength)  # type: ignore[arg-type]
        yield {
            "shape": shape,
            "strength": strength,
            "n_samples": n_samples,
            "method": method,
            **recovered(options, n_samples, method, range(SEEDS)),
        }


def page(stored: Mapping[str, Any], prose: str) -> str:
    """Return the page: prose, with a table in the place of each `{{name}}`."""
    tables = {
        "nulls": _nulls_table(stored["nulls"]),
        "recovery": _recovery_table(stored["recovery"]),
        "minima": _minima_table(stored["minima"]),
    }
    for name, text in tables.items():
        prose = prose.replace(f"{{{{{name}}}}}\n", text)
    return prose


def rejections(p_values: Sequence[float]) -> tuple[int, int, float, float]:
    """Return rejections at `LEVEL`, studies that could be tested, and the exact 95 % interval of the rate."""
    tested = [p for p in p_values if p > 0.0]
    count = sum(p <= LEVEL + 1e-9 for p in tested)
    interval = binomtest(count, len(tested)).proportion_ci(0.95, "exact")
    return count, len(tested), float(interval.low), float(interval.high)


def _rate_rows(p_values: Mapping[str, Mapping[str, Sequence[float]]]) -> Iterator[str]:
    for family, answers in p_values.items():
        for key, values in answers.items():
            question, control = key.split(" | ")
            if (family, question) in FOUND:
                continue
            count, n, low, high = rejections(values)
            said = "above 5 %" if low > LEVEL else "at most 5 %" if high <= LEVEL else "5 % is within"
            cells = (f"`{family}`", f"`{question}`", f"`{control}`", f"{count} of {n:,}")
            yield f"| {' | '.join(cells)} | {low:.1%} to {high:.1%} | {said} |\n"


def _nulls_table(found: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    head = (
        "| null | question | control | false positives | 95 % interval | rate |\n|---|---|---|---:|---|---|\n"
    )
    return head + "".join(_rate_rows(found))


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
    parser.add_argument("--nulls", nargs=3, metavar=("NAME", "FIRST", "AFTER"))
    parser.add_argument("--recovery", action="store_true")
    given = parser.parse_args(arguments)
    if given.nulls:
        name, first, after = given.nulls
        lines = nulls(name, range(int(first), int(after)))
    elif given.recovery:
        lines = recovery()
    else:
        stored = json.loads(FILE.read_text(encoding="utf-8"))
        sys.stdout.write(page(stored, PROSE.read_text(encoding="utf-8")))
        return 0
    for line in lines:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
