"""Study files that stand on others: what is inherited, whose word goes, and one line for every mistake."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from superpos.errors import InputError
from superpos.specs.axes import Kernel
from superpos.specs.limits import LONGEST_CHAIN
from superpos.specs.models import ModelSpec
from superpos.specs.studies import FOLDER, bundled_studies
from superpos.specs.study import MEDIAN_RULE, Block, Reoptimisation, Study
from superpos.specs.studyfile import load_study

HEAD = "[models.nano]\n[datasets.text_features]\n"
SPECIFICATIONS = {
    "checkpoints": "4f6decb1cab9d563",
    "demo": "613feb18245b0b31",
    "embeddings": "afdf449c09830775",
    "nano-checkpoints": "a8aa1a3f9710d157",
    "nano-embeddings": "75eaba554f704a5b",
    "nano-geometry": "2f0b66413df67009",
    "nano-random-weights": "92cb538af03d618f",
    "nano-untrained": "39f8917a9e444939",
    "planted": "aff885532959f1cc",
    "minilm": "542ea460f5872e52",
    "smollm2-classes": "3469b7b276a10436",
    "pythia-suite": "e2bc62b57e68be3e",
    "random-weights": "8ab4894f33d520d6",
    "sae-probes-classes": "851fcd81bb391c89",
    "thesis": "ecf5cd0327a4620d",
    "nano-thesis": "e86c280a073ee17f",
    "thesis-smollm2": "363b3df7ea7d9eed",
    "smollm2": "dc1475ea75c4a32c",
}
"""Of each bundled study before there were defaults; a database takes another one for a new revision."""


def write(folder: Path, text: str, name: str = "mine.toml") -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def read(folder: Path, text: str) -> Study:
    return load_study(write(folder, text))


def refusal(folder: Path, text: str) -> str:
    """The message that a study file is refused with, the folder left out."""
    with pytest.raises(InputError) as caught:
        read(folder, text)
    message = str(caught.value)
    assert "\n" not in message
    assert caught.value.exit_status == 2
    return message.replace(f"{folder}/", "")


@pytest.mark.parametrize("name", bundled_studies())
def test_bundled_studies_ask_for_what_they_always_asked(name: str) -> None:
    """Words had a space in front when this was pinned; the plan's digest holds what `auto` comes to."""
    asked = load_study(FOLDER / f"{name}.toml").as_dict()
    for one in asked["datasets"]:
        if one["options"].get("leading_space") == "auto":
            one["options"]["leading_space"] = True
    text = json.dumps(asked, sort_keys=True, ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == SPECIFICATIONS[name]


def test_the_demo_says_each_thing_once() -> None:
    assert len((FOLDER / "demo.toml").read_text(encoding="utf-8").splitlines()) <= 120


# --- defaults -----------------------------------------------------------------------------------------------


def test_blocks_override_defaults_key_by_key(tmp_path: Path) -> None:
    first, second = read(
        tmp_path,
        f"""{HEAD}
        [defaults]
        backend = "scipy"
        n_dims = [3, 4]
        kernels = ["log"]
        probe_C = [0.1, 1]
        [[defaults.reoptimisations]]
        optimiser = "manifold"
        [[blocks]]
        [[blocks]]
        n_dims = 5
        reoptimisations = [{{ optimiser = "powell", backend = "compiled" }}]
        """,
    ).blocks
    assert (first.n_dims, second.n_dims) == ((3, 4), (5,))
    assert first.kernels == second.kernels == (Kernel("log"),)
    assert [probe.C for probe in second.probes] == [0.1, 1.0]
    assert first.reoptimisations == (Reoptimisation("manifold", backend="scipy"),)
    assert second.reoptimisations == (Reoptimisation("powell", backend="compiled"),)
    assert (first.name, second.name) == ("block-0", "block-1")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            'kernels = ["expo"]',
            (
                "defaults.kernels[0]: 'expo' is unknown; "
                "allowed: exp, log, riesz:<s>, gauss:<t> (did you mean 'exp'?)"
            ),
        ),
        ("n_dims = [1]", "defaults.n_dims: 1 must be at least 2 (inherited by blocks[0])"),
        ('n_dims = "x"', "defaults.n_dims[0]: 'x' is not a whole number"),
        ('name = "x"', "defaults.name: is a block's own; blocks inherit none"),
        ('models = "other"', "defaults.models: 'other' is unknown; allowed: nano (inherited by blocks[0])"),
        ('like = "x"', "defaults.like: is a block's own; blocks inherit none"),
        (
            'reoptimisations = [{ optimiser = "manifold", sigma = 1 }]',
            (
                "defaults.reoptimisations[0].sigma: unknown key; allowed: backend, ftol, gtol, lambda_x, "
                "max_iter, optimiser, sigma_rule, sigmas, trials, xtol (did you mean 'sigmas'?)"
            ),
        ),
        (
            'gauges = "mean_norm"\nkernels = ["log"]',
            (
                "defaults.gauges: mean_norm under cosine is for the exp energy only, not log; use unit "
                "(inherited by blocks[0])"
            ),
        ),
    ],
)
def test_mistakes_in_defaults_are_said_where_they_stand(tmp_path: Path, text: str, wanted: str) -> None:
    assert refusal(tmp_path, f"{HEAD}[defaults]\n{text}\n[[blocks]]\n") == f"mine.toml: {wanted}"


