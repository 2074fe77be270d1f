"""What pages and help texts name exists: commands, options, modules, files, studies, identifiers, links."""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.util
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from superpos.cli.parser import build_parser
from superpos.specs.set_sources import set_sources
from superpos.specs.studies import bundled_studies

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "superpos").rglob("*.md")], key=str
)
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
WIDTH = 100

UNKNOWN = {
    "superpos-data": "the folder that a run makes",
    "superpos-report": "the folder that the demo makes",
    "superpos-report/index.html": "likewise",
    "superpos-real": "the folder that `make real` makes",
    "superpos-postgres": "the folder that `superpos db dev` makes",
    ".venv/bin/superpos": "made by `make`",
    "make sure": "a feature: two words",
    "superpos.fits.compiled.reoptimise_compiled": "gone, which the changelog says",
    "owner/name": "stands for a repository of the hub",
}
"""Code spans that name nothing in the checkout, and what they are."""
DISTRIBUTIONS = set(
    re.findall(
        r"^([\w-]+)==", (ROOT / "tests" / "real-requirements.txt").read_text(encoding="utf-8"), re.MULTILINE
    )
)
"""Packages of the index that pages speak of, for `make real` installs them."""
SOURCES = {
    "superpos": ("py", "toml", "sql"),
    "migrations": ("py",),
    "tests": ("py",),
    "jobs": ("py",),
    "reports": ("py", "sql"),
    "tools": ("py",),
    "benchmarks": ("py",),
}
GROUPS = {
    group
    for path in (ROOT / "superpos").rglob("*.py")
    for group in re.findall(r'group="([\w.]+)"', path.read_text(encoding="utf-8"))
}
"""Groups of entry points: `superpos.energies` is no module."""
FENCED = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def spans_of(text: str) -> list[str]:
    """Return the code spans of a page, each on one line."""
    return [" ".join(found[1].split()) for found in SPAN.findall(FENCED.sub("", text))]


def command_lines(text: str) -> Iterator[str]:
    """Yield what a page tells people to type: code spans, and lines of code, that begin with a command."""
    code = [line for _, block in FENCED.findall(text) for line in block.splitlines()]
    code += [line for line in text.splitlines() if line.startswith("    ")]
    for line in [*spans_of(text), *code]:
        for part in re.split(r" && | -- ", line.partition("  #")[0]):
            if re.match(r"(superpos|python -m|make) \S", part.strip()):
                yield part.strip()


@pytest.fixture(scope="module")
def identifiers() -> set[str]:
    """Every identifier of the sources."""
    found: set[str] = set()
    for folder, suffixes in SOURCES.items():
        for suffix in suffixes:
            for path in (ROOT / folder).rglob(f"*.{suffix}"):
                if path != Path(__file__):
                    found |= set(re.findall(r"[A-Za-z_]\w*", path.read_text(encoding="utf-8")))
    return found


def actions_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the parsers of the commands below one."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def all_parsers() -> Iterator[argparse.ArgumentParser]:
    waiting = [build_parser()]
    while waiting:
        parser = waiting.pop()
        waiting += actions_of(parser).values()
        yield parser


OPTIONS = {option for parser in all_parsers() for option in parser._option_string_actions}


def problems_of_command(line: str) -> Iterator[str]:
    """Yield what is wrong with a command as a page writes it: `superpos db upgrade / check`."""
    words = line.replace("[", " ").replace("]", " ").split()
    if words[0] == "make":
        if not re.search(rf"^{words[1]}:", text_of("Makefile"), re.MULTILINE):
            yield f"no target {words[1]}"
        return
    if words[0] == "python":
        yield from problems_of_module(words[2])
        return
    parser, rest = build_parser(), words[1:]
    while rest and actions_of(parser):
        if rest[0].startswith("-"):
            break
        if rest[0] not in actions_of(parser):
            yield f"no command {rest[0]}"
            return
        others = [rest[i + 1] for i, word in enumerate(rest[:-1]) if word == "/" and rest[1] == "/"]
        yield from (f"no command {other}" for other in others if other not in actions_of(parser))
        parser, rest = actions_of(parser)[rest[0]], rest[1:]
        if others:
            return
    for action in parser._actions:
        if action.choices and not action.option_strings and rest:
            named = [word for word in rest if re.fullmatch(r"[a-z]+", word)]
            yield from (f"no action {word}" for word in named if word not in list(action.choices))
        if action.dest == "study" and not action.option_strings and rest:
            study = rest[0]
            if re.fullmatch(r"[a-z][a-z0-9-]*", study) and study not in bundled_studies():
                yield f"no study {study}"
    for word in rest:
        option = word.partition("=")[0]
        if option.startswith("--") and option not in parser._option_string_actions:
            yield f"no option {option}"


