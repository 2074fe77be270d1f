"""`superpos why`."""

from __future__ import annotations

import argparse
import json

from rich.console import Console

from superpos.db.engine import Database
from superpos.db.migrate import require_current
from superpos.db.why import DONE, Why
from superpos.db.why import why as why_key
from superpos.records.outlines import said

OUT = Console(highlight=False, soft_wrap=True)


def why(options: argparse.Namespace) -> int:
    """Say whether a row is made, what a run would do, and what sets it apart from the nearest one."""
    with Database(options.db) as database:
        require_current(database)
        found = why_key(database, options.key)
    if options.json:
        values = {
            **found._asdict(),
            "waits_for": [one._asdict() for one in found.waits_for],
            "apart": [one._asdict() for one in found.apart],
            "what_a_run_does": _future(found),
        }
        OUT.print_json(json.dumps(values, default=str), ensure_ascii=False)
        return 0
    OUT.print(f"{found.kind} {found.key}: {found.state}{_because(found)}", markup=False)
    OUT.print(_future(found), markup=False)
    if not found.nearest:
        OUT.print("no other finished row is like it", markup=False)
        return 0
    OUT.print(f"nearest finished row: {found.nearest}; it differs in", markup=False)
    for one in found.apart:
        OUT.print(f"    {one.field}: {said(one.here)} here, {said(one.there)} there", markup=False)
    if not found.apart:
        OUT.print("    nothing that the database records", markup=False)
    return 0


def _because(found: Why) -> str:
    return f" ({found.reason})" if found.reason else ""


def _future(found: Why) -> str:
    """Return what a run would do with the row, and why."""
    asked = ", ".join(found.studies)
    if found.state == DONE:
        return f"nothing will run: it has its result; asked for by {asked or 'no current study'}"
    if not found.studies:
        return "nothing will run: no current study asks for it; `superpos db gc` drops it"
    if found.state == "not_applicable":
        return f"nothing will run: its input refuses it; asked for by {asked}"
    if found.state == "quarantined":
        return f"nothing will run until `superpos retry --study {found.studies[0]}`; asked for by {asked}"
    waits = ", ".join(f"{one.kind} {one.key}" for one in found.waits_for)
    return f"the next run of {asked} makes it" + (f", after {waits}" if waits else "")
