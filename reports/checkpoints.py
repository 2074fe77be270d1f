"""Ask one question of a study, `checkpoints`.

How does it change while the model is trained?

python -m reports.checkpoints --db URL --study NAME --out DIR
"""

from __future__ import annotations

import sys

from reports.common import run

if __name__ == "__main__":
    sys.exit(run("checkpoints"))
