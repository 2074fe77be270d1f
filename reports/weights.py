"""Ask one question of a study, `weights`.

Does the importance tell features apart?

python -m reports.weights --db URL --study NAME --out DIR
"""

from __future__ import annotations

import sys

from reports.common import run

if __name__ == "__main__":
    sys.exit(run("weights"))
