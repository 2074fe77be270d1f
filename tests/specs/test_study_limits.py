"""What a study file may hold: bytes, depth, digits, names, and how many rows it may ask for."""

from __future__ import annotations

import codecs
import time
from pathlib import Path
from typing import Any

import pytest

from superpos.errors import ArgumentError, InputError
from superpos.specs.blocks import Product, disjoint
from superpos.specs.datasets import DatasetSpec
from superpos.specs.feature_sets import load_feature_set
from superpos.specs.limits import (
    MOST_MODELS,
    MOST_PIECES,
    MOST_SETTINGS,
    MOST_TABLES,
    MOST_TARGETS,
    check_size,
)
from superpos.specs.names import LONGEST_NAME, check_name, check_text
from superpos.specs.study import Block, ModelChoice, Reoptimisation, Study, TargetChoice
from superpos.specs.studyfile import load_study
from superpos.specs.toml_file import LARGEST_FILE

HEAD = '[models.nano]\n[datasets.digits]\nmatrices = ["embed"]\n'
BLOCK = f"{HEAD}[[blocks]]\n"
REOPTIMISATION = '[[blocks.reoptimisations]]\noptimiser = "manifold"\nsigmas = [0.1]\n'


def refusal(folder: Path, content: str | bytes) -> str:
    """The one line that a study file is refused with, without the file's name."""
    path = folder / "mine.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    began = time.process_time()
    with pytest.raises(InputError) as caught:
        load_study(path)
    assert time.process_time() - began < 30.0
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert message.isprintable()
    assert len(message) < len(str(path)) + 600
    return message.removeprefix(f"{path}: ")


# --- the file -----------------------------------------------------------------------------------------------


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    plain, marked = tmp_path / "mine.toml", tmp_path / "marked.toml"
    text = f'name = "mine"\r\n{BLOCK}'.encode()
    plain.write_bytes(text)
    marked.write_bytes(codecs.BOM_UTF8 + text)
    assert load_study(marked) == load_study(plain)


def test_a_byte_order_mark_of_a_set_file_is_none_either(tmp_path: Path) -> None:
    text = b'builder = "token_list"\nwords = ["one", "two"]\n'
    (tmp_path / "numbers.toml").write_bytes(codecs.BOM_UTF8 + text)
    made = load_feature_set(str(tmp_path / "numbers.toml"))
    assert (made.name, made.options.words) == ("numbers", ("one", "two"))  # type: ignore[union-attr] # words


def test_a_second_mark_and_other_encodings_are_refused(tmp_path: Path) -> None:
    assert "is not TOML" in refusal(tmp_path, 2 * codecs.BOM_UTF8 + BLOCK.encode())
    assert "is not UTF-8 text (byte 0)" in refusal(tmp_path, BLOCK.encode("utf-16"))
    assert "is not UTF-8 text (byte 11)" in refusal(tmp_path, codecs.BOM_UTF8 + b'name = "\xff')


def test_a_number_of_five_thousand_digits_is_named_by_line_and_key(tmp_path: Path) -> None:
    digits = "9" * 5_000
    said = "a whole number of more than 4300 digits"
    assert refusal(tmp_path, f"{BLOCK}max_iter = {digits}\n") == f"line 5: max_iter: {said}"
    assert refusal(tmp_path, f"{BLOCK}n_dims = [3,\n -{digits}]\n") == f"line 6: {said}"
    hexadecimal = refusal(tmp_path, f"{BLOCK}max_iter = 0x{'f' * 5_000}\n")
    assert hexadecimal == "blocks[0].max_iter: is beyond the largest double"


@pytest.mark.parametrize(
    "text",
    [f"x = {'[' * 5_000}{']' * 5_000}\n", f"x = {'{a=' * 5_000}1{'}' * 5_000}\n"],
    ids=["lists", "tables"],
)
def test_what_is_nested_too_deeply(text: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, text) == "is nested too deeply to be a study file"


@pytest.mark.parametrize(
    "key", [f"{'a.' * 100_000}b", f"[{'a . ' * 100}b]", f"x = {{ {'a.' * 100}b", '"a b".' * 100 + "b"]
)
def test_a_key_of_too_many_parts(key: str, tmp_path: Path) -> None:
    said = refusal(tmp_path, f"name = 'x'\n{key} = 1\n")
    assert said == "line 2: a key of more than 64 parts, nested too deeply"


