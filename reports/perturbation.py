"""Show how the distance grows with the perturbation, features against controls, at the most swept layer.

python -m reports.perturbation --db URL --study NAME --out DIR
"""

from __future__ import annotations

import argparse
import sys
from functools import partial

from reports.common import query, run, save
from superpos.errors import InputError


def main(arguments: argparse.Namespace) -> None:
    """Write `perturbation_<data set>_<similarity>.csv`, `.png` and `.svg` for every set and similarity."""
    from superpos.reporting.charts.distances import draw_comparison, summarise
    from superpos.reporting.sections import slug
    from superpos.reporting.selection import main_fits

    rows = main_fits(query(arguments.db, __file__, arguments.study))
    if rows.empty:
        raise InputError(
            f"study {arguments.study!r} has no best match of a pretrained model by Powell's method"
        )
    for (dataset, similarity), group in rows.groupby(["dataset", "similarity"], sort=True):
        n_sigmas = group.groupby("layer")["sigma"].nunique().sort_index()
        layer = n_sigmas.index[int(n_sigmas.to_numpy().argmax())]
        numbers = summarise(group[group["layer"] == layer], str(similarity))
        name = f"perturbation_{slug(str(dataset))}_{similarity}"
        save(arguments.out, name, numbers.table().assign(layer=layer), partial(draw_comparison, numbers))


if __name__ == "__main__":
    sys.exit(run(__doc__ or "", main))
