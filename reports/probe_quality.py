"""Ask one question of a study, `probe_quality`.

How well do probes read the features?

python -m reports.probe_quality --db URL --study NAME --out DIR
"""

from __future__ import annotations

import sys

from reports.common import run

if __name__ == "__main__":
    sys.exit(run("probe_quality"))
