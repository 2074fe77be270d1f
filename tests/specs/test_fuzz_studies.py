"""Damaged study files: each is planned or refused in one line with exit status 2, soon, and writes nothing.

Valid studies are changed at random, as data (types, sizes, numbers, unicode, missing and unknown keys) and as
text (cut, doubled and swapped lines, wrong bytes). The seed is fixed; SUPERPOS_FUZZ_STUDIES asks for more.
"""

from __future__ import annotations

import copy
import datetime as dt
import json
import math
import os
import random
import resource
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from superpos.activations import locating
from superpos.cli.parser import main
from superpos.cluster import pool
from superpos.db.engine import Database
from superpos.db.migrate import ensure_current
from superpos.db.studies import register_study
from superpos.errors import LONGEST_MESSAGE, InputError
from superpos.specs.studyfile import load_study
from superpos.stages.plan import plan_study

N_STUDIES = int(os.environ.get("SUPERPOS_FUZZ_STUDIES", "1600"))
SEED = 20_251
PLANNED = 16
"""One study in so many is planned, and run if it is refused; the others are read."""
LONGEST_SECONDS = 30.0
"""CPU seconds of one study; most take a hundredth."""
MOST_MEMORY = 1 << 30
"""Bytes that the process may have grown by in the end."""

TOKENS = """
name = "tiny"
description = "rows of the embedding"
store_vectors = "best"
[models.nano]
[models.drawn]
name = "nano"
weights = "random"
seeds = [0, 1]
[datasets.digits]
matrices = ["embed"]
[datasets.mine]
builder = "token_list"
words = ["one", "two", "three", "four"]
several_tokens = "mean"
[[blocks]]
name = "b"
models = ["nano"]
targets = ["features", "gaussian"]
replicates = 3
similarities = ["cosine", "rbf"]
rbf_scales = ["median", 200]
gauges = ["unit"]
kernels = ["exp", "riesz:1", { energy = "riesz", s = 2, self_energy = "include", softening = 0.1 }]
n_dims = [3, 4]
lambda_d = [1, 100.0]
restarts = 2
max_iter = 50
gtol = 1e-6
[[blocks.reoptimisations]]
optimiser = "manifold"
sigmas = [0.0, 0.1]
trials = 2
"""
PROBES = """
name = "probed"
noise_ceiling = 0
[models.nano]
dtype = "float32"
[corpora.text]
path = "corpus.txt"
[corpora.both]
max_documents = 9
[corpora.both.parts]
one = "text"
two = { path = "corpus.txt", max_documents = 3 }
[datasets.words]
builder = "tokens"
corpus = "text"
n_sequences = 8
ctx_len = 16
n_samples = 40
min_positives = 1
[datasets.words.features]
the = ["the", "a"]
capital = "^ ?[A-Z]"
vowel = { regex = "[aeiou]$", ignore_case = true }
[[blocks]]
layers = [0, 1]
hookpoints = ["resid"]
datasets = ["words"]
method = "logistic"
probe_C = [0.1, "cv"]
probe_C_grid = [0.1, 1.0]
split_seeds = [0, 1]
spaces = ["raw", "scaled"]
targets = ["features", "shuffled_labels"]
kernels = ["log"]
backend = "scipy"
[[blocks.reoptimisations]]
optimiser = "powell"
lambda_x = [0.1, 1.0]
sigmas = 0.5
sigma_rule = "sigma / sqrt(f)"
"""
BUILDERS = """
name = "builders"
[models.nano]
revisions = ["", "step64"]
[datasets.phrases]
builder = "ngrams"
corpus = "corpus.txt"
phrases = ["the cat", "of the"]
negatives = 2
[datasets.matches]
builder = "regex"
corpus = { path = "corpus.txt" }
features = { number = "[0-9]+", word = { regex = "[a-z]+" } }
[datasets.tree]
builder = "conllu"
corpus = "corpus.txt"
features = { noun = "upos=NOUN", plural = "Number=Plur & upos=NOUN|VERB" }
[datasets.labels]
builder = "documents"
corpus = "corpus.txt"
label_key = "folder"
classes = ["x", "y"]
[datasets.people]
builder = "entities"
entities = "sports"
contexts = "sentences"
max_names = 3
[datasets.vectors]
builder = "directions"
file = "vectors.csv"
rows = [0, 1]
names = ["x", "y"]
[datasets.matrix]
builder = "psm"
file = "vectors.csv"
similarity = "cosine"
[datasets.text_features]
corpus = "corpus.txt"
n_sequences = 8
ctx_len = 16
n_samples = 40
min_positives = 1
[[blocks]]
datasets = ["text_features", "vectors"]
layers = 0
[[blocks]]
name = "second"
datasets = ["matrix"]
importance_modes = ["learned", "uniform"]
"""
BASE = """
name = "base"
[models.nano]
steps = [0, 64]
[corpora.text]
path = "corpus.txt"
[datasets.digits]
matrices = ["embed"]
[kernels]
repelling = ["exp", "riesz:1"]
other = { energy = "riesz", s = 2, self_energy = "include", softening = 0.1 }
[reoptimisations]
thesis = { optimiser = "powell", sigmas = [0.1] }
[defaults]
layers = "all"
n_dims = [3, 4]
kernels = "repelling"
reoptimisations = "thesis"
[[blocks]]
name = "first"
gauges = "unit"
[[blocks]]
lambda_d = 10.0
"""
"""What the next study stands on, in a file beside it."""
LAYERED = """
extends = "base.toml"
[models.nano]
revision = ""
[datasets.digits]
matrices = ["unembed"]
[kernels]
other = ["log"]
[[reoptimisations.exact]]
optimiser = "manifold"
sigmas = 0
[defaults]
max_iter = 50
reoptimisations = ["thesis", "exact", { optimiser = "manifold", trials = 2 }]
[[blocks]]
name = "first"
kernels = ["other", "exp"]
[[blocks]]
name = "third"
like = ["first", "block-1"]
restarts = 2
[[blocks]]
like = "third"
n_dims = 3
"""
STUDIES = (TOKENS, PROBES, BUILDERS, LAYERED)

