"""Ask one question of a study, `sensitivity`.

What do dimension and kernel change?

python -m reports.sensitivity --db URL --study NAME --out DIR
"""

from __future__ import annotations

import sys

from reports.common import run

if __name__ == "__main__":
    sys.exit(run("sensitivity"))
