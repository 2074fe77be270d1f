"""Ask one question of a study, `summary`.

Which claims hold? Verdicts and answers, without figures.

python -m reports.summary --db URL --study NAME --out DIR
"""

from __future__ import annotations

import sys

from reports.common import run

if __name__ == "__main__":
    sys.exit(run("summary"))
