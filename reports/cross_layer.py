"""Ask one question of a study, `cross_layer`.

Is geometry the same from layer to layer?

python -m reports.cross_layer --db URL --study NAME --out DIR
"""

from __future__ import annotations

import sys

from reports.common import run

if __name__ == "__main__":
    sys.exit(run("cross_layer"))