def test_sentences_and_addresses_are_no_keys(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'description = "{"A.B. said. " * 99} {"..." * 99}"\n{BLOCK}', encoding="utf-8")
    assert load_study(path).description.startswith("A.B. said.")


def test_a_file_beyond_measure_and_one_without_end(tmp_path: Path) -> None:
    said = f"is larger than {LARGEST_FILE:,} bytes; no study file is"
    assert refusal(tmp_path, f"{BLOCK}# {'x' * LARGEST_FILE}") == said
    with pytest.raises(InputError, match="is larger than"):
        load_study(Path("/dev/zero"))


def test_more_tables_than_a_study_may_have(tmp_path: Path) -> None:
    blocks = "[[blocks]]\n" * (MOST_TABLES + 1)
    assert refusal(tmp_path, HEAD + blocks) == "blocks: holds 1,001 tables; at most 1,000"


# --- names --------------------------------------------------------------------------------------------------

NO_NAMES = [
    "..",
    ".",
    " ",
    "a\tb",
    "a\nb",
    "\x1b[31m",
    "a\u202eb",
    "\u2066a",
    "a\u200bb",
    "\ufeffa",
    "a\u00a0b",
    "\0",
]


@pytest.mark.parametrize("name", [*NO_NAMES, "\ud800", "\U000e0001", "x" * (LONGEST_NAME + 1)])
def test_no_part_of_a_study_is_called_so(name: str) -> None:
    makers: list[tuple[str, Any]] = [
        ("label", lambda: ModelChoice(name, "nano")),
        ("name", lambda: DatasetSpec(name, "text_features")),
        ("name", lambda: Block(name, ("m",), ("d",))),
        ("name", lambda: Study(name, "", (), (), ())),
        ("any", lambda: check_name("any", name)),
    ]
    for argument, make in makers:
        with pytest.raises(ArgumentError) as caught:
            make()
        assert caught.value.argument == argument
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 400


@pytest.mark.parametrize("name", NO_NAMES[1:])
@pytest.mark.parametrize(
    "text",
    [
        "name = {}\n" + BLOCK,
        "[models.{}]\n[datasets.digits]\n[[blocks]]\n",
        "[models.nano]\n[datasets.{}]\nset = 'digits'\n[[blocks]]\n",
        BLOCK + "name = {}\n",
        HEAD + "[corpora.{}]\npath = 'x'\n[[blocks]]\n",
        HEAD + "[corpora.c.parts]\n{} = 'x'\n[[blocks]]\n",
        HEAD + "[datasets.t]\nbuilder = 'tokens'\nfeatures = {{ {} = 'a', b = 'b' }}\n[[blocks]]\n",
        HEAD + "[datasets.r]\nbuilder = 'regex'\nfeatures = {{ {} = 'a', b = 'b' }}\n[[blocks]]\n",
        HEAD + "[datasets.c]\nbuilder = 'conllu'\ncorpus = 'x'\nfeatures = {{ {} = 'upos=X' }}\n[[blocks]]\n",
        HEAD + "[datasets.v]\nbuilder = 'directions'\nfile = 'x.csv'\nnames = ['a', {}]\n[[blocks]]\n",
    ],
    ids=["study", "model", "set", "block", "corpus", "part", "tokens", "regex", "conllu", "directions"],
)
def test_no_part_of_a_study_file_is_called_so(name: str, text: str, tmp_path: Path) -> None:
    escaped = '"' + "".join(f"\\U{ord(character):08X}" for character in name) + '"'
    refusal(tmp_path, text.format(escaped))


@pytest.mark.parametrize(
    "name", ["nano", "EleutherAI/pythia-70m", "größe", "日本語", "a b", "...", "c++ (11)", "🙂"]
)
def test_what_is_a_name(name: str) -> None:
    assert check_name("name", name) == name


