"""What all entry points share: they join the cluster they run on and hand over to the command."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from superpos.cli.ending import left
from superpos.cli.parser import main


def run_stages(stages: Sequence[str], arguments: Sequence[str] | None = None) -> int:
    """Run stages of a study (none: all) and return the exit status.

    Inside a submitted job Ray sets RAY_ADDRESS, and the job's actors then run on that cluster; elsewhere a
    local one is started.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    command = ["run", *given]
    for stage in stages:
        command += ["--stage", stage]
    address = os.environ.get("RAY_ADDRESS", "")
    if address and not any(argument.partition("=")[0] == "--address" for argument in given):
        command += ["--address", address]
    status = main(command)
    return left(status) if arguments is None else status
