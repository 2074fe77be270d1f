"""Ask one question of a study, `own_energy`.

Is the energy of the directions themselves low?

python -m reports.own_energy --db URL --study NAME --out DIR
"""

from __future__ import annotations

import sys

from reports.common import run

if __name__ == "__main__":
    sys.exit(run("own_energy"))
