"""Arguments of every command, and how errors become exit statuses.

0 done; 1 finished, but cells without a result are left, or nothing could be printed; 2 wrong usage or input;
3 database unreachable or at another revision; 130 interrupted (143 by SIGTERM), finished work kept.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from superpos.cli.arguments import Parser, add_command, any_path, positive
from superpos.cli.dataset_arguments import add_datasets
from superpos.cli.ending import ended
from superpos.cli.interrupt import Interruption
from superpos.errors import InputError, allowed, plain, shown
from superpos.reading.places import is_there
from superpos.specs.studies import FOLDER, bundled_studies
from superpos.stage_names import STAGES
from superpos.version import __version__

WATCH_SECONDS = 5
REPORT_SECONDS = 30
DATABASE_HELP = "database URL; else SUPERPOS_DB_URL, else sqlite:///superpos.db"


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command."""
    parser = Parser(prog="superpos", description="The geometry of features in superposition in Transformers.")
    parser.add_argument("--version", action="version", version=f"superpos {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)

    demo = add_command(commands, "demo", "run:demo", "run the demo study and write its report")
    demo.add_argument("--out", type=any_path, default=Path("superpos-report"), help="folder of the report")
    _add_database(demo)
    _add_cluster(demo)

    plan = add_command(
        commands, "plan", "plan:plan", "count cells, time and bytes of a study; compute nothing"
    )
    _add_study(plan, required=False)
    _add_database(plan)
    plan.add_argument("--explain", metavar="KEY", help="say what a key of a study file means; needs no STUDY")
    plan.add_argument("--json", action="store_true", help="print the plan with every default as JSON")

    init = add_command(commands, "init", "init:init", "write a commented study of a model and a text")
    init.add_argument(
        "file",
        type=any_path,
        nargs="?",
        default=Path("study.toml"),
        metavar="FILE.toml|FOLDER",
        help="what to write; nothing is overwritten (default: study.toml)",
    )
    init.add_argument(
        "--model",
        default="nano",
        metavar="MODEL",
        help="bundled model, folder, GGUF file, package:NAME or hub repository (default: nano)",
    )
    init.add_argument(
        "--text",
        default="stdlib",
        metavar="TEXT",
        help="stdlib, a file, a folder, or hub:owner/name (default: stdlib, the standard library)",
    )

    run = add_command(
        commands, "run", "run:run", "run what is missing of a study; may be stopped and run again"
    )
    _add_study(run)
    _add_database(run)
    _add_cluster(run)
    run.add_argument(
        "--stage", action="append", choices=STAGES, metavar="S", help=f"only {', '.join(STAGES)}"
    )
    run.add_argument("--rebuild", metavar="KEY", help="drop this row with all that hangs on it first")

    status = add_command(commands, "status", "status:status", "show what is planned, done, failed")
    _add_database(status)
    status.add_argument("--study", metavar="NAME")
    status.add_argument("--json", action="store_true")
    status.add_argument(
        "--watch",
        type=positive,
        nargs="?",
        const=WATCH_SECONDS,
        metavar="SECONDS",
        help=f"say so again every {WATCH_SECONDS} s, or so many, until nothing is left to do",
    )

    listed = add_command(
        commands, "studies", "studies:studies", "list the studies that ship, or print the file of one"
    )
    listed.add_argument("action", choices=("list", "show"))
    listed.add_argument("name", nargs="?", metavar="NAME", help="of `show`: a bundled study")
    _add_database(listed)
    listed.add_argument("--json", action="store_true")

    retry = add_command(commands, "retry", "status:retry", "put quarantined cells back")
    _add_database(retry)
    retry.add_argument("--study", metavar="NAME", required=True)

    trace = add_command(commands, "trace", "trace:trace", "show what a row was made of, up to the text")
    trace.add_argument("key", metavar="KEY", help="any key that a view shows, or its beginning")
    _add_database(trace)
    trace.add_argument("--json", action="store_true")
    trace.add_argument("--recompute", action="store_true", help="make the row again, alone, and compare")

    why = add_command(commands, "why", "why:why", "say what sets a row apart from the nearest finished one")
    why.add_argument("key", metavar="KEY", help="any key that a view or a failure shows, or its beginning")
    _add_database(why)
    why.add_argument("--json", action="store_true")

    diff = add_command(
        commands, "diff", "diff:diff", "say which rows a study has that another has not, and why"
    )
    studies = "a file, a bundled study, or NAME or NAME@REVISION in the database"
    diff.add_argument("old", metavar="STUDY", help=f"the first: {studies}")
    alone = "without it the first is compared with what the database has of it"
    diff.add_argument("new", metavar="STUDY", nargs="?", help=f"the second; {alone}")
    _add_database(diff)
    diff.add_argument("--json", action="store_true")

    report = add_command(commands, "report", "report:report", "write the report of one or more studies")
    _add_database(report)
    report.add_argument("--study", metavar="NAME", action="append", help="default: every study")
    report.add_argument("--out", type=any_path, required=True, metavar="DIR")
    report.add_argument(
        "--only",
        metavar="NAME",
        action="append",
        help="answer one question alone (own_energy, controls, ...; docs/report.md) or draw one chapter; may "
        "be given again",
    )

    report.add_argument(
        "--watch",
        type=positive,
        nargs="?",
        const=REPORT_SECONDS,
        metavar="SECONDS",
        help=f"draw again when rows have come in, looking every {REPORT_SECONDS} s or so many, until nothing "
        "is left to do",
    )

    export = add_command(
        commands, "export", "export:export", "write views as Parquet, arrays as safetensors, a data card"
    )
    _add_database(export)
    export.add_argument("--study", metavar="NAME", action="append", help="default: every study")
    export.add_argument(
        "--out",
        type=any_path,
        required=True,
        metavar="DIR",
        help="a folder that is not there yet, or is empty",
    )
    export.add_argument(
        "--archive",
        action="store_true",
        help="only what `superpos import` and a report need: small, without directions and draws' matrices",
    )

    restored = add_command(
        commands, "import", "export:restored", "put an archive of results into a database, for its report"
    )
    restored.add_argument("folder", type=any_path, metavar="FOLDER", help="of `superpos export --archive`")
    _add_database(restored)

    doctor = add_command(
        commands, "doctor", "doctor:doctor", "say what is wrong with machine, database and cluster"
    )
    _add_database(doctor)
    doctor.add_argument("--address", default="", metavar="ADDR", help="Ray cluster; else RAY_ADDRESS")
    doctor.add_argument("--json", action="store_true")

    completed = add_command(
        commands, "completion", "completion:completion", "print what a shell reads to complete this command"
    )
    completed.add_argument("shell", choices=("bash", "zsh", "tcsh"))

    add_datasets(commands)

    database = add_command(commands, "db", "database:database", "migrations and servers")
    database.add_argument("action", choices=("upgrade", "check", "current", "dev", "gc"))
    _add_database(database)
    database.add_argument(
        "--folder", type=any_path, default=Path("superpos-postgres"), help="of `dev`: its files"
    )
    database.add_argument(
        "--files",
        action="store_true",
        help="of `gc`: also remove the files of what is dropped; another database with the same data folder "
        "would make them again",
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    return ended("superpos", lambda interruption: _run(arguments, interruption))


def _run(arguments: Sequence[str] | None, interruption: Interruption) -> int:
    options = build_parser().parse_args(arguments, argparse.Namespace(interruption=interruption))
    module_name, _, function_name = options.function.partition(":")
    module = import_module(f"superpos.cli.{module_name}")
    function: Callable[[argparse.Namespace], int] = getattr(module, function_name)
    return function(options)


def find_study(text: str) -> Path:
    """Return the file of a study: a path, or the name of a bundled one.

    Raises
    ------
    InputError
        If it is neither; names the bundled studies.
    """
    bundled = bundled_studies()
    if text in bundled:
        return FOLDER / f"{text}.toml"
    path = Path(text)
    try:
        there = is_there(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{plain(text, 300)}: cannot be read ({reason})") from error
    if there or path.suffix == ".toml" or len(path.parts) > 1:
        if path.is_dir():
            raise InputError(f"{text}: is a folder; give a study file (TOML)")
        return path
    raise InputError(f"study {shown(text)}: no such file and no such bundled study; {allowed(text, bundled)}")


def _add_study(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    names = ", ".join(bundled_studies())
    parser.add_argument(
        "study",
        metavar="STUDY",
        nargs=None if required else "?",
        help=f"a TOML file, or a bundled one: {names}",
    )


def _add_database(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--db", metavar="URL", help=DATABASE_HELP)


def _add_cluster(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--address", default="", metavar="ADDR", help="Ray cluster; else a local one is started"
    )
    parser.add_argument("--workers", type=positive, metavar="N", help="actors; else one a CPU")
    parser.add_argument(
        "--time-limit", type=positive, default=600, metavar="S", help="seconds of a cell (default: 600)"
    )
    parser.add_argument(
        "--memory-limit",
        type=positive,
        metavar="MIB",
        help="memory of a cell; else the machine's, divided among the actors of a cluster of our own",
    )