TEXTS = (
    "", " ", ".", "..", "/", "a/b", "study.toml", "base.toml", "demo",
    "first", "other", "thesis", "~nobody-of-this-name/x", "hub:", "hub:a/b", "stdlib", "\0", "a\0b", "\n",
    "\u202etxt", "\u200b", "\u2066x", "\x1b[31m", "\u00a0", "é", "e\u0301", "日本", "🙂", "\ufeff", "=1+1",
    "riesz:", "riesz:1e400", "riesz:nan", "riesz:0", "riesz:1e-320", "exp:1", "cv", "median", "(", "(?P<x",
    "[[a]", "a{99999999999}", "x" * 5_000, "é" * 300, "'" * 50, '"\\', "nan", "True", "-1",
)  # fmt: skip
NUMBERS = (
    0, -0.0, -1, 1, 2, 3, 1.5, 0.1, 1e-320, 1e-200, 1e160, 1e300, 1.7e308, math.inf, -math.inf, math.nan,
    10**6, 10**8, 10**9, 2**31 - 1, 2**31, 2**63, -(2**63), 10**30, 10**400,
)  # fmt: skip


class Raw(str):
    """TOML that is written as it stands."""

    __slots__ = ()


RAW = (
    "1e400",
    "-1e400",
    "9" * 5_000,
    f"-{'9' * 5_000}",
    f"0x{'f' * 5_000}",
    "[" * 60 + "]" * 60,
    "1_000",
    "+0",
)


