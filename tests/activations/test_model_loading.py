"""Models by bundled name, folder and hub; random weights; everything that is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import huggingface_hub.constants
import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from transformers import AutoModelForCausalLM

from superpos.activations import inspect_model
from superpos.activations.folders import token_names
from superpos.activations.inspection import hook_width
from superpos.activations.model import load_model
from superpos.activations.weight_files import check_finite_weights, read_header
from superpos.errors import ArgumentError, InputError
from superpos.hashing import file_digest
from superpos.models import bundled_model
from superpos.specs.hook_names import HOOKPOINTS
from superpos.specs.models import ModelSpec, expand_sites


@pytest.fixture
def folder(model_folders, tmp_path):
    shutil.copytree(model_folders["gpt_neox"], tmp_path / "model")
    return tmp_path / "model"


def edit_config(folder, **changes):
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config.update(changes)
    path.write_text(json.dumps(config))


def edit_weights(folder, change):
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_weights_in_the_dtype_of_the_files_stay_in_the_files_mapping(folder):
    """So that the workers of a machine share one copy of them."""
    loaded = load_model(ModelSpec(str(folder)))
    lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    mapped = [line.split()[0].split("-") for line in lines if str(folder / "model.safetensors") in line]
    spans = [(int(start, 16), int(stop, 16)) for start, stop in mapped]
    outside = [
        name
        for name, parameter in loaded.module.named_parameters()
        if not any(start <= parameter.data_ptr() < stop for start, stop in spans)
    ]
    assert outside == []
    assert sum(1 for _ in loaded.module.parameters()) > 10


def test_inspection_of_a_folder(folder):
    info = inspect_model(ModelSpec(str(folder)))
    assert (info.family, info.n_layers, info.d_model, info.d_mlp) == ("gpt_neox", 3, 16, 40)
    assert (info.vocab_size, info.max_positions, info.seed, info.weights) == (61, 40, -1, "pretrained")
    assert info.config_digest == file_digest(folder / "config.json")
    assert info.tokenizer_digest == file_digest(folder / "tokenizer.json")
    there = [hookpoint for hookpoint in HOOKPOINTS if hookpoint != "resid.mid"]
    assert [hook_width(info, hookpoint) for hookpoint in there] == [16, 16, 16, 16, 16, 40, 16, 16]
    assert hook_width(info, "mlp.hook_post") == 40
    with pytest.raises(
        InputError, match=r"no hookpoint resid\.mid: attention and the MLP read the same stream"
    ):
        hook_width(info, "hook_resid_mid")
    edit_config(folder, use_parallel_residual=False)
    assert hook_width(inspect_model(ModelSpec(str(folder))), "resid.mid") == 16


def test_weights_digest_follows_the_weights_and_not_the_folder(folder, tmp_path):
    before = inspect_model(ModelSpec(str(folder)))
    moved = folder.rename(tmp_path / "elsewhere")
    assert inspect_model(ModelSpec(str(moved))).weights_digest == before.weights_digest
    edit_weights(moved, lambda tensors: tensors["gpt_neox.embed_in.weight"].__setitem__((0, 0), 9.0))
    assert inspect_model(ModelSpec(str(moved))).weights_digest != before.weights_digest
    assert inspect_model(ModelSpec(str(moved), weights="random", seed=0)).weights_digest == ""


def test_inspection_imports_no_torch(folder):
    code = (
        "import sys; from superpos.activations import inspect_model; "
        "from superpos.specs.models import ModelSpec; "
        f"inspect_model(ModelSpec({str(folder)!r})); "
        "print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_bundled_model_loads_with_the_weights_of_its_file():
    model = load_model(ModelSpec("nano"))
    stored = load_file(bundled_model("nano") / "model.safetensors")
    own = model.module.state_dict()
    matched = [name for name in own if any(key.endswith(name) for key in stored)]
    assert len(matched) == len(own)
    for name in matched:
        key = next(key for key in stored if key.endswith(name))
        assert np.array_equal(own[name].numpy(), stored[key].astype(np.float32))
    assert not model.module.training
    assert not any(parameter.requires_grad for parameter in model.module.parameters())


def test_random_weights_follow_the_seed_and_leave_the_global_generator_alone(folder):
    (folder / "model.safetensors").unlink()
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = load_model(ModelSpec(str(folder), weights="random", seed=0)).module.state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    again = load_model(ModelSpec(str(folder), weights="random", seed=0)).module.state_dict()
    other = load_model(ModelSpec(str(folder), weights="random", seed=1)).module.state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    matrices = [name for name in first if first[name].ndim == 2]
    assert len(matrices) == 13
    assert not any(torch.equal(first[name], other[name]) for name in matrices)
    spread = first["layers.0.mlp.dense_h_to_4h.weight"].std().item()
    assert spread == pytest.approx(0.4, rel=0.15)  # initializer_range of the configuration


def test_random_weights_are_the_same_before_rounding_to_another_dtype(folder):
    full = load_model(ModelSpec(str(folder), weights="random", seed=0)).module.state_dict()
    half = load_model(ModelSpec(str(folder), weights="random", seed=0), dtype="bfloat16").module.state_dict()
    assert all(torch.equal(full[name].bfloat16(), half[name]) for name in full)


def nan_weights(folder):
    edit_weights(
        folder, lambda t: t["gpt_neox.layers.1.mlp.dense_4h_to_h.weight"].__setitem__((2, 3), np.nan)
    )


def infinite_weights(folder):
    edit_weights(folder, lambda t: t["gpt_neox.layers.1.mlp.dense_4h_to_h.bias"].__setitem__(1, -np.inf))


def pickled_weights(folder):
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"")


def cut_weights(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def garbled_header(folder):
    (folder / "model.safetensors").write_bytes((5).to_bytes(8, "little") + b"{nope" + bytes(20))


def backward_offsets(folder):
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[8,4]}}'
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))


def broken_offsets(folder):
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,0.5]}}'
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (shutil.rmtree, "no such folder or GGUF file, not bundled .*owner/name"),
        (lambda folder: (folder / "config.json").unlink(), r"no config\.json"),
        (lambda folder: (folder / "config.json").write_text("{"), r"config\.json: not JSON: "),
        (lambda folder: (folder / "config.json").write_text("[]"), "not a JSON object"),
        (lambda folder: (folder / "model.safetensors").unlink(), r"no weights \(\*\.safetensors\)"),
        (pickled_weights, r"pickled weights \(pytorch_model\.bin\).*save_pretrained"),
        (nan_weights, r"tensor gpt_neox\.layers\.1\.mlp\.dense_4h_to_h\.weight holds 1 values that are NaN"),
        (infinite_weights, r"dense_4h_to_h\.bias holds 1 values"),
        (cut_weights, "is cut off"),
        (backward_offsets, r"model\.safetensors: has a damaged safetensors header: a tensor ends before"),
        (broken_offsets, r"model\.safetensors: cannot be read as safetensors: 'float' object"),
        (
            lambda folder: edit_config(folder, num_hidden_layers=99_999_999),
            r"config\.json: num_hidden_layers = 99999999 layers; at most 10000 are built",
        ),
        (
            lambda folder: edit_config(folder, vocab_size=2**31),
            "is not a positive whole number up to 2147483647",
        ),
        (
            lambda folder: (folder / "config.json").write_text('{"a": ' + "[" * 100_000),
            r"config\.json: not read: lists or records are nested too deeply",
        ),
        (garbled_header, r"model\.safetensors: header: not JSON: "),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"abc"), "not a complete safetensors"),
        (lambda folder: edit_config(folder, auto_map={"AutoModel": "x.Y"}), "trust_remote_code"),
        (
            lambda folder: edit_config(folder, model_type="gpt9"),
            "'gpt9' is not an architecture of the installed transformers, .*trust_remote_code",
        ),
        (
            lambda folder: edit_config(folder, quantization_config={"bits": 4}),
            "the weights are quantised",
        ),
        (lambda folder: edit_config(folder, hidden_size="16"), "hidden_size = '16'"),
        (lambda folder: (folder / "tokenizer.json").write_text("{}"), "cannot be read as a tokenizer file"),
    ],
)
def test_damaged_folders_are_refused_in_one_line(folder, damage, message):
    damage(folder)
    with pytest.raises(InputError, match=message) as caught:
        inspect_model(ModelSpec(str(folder)))
    assert "\n" not in str(caught.value)
    assert caught.value.exit_status == 2


def test_parameters_missing_from_the_files_are_refused(folder):
    edit_weights(folder, lambda tensors: tensors.pop("gpt_neox.layers.2.mlp.dense_4h_to_h.weight"))
    with pytest.raises(InputError, match=r"1 parameters are not in .* layers\.2\.mlp\.dense_4h_to_h\.weight"):
        load_model(ModelSpec(str(folder)))


def test_parameters_of_another_shape_are_refused(folder):
    edit_config(folder, intermediate_size=48)
    with pytest.raises(InputError, match="cannot be built") as caught:
        load_model(ModelSpec(str(folder)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"num_attention_heads": 0},
        {"num_attention_heads": 5},
        {"hidden_act": "gelo"},
        {"attention_dropout": "x"},
    ],
)
@pytest.mark.parametrize("weights", ["pretrained", "random"])
def test_a_configuration_that_does_not_fit_together_is_refused(folder, changes, weights):
    edit_config(folder, **changes)
    with pytest.raises(InputError, match="the model cannot be built") as caught:
        load_model(ModelSpec(str(folder), weights=weights, seed=0 if weights == "random" else -1))
    assert "\n" not in str(caught.value)


def test_weights_that_overflow_in_float16_are_refused(folder):
    edit_weights(folder, lambda t: t["gpt_neox.embed_in.weight"].__setitem__((0, 0), 1e6))
    assert load_model(ModelSpec(str(folder))).dtype == "float32"
    with pytest.raises(InputError, match=r"embed_in\.weight is not finite in float16"):
        load_model(ModelSpec(str(folder)), dtype="float16")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("value", [np.nan, -np.nan, np.inf, -np.inf])
def test_every_non_finite_number_is_found_in_its_bits(tmp_path, dtype, value):
    path = tmp_path / "weights.safetensors"
    array = np.array([0.0, -1.5, np.finfo(dtype).max, np.finfo(dtype).tiny], dtype=dtype)
    save_file({"a": array}, path)
    check_finite_weights((path,))
    save_file({"a": array, "b": np.array([1.0, value], dtype=dtype), "c": np.array([-1])}, path)
    with pytest.raises(InputError, match="tensor b holds 1"):
        check_finite_weights((path,))


def test_bfloat16_weights_are_checked_too(tmp_path):
    from safetensors.torch import save_file as save_torch

    path = tmp_path / "weights.safetensors"
    save_torch({"a": torch.tensor([1.0, 3e38], dtype=torch.bfloat16)}, path)
    check_finite_weights((path,))
    assert read_header(path)[0].dtype == "BF16"
    save_torch({"a": torch.tensor([1.0, float("nan")], dtype=torch.bfloat16)}, path)
    with pytest.raises(InputError, match="tensor a holds 1"):
        check_finite_weights((path,))


def test_names_of_tokens_count_added_ones_and_lists(tmp_path):
    path = tmp_path / "tokenizer.json"
    added = [{"id": 9, "content": "<x>"}]
    path.write_text(json.dumps({"model": {"vocab": {"a": 0, "b": 4}}, "added_tokens": added}))
    assert token_names(path) == {0: "a", 4: "b", 9: "<x>"}
    path.write_text(json.dumps({"model": {"vocab": [["a", -1.0], ["b", -2.0]]}}))
    assert token_names(path) == {0: "a", 1: "b"}
    for damaged in ({"model": {"vocab": [3]}}, {"model": {"vocab": {"a": None}}}, {"model": 3}):
        path.write_text(json.dumps(damaged))
        with pytest.raises(InputError, match="cannot be read as a tokenizer file"):
            token_names(path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": " "}, "name: is empty"),
        ({"name": "a", "weights": "randm"}, "did you mean 'random'"),
        ({"name": "a", "weights": "random"}, "seed: -1"),
        ({"name": "a", "seed": 3}, "does not apply to pretrained"),
        ({"name": "a", "weights": "random", "seed": 1.5}, "not a whole number"),
        ({"name": 3}, "is not text"),
    ],
)
def test_specifications_are_checked(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        ModelSpec(**arguments)


def test_sites_of_a_model():
    assert expand_sites(["embed", "resid"], None, 2) == (("embed", -1), ("resid", 0), ("resid", 1))
    assert expand_sites(["mlp.act", "mlp.act"], [1, 1], 2) == (("mlp.act", 1),)
    with pytest.raises(ArgumentError, match="2 is not a layer of this model; allowed: 0 to 1"):
        expand_sites(["resid"], [0, 2], 2)
    with pytest.raises(ArgumentError, match="allowed: embed, resid"):
        expand_sites(["mlp"], [0], 2)


def test_devices_and_dtypes_are_checked(folder):
    with pytest.raises(ArgumentError, match="float32, bfloat16, float16"):
        load_model(ModelSpec(str(folder)), dtype="float64")
    with pytest.raises(ArgumentError, match="allowed: cpu, cuda"):
        load_model(ModelSpec(str(folder)), device="gpu")
    with pytest.raises(ArgumentError, match="is not supported"):
        load_model(ModelSpec(str(folder)), device="meta")
    absent = f"cuda:{torch.cuda.device_count()}"
    with pytest.raises(ArgumentError, match="is not there"):
        load_model(ModelSpec(str(folder)), device=absent)


def test_a_revision_of_a_folder_is_refused(folder):
    with pytest.raises(InputError, match="is local and has no revision 'main'"):
        inspect_model(ModelSpec(str(folder), revision="main"))


@pytest.fixture
def hub_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.usefixtures("hub_cache")
def test_an_unreachable_hub_says_what_to_download_and_where_to():
    with pytest.raises(
        InputError, match=r"owner/name at revision step3.*\*\.safetensors into a folder"
    ) as caught:
        inspect_model(ModelSpec("owner/name", revision="step3"))
    assert "\n" not in str(caught.value)
    assert "hf download owner/name --revision step3" in str(caught.value)


def test_a_cached_hub_model_is_known_by_its_commit_and_loads_offline(hub_cache, model_folders):
    commit = "0123456789abcdef0123456789abcdef01234567"
    cached = hub_cache / "models--owner--name"
    shutil.copytree(model_folders["llama"], cached / "snapshots" / commit)
    (cached / "refs").mkdir()
    (cached / "refs" / "step3").write_text(commit)
    spec = ModelSpec("owner/name", revision="step3")
    info = inspect_model(spec)
    assert (info.commit, info.family, info.weights_digest) == (commit, "llama", "")
    model = load_model(spec)
    expected = AutoModelForCausalLM.from_pretrained(model_folders["llama"]).model.state_dict()
    assert all(torch.equal(expected[name], value) for name, value in model.module.state_dict().items())
