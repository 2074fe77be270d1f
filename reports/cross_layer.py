"""Show how near each kernel ends to its target, layer by layer, features beside controls.

python -m reports.cross_layer --db URL --study NAME --out DIR
"""

from __future__ import annotations

import argparse
import sys

from reports.common import query, run, save
from superpos.errors import InputError


def main(arguments: argparse.Namespace) -> None:
    """Write `cross_layer.csv`, `.png` and `.svg`: best matches at the perturbation nearest to 0.1."""
    from superpos.reporting.charts.by_layer import by_layer, draw_by_layer
    from superpos.reporting.selection import balanced, headline_sigma, main_fits

    rows = balanced(main_fits(query(arguments.db, __file__, arguments.study)))
    rows = rows[rows["sigma"] == headline_sigma(rows)]
    if rows.empty:
        raise InputError(
            f"study {arguments.study!r} has no best match of a pretrained model by Powell's method"
        )
    numbers = by_layer(rows)
    save(arguments.out, "cross_layer", rows, lambda: draw_by_layer(numbers))


if __name__ == "__main__":
    sys.exit(run(__doc__ or "", main))
