"""Show which kernel ends nearest to its target at each layer, for every feature set.

python -m reports.cross_dataset --db URL --study NAME --out DIR
"""

from __future__ import annotations

import argparse
import sys

from reports.common import query, run, save
from superpos.errors import InputError


def main(arguments: argparse.Namespace) -> None:
    """Write `cross_dataset.csv`, `.png` and `.svg`: the best kernel of every feature set and layer."""
    import pandas as pd

    from superpos.reporting.charts.by_layer import Choice, best_kernels, draw_best_kernels
    from superpos.reporting.selection import balanced, headline_sigma, main_fits

    rows = balanced(main_fits(query(arguments.db, __file__, arguments.study)))
    rows = rows[rows["sigma"] == headline_sigma(rows)]
    if rows.empty:
        raise InputError(
            f"study {arguments.study!r} has no best match of a features target by Powell's method"
        )
    numbers = best_kernels(rows)
    table = pd.DataFrame(numbers.choices, columns=list(Choice._fields))
    save(arguments.out, "cross_dataset", table, lambda: draw_best_kernels(numbers))


if __name__ == "__main__":
    sys.exit(run(__doc__ or "", main))
