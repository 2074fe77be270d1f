"""Ask one question of a study, `trained_vs_random`.

What of it do random weights show too?

python -m reports.trained_vs_random --db URL --study NAME --out DIR
"""

from __future__ import annotations

import sys

from reports.common import run

if __name__ == "__main__":
    sys.exit(run("trained_vs_random"))
