"""Ask one question of a study, `cross_dataset`.

Do the sets agree on a kernel?

python -m reports.cross_dataset --db URL --study NAME --out DIR
"""

from __future__ import annotations

import sys

from reports.common import run

if __name__ == "__main__":
    sys.exit(run("cross_dataset"))
