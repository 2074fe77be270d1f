"""Run the stages psms and ceilings of a study on a cluster.

    ray job submit --working-dir . -- python -m jobs.build_psms STUDY

Takes the arguments of `superpos run`; the database comes from the cluster's environment (SUPERPOS_DB_URL).
"""

from __future__ import annotations

import sys

from jobs.entry import run_stages

if __name__ == "__main__":
    sys.exit(run_stages(("psms", "ceilings")))
