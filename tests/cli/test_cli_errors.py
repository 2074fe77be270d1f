"""Bad input: one line that names what is wrong, exit status 2 (3 for databases), and nothing written."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tiny_study import Tiny

from superpos.cli.parser import main


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to stand in, with no database in the environment and no Ray within reach."""
    folder = tmp_path / "workplace"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in ("SUPERPOS_DB_URL", "SUPERPOS_DATA_DIR", "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    from superpos.cluster import pool

    def no_ray(*_: Any) -> Any:
        raise AssertionError("bad input must be found before Ray is started")

    monkeypatch.setattr(pool, "RayExecutor", no_ray)
    return folder


@pytest.fixture
def refused(workplace: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Return a function that runs a command which must be refused, and returns its one line."""

    def run(*arguments: str | Path, status: int = 2) -> str:
        try:
            outcome = main([str(argument) for argument in arguments])
        except SystemExit as error:  # argparse leaves this way
            outcome = int(error.code or 0)
        out, err = capsys.readouterr()
        assert outcome == status, err
        assert out == ""
        lines = err.strip().splitlines()
        assert len(lines) == 1, err
        assert lines[0].startswith("superpos")
        assert "Traceback" not in err
        assert list(workplace.iterdir()) == []
        return lines[0]

    return run


@pytest.mark.parametrize("command", ["plan", "run"])
@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing.toml", None, "missing.toml: no such study file"),
        ("latin.toml", b'name = "caf\xe9"', "latin.toml: is not UTF-8 text (byte 11)"),
        ("broken.toml", b"name = [", "broken.toml: is not TOML"),
        ("empty.toml", b"", "empty.toml: models: is missing"),
    ],
)
def test_study_files_that_cannot_be_read(
    command: str, name: str, content: bytes | None, said: str, tmp_path: Path, refused: Callable[..., str]
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert said in refused(command, tmp_path / name)


def test_a_study_file_that_may_not_be_read_and_a_folder(tmp_path: Path, refused: Callable[..., str]) -> None:
    assert "is a folder; give a study file" in refused("run", tmp_path)
    (tmp_path / "loop.toml").symlink_to(tmp_path / "loop.toml")
    assert "loop.toml: cannot be read" in refused("run", tmp_path / "loop.toml")


def test_an_unknown_bundled_study(refused: Callable[..., str]) -> None:
    line = refused("plan", "dem")
    assert "study 'dem': no such file and no such bundled study" in line
    assert "did you mean 'demo'?" in line


BLOCK_MISTAKES = [
    ('gauges = ["unit"]', 'gages = ["unit"]', "gages: unknown key", "did you mean 'gauges'?"),
    ('gauges = ["unit"]', 'gauges = ["units"]', "'units' is unknown", "did you mean 'unit'?"),
    ("sigmas = [0.1]", "sigmas = [-0.1]", "-0.1 must be at least 0", "blocks[0].reoptimisations[0].sigma"),
    ("sigmas = [0.1]", "sigmas = [nan]", "nan is not finite", "sigma"),
    ("sigmas = [0.1]", "lambda_x = [-1]", "lambda_x: -1 must be at least 0", ""),
    ("n_dims = [4]", "n_dims = [4]\nlambda_d = [-5.0]", "lambda_d: -5 must be at least 0", ""),
    ("n_dims = [4]", "n_dims = [4, 1]", "n_dims: 1 must be at least 2", ""),
    ("n_dims = [4]", "n_dims = []", "n_dims: is empty, so the grid is empty", ""),
    ("n_dims = [4]", 'n_dims = ["4"]', "n_dims[0]: '4' is not a whole number", ""),
    ("n_dims = [4]", "n_dims = [4]\nlayers = []", "layers: is empty, so the grid is empty", ""),
    ("n_dims = [4]", "n_dims = [4]\nlayers = [0, 5]", "layer: 5 is not a layer", "allowed: 0 to 1"),
    ("n_dims = [4]", 'n_dims = [4]\nhookpoints = ["mlp.acts"]', "'mlp.acts' is unknown", "'mlp.act'?"),
    ("n_dims = [4]", 'n_dims = [4]\nmodels = ["tinny"]', "'tinny' is unknown", "did you mean 'tiny'?"),
    ("n_dims = [4]", 'n_dims = [4]\ndatasets = ["x"]', "'x' is unknown", "allowed: text_features"),
    ("n_dims = [4]", "n_dims = [4]\nreplicates = 0", "replicates: 0 must be at least 1", ""),
    ("n_dims = [4]", "n_dims = [4]\nreplicates = -1", "replicates", "must be at least 1"),
    ("n_dims = [4]", "n_dims = [4]\nrestarts = 0", "restarts: 0 must be at least 1", ""),
    ("n_dims = [4]", 'n_dims = [4]\nrbf_scales = ["mean"]', "rbf_scales: 'mean' is unknown", "'median'"),
    ("n_dims = [4]", "n_dims = [4]\nrbf_scales = [0]", "rbf_scales: 0 must be above 0", ""),
    ("softening = 0.1", "softening = 0.0", "softening: 0 makes the included diagonal", "above 0"),
    ('kernels = ["exp",', 'kernels = ["expp",', "kernels[0]: 'expp' is unknown", "did you mean 'exp'?"),
    ('kernels = ["exp",', 'kernels = ["riesz",', "0 is not an exponent of the riesz energy", "kernels[0]"),
    ('gauges = ["unit"]', 'gauges = ["mean_norm"]', "mean_norm under cosine is for the exp energy", ""),
    ("n_sequences = 40", "n_sequences = 1", "n_sequences: 1 must be at least 2", "datasets.text_features"),
    ("ctx_len = 24", "ctx_len = 65", "ctx_len: 65 is longer than the 64 positions of model tiny", ""),
    ("[datasets.text_features]", '[datasets.words]\nbuilder = "word"', "builder: 'word' is unknown", ""),
    ("[models.tiny]", '[models.tiny]\nweights = "none"', "weights: 'none' is unknown", "pretrained, random"),
    ("[models.tiny]", "[models.tiny]\nseeds = [1]", "seeds: [1] applies to drawn weights only", "random"),
    ("[models.tiny]", '[models.tiny]\nrevision = "main"', "is local and has no revision 'main'", ""),
    ("[[blocks]]", "[[block]]", "block: unknown key", "did you mean 'blocks'?"),
]


@pytest.mark.parametrize(("old", "new", "said", "hint"), BLOCK_MISTAKES)
def test_mistakes_in_a_study(
    old: str, new: str, said: str, hint: str, tiny: Tiny, refused: Callable[..., str]
) -> None:
    text = tiny.text(more="")
    assert old in text
    file = tiny.file()
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    line = refused("run", file)
    assert said in line
    assert hint in line
    if "model" not in said:  # what only a model shows is named by study and block
        assert file.name in line or "blocks.cosine" in line or "model" in line


def test_a_study_without_blocks(tiny: Tiny, refused: Callable[..., str]) -> None:
    text = tiny.text(more="")
    file = tiny.file()
    file.write_text(text[: text.index("[[blocks]]")], encoding="utf-8")
    assert "blocks: is empty, so the grid is empty" in refused("run", file)


def folder_without_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def folder_with_a_pickle(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def folder_with_nan(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    name = "gpt_neox.layers.1.mlp.dense_h_to_4h.weight"
    changed = weights[name].copy()
    changed[3, 5] = np.nan
    save_file({**weights, name: changed}, folder / "model.safetensors", metadata={"format": "pt"})


def folder_cut_off(folder: Path) -> None:
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: len(content) // 2])


def folder_without_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def folder_with_code(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoModel": "x.Y"}}))


def folder_of_another_architecture(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "gpt_neoy"}))


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (folder_without_weights, "no weights (*.safetensors)"),
        (folder_with_a_pickle, "holds pickled weights (pytorch_model.bin)"),
        (folder_with_nan, "tensor gpt_neox.layers.1.mlp.dense_h_to_4h.weight holds 1 values that are NaN"),
        (folder_cut_off, "is cut off"),
        (folder_without_config, "no config.json"),
        (folder_with_code, "auto_map asks for code"),
        (
            folder_of_another_architecture,
            "model_type 'gpt_neoy' is not an architecture of the installed transformers",
        ),
    ],
)
def test_models_that_cannot_be_used(
    harm: Callable[[Path], None], said: str, tiny: Tiny, tmp_path: Path, refused: Callable[..., str]
) -> None:
    shutil.copytree(tiny.model, tmp_path / "harmed")
    harm(tmp_path / "harmed")
    line = refused("run", tiny.file(model=tmp_path / "harmed", more=""))
    assert said in line
    assert str(tmp_path / "harmed") in line


def test_a_model_that_is_not_there(tiny: Tiny, refused: Callable[..., str]) -> None:
    line = refused("run", tiny.file(model="no-such-model", more=""))
    assert "model no-such-model: no such folder or GGUF file, not bundled" in line


@pytest.mark.parametrize("command", ["plan", "run"])
@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("latin.txt", b"caf\xe9 au lait", "latin.txt: not UTF-8: byte 0xe9 at offset 3"),
        ("small.txt", b"a few words", "small.txt: corpus too small"),
        ("empty.txt", b" \n", "empty.txt: corpus too small: 0 documents with text"),
        ("bad.jsonl", b'{"text": "a"}\n{"text": ', "bad.jsonl: line 2: not JSON"),
        ("keys.jsonl", b'{"body": "a"}\n', "keys.jsonl: line 1: no text under 'text' or 'content'"),
        ("gone.txt", None, "gone.txt: no such file or folder"),
    ],
)
def test_texts_that_cannot_be_used(
    command: str,
    name: str,
    content: bytes | None,
    said: str,
    tiny: Tiny,
    tmp_path: Path,
    refused: Callable[..., str],
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert said in refused(command, tiny.file(corpus=tmp_path / name, more=""))


def test_a_text_that_turns_out_too_small_leaves_the_study_only(
    tiny: Tiny, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether a large text holds enough long documents shows only when it is read."""
    from superpos.cluster import pool
    from superpos.stages.executor import SerialExecutor
    from superpos.stages.tasks import TASKS

    class Here(SerialExecutor):
        def __init__(self, *_: Any) -> None:
            super().__init__(TASKS)

        def __enter__(self) -> Here:
            return self

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(pool, "RayExecutor", Here)
    lines_of_text = "".join(f'{{"text": "word {i}"}}\n' for i in range(4000))
    (tmp_path / "lines.jsonl").write_text(lines_of_text, encoding="utf-8")
    assert main(["run", str(tiny.file(corpus=tmp_path / "lines.jsonl", more=""))]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[-1].startswith("superpos: data set text_features: ")
    assert "corpus too small" in lines[-1]
    with closing(sqlite3.connect("superpos.db")) as connection:
        counts = [
            connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]  # noqa: S608 (below)
            for table in ("features", "cell_failures", "fits", "psms")
        ]
    assert counts == [0, 0, 0, 0]


URLS = [
    ("mysql://u@h/d", 2, "'mysql' is not supported; allowed: sqlite, postgresql+psycopg"),
    ("nonsense", 2, "database URL cannot be read"),
    ("postgresql://u@h/d?password=hunter2", 2, "'password' in the query is shown unmasked"),
    ("postgresql+psycopg://u@h/d?passfile=x", 2, "'passfile' in the query"),
    ("sqlite:///no/such/folder/x.db", 3, "folder no/such/folder does not exist"),
]


@pytest.mark.parametrize("command", ["plan", "run", "status"])
@pytest.mark.parametrize(("url", "status", "said"), URLS)
def test_databases_that_cannot_be_used(
    command: str, url: str, status: int, said: str, tiny: Tiny, refused: Callable[..., str]
) -> None:
    study = [] if command == "status" else [tiny.file(more="")]
    line = refused(command, *study, "--db", url, status=status)
    assert said in line
    assert "hunter2" not in line


def test_the_environment_names_the_database_too(
    tiny: Tiny, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPERPOS_DB_URL", "postgresql://u:hunter2@h/d?sslpassword=hunter2")
    assert "hunter2" not in refused("run", tiny.file(more=""))


def test_a_server_that_does_not_answer(tiny: Tiny, refused: Callable[..., str]) -> None:
    with socket.socket() as bound:  # bound and not listening
        bound.bind(("127.0.0.1", 0))
        url = f"postgresql+psycopg://user:hunter2@127.0.0.1:{bound.getsockname()[1]}/name"
        line = refused("run", tiny.file(more=""), "--db", url, status=3)
    assert "database postgresql+psycopg://user:***@127.0.0.1" in line
    assert "hunter2" not in line


def test_a_file_that_is_no_database(tiny: Tiny, tmp_path: Path, refused: Callable[..., str]) -> None:
    (tmp_path / "prose.db").write_text("This is no database.\n" * 400, encoding="utf-8")
    for arguments in (["run", tiny.file(more="")], ["plan", tiny.file(more="")], ["status"]):
        line = refused(*arguments, "--db", f"sqlite:///{tmp_path / 'prose.db'}", status=3)
        assert "prose.db" in line


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE alembic_version SET version_num = '0000'", "is at schema revision 0000"),
        ("DROP TABLE alembic_version", "holds tables of something else"),
    ],
)
def test_a_database_at_another_revision(
    statement: str, said: str, finished: Path, tiny: Tiny, tmp_path: Path, refused: Callable[..., str]
) -> None:
    path = tmp_path / "other.db"
    shutil.copy(finished / "superpos.db", path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)
    before = path.read_bytes()
    commands: list[list[str | Path]] = [
        ["run", tiny.file(more="")],
        ["plan", tiny.file(more="")],
        ["status"],
        ["retry", "--study", "tiny"],
        ["trace", "0" * 32],
        ["report", "--out", "report"],
    ]
    for command in commands:
        assert said in refused(*command, "--db", f"sqlite:///{path}", status=3)
    assert path.read_bytes() == before


def test_a_database_that_is_not_there(refused: Callable[..., str]) -> None:
    for command in (["status"], ["retry", "--study", "x"], ["trace", "0" * 32], ["report", "--out", "r"]):
        assert "no such file; run a study first" in refused(*command, status=3)


def test_names_and_keys_that_mean_nothing(finished: Path, refused: Callable[..., str], tiny: Tiny) -> None:
    database = ("--db", f"sqlite:///{finished / 'superpos.db'}")
    for command in (["status"], ["retry"], ["report", "--out", "report"]):
        line = refused(*command, "--study", "tinny", *database)
        assert "--study: 'tinny' is not in sqlite://" in line
        assert "did you mean 'tiny'?" in line
    for key in ("0" * 32, "0" * 32 + "." + "1" * 32, "not a key"):
        assert "names nothing in sqlite://" in refused("trace", key, *database)
    line = refused("run", tiny.file(), "--rebuild", "0" * 32, *database)
    assert "--rebuild: '00000000000000000000000000000000' names no data set" in line


def test_rebuild_in_a_database_that_is_not_there(tiny: Tiny, refused: Callable[..., str]) -> None:
    assert "no such file" in refused("run", tiny.file(more=""), "--rebuild", "0" * 32, status=3)


def test_an_address_that_nothing_listens_on(tiny: Tiny, refused: Callable[..., str]) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        line = refused("run", tiny.file(more=""), "--address", address)
    assert f"--address: cannot reach a Ray cluster at '{address}'" in line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["runn", "demo"], "'runn' is unknown; allowed: demo, plan, init, run"),
        (["runn", "demo"], "did you mean 'run'?"),
        (["run"], "the following arguments are required: STUDY"),
        (["run", "demo", "--stages", "fits"], "unrecognized arguments: --stages fits"),
        (["run", "demo", "--wor", "2"], "unrecognized arguments: --wor 2"),
        (["run", "demo", "--stage", "fit"], "did you mean 'fits'?"),
        (["run", "demo", "--workers", "0"], "'0' is not a whole number of at least 1"),
        (["run", "demo", "--workers", "two"], "'two' is not a whole number of at least 1"),
        (["run", "demo", "--db"], "expected one argument"),
        (["db", "upgraed"], "did you mean 'upgrade'?"),
        (["report"], "the following arguments are required: --out"),
    ],
)
def test_wrong_usage(arguments: list[str], said: str, refused: Callable[..., str]) -> None:
    assert said in refused(*arguments)


def test_a_data_folder_that_cannot_be_written(
    tiny: Tiny, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A file stands where the folder should be: the failure is recorded, and the exit status is 1."""
    from superpos.cluster import pool
    from superpos.stages.executor import SerialExecutor
    from superpos.stages.tasks import TASKS

    class Here(SerialExecutor):
        def __init__(self, *_: Any) -> None:
            super().__init__(TASKS)

        def __enter__(self) -> Here:
            return self

        def __exit__(self, *_: object) -> None:
            pass

    del finished
    monkeypatch.setattr(pool, "RayExecutor", Here)
    (tmp_path / "blocked").write_text("a file", encoding="utf-8")
    monkeypatch.setenv("SUPERPOS_DATA_DIR", str(tmp_path / "blocked"))
    assert main(["run", str(tiny.file(more=""))]) == 1
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    assert "datasets: FileExistsError" in err or "datasets: NotADirectoryError" in err
    assert "without a result: 1 of datasets" in out
    assert os.path.isfile(tmp_path / "blocked")  # noqa: PTH113 (one line)