def test_text_that_no_database_holds(tmp_path: Path) -> None:
    said = refusal(tmp_path, f'description = "a\\u0000b"\n{BLOCK}')
    assert said == r"description: 'a\x00b' holds the character NUL, which no database can store"
    said = refusal(
        tmp_path, f'{HEAD}[datasets.t]\nbuilder = "token_list"\nwords = ["a", "\\u0000"]\n[[blocks]]\n'
    )
    assert said.startswith("datasets.t.words[1]: ")
    with pytest.raises(ArgumentError, match="holds half of a surrogate pair"):
        check_text("words", "a\udcff")
    assert check_text("words", "tab\tand\nline\u202e") == "tab\tand\nline\u202e"


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("models.m.name", "[models.m]\nname = {}\n[datasets.digits]\n[[blocks]]\n"),
        ("corpora.c.path", HEAD + "[corpora.c]\npath = {}\n[[blocks]]\n"),
        ("datasets.d.corpus", HEAD + "[datasets.d]\nbuilder = 'regex'\ncorpus = {}\n[[blocks]]\n"),
        (
            "datasets.d.file",
            HEAD + "[datasets.d]\nbuilder = 'psm'\nsimilarity = 'rbf'\nfile = {}\n[[blocks]]\n",
        ),
    ],
)
def test_paths_that_no_file_system_takes(key: str, text: str, tmp_path: Path) -> None:
    said = refusal(tmp_path, text.format(f"'{'x' * 5_000}'"))
    assert said.startswith(f"{key}: 'xxx")
    assert said.endswith("(5000 characters) is no name and no path (File name too long)")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert "Too many levels of symbolic links" in refusal(tmp_path, text.format("'loop'"))
    assert refusal(tmp_path, text.format("'~no-user-of-this-name/x'")).startswith(f"{key}: '~no-user")


# --- messages -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "similarities = ['{}']",
        "kernels = ['{}']",
        "kernels = ['riesz:{}']",
        "layers = '{}'",
        "probe_C = '{}'",
        "rbf_scales = '{}'",
        "'{}' = 1",
        "models = ['{}']",
        "n_dims = '{}'",
        "n_dims = {{ '{}' = 1 }}",
    ],
)
def test_long_values_are_shortened(text: str, tmp_path: Path) -> None:
    refusal(tmp_path, BLOCK + text.format("x" * 10_000) + "\n")


def test_long_lists_are_shortened(tmp_path: Path) -> None:
    numbers = ", ".join(map(str, range(20_000)))
    assert "characters" not in refusal(tmp_path, f"{BLOCK}n_dims = [[{numbers}]]\n")
    refusal(tmp_path, f"{BLOCK}layers = [{numbers}, 'x']\n")
    refusal(tmp_path, f"{BLOCK}probe_C = 'cv'\nprobe_C_grid = [{numbers}]\n")
    refusal(tmp_path, f"[models.m]\nseeds = [{numbers}]\n[datasets.digits]\n[[blocks]]\n")
    names = "".join(f"[models.m{i:03}]\n" for i in range(900))
    said = refusal(tmp_path, f"{names}[datasets.digits]\n[[blocks]]\nmodels = ['m9999']\n")
    assert said.endswith("m039, … (900 in all) (did you mean 'm999'?)") or "… (900 in all)" in said


# --- sizes --------------------------------------------------------------------------------------------------

HUGE = [
    ("restarts = 100000000\n", "restarts: 100,000,000 joint settings; at most 20,000: lower restarts"),
    (
        "restarts = 2000\nn_dims = [2, 3, 4]\nlambda_d = [1, 2, 3, 4]\n",
        (
            "restarts: 24,000 joint settings (2,000 restarts x 4 lambda_d x 3 n_dims); at most 20,000: "
            "lower restarts, lambda_d or n_dims"
        ),
    ),
    (
        f"n_dims = {list(range(2, 50_002))}\nlambda_d = {list(range(50_000))}\n",
        "n_dims: 2,500,000,000 joint settings (50,000 n_dims x 50,000 lambda_d)",
    ),
    ('targets = ["gaussian"]\nreplicates = 1000000000\n', "replicates: 1,000,000,000 targets of one set of "),
    (
        f"probe_C = {list(range(1, 2_001))}\nsplit_seeds = {list(range(2_000))}\n",
        "probe_C: 4,000,000 probe settings (2,000 probe_C x 2,000 split_seeds); at most 20,000",
    ),
    (
        f"{REOPTIMISATION}trials = 1000000000\n",
        "reoptimisations[0].trials: 1,000,000,000 re-optimisations; at most 20,000: lower trials",
    ),
    (
        f"{REOPTIMISATION}trials = 9999\n" * 3,
        "reoptimisations: 30,000 re-optimisations; at most 20,000: lower reoptimisations",
    ),
]


