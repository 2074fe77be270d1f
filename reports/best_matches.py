"""Ask one question of a study, `best_matches`.

What do the best matches look like?

python -m reports.best_matches --db URL --study NAME --out DIR
"""

from __future__ import annotations

import sys

from reports.common import run

if __name__ == "__main__":
    sys.exit(run("best_matches"))
