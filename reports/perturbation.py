"""Ask one question of a study, `perturbation`.

What does the size of the perturbation do?

python -m reports.perturbation --db URL --study NAME --out DIR
"""

from __future__ import annotations

import sys

from reports.common import run

if __name__ == "__main__":
    sys.exit(run("perturbation"))
