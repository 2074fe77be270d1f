"""Ask one question of a study, `controls`.

Do features end nearer to their targets than controls do?

python -m reports.controls --db URL --study NAME --out DIR
"""

from __future__ import annotations

import sys

from reports.common import run

if __name__ == "__main__":
    sys.exit(run("controls"))