def test_a_default_that_every_block_overrides_is_read_all_the_same(tmp_path: Path) -> None:
    text = f'{HEAD}[defaults]\nlayers = "al"\nn_dim = 3\n[[blocks]]\nlayers = 1\n'
    assert refusal(tmp_path, text).startswith("mine.toml: defaults.layers: 'al' is unknown")
    text = text.replace('layers = "al"\n', "")
    assert refusal(tmp_path, text).startswith("mine.toml: defaults.n_dim: unknown key; allowed: backend, ")


def test_what_blocks_share_may_be_no_study_of_its_own(tmp_path: Path) -> None:
    """A gauge that suits no energy but the blocks' own is no mistake in the defaults."""
    text = f'{HEAD}[defaults]\nkernels = ["log"]\ngauges = "mean_norm"\n[[blocks]]\nkernels = "exp"\n'
    assert read(tmp_path, text).blocks[0].gauges == ("mean_norm",)


# --- named lists --------------------------------------------------------------------------------------------


def test_lists_are_taken_by_name(tmp_path: Path) -> None:
    block = read(
        tmp_path,
        f"""{HEAD}
        [kernels]
        repelling = ["exp", {{ energy = "riesz", s = 1 }}]
        one = "log"
        [reoptimisations]
        thesis = {{ optimiser = "powell", sigmas = 0.1 }}
        [[reoptimisations.exact]]
        optimiser = "manifold"
        [[blocks]]
        backend = "scipy"
        kernels = ["repelling", "riesz:2", "one"]
        reoptimisations = ["thesis", "exact", {{ optimiser = "powell", trials = 3 }}]
        """,
    ).blocks[0]
    assert [kernel.label for kernel in block.kernels] == ["exp", "riesz:1", "riesz:2", "log"]
    assert block.reoptimisations == (
        Reoptimisation("powell", sigmas=(0.1,), backend="scipy"),
        Reoptimisation("manifold", backend="scipy"),
        Reoptimisation("powell", trials=3, backend="scipy"),
    )