@pytest.mark.parametrize(("text", "said"), HUGE, ids=[said.partition(" (")[0][:30] for _, said in HUGE])
def test_a_grid_beyond_measure_is_refused_by_arithmetic(text: str, said: str, tmp_path: Path) -> None:
    line = refusal(tmp_path, BLOCK + text)
    assert line.startswith(f"blocks[0].{said}")
    assert line.endswith("or split the study")


def test_blocks_are_counted_together(tmp_path: Path) -> None:
    assert refusal(tmp_path, HEAD + "[[blocks]]\nrestarts = 9000\n" * 3).startswith(
        "blocks: 27,000 joint settings; at most 20,000"
    )
    assert refusal(tmp_path, HEAD + f"[[blocks]]\n{REOPTIMISATION}trials = 9000\n" * 3).startswith(
        "blocks: 27,003 re-optimisations; at most 20,000"
    )
    probes = f"[[blocks]]\nsplit_seeds = {list(range(9_000))}\n"
    assert refusal(tmp_path, HEAD + probes * 3).startswith("blocks: 27,000 probe settings; at most 20,000")


def test_models_are_counted_with_their_revisions_and_seeds(tmp_path: Path) -> None:
    seeds = list(range(1_500))
    one = f'[models.{{}}]\nname = "nano"\nweights = "random"\nseeds = {seeds}\n'
    end = "[datasets.digits]\n[[blocks]]\n"
    assert refusal(tmp_path, one.format("a") + one.format("b") + end).startswith(
        "models: 3,000 models; at most"
    )
    both = f'[models.a]\nname = "x"\nweights = "random"\nseeds = {seeds}\nsteps = {seeds}\n{end}'
    assert refusal(tmp_path, both).startswith("models.a.revisions: 2,250,000 models (1,500 revisions x 1,500")


def test_the_largest_study_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    text = f'{BLOCK}targets = ["gaussian"]\nreplicates = {MOST_TARGETS}\nrestarts = {MOST_SETTINGS}\n'
    path.write_text(f"{text}{REOPTIMISATION}trials = {MOST_SETTINGS - 1}\n", encoding="utf-8")
    block = load_study(path).blocks[0]
    assert (block.n_joint_axes, block.n_fit_axes) == (MOST_SETTINGS, MOST_SETTINGS)
    assert len(block.targets[0].replicates) == MOST_TARGETS


def test_values_that_are_given_twice_count_once(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        f"{BLOCK}n_dims = {[3, 4] * 20_000}\nsimilarities = {['cosine'] * 5_000}\n", encoding="utf-8"
    )
    block = load_study(path).blocks[0]
    assert (block.n_dims, block.similarities, block.n_joint_axes) == ((3, 4), ("cosine",), 2)


def test_records_that_python_makes_are_counted_too() -> None:
    with pytest.raises(ArgumentError, match=r"^trials: 100,000,000 re-optimisations; at most 20,000"):
        Reoptimisation(sigmas=(0.1,), trials=100_000_000)
    with pytest.raises(ArgumentError, match=r"^restarts: 100,000,000 joint settings"):
        Block("b", ("m",), ("d",), restarts=100_000_000)
    with pytest.raises(ArgumentError, match=r"^replicates: 200,000 targets of one set of activations"):
        Block("b", ("m",), ("d",), targets=(TargetChoice("gaussian", tuple(range(2 * MOST_TARGETS))),))
    with pytest.raises(ArgumentError, match=rf"^seeds: {MOST_MODELS + 1:,} models"):
        ModelChoice("m", "nano", weights="random", seeds=tuple(range(MOST_MODELS + 1)))
    assert Reoptimisation(lambda_x=(0.1, 1.0, 1.0), sigmas=(0.0, 0.1, 0.2), trials=3).size == 2 * (1 + 2 * 3)


def test_a_size_names_what_is_many() -> None:
    check_size("rows", 12, a=3, b=4)
    with pytest.raises(ArgumentError, match=r"^b: 12 rows \(4 b x 3 a\); at most 11: lower b or a, or split"):
        check_size("rows", 11, a=3, b=4, c=1)


def test_blocks_that_overlap_in_too_many_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("superpos.specs.blocks.MOST_PIECES", 100)
    products = [Product(str(i), ((i, i + 1), (i, i + 1), (i, i + 1))) for i in range(30)]
    with pytest.raises(ArgumentError, match=r"^blocks: 30 products overlap in too many ways; use fewer$"):
        disjoint(products)
    assert MOST_PIECES > MOST_TABLES**2 // 2
