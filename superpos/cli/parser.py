"""Arguments of every command, and how errors become exit statuses.

0 done; 1 finished, but cells without a result are left, or nothing could be printed; 2 wrong usage or input;
3 database unreachable or at another revision; 130 interrupted (143 by SIGTERM), finished work kept.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from superpos import __version__
from superpos.cli.ending import ended
from superpos.cli.interrupt import Interruption
from superpos.errors import LONGEST_MESSAGE, MOST_DIGITS, InputError, allowed, plain, shown
from superpos.reading.places import is_there
from superpos.specs.studies import FOLDER, bundled_studies

STAGE_NAMES = (
    "datasets",
    "activations",
    "probes",
    "whitening",
    "psms",
    "ceilings",
    "fits",
    "analysis",
)
DATABASE_HELP = "database URL; else SUPERPOS_DB_URL, else sqlite:///superpos.db"


CHOICE = re.compile(r"invalid choice: '(.*)' \(choose from (.*)\)$")


class _Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line and what is near; options are written in full."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Exit with 2."""
        if found := CHOICE.search(message):
            value, choices = found.group(1), found.group(2).replace("'", "").split(", ")
            message = f"{message[: found.start()]}{shown(value)} is unknown; {allowed(value, choices)}"
        self.exit(2, f"{self.prog}: {plain(message, LONGEST_MESSAGE)} (see `{self.prog} --help`)\n")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command."""
    parser = _Parser(
        prog="superpos", description="The geometry of features in superposition in Transformers."
    )
    parser.add_argument("--version", action="version", version=f"superpos {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)

    demo = _add(commands, "demo", "run:demo", "run the demo study and write its report")
    demo.add_argument("--out", type=_path, default=Path("superpos-report"), help="folder of the report")
    _add_database(demo)
    _add_cluster(demo)

    plan = _add(commands, "plan", "plan:plan", "count cells, time and bytes of a study; compute nothing")
    _add_study(plan, required=False)
    _add_database(plan)
    plan.add_argument("--explain", metavar="KEY", help="say what a key of a study file means; needs no STUDY")
    plan.add_argument("--json", action="store_true", help="print the plan with every default as JSON")

    init = _add(commands, "init", "init:init", "write a commented study of a model and a text")
    init.add_argument(
        "file",
        type=_path,
        nargs="?",
        default=Path("study.toml"),
        metavar="FILE.toml|FOLDER",
        help="what to write; nothing is overwritten (default: study.toml)",
    )
    init.add_argument(
        "--model",
        default="nano",
        metavar="MODEL",
        help="bundled model, folder or hub repository (default: nano)",
    )
    init.add_argument(
        "--text",
        default="stdlib",
        metavar="TEXT",
        help="stdlib, a file, a folder, or hub:owner/name (default: stdlib, the standard library)",
    )

    run = _add(commands, "run", "run:run", "run what is missing of a study; may be stopped and run again")
    _add_study(run)
    _add_database(run)
    _add_cluster(run)
    run.add_argument(
        "--stage", action="append", choices=STAGE_NAMES, metavar="S", help=f"only {', '.join(STAGE_NAMES)}"
    )
    run.add_argument("--rebuild", metavar="KEY", help="drop this row with all that hangs on it first")

    status = _add(commands, "status", "status:status", "show what is planned, done, failed")
    _add_database(status)
    status.add_argument("--study", metavar="NAME")
    status.add_argument("--json", action="store_true")

    retry = _add(commands, "retry", "status:retry", "put quarantined cells back")
    _add_database(retry)
    retry.add_argument("--study", metavar="NAME", required=True)

    trace = _add(commands, "trace", "trace:trace", "show what a row was made of, up to the text")
    trace.add_argument("key", metavar="KEY", help="any key that a view shows")
    _add_database(trace)
    trace.add_argument("--recompute", action="store_true", help="make the row again, alone, and compare")

    report = _add(commands, "report", "report:report", "write the report of one or more studies")
    _add_database(report)
    report.add_argument("--study", metavar="NAME", action="append", help="default: every study")
    report.add_argument("--out", type=_path, required=True, metavar="DIR")

    _add_datasets(commands)

    database = _add(commands, "db", "database:database", "migrations and servers")
    database.add_argument("action", choices=("upgrade", "check", "current", "dev", "gc"))
    _add_database(database)
    database.add_argument(
        "--folder", type=_path, default=Path("superpos-postgres"), help="of `dev`: its files"
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


def _add(commands: Any, name: str, function: str, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(function=function)
    return parser


def _add_datasets(commands: Any) -> None:
    """Add `datasets` with its four actions."""
    sets = _add(
        commands, "datasets", "datasets:datasets", "feature sets: list, show with examples, build, import"
    )
    actions = sets.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=_Parser)

    listing = actions.add_parser("list", help="list the bundled sets", description="List the bundled sets.")
    listing.add_argument("--json", action="store_true", help="print them as JSON, every feature named")

    text = "build a small set and print counts, examples, correlations of labels, and its use in a study"
    show = actions.add_parser("show", help=text, description=f"{text[0].upper()}{text[1:]}.")
    text = "build a set at its full size, write it as safetensors, and print what `show` prints"
    build = actions.add_parser("build", help=text, description=f"{text[0].upper()}{text[1:]}.")
    for parser in (show, build):
        parser.add_argument("set", metavar="NAME|FILE.toml", help="bundled set, or a file that defines one")
        parser.add_argument(
            "--corpus", metavar="TEXT", help="stdlib, a file, a folder, or hub:owner/name; else the set's own"
        )
        parser.add_argument(
            "--label-key", metavar="K", help="key or column of labels; `folder`: a file's first folder"
        )
        parser.add_argument("--text-key", metavar="K", help="key or column of the text in records")
        parser.add_argument(
            "--documents", metavar="UNIT", help="a document is a file, a heading's text, a paragraph"
        )
        parser.add_argument(
            "--heading", metavar="REGEX", help="line that begins a document; else a wiki title"
        )
        parser.add_argument("--max-documents", type=_positive, metavar="N", help="read at most so many")
        parser.add_argument(
            "--n-samples", type=_positive, metavar="N", help="samples; all else in proportion"
        )
        parser.add_argument("--seed", type=_natural, metavar="S", help="of all draws")
    build.add_argument("--out", type=_path, required=True, metavar="FILE.safetensors")

    text = (
        "check a folder of the sparse-probing paper, or directions or a similarity matrix in a .safetensors, "
        ".npz or .csv file, and write a set file that a study can name"
    )
    importing = actions.add_parser("import", help=text, description=f"{text[0].upper()}{text[1:]}.")
    importing.add_argument(
        "source", type=_path, metavar="FOLDER|FILE", help="what to import; it stays where it is"
    )
    importing.add_argument(
        "--out", type=_path, metavar="NAME.toml", help="set file; else named as the source"
    )
    importing.add_argument(
        "--psm", choices=("cosine", "rbf"), help="the file holds a finished matrix of this similarity"
    )
    importing.add_argument(
        "--ctx-len", type=_positive, metavar="N", help="tokens of a row that count; else all of them"
    )
    importing.add_argument("--tensor", metavar="NAME", help="which matrix, if the file holds several")
    importing.add_argument(
        "--rows", type=_numbers, metavar="N,N,...", help="rows to take, counted from 0; else all"
    )
    importing.add_argument("--names-file", type=_path, metavar="FILE", help="names of the rows, one a line")
    importing.add_argument("--hookpoint", metavar="H", help="where the vectors live, for the views")
    importing.add_argument("--layer", type=_natural, metavar="L", help="likewise")
    importing.add_argument(
        "--variance",
        choices=("vector", "covector"),
        help="vector: lives among activations (decoder rows; default); covector: reads them (probes)",
    )
    for parser in (build, importing):
        parser.add_argument("--force", action="store_true", help="overwrite the file")
    for parser in (show, build, importing):
        tokenizer = parser.add_mutually_exclusive_group()
        tokenizer.add_argument(
            "--model",
            metavar="MODEL",
            help="take the tokenizer of this bundled model, folder or hub repository (default: nano)",
        )
        tokenizer.add_argument(
            "--tokenizer", type=_path, metavar="PATH", help="tokenizer.json, or its folder"
        )
        parser.add_argument(
            "--examples", type=_positive, default=1, metavar="K", help="examples of each feature (default: 1)"
        )
        parser.add_argument("--json", action="store_true", help="print it as JSON")


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
    parser.add_argument("--workers", type=_positive, metavar="N", help="actors; else one a CPU")


def _positive(text: str) -> int:
    return _whole_number(text, 1)


def _natural(text: str) -> int:
    return _whole_number(text, 0)


def _numbers(text: str) -> list[int]:
    return [_natural(part) for part in text.split(",")]


def _path(text: str) -> Path:
    """Return a path that a file system takes, whether or not something is there."""
    try:
        path = Path(text).expanduser()
        is_there(path)
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise argparse.ArgumentTypeError(f"{shown(text)} is no path ({reason})") from None
    return path


def _whole_number(text: str, minimum: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < MOST_DIGITS) or int(text) < minimum:
        raise argparse.ArgumentTypeError(f"{shown(text)} is not a whole number of at least {minimum}")
    return int(text)
