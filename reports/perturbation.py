"""Show how the distance grows with the perturbation, features against controls, at the most swept layer.

python -m reports.perturbation --db URL --study NAME --out DIR
"""

from __future__ import annotations

import argparse
import sys
from functools import partial

from reports.common import choose, run, save


def main(arguments: argparse.Namespace) -> None:
    """Write `perturbation_<set>_<similarity>.csv`, `.png` and `.svg` for every set and similarity."""
    from superpos.reporting.charts.distances import draw_comparison, summarise
    from superpos.reporting.sections import slug
    from superpos.reporting.within_sets import MAIN_SETTING, POWELL, SWEPT_LAYER

    rows = choose(arguments, __file__, (POWELL, MAIN_SETTING, SWEPT_LAYER))
    for (subject, similarity), group in rows.groupby(["subject", "similarity"], sort=True):
        numbers = summarise(group, str(similarity))
        name = f"perturbation_{slug(str(subject))}_{similarity}"
        table = numbers.table().assign(layer=group["layer"].iloc[0])
        save(arguments.out, name, table, partial(draw_comparison, numbers))


if __name__ == "__main__":
    sys.exit(run(__doc__ or "", main))
