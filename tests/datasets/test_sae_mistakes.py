"""Files of autoencoders that cannot be used: one line with file, key and value; vectors of none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import autoencoders as made
import numpy as np
import pytest
import torch
from autoencoders import CASES, Case, D, N
from safetensors.torch import load_file, save_file

from superpos.datasets.builders.directions import DirectionFileOptions
from superpos.datasets.builders.sae import SaeOptions, resolve
from superpos.datasets.imported import read_imported
from superpos.errors import InputError
from superpos.specs.datasets import DatasetSpec


def vectors(file: Path, **options: Any) -> Any:
    return read_imported(DatasetSpec("mine", "sae", options=SaeOptions(str(file), **options))).values


def refusal(file: Path, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        vectors(file, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def changed(file: Path, **arrays: torch.Tensor) -> None:
    save_file({**load_file(file), **arrays}, file)


# --- files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_weights_that_are_cut_off_or_empty(tmp_path: Path, case: Case) -> None:
    place = case.write(tmp_path)
    weights = max(
        (one for one in [place, *place.rglob("*")] if one.is_file()), key=lambda one: one.stat().st_size
    )
    whole = weights.read_bytes()
    for size in (0, 9, len(whole) // 2, len(whole) - 30):
        weights.write_bytes(whole[:size])
        assert str(weights) in refusal(place, rows=(0, case.n - 1))
    weights.unlink()
    assert "no such file" in refusal(place) or "is no autoencoder of a known layout" in refusal(place)


CONFIGS: list[tuple[Callable[[Path], Path], str, str, str]] = [
    (made.saelens_6, "cfg.json", "{", r"cfg.json: not JSON"),
    (made.saelens_6, "cfg.json", "[]", r"cfg.json: not a JSON object"),
    (made.saelens_6, "cfg.json", '{"d_sae": 4}', "cfg.json: has no d_in, the width of the activations"),
    (
        made.saelens_6,
        "cfg.json",
        '{"d_in": "16"}',
        "cfg.json: d_in = '16' is no whole number from 0 to",
    ),
    (made.saelens_6, "cfg.json", '{"d_in": 16, "metadata": {"hook_name": 5}}', "hook_name = 5 is not text"),
    (
        made.saelens_6,
        "cfg.json",
        '{"d_in": 16, "normalize_activations": "covariance_whitening"}',
        "its vectors live among whitened activations, not among the model's; fold it in",
    ),
    (
        made.saelens_6,
        "cfg.json",
        '{"d_in": 16, "hook_name": "blocks.2.attn.hook_z", "hook_head_index": 3}',
        "hook_name: 'blocks.2.attn.hook_z of head 3' is unknown; allowed: ",
    ),
    (
        made.saelens_6,
        "cfg.json",
        '{"d_in": 16, "hook_name": "blocks.0.hook_resid_pre"}',
        "hook_name: 'blocks.0.hook_resid_pre' is what goes into the first block",
    ),
    (
        made.saelens_6,
        "cfg.json",
        '{"d_in": 16, "hook_name": "blocks.2.hook_resid_pre", "hook_layer": 1}',
        "hook_name 'blocks.2.hook_resid_pre' contradicts its layer 1; one of them is wrong",
    ),
    (made.sparsify, "cfg.json", "{}", "cfg.json: has no d_in"),
    (
        made.dictionary_learning,
        "config.json",
        '{"trainer": 3}',
        "trainer = 3 is no table",
    ),
    (made.dictionary_learning, "config.json", '{"trainer": {}}', "has no trainer.activation_dim"),
    (
        made.gemma_scope_2,
        "config.json",
        '{"type": "crosscoder"}',
        "type = 'crosscoder' has decoders of",
    ),
    (made.llama_scope, "hyperparams.json", "{}", "hyperparams.json: has no d_model"),
    (
        made.language_model_saes,
        "config.json",
        '{"sae_type": "clt"}',
        "sae_type = 'clt' is not read",
    ),
]


@pytest.mark.parametrize(("write", "name", "text", "says"), CONFIGS, ids=[one[3][:40] for one in CONFIGS])
def test_configurations_that_cannot_be_used(
    tmp_path: Path, write: Callable[[Path], Path], name: str, text: str, says: str
) -> None:
    place = write(tmp_path)
    (place / name).write_text(text, encoding="utf-8")
    said = refusal(place, rows=(0, 1))
    assert says in said
    assert str(place / name) in said


def test_a_layout_without_its_configuration_is_unknown(tmp_path: Path) -> None:
    place = made.saelens_6(tmp_path)
    (place / "cfg.json").unlink()
    said = refusal(place)
    assert "is no autoencoder of a known layout: it holds sae_weights.safetensors; known are" in said
    assert "sae_weights.safetensors and cfg.json (SAELens)" in said
    # Named itself, it is a lone file, and its biases prove what they can.
    np.testing.assert_array_equal(vectors(place / "sae_weights.safetensors"), made.decoder().double().numpy())


def test_matrices_that_are_none_of_one_layer(tmp_path: Path) -> None:
    place = made.gemma_scope_2(tmp_path)
    file = place / "params.safetensors"
    changed(file, w_dec=torch.zeros(N, 3, D))
    assert "w_dec has the shape (24, 3, 16); a matrix is needed: one decoder for each of several" in refusal(
        place
    )
    arrays = load_file(file)
    del arrays["w_dec"]
    save_file(arrays, file)
    assert "has no decoder (W_dec, w_dec, W_D, decoder.weight" in refusal(place)
    save_file(arrays | {"w_dec": made.decoder(), "W_dec": made.decoder()}, file)
    assert "has W_dec and w_dec; name one with `tensor`" in refusal(place)
    save_file(arrays | {"w_dec": made.decoder().int()}, file)
    assert "w_dec holds I32; floating-point numbers are needed" in refusal(place)


def test_what_is_no_file_of_arrays(tmp_path: Path) -> None:
    (tmp_path / "sae.json").write_text("{}", encoding="utf-8")
    assert "is no file of an autoencoder; allowed: its folder, or a file that ends in" in refusal(
        tmp_path / "sae.json"
    )
    assert "no such file or folder" in refusal(tmp_path / "none")


def test_a_transcoder_that_does_not_say_where_it_writes(tmp_path: Path) -> None:
    place = made.saelens_transcoder(tmp_path)
    config = json.loads((place / "cfg.json").read_text())
    del config["metadata"]["hook_name_out"]
    (place / "cfg.json").write_text(json.dumps(config), encoding="utf-8")
    options = resolve(DatasetSpec("mine", "sae", options=SaeOptions(str(place))), lambda _: ()).options
    assert (options.hookpoint, options.layer) == ("", -1)  # not where it reads


# --- vectors ------------------------------------------------------------------------------------------------


def test_a_dead_latent_and_nan_are_named(tmp_path: Path) -> None:
    place = made.saelens_6(tmp_path)
    decoder = made.decoder()
    decoder[7] = 0.0
    decoder[9, 3] = torch.nan
    changed(place / "sae_weights.safetensors", W_dec=decoder)
    assert "latent 7 (latent_7) is all zero and has no direction" in refusal(place, rows=(3, 7))
    assert "latent 9 (b), column 3: nan is not a finite number" in refusal(
        place, rows=(3, 9), names=("a", "b")
    )
    np.testing.assert_array_equal(vectors(place, rows=(3, 8)), decoder[[3, 8]].double().numpy())


# --- rows where columns are meant ---------------------------------------------------------------------------


def rows_of(file: Path, **options: Any) -> Any:
    return read_imported(
        DatasetSpec("x", "directions", options=DirectionFileOptions(str(file), **options))
    ).values


def test_directions_refuses_what_lies_on_its_side(tmp_path: Path) -> None:
    """A decoder of (d, n) used to be read as d directions of width n, without a word."""
    file = tmp_path / "w.safetensors"
    columns = made.decoder().T.contiguous()
    by_name, proved = "a decoder's weight has its vectors as columns", "its columns are the vectors"
    for arrays, tensor, says in (
        ({"decoder.weight": columns}, "", by_name),
        ({"decoder.weight": columns, "x": torch.ones(2, 2)}, "decoder.weight", by_name),
        ({"W_dec": columns, "b_dec": torch.zeros(D)}, "W_dec", f"W_dec of shape (16, 24): {proved}"),
        ({"W_dec": columns, "b_enc": torch.zeros(N)}, "W_dec", proved),
        ({"W_enc": columns, "b_enc": torch.zeros(N)}, "W_enc", proved),
        ({"W_dec": columns, "b_dec": torch.zeros(9)}, "W_dec", "the length of b_dec says 9 wide"),
    ):
        save_file(arrays, file)
        with pytest.raises(InputError) as caught:
            rows_of(file, tensor=tensor)
        assert says in str(caught.value)
        assert 'builder = "sae"' in str(caught.value)


def test_directions_reads_what_it_always_read(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    expected = made.decoder().double().numpy()
    for arrays, tensor in (
        ({"W_dec": made.decoder()}, ""),
        ({"W_dec": made.decoder(), "b_dec": torch.zeros(D), "b_enc": torch.zeros(N)}, "W_dec"),
        ({"decoder.weight": made.decoder(), "decoder.bias": torch.zeros(D)}, "decoder.weight"),
        ({"encoder.weight": made.decoder()}, ""),
        ({"steering": made.decoder(), "bias": torch.zeros(N)}, "steering"),
    ):
        save_file(arrays, file)
        np.testing.assert_array_equal(rows_of(file, tensor=tensor), expected)
    np.savez(tmp_path / "w.npz", made.decoder().numpy())
    np.testing.assert_array_equal(rows_of(tmp_path / "w.npz"), expected)
