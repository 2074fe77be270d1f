"""`superpos init`: a commented study of a model and a text, to begin with.

What a key means is taken from `superpos.specs.explain`; only why this study says what it says stands here.
"""

from __future__ import annotations

import argparse
import os
import re
import textwrap
import tomllib
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from superpos.cli.dataset_sources import display_path, quoted
from superpos.errors import InputError, allowed, shown
from superpos.models import BUNDLED
from superpos.reading.distributions import PREFIX, find_distribution, is_package, split_package
from superpos.reading.places import exists, is_folder, resolved, user_path
from superpos.specs.datasets import HUB_PREFIX
from superpos.specs.explain import sections
from superpos.specs.studyfile import parse_study

OUT = Console(highlight=False, soft_wrap=True)
FILE_NAME = "study.toml"
STDLIB = "stdlib"
MOST_DOCUMENTS = 1000
"""Of a data set of the hub, which has to be told how many to read."""
RECORDS = (".json", ".jsonl", ".parquet")
"""Files whose records have a key with the text."""
GGUF = ".gguf"
"""How a file ends that is a model by itself."""
HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
WIDTH = 100
_BARE = re.compile(r"[^A-Za-z0-9_-]+")


class Line(NamedTuple):
    """A key of the study that is written."""

    key: str
    value: str
    """As TOML."""
    why: str = ""
    """Why it has this value, beside what the key means."""


class Part(NamedTuple):
    """A table of the study that is written."""

    section: str
    """Its keys in `superpos.specs.explain`."""
    header: str
    why: str
    lines: tuple[Line, ...]


def init(options: argparse.Namespace) -> int:
    """Write the study and say what to do next."""
    path: Path = options.file if options.file.suffix == ".toml" else options.file / FILE_NAME
    text = study_text(path, options.model, options.text)
    parse_study(resolved(path), tomllib.loads(text))
    if os.path.lexists(path):
        raise InputError(f"{path}: is there already; name another file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from error
    shown_path = display_path(path)
    OUT.print(
        f"wrote {shown_path}\n"
        f"next: superpos plan {shown_path}     what it needs; change what you like and ask again\n"
        f"      superpos run {shown_path}      may be stopped and run again\n"
        f"      superpos report --study {path.stem} --out report",
        markup=False,
    )
    return 0


def study_text(path: Path, model: str, text: str) -> str:
    """Return the study file.

    Parameters
    ----------
    path
        Where it will stand.
    model
        A bundled model, a folder, a GGUF file, `package:NAME`, or a hub repository.
    text
        `stdlib`, a file, a folder, or `hub:owner/name`.

    Raises
    ------
    InputError
        If there is no such model or text, as far as that is seen without a network.
    """
    said = {section.name: {key.name: key for key in section.keys} for section in sections()}
    file = display_path(path)
    opening = _comment(
        f"A study of one model and one text. `superpos plan {file}` counts what it needs, `superpos run "
        f"{file}` runs it. `superpos plan --explain KEY` says what a key means, its default and what is "
        "allowed."
    )
    parts = [opening, "\n"]
    for part in _parts(path.stem, _model(model), _text(text)):
        if part.header:
            parts.append(f"\n{_comment(part.why)}{part.header}\n")
        parts += [_line(line, said[part.section][line.key].meaning) for line in part.lines]
    return "".join(parts)


def _line(line: Line, meaning: str) -> str:
    return f"{_comment(f'{meaning} {line.why}'.strip())}{line.key} = {line.value}\n"


def _comment(text: str) -> str:
    lines = textwrap.wrap(
        text,
        WIDTH,
        initial_indent="# ",
        subsequent_indent="# ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "".join(f"{line}\n" for line in lines)


def _model(name: str) -> str:
    """Return the model as the file names it; raises `InputError` if it is none."""
    if name in BUNDLED:
        return name
    if is_package(name):
        find_distribution(split_package(name)[0])
        return name
    path = user_path(name)
    if is_folder(path):
        return str(resolved(path))
    if exists(path):
        if path.suffix.lower() != GGUF:
            raise InputError(f"--model: {shown(name)} is a file; name its folder, or a {GGUF} file")
        return str(resolved(path.parent) / path.name)
    if HUB_NAME.fullmatch(name) and path.suffix.lower() != GGUF:
        return name
    said = allowed(name, BUNDLED)
    raise InputError(
        f"--model: {shown(name)} is no bundled model, no folder, no {GGUF} file, no {PREFIX}NAME and no "
        f"owner/name; {said}"
    )


def _text(name: str) -> str:
    """Return the text as the file names it; raises `InputError` if there is none."""
    if name == STDLIB or name.startswith(HUB_PREFIX):
        return name
    if exists(user_path(name)):
        return str(resolved(user_path(name)))
    raise InputError(
        f"--text: {shown(name)} is no file and no folder; allowed: {STDLIB}, {HUB_PREFIX}owner/name"
    )


def _parts(name: str, model: str, text: str) -> tuple[Part, ...]:
    label = _BARE.sub("-", Path(model.removeprefix(PREFIX)).name).strip("-") or "model"
    corpus = [Line("corpus", quoted(text))]
    if text.startswith(HUB_PREFIX):
        corpus.append(Line("max_documents", str(MOST_DOCUMENTS)))
    if Path(text).suffix in RECORDS:
        corpus.append(Line("text_key", '"text"'))
    return (
        Part("study", "", "", (Line("name", quoted(name)), Line("description", '"My first study"'))),
        Part("models", f"[models.{label}]", "The model, by the name that blocks and views use.",
             (Line("name", quoted(model)),)),
        Part("datasets", "[datasets.text_features]",
             "A bundled feature set; `superpos datasets list` names the others, `show` shows one.",
             (*corpus, Line("n_samples", "2000"))),
        Part("tests", "[tests.energy]",
             "Stated before the run. Only what is stated can be shown; the rest is suggested at most.",
             (Line("questions", '"own_energy"'), Line("controls", '"shuffled_labels"'),
              Line("similarities", '"cosine"'))),
        Part("reoptimisations", "[reoptimisations.thesis]",
             "A list of one re-optimisation, which blocks take by its name.",
             (Line("optimiser", '"powell"'), Line("sigmas", "[0.1]"))),
        Part("reoptimisations", "[reoptimisations.exact]", "Another one.",
             (Line("optimiser", '"manifold"'), Line("sigmas", "[0.0]"))),
        Part("blocks", "[defaults]", "What both blocks have in common; each may say it again.", (
            Line("layers", '"all"', "Give numbers to run fewer."),
            Line("targets", '["features", "shuffled_labels"]',
                 "Exchanged labels alone say what the model adds; others may stand beside them."),
            Line("replicates", "24",
                 "19 make a test at 5 %; a few more, for draws whose ends are no minima count for nothing."),
            Line("kernels", '["exp", "riesz:1"]'),
            Line("n_dims", "[4, 8]"),
            Line("max_iter", "500"),
            Line("reoptimisations", '["thesis", "exact"]'),
        )),
        Part("blocks", "[[blocks]]", "Under cosine, which does not see norms: they are held.",
             (Line("name", '"cosine"'), Line("similarities", '"cosine"'), Line("gauges", '"unit"'))),
        Part("blocks", "[[blocks]]", "Under the RBF, which fixes the norms by itself.",
             (Line("name", '"rbf"'), Line("similarities", '"rbf"'), Line("rbf_scales", '"median"'),
              Line("gauges", '"none"'))),
    )  # fmt: skip
