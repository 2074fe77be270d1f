"""`superpos doctor`."""

from __future__ import annotations

import argparse
import json

from rich.console import Console

from superpos.cli.checkup import checkup

OUT = Console(highlight=False, soft_wrap=True)


def doctor(options: argparse.Namespace) -> int:
    """Say what is wrong with this machine, its database and its cluster; 1 where something must be mended."""
    findings = []
    for found in checkup(options.db, options.address):
        findings.append(found)
        if not options.json:
            mend = f"; to mend it: {found.mend}" if found.mend else ""
            OUT.print(f"{found.state:7}  {found.name}: {found.said}{mend}", markup=False)
    if options.json:
        OUT.print_json(json.dumps([one._asdict() for one in findings]), ensure_ascii=False)
    return 1 if any(one.state == "problem" for one in findings) else 0