def problems_of_module(name: str) -> Iterator[str]:
    """Yield what is wrong with `package.module`, `package.module.attribute`."""
    parts = name.removesuffix("()").split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.util.find_spec(".".join(parts[:length])) is not None
        except ModuleNotFoundError:
            found = False
        if found:
            break
    else:
        yield f"no module {name}"
        return
    if length < len(parts):
        value = importlib.import_module(".".join(parts[:length]))
        for attribute in parts[length:]:
            if not hasattr(value, attribute):
                yield f"no {attribute} in {name}"
                return
            value = getattr(value, attribute)


def problems_of_span(span: str, known: set[str]) -> Iterator[str]:
    """Yield what is wrong with a code span that names something of ours."""
    if span in UNKNOWN or span in GROUPS or span in DISTRIBUTIONS:
        return
    named = (*bundled_studies(), *set_sources())
    if re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)+", span) and span not in named:
        yield f"no study and no source {span}"
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)+", span) and span not in known:
        yield f"nothing is called {span}"
    if span.startswith("--") and span.split(maxsplit=1)[0].partition("=")[0] not in OPTIONS:
        yield f"no option {span}"
    if (
        re.fullmatch(r"(superpos|jobs|reports|tools|benchmarks)(\.\w+)+(\(\))?", span)
        and span != "superpos.db"
    ):
        yield from problems_of_module(span)  # superpos.db: the file of results, as often as the package
    if re.fullmatch(r"[\w.-]+(/[\w.*-]+)+/?", span) or re.fullmatch(r"\w+/", span):
        places = (ROOT, ROOT / "superpos", ROOT / "docs", ROOT / "superpos" / "fits" / "compiled")
        if not any(any(place.glob(span.rstrip("/").replace("NAME", "*"))) for place in places):
            yield f"no file {span}"


@pytest.mark.parametrize("name", NAMES)
def test_a_page_names_what_exists(name: str, identifiers: set[str]) -> None:
    text = text_of(name)
    known = identifiers | set(re.findall(r"\w+", " ".join(code for _, code in FENCED.findall(text))))
    found = [f"`{line}`: {problem}" for line in command_lines(text) if line not in UNKNOWN
             for problem in problems_of_command(line)]  # fmt: skip
    found += [problem for span in spans_of(text) for problem in problems_of_span(span, known)]
    for study in re.findall(r"study ?= ?['\"]([\w-]+)['\"]", text):
        found += [] if study in bundled_studies() else [f"no study {study}"]
    assert found == []


@pytest.mark.parametrize("name", NAMES)
def test_the_python_of_a_page_imports_what_exists(name: str) -> None:
    for language, code in FENCED.findall(text_of(name)):
        if language != "python":
            continue
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    assert list(problems_of_module(f"{node.module}.{alias.name}")) == []
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    assert list(problems_of_module(alias.name)) == []


