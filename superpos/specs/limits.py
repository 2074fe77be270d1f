"""How large a study may be, decided by arithmetic before anything of it is built.

A plan holds one row for every target, joint setting and re-optimisation; their products, the cells, are only
counted. The limits are far above what one run computes and no setting raises them: what is above them is too
much for one study: several studies of one database share all rows that they have in common.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from superpos.errors import ArgumentError

MOST_SETTINGS = 20_000
"""Joint settings, re-optimisations, and probe settings of a study, counted block by block."""
MOST_TARGETS = 100_000
"""Targets, and activation sets, of a study, counted block by block."""
MOST_MODELS = 2_000
"""Models of a study, each revision and each seed of random weights one of them."""
LONGEST_GRID = 100
"""Values of which cross-validation takes one."""
MOST_CELLS = 1_000_000_000
"""Re-optimised fits of a study."""
MOST_TABLES = 1_000
"""Tables of one kind in a study file: models, corpora, data sets, blocks."""
LONGEST_CHAIN = 10
"""Study files that stand on one another, and blocks that a block is like."""
MOST_INHERITED = 1_000_000
"""Values of all blocks of a study, those that they inherit counted for each."""
MOST_PIECES = 1_000_000
"""Comparisons of products with which the blocks of a study are made disjoint."""


def check_size(what: str, limit: int, **factors: int) -> None:
    """Refuse a product of more than `limit` rows.

    Parameters
    ----------
    what
        The rows and where they are, for the message: `joint settings of a block`.
    limit
        Most rows.
    **factors
        Number of values by argument.

    Raises
    ------
    ArgumentError
        Naming the argument with most values, the size, the limit, and what to lower.
    """
    size = math.prod(factors.values())
    if size <= limit:
        return
    many = sorted((key for key in factors if factors[key] > 1), key=lambda key: -factors[key])
    product = f" ({' x '.join(f'{factors[key]:,} {key}' for key in many)})" if len(many) > 1 else ""
    raise ArgumentError(
        many[0], f"{size:,} {what}{product}; at most {limit:,}: lower {_either(many)}, or split the study"
    )


def distinct(values: Iterable[object]) -> int:
    """Return how many different values there are."""
    return len(set(values))


def _either(keys: list[str]) -> str:
    return keys[0] if len(keys) == 1 else f"{', '.join(keys[:-1])} or {keys[-1]}"