def weird(rng: random.Random) -> Any:
    """A value of any kind."""
    return rng.choice(
        (
            lambda: rng.choice(TEXTS),
            lambda: rng.choice(NUMBERS),
            lambda: Raw(rng.choice(RAW)),
            lambda: rng.choice((True, False)),
            lambda: dt.date(1979, 5, 27),
            list,
            dict,
            lambda: [rng.choice(TEXTS + NUMBERS) for _ in range(rng.choice((1, 2, 5)))],
            lambda: list(range(2, 2 + rng.choice((10, 300, 3_000)))),
            lambda: {rng.choice(TEXTS): rng.choice(NUMBERS)},
            lambda: ["x", ["y", [1]]],
        )
    )()


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container with every key or index in it."""
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from places(value[key])


def tuned(value: Any, rng: random.Random) -> Any:
    """Another value of the same kind, allowed as often as not."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return rng.choice((0, 1, 2, 3, 8, 40, 500, value + 1))
    if isinstance(value, float):
        return rng.choice((0.0, 1e-6, 0.01, 0.5, 1.0, 300.0))
    if isinstance(value, list):
        return rng.choice((value[:1], value[1:], value[::-1], value * 2))
    return value


def change(data: dict[str, Any], rng: random.Random) -> None:
    """One change of the data."""
    found = list(places(data))
    if not found:
        return
    container, key = rng.choice(found)
    kind = rng.randrange(20)
    if kind > 8:
        container[key] = tuned(container[key], rng)
    elif kind == 0:
        del container[key]
    elif kind == 1 and isinstance(container, dict):
        container[rng.choice(TEXTS)] = container.pop(key)
    elif kind == 2:
        container[key] = [container[key], copy.deepcopy(container[key])]
    elif kind == 3:
        container[key] = {"x": container[key]}
    elif kind == 4 and isinstance(container, dict):
        container[f"{key}{rng.choice('sx_')}"] = weird(rng)
    elif kind == 5:
        other, name = rng.choice(found)
        container[key] = copy.deepcopy(other[name]) if name in other or isinstance(other, list) else 0
    else:
        container[key] = weird(rng)