def headings(text: str) -> set[str]:
    """Return the anchors of a page's headings, as web pages make them."""
    lines = re.findall(r"^#+ +(.*)$", FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


@pytest.mark.parametrize("name", NAMES)
def test_links_between_pages_lead_somewhere(name: str) -> None:
    for target in LINK.findall(SPAN.sub("", FENCED.sub("", text_of(name)))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        page = (ROOT / name).parent / path if path else ROOT / name
        assert page.exists(), target
        if anchor:
            assert anchor in headings(page.read_text(encoding="utf-8")), target


@pytest.mark.parametrize("name", NAMES)
def test_lines_are_short(name: str) -> None:
    """Tables are as wide as they are, and a link cannot be broken; code has the width of the rest."""
    lines = text_of(name).splitlines()
    long = [line for line in lines if len(line) > WIDTH and not line.startswith("|") and " " in line.strip()]
    assert [line for line in long if not LINK.search(line)] == []


@pytest.mark.parametrize("name", NAMES)
def test_no_sentence_turns_into_a_list(name: str) -> None:
    """A line of a sentence that begins with `1. ` or `- ` is an item on the web page."""
    lines = FENCED.sub("", text_of(name)).splitlines()
    marker = re.compile(r" *(\d+[.)]|[-+*]) ")
    found = [
        line
        for before, line in pairwise(lines)
        if marker.match(line)
        and before.strip()
        and not re.match(r"[#|<>]| ", before)
        and not marker.match(before)
    ]
    assert found == []


def test_the_tree_of_the_readme_has_every_folder() -> None:
    """A line a group of modules."""
    tree = text_of("README.md").partition("## Where things are")[2]
    folders = [path.parent for path in (ROOT / "superpos").glob("*/__init__.py")]
    folders += [path for path in ROOT.iterdir() if path.is_dir() and any(path.glob("*.py"))]
    missing = [folder.name for folder in folders if f"{folder.name}/" not in tree]
    assert missing == []


def test_help_names_what_exists(identifiers: set[str]) -> None:
    for parser in all_parsers():
        texts = [parser.description or "", *(action.help or "" for action in parser._actions)]
        for text in texts:
            named = re.findall(r"(?<![\w-])--[a-z][a-z-]*", text)
            assert [option for option in named if option not in OPTIONS] == [], text
            for span in spans_of(text):
                assert list(problems_of_span(span, identifiers)) == [], text
            for name in re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", text):
                assert name in identifiers, text


def test_help_names_exactly_the_studies_that_ship() -> None:
    for parser in all_parsers():
        for action in parser._actions:
            if action.dest == "study" and not action.option_strings:
                names = (action.help or "").partition("a bundled one: ")[2].split(", ")
                assert tuple(names) == bundled_studies(), parser.prog


def test_the_source_cites_pages_and_sections_that_exist() -> None:
    """As in: `docs/science.md`, "Best match"."""
    sections = set(re.findall(r"^#+ +(.*)$", text_of("docs/science.md"), re.MULTILINE))
    n_cited = 0
    for folder in ("superpos", "jobs", "reports", "tools"):
        for path in (ROOT / folder).rglob("*.py"):
            text = " ".join(path.read_text(encoding="utf-8").split())
            for page in re.findall(r"\bdocs/[\w/-]+\.md", text):
                assert (ROOT / page).exists(), (path, page)
            for cited in re.findall(r'`docs/science\.md`,((?: (?:and )?"[^"]+",?)+)', text):
                for section in re.findall(r'"([^"]+)"', cited):
                    assert section in sections, (path, section)
                    n_cited += 1
    assert n_cited > 0


def tracked_texts() -> Iterator[tuple[str, str]]:
    """Yield every text file of the project with its name."""
    folders = ["superpos", "migrations", "jobs", "reports", "tools", "benchmarks", "tests", "docs"]
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    for path in [*ROOT.glob("*.*"), *paths]:
        ours = path.suffix in {".py", ".toml", ".sql", ".md", ".rst", ".jinja", ".html"}
        if ours and path != Path(__file__) and "assets" not in path.parts:
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def test_nothing_refers_to_a_page_that_is_not_there() -> None:
    found = [
        (name, page)
        for name, text in tracked_texts()
        for page in re.findall(r"(?<![\w/-])docs/[\w/-]+\.(?:md|rst)\b", text)
        if not (ROOT / page).exists()
    ]
    assert found == []


def test_the_science_page_cites_sections_of_its_own() -> None:
    text = " ".join(text_of("docs/science.md").split())
    cited = re.findall(r'(?:[Ss]ee|Hence) "([^"]+)"', text)
    assert len(cited) >= 3
    sections = set(re.findall(r"^#+ +(.*)$", text_of("docs/science.md"), re.MULTILINE))
    assert [name for name in cited if name not in sections] == []


def test_conventions_are_cited_by_name() -> None:
    """A number means nothing to who has not the list in mind, and changes when the list does."""
    found = []
    for name, text in tracked_texts():
        line = " ".join(text.split())
        found += [(name, hit) for hit in re.findall(r"\b(?:[Cc]onvention|[Tt]rap)s? \d+", line)]
    assert found == []


WRONG = [
    ("superpos publish", "no command publish"),
    ("superpos datasets list / shew NAME", "no command shew"),
    ("superpos db upgrade / chek", "no action chek"),
    ("superpos run no-such-study", "no study no-such-study"),
    ("superpos plan mine.toml --jsn", "no option --jsn"),
    ("make demoo", "no target demoo"),
    ("python -m jobs.run_everything", "no run_everything"),
]


@pytest.mark.parametrize(("line", "said"), WRONG)
def test_a_command_that_does_not_exist_is_found(line: str, said: str) -> None:
    (found,) = command_lines(f"Type\n\n    {line}\n")
    assert [said in problem for problem in problems_of_command(found)] == [True]


@pytest.mark.parametrize(
    "span",
    [
        "nano-no-such",
        "fit_resultz",
        "--workerz N",
        "superpos.fits.no_such",
        "superpos/fits/none.py",
        "docs/none.md",
    ],
)
def test_a_name_that_does_not_exist_is_found(span: str, identifiers: set[str]) -> None:
    assert len(list(problems_of_span(span, identifiers))) == 1
    assert list(spans_of(f"a ``{span}`` b")) == [span]