@pytest.mark.parametrize(
    ("top", "block", "wanted"),
    [
        (
            '[kernels]\nexp = "log"',
            "",
            "kernels.exp: is the name of an energy; choose another for a list of kernels",
        ),
        ('[kernels]\n"a.b" = "log"', "", "kernels.a.b: is no name of a list; use letters, digits, - and _"),
        ("[kernels]\nmine = []", "", "kernels.mine: is empty; give at least one value"),
        ("[kernels]\nmine = 3", "", "kernels.mine[0]: 3 is not text or a table"),
        (
            '[kernels]\nmine = ["riesz:x"]',
            "",
            "kernels.mine[0]: 'riesz:x': 'x' is not a number; use 'riesz:<s>'",
        ),
        (
            '[kernels]\nmine = ["log"]\nother = ["mine"]',
            "",
            "kernels.other[0]: 'mine' is unknown; allowed: exp, log, riesz:<s>, gauss:<t>",
        ),
        (
            '[kernels]\nmine = ["log"]',
            'kernels = "mime"',
            (
                "blocks[0].kernels[0]: 'mime' is unknown; allowed: exp, log, riesz:<s>, gauss:<t>, mine "
                "(did you mean 'mine'?)"
            ),
        ),
        ("kernels = 3", "", "kernels: 3 is not a table"),
        ("[kernels]\nmine = { s = 1 }", "", "kernels.mine[0].energy: is missing"),
        (
            f"[kernels]\nmine = {['log'] * 600}",
            'kernels = ["mine", "mine"]',
            "blocks[0].kernels: holds 1,200 values; at most 1,000",
        ),
        ("reoptimisations = []", "", "reoptimisations: [] is not a table"),
        ("[reoptimisations]\nmine = []", "", "reoptimisations.mine: is empty; give at least one value"),
        ('[reoptimisations]\nmine = "x"', "", "reoptimisations.mine[0]: 'x' is not a table"),
        (
            "[reoptimisations]\nmine = { trials = 0 }",
            "",
            "reoptimisations.mine[0].trials: 0 must be at least 1",
        ),
        (
            "[reoptimisations]\nmine = { trials = 2 }",
            'reoptimisations = ["mind"]',
            (
                "blocks[0].reoptimisations[0]: 'mind' is no list of re-optimisations; allowed: mine "
                "(did you mean 'mine'?)"
            ),
        ),
        (
            "",
            'reoptimisations = "mind"',
            (
                "blocks[0].reoptimisations[0]: 'mind' is no list of re-optimisations; there is no "
                "[reoptimisations] table"
            ),
        ),
        ("", "reoptimisations = [3]", "blocks[0].reoptimisations[0]: 3 is not text or a table"),
    ],
)
def test_mistakes_in_lists(tmp_path: Path, top: str, block: str, wanted: str) -> None:
    assert refusal(tmp_path, f"{top}\n{HEAD}[[blocks]]\n{block}\n") == f"mine.toml: {wanted}"


# --- blocks like others -------------------------------------------------------------------------------------


def test_a_block_like_others_has_their_keys_but_not_their_defaults(tmp_path: Path) -> None:
    study = read(
        tmp_path,
        f"""{HEAD}
        [defaults]
        n_dims = [7]
        [[blocks]]
        name = "a"
        n_dims = 3
        lambda_d = 1
        [[blocks]]
        name = "b"
        similarities = "rbf"
        rbf_scales = "median"
        lambda_d = 2
        [[blocks]]
        name = "c"
        like = ["a", "b"]
        [[blocks]]
        like = "c"
        rbf_scales = 5
        """,
    )
    c, d = study.blocks[2:]
    assert (c.name, c.n_dims, c.lambda_d, c.similarities, c.rbf_scales) == (
        "c", (3,), (2.0,), ("rbf",), (MEDIAN_RULE,),
    )  # fmt: skip
    assert (d.name, d.n_dims, d.rbf_scales) == ("block-3", (3,), (5.0,))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('like = "a"', "blocks[0].like: 'a' is no block before this one; this is the first block"),
        (
            'name = "abc"\n[[blocks]]\nlike = "abd"',
            "blocks[1].like: 'abd' is no block before this one; allowed: abc (did you mean 'abc'?)",
        ),
        (
            'name = "a"\n[[blocks]]\nname = "b"\nlike = "c"\n[[blocks]]\nname = "c"\nlike = "b"',
            "blocks[1].like: 'c' is no block before this one; allowed: a",
        ),
        ("like = 3", "blocks[0].like[0]: 3 is not text"),
        (
            f'name = "a"\n[[blocks]]\nlike = {["a"] * 11}',
            "blocks[1].like: names 11 blocks; at most 10",
        ),
        (
            'name = "a"\nlayers = [0]\nn_dims = [1]\n[[blocks]]\nlike = "a"\nlayers = [1]',
            "blocks[0].n_dims: 1 must be at least 2",
        ),
    ],
)
def test_mistakes_in_likenesses(tmp_path: Path, text: str, wanted: str) -> None:
    assert refusal(tmp_path, f"{HEAD}[[blocks]]\n{text}\n") == f"mine.toml: {wanted}"


def test_what_a_block_inherits_is_said_with_its_heir(tmp_path: Path) -> None:
    text = f'{HEAD}[[blocks]]\nname = "a"\ngauges = "mean_norm"\n[[blocks]]\nlike = "a"\nkernels = "log"\n'
    assert refusal(tmp_path, text) == (
        "mine.toml: blocks[0].gauges: mean_norm under cosine is for the exp energy only, not log; use unit "
        "(inherited by blocks[1])"
    )


