"""Ask one question of a study, `label_statistics`.

Do the labels alone explain the geometry?

python -m reports.label_statistics --db URL --study NAME --out DIR
"""

from __future__ import annotations

import sys

from reports.common import run

if __name__ == "__main__":
    sys.exit(run("label_statistics"))