def toml(value: Any) -> str:
    """The value as TOML, tables inline."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, str):
        return json.dumps(value).replace("\x7f", "\\u007f") if value.isascii() else quoted(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(key)} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return repr(value) if isinstance(value, int | float) else value.isoformat()


def quoted(text: str) -> str:
    return '"' + "".join(f"\\U{ord(c):08X}" if not c.isprintable() or c in '"\\' else c for c in text) + '"'


def document(data: dict[str, Any]) -> str:
    return "".join(f"{toml(key)} = {toml(value)}\n" for key, value in data.items())


def damaged(text: str, rng: random.Random) -> bytes:
    """One change of the text."""
    lines = text.splitlines(keepends=True)
    at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    content = text.encode()
    byte = rng.randrange(len(content))
    kind = rng.randrange(9)
    if kind == 0:
        return content[:byte]
    if kind == 1:
        lines.insert(other, lines[at])
    elif kind == 2:
        lines[at], lines[other] = lines[other], lines[at]
    elif kind == 3:
        del lines[at]
    elif kind == 4:
        return content[:byte] + bytes([rng.randrange(256)]) + content[byte + rng.randrange(2) :]
    elif kind == 5:
        return b"\xef\xbb\xbf" + content
    elif kind == 6:
        return text.replace("\n", "\r\n").encode("utf-16" if rng.random() < 0.3 else "utf-8")
    elif kind == 7:
        lines.insert(at, f"{'a.' * rng.choice((3, 63, 64, 400))}b = {rng.choice(RAW)}\n")
    else:
        lines.insert(at, f"x = {'[' * 3_000}\n")
    return "".join(lines).encode()


def studies(rng: random.Random, texts: tuple[str, ...] = STUDIES) -> Iterator[bytes]:
    """Changed studies without end."""
    parsed = [tomllib.loads(text) for text in texts]
    while True:
        which = rng.randrange(len(texts))
        if rng.random() < 0.2:
            yield damaged(texts[which], rng)
            continue
        data = copy.deepcopy(parsed[which])
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            change(data, rng)
        yield document(data).encode("utf-8", "surrogatepass")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the studies name; no hub and no Ray within reach."""
    (tmp_path / "corpus.txt").write_text("The cat saw 3 of the dogs. A word is a Word of the text.\n" * 60)
    (tmp_path / "vectors.csv").write_text("x,1,0.5\ny,0.5,1\n")
    (tmp_path / "base.toml").write_text(BASE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SUPERPOS_DATA_DIR", str(tmp_path / "data"))

    def no_hub(name: str, *_: Any) -> Any:
        raise InputError(f"model {name}: there is no hub here")

    def no_ray(*_: Any) -> Any:
        raise AssertionError("a refused study must not start Ray")

    monkeypatch.setattr(locating, "resolve", no_hub)
    monkeypatch.setattr(pool, "RayExecutor", no_ray)
    return tmp_path


def rows_of(database: Database) -> dict[str, int]:
    with database.read() as connection:
        names = sa.inspect(connection).get_table_names()
        count = sa.func.count()
        return {name: connection.scalar(sa.select(count).select_from(sa.table(name))) or 0 for name in names}


def check_line(line: str, path: Path) -> None:
    """A refusal is one printable line of bearable length."""
    assert len(line.splitlines()) == 1
    assert line.startswith("superpos: ")
    assert line.rstrip("\n").isprintable()
    assert len(line) <= LONGEST_MESSAGE + len(str(path)) + 20


def read(path: Path) -> bool:
    """Whether a study file is read; otherwise it is refused as it should be."""
    try:
        load_study(path)
    except InputError as error:
        said, status = str(error), error.exit_status
    else:
        return True
    assert status == 2
    assert path.name in said or "base.toml" in said
    check_line(f"superpos: {said}\n", path)
    return False


def plan(path: Path, url: str, capsys: pytest.CaptureFixture[str]) -> bool:
    """Whether a study file is planned; otherwise it is refused by `plan` and by `run`, in the same line."""
    if main(["plan", str(path), "--db", url]) == 0:
        capsys.readouterr()
        return True
    said = capsys.readouterr()
    check_line(said.err, path)
    assert said.out == ""
    assert main(["run", str(path), "--db", url]) == 2
    assert capsys.readouterr() == said
    return False


def timed(action: Callable[[], bool]) -> bool:
    began = time.process_time()
    outcome = action()
    assert time.process_time() - began < LONGEST_SECONDS
    return outcome


@pytest.mark.slow
def test_changed_studies_are_planned_or_refused_in_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{folder / 'fuzz.db'}"
    database = Database(url)
    ensure_current(database)
    path = folder / "study.toml"
    for text in (TOKENS, PROBES):
        path.write_text(text, encoding="utf-8")
        register_study(database, plan_study(load_study(path)))
    before = rows_of(database)
    assert before["studies"] == 2
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcomes = {"planned": 0, "not planned": 0, "read": 0, "not read": 0}
    rng = random.Random(SEED)  # noqa: S311 (no secret)
    for number, content in zip(range(N_STUDIES), studies(rng), strict=False):
        path.write_bytes(content)
        try:
            if number % PLANNED == 0:
                outcomes["planned" if timed(lambda: plan(path, url, capsys)) else "not planned"] += 1
            else:
                outcomes["read" if timed(lambda: read(path)) else "not read"] += 1
        except BaseException as error:
            error.add_note(f"study {number}: {content[:4_000]!r}")
            raise
    assert rows_of(database) == before
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) * 1024 < MOST_MEMORY
    sys.stdout.write(f"{N_STUDIES} changed study files: {outcomes}\n")
    assert min(outcomes.values()) > N_STUDIES // 200, outcomes  # every outcome is met, so the test tests
    database.dispose()


@pytest.mark.slow
def test_a_study_on_a_changed_one_is_read_or_refused_in_one_line(folder: Path) -> None:
    path = folder / "study.toml"
    path.write_text(LAYERED, encoding="utf-8")
    outcomes = {"read": 0, "not read": 0}
    rng = random.Random(SEED + 1)  # noqa: S311 (no secret)
    for number, content in zip(range(N_STUDIES // 4), studies(rng, (BASE,)), strict=False):
        (folder / "base.toml").write_bytes(content)
        try:
            outcomes["read" if timed(lambda: read(path)) else "not read"] += 1
        except BaseException as error:
            error.add_note(f"study {number}: {content[:4_000]!r}")
            raise
    sys.stdout.write(f"{N_STUDIES // 4} study files below another one: {outcomes}\n")
    assert min(outcomes.values()) > N_STUDIES // 40, outcomes