def test_a_thousand_blocks_do_not_inherit_a_thousand_long_lists(tmp_path: Path) -> None:
    text = f"{HEAD}[defaults]\nn_dims = {[2] * 20_000}\n" + "[[blocks]]\n" * 900
    assert (
        refusal(tmp_path, text)
        == "mine.toml: blocks[49]: with those before it holds more than 1,000,000 values"
    )


def test_a_thousand_blocks_do_not_inherit_a_large_grid(tmp_path: Path) -> None:
    text = f"{HEAD}[defaults]\nn_dims = {list(range(2, 902))}\n" + "[[blocks]]\n" * 900
    assert refusal(tmp_path, text).startswith("mine.toml: blocks: 20,700 joint settings; at most 20,000")


# --- studies that extend others -----------------------------------------------------------------------------

BASE = """
name = "base"
description = "of the base"
noise_ceiling = 20
[models.nano]
steps = [0, 64]
dtype = "bfloat16"
[corpora.text]
path = "text.txt"
[datasets.text_features]
corpus = "text"
n_samples = 40
[kernels]
mine = ["exp", "log"]
[defaults]
n_dims = 5
restarts = 2
[[blocks]]
name = "first"
kernels = "mine"
lambda_d = 1
[[blocks]]
n_dims = 6
"""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A folder with a study in a folder of its own."""
    path = write(tmp_path, BASE, "lib/base.toml")
    (path.parent / "text.txt").write_text("text")
    return tmp_path


def test_an_extension_of_nothing_but_its_name_is_the_same_study(base: Path) -> None:
    study, original = read(base, 'extends = "lib/base.toml"\n'), load_study(base / "lib" / "base.toml")
    assert study.name == "mine"
    assert study.as_dict() | {"name": "base"} == original.as_dict()
    assert study.datasets[0].corpus.path == str((base / "lib" / "text.txt").resolve())


def test_a_bundled_study_is_extended_by_its_name(tmp_path: Path) -> None:
    study = read(tmp_path, 'extends = "demo"\n[datasets.text_features]\nn_samples = 500\n')
    demo = load_study(FOLDER / "demo.toml")
    assert study.blocks == demo.blocks
    assert (study.datasets[0].n_samples, study.datasets[1:]) == (500, demo.datasets[1:])


def test_later_files_override_earlier_ones_key_by_key(base: Path) -> None:
    (base / "text.txt").write_text("another text")
    study = read(
        base,
        """
        extends = "lib/base.toml"
        description = "mine"
        [models.nano]
        revision = "step8"
        [models.other]
        name = "nano"
        [corpora.text]
        text_key = "body"
        [datasets.text_features]
        n_sequences = 8
        [datasets.python_syntax]
        corpus = "text.txt"
        [kernels]
        mine = "riesz:1"
        [defaults]
        n_dims = 7
        [[blocks]]
        name = "first"
        lambda_d = 3
        models = "nano"
        [[blocks]]
        name = "third"
        """,
    )
    assert (study.description, study.noise_ceiling) == ("mine", 20)
    assert study.models[0].specs == (ModelSpec("nano", "step8"),)
    assert (study.models[0].dtype, study.models[1].label) == ("bfloat16", "other")
    features, syntax = study.datasets
    assert (features.n_samples, features.n_sequences, features.corpus.text_key) == (40, 8, "body")
    assert features.corpus.path == str((base / "lib" / "text.txt").resolve())
    assert syntax.corpus.path == str((base / "text.txt").resolve())
    first, second, third = study.blocks
    assert (first.lambda_d, first.n_dims, first.models) == ((3.0,), (7,), ("nano",))
    assert first.kernels == (Kernel("riesz", 1.0),)
    assert (second.name, second.n_dims, second.models) == ("block-1", (6,), ("nano", "other"))
    assert (third.n_dims, third.restarts, third.kernels) == ((7,), 2, (Kernel("exp"),))


def test_files_extend_files_that_extend_others(base: Path) -> None:
    write(base, 'extends = "lib/base.toml"\n[[blocks]]\nname = "block-1"\nrestarts = 5\n', "middle.toml")
    study = read(base, 'extends = "middle.toml"\n[[blocks]]\nname = "block-1"\nlike = "first"\n')
    assert study.blocks[1] == Block(
        name="block-1", models=("nano",), datasets=("text_features",), kernels=(Kernel("exp"), Kernel("log")),
        lambda_d=(1.0,), n_dims=(6,), restarts=5,
    )  # fmt: skip


def test_a_fragment_is_no_study_but_may_be_extended(tmp_path: Path) -> None:
    fragment = write(tmp_path, "[defaults]\nn_dims = 3\n", "common.toml")
    assert read(tmp_path, f'extends = "common.toml"\n{HEAD}[[blocks]]\n').blocks[0].n_dims == (3,)
    with pytest.raises(InputError, match=r"common\.toml: models: is missing$"):
        load_study(fragment)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            'extends = "demoo"',
            (
                f"mine.toml: extends: 'demoo' is no study; allowed: {', '.join(bundled_studies())} "
                "(did you mean 'demo'?), or a TOML file"
            ),
        ),
        ("extends = 3", "mine.toml: extends: 3 is not text"),
        (
            'extends = "lib"',
            f"mine.toml: extends: 'lib' is no study; allowed: {', '.join(bundled_studies())}, or a TOML file",
        ),
        ('extends = "mine.toml"', "mine.toml: extends: 'mine.toml' stands on itself: mine.toml -> mine.toml"),
        (
            'extends = "lib/circle.toml"',
            (
                "lib/circle.toml: extends: '../mine.toml' stands on itself: "
                "mine.toml -> circle.toml -> mine.toml"
            ),
        ),
        ('extends = "lib/broken.toml"', "lib/broken.toml: is not TOML (Invalid value (at line 1, column 5))"),
        (
            'extends = "lib/base.toml"\n[defaults]\nbackend = "scipi"',
            (
                "mine.toml: defaults.backend: 'scipi' is unknown; allowed: scipy, compiled "
                "(did you mean 'scipy'?)"
            ),
        ),
        (
            'extends = "lib/wrong.toml"',
            ("lib/wrong.toml: blocks[0].n_dims: 1 must be at least 2"),
        ),
        (
            'extends = "lib/wrong.toml"\n[[blocks]]\nname = "a"\nn_dims = 2',
            "lib/wrong.toml: blocks[1].n_dims: 1 must be at least 2",
        ),
        (
            'extends = "lib/base.toml"\n[[blocks]]\nname = "first"\n[[blocks]]\nname = "first"',
            "mine.toml: blocks[1].name: 'first' is the name of two blocks of this file; rename one",
        ),
        (
            'extends = "lib/base.toml"\nstore_vector = "all"',
            (
                "mine.toml: store_vector: unknown key; allowed: blocks, corpora, datasets, defaults, "
                "description, extends, kernels, models, name, noise_ceiling, reoptimisations, store_vectors, "
                "tests (did you mean 'store_vectors'?)"
            ),
        ),
    ],
)
def test_mistakes_in_extensions_name_the_file_that_makes_them(base: Path, text: str, wanted: str) -> None:
    write(base, 'extends = "../mine.toml"\n', "lib/circle.toml")
    write(base, "x = \n", "lib/broken.toml")
    write(base, f'{HEAD}[[blocks]]\nname = "a"\nn_dims = 1\n[[blocks]]\nn_dims = 1\n', "lib/wrong.toml")
    assert refusal(base, f"{text}\n") == wanted


def test_inherited_keys_of_the_file_itself_name_their_file(base: Path) -> None:
    write(base, BASE.replace("noise_ceiling = 20", "noise_ceiling = 3"), "lib/few.toml")
    assert refusal(base, 'extends = "lib/few.toml"\n') == (
        "lib/few.toml: noise_ceiling: 3 resamples give no interval; use at least 20, or 0 for none "
        "(inherited by mine.toml)"
    )
    write(base, BASE.replace("noise_ceiling", "noise"), "lib/odd.toml")
    assert refusal(base, 'extends = "lib/odd.toml"\n').startswith(
        "lib/odd.toml: noise: unknown key; allowed: "
    )


def test_inherited_data_sets_and_models_name_their_file(base: Path) -> None:
    write(base, BASE.replace("n_samples = 40", "n_samples = 4"), "lib/few.toml")
    assert refusal(base, 'extends = "lib/few.toml"\n[datasets.text_features]\nseed = 3\n') == (
        "lib/few.toml: datasets.text_features.n_samples: 4 must be at least 20 "
        "(inherited by mine.toml: datasets.text_features)"
    )
    write(base, BASE.replace("bfloat16", "bfloat"), "lib/odd.toml")
    assert refusal(base, 'extends = "lib/odd.toml"\n[models.nano]\nweights = "random"\n') == (
        "lib/odd.toml: models.nano.dtype: 'bfloat' is unknown; allowed: float32, bfloat16, float16 "
        "(did you mean 'bfloat16'?) (inherited by mine.toml: models.nano)"
    )


def test_chains_that_are_too_long_are_refused(tmp_path: Path) -> None:
    for index in range(100):
        write(tmp_path, f'extends = "{index + 1}.toml"\n', f"{index}.toml")
    write(tmp_path, f"{HEAD}[[blocks]]\n", "100.toml")
    with pytest.raises(InputError) as caught:
        load_study(tmp_path / "0.toml")
    assert str(caught.value) == (
        f"{tmp_path}/9.toml: extends: '10.toml' would be file {LONGEST_CHAIN + 1} that stand on one another; "
        f"at most {LONGEST_CHAIN}"
    )
    assert load_study(tmp_path / "91.toml").blocks[0].n_dims == (10,)


def test_relative_paths_belong_to_the_file_that_says_them(base: Path) -> None:
    """In tables within tables, in sets of a file, and in keys of a builder too."""
    lib = base / "lib"
    write(base, 'builder = "text_features"\nn_samples = 33\n', "lib/own.toml")
    write(base, "name,label\na,x\nb,y\n", "lib/people.csv")
    write(
        base,
        """
        [models.folder]
        name = "model"
        [corpora.both.parts]
        one = { path = "text.txt" }
        two = "text.txt"
        [datasets.inline]
        builder = "text_features"
        corpus = { path = "text.txt" }
        [datasets.own]
        set = "own.toml"
        [datasets.people]
        builder = "entities"
        entities = "people.csv"
        [datasets.union]
        builder = "text_features"
        corpus = "both"
        [[blocks]]
        """,
        "lib/paths.toml",
    )
    (lib / "model").mkdir()
    more = "".join(f"[datasets.{name}]\nseed = 7\n" for name in ("inline", "own", "people", "union"))
    study = read(base, f'extends = "lib/paths.toml"\n[models.folder]\ndtype = "float16"\n{more}')
    text = str((lib / "text.txt").resolve())
    inline, own, people, union = study.datasets
    assert study.models[0].name == str((lib / "model").resolve())
    assert inline.corpus.path == text
    assert own.n_samples == 33
    assert people.options.entities == str((lib / "people.csv").resolve())
    assert [part.path for _, part in union.corpus.parts] == [text, text]
    assert {dataset.seed for dataset in study.datasets} == {7}


def test_hookpoints_have_the_names_of_other_libraries_and_the_layers_that_these_hold(tmp_path: Path) -> None:
    text = """
    [defaults]
    layers = [0, 1]
    [[blocks]]
    name = "ours"
    hookpoints = ["mlp.act", "resid"]
    [[blocks]]
    name = "theirs"
    hookpoints = ["mlp.hook_post", "hook_resid_post"]
    [[blocks]]
    name = "held"
    hookpoints = ["model.layers.3.mlp.down_proj.input", "resid_post_layer_3"]
    [[blocks]]
    name = "both"
    hookpoints = "layers_output[2]"
    layers = 2
    """
    ours, theirs, held, both = read(tmp_path, HEAD + text).blocks
    assert (ours.hookpoints, ours.layers) == (("mlp.act", "resid"), (0, 1))
    assert (theirs.hookpoints, theirs.layers) == (ours.hookpoints, ours.layers)
    assert (held.hookpoints, held.layers) == (("mlp.act", "resid"), (3,))
    assert (both.hookpoints, both.layers) == (("resid",), (2,))
    said = refusal(tmp_path, HEAD + '[[blocks]]\nhookpoints = "layers.4"\nlayers = [3, 4]\n')
    assert said.startswith("mine.toml: blocks[0].hookpoints: 'layers.4' holds a layer, and layers is [3, 4];")
    said = refusal(tmp_path, HEAD + '[defaults]\nhookpoints = "layers.4"\n[[blocks]]\nlayers = 3\n')
    assert said.startswith("mine.toml: defaults.hookpoints: 'layers.4' holds a layer")
    assert said.endswith("(inherited by blocks[0])")
