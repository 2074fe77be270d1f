"""Show how near each kernel ends to its target, layer by layer, features beside controls.

python -m reports.cross_layer --db URL --study NAME --out DIR
"""

from __future__ import annotations

import argparse
import sys

from reports.common import choose, run, save


def main(arguments: argparse.Namespace) -> None:
    """Write `cross_layer.csv`, `.png` and `.svg`: best matches at the perturbation nearest to 0.1."""
    from superpos.reporting.charts.by_layer import by_layer, draw_by_layer
    from superpos.reporting.within_sets import HEADLINE, MAIN_SETTING, MOST_LAYERS, POWELL

    rows = choose(arguments, __file__, (POWELL, MAIN_SETTING, MOST_LAYERS, HEADLINE))
    numbers = by_layer(rows)
    save(arguments.out, "cross_layer", rows, lambda: draw_by_layer(numbers))


if __name__ == "__main__":
    sys.exit(run(__doc__ or "", main))
