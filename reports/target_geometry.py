"""Ask one question of a study, `target_geometry`.

What do the target matrices look like, and what do single numbers say of them?

python -m reports.target_geometry --db URL --study NAME --out DIR
"""

from __future__ import annotations

import sys

from reports.common import run

if __name__ == "__main__":
    sys.exit(run("target_geometry"))
