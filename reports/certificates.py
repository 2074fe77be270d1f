"""Ask one question of a study, `certificates`.

Which ends are minima?

python -m reports.certificates --db URL --study NAME --out DIR
"""

from __future__ import annotations

import sys

from reports.common import run

if __name__ == "__main__":
    sys.exit(run("certificates"))
