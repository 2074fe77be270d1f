"""Ask one question of a study, `embeddings`.

What do rows of the embedding show, without a probe?

python -m reports.embeddings --db URL --study NAME --out DIR
"""

from __future__ import annotations

import sys

from reports.common import run

if __name__ == "__main__":
    sys.exit(run("embeddings"))
