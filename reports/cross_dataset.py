"""Show which kernel ends nearest to its target at each layer, for every feature set.

python -m reports.cross_dataset --db URL --study NAME --out DIR
"""

from __future__ import annotations

import argparse
import sys

from reports.common import choose, run, save


def main(arguments: argparse.Namespace) -> None:
    """Write `cross_dataset.csv`, `.png` and `.svg`: the best kernel of every feature set and layer."""
    import pandas as pd

    from superpos.reporting.charts.by_layer import Choice, best_kernels, draw_best_kernels
    from superpos.reporting.within_sets import HEADLINE, MAIN_SETTING, MOST_LAYERS, POWELL

    rows = choose(arguments, __file__, (POWELL, MAIN_SETTING, MOST_LAYERS, HEADLINE))
    numbers = best_kernels(rows)
    table = pd.DataFrame(numbers.choices, columns=list(Choice._fields))
    save(arguments.out, "cross_dataset", table, lambda: draw_best_kernels(numbers))


if __name__ == "__main__":
    sys.exit(run(__doc__ or "", main))
