"""Autoencoders in the layout of each library: what is read, and which way round."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import autoencoders as made
import numpy as np
import pytest
import torch
from autoencoders import CASES, Case, D, N
from hypothesis import given
from hypothesis import strategies as st

from superpos.datasets.builders.sae import SaeOptions, describe, resolve
from superpos.datasets.imported import imported_identity, read_imported, resolved_import
from superpos.datasets.sae.layouts import LAYOUTS, is_autoencoder
from superpos.datasets.sae.orientation import Length, proved_side
from superpos.errors import InputError
from superpos.kinds.builders import Site
from superpos.specs.datasets import DatasetSpec


def sae(file: Path, **options: Any) -> DatasetSpec:
    return DatasetSpec("mine", "sae", options=SaeOptions(str(file), **options))


def nowhere(hookpoint: str) -> tuple[()]:  # noqa: ARG001 (of no study)
    return ()


def as_stored(values: torch.Tensor, *, half: bool) -> Any:
    return (values.bfloat16() if half else values).double().numpy()


# --- every layout -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_decoder_vectors_of_every_layout(tmp_path: Path, case: Case) -> None:
    place = case.write(tmp_path)
    spec = resolve(sae(place, rows=(3, 0, 20)), nowhere)
    found = read_imported(spec)
    assert found.names == ("latent_3", "latent_0", "latent_20")
    expected = as_stored(made.decoder(case.n)[[3, 0, 20]], half=case.half)
    np.testing.assert_array_equal(found.values, expected)
    np.testing.assert_array_equal(read_imported(sae(place, rows=(3, 0, 20))).values, expected)
    known = describe(spec, None)["autoencoder"]
    assert known == {
        "layout": case.layout,
        "model": case.model,
        "hookpoint": case.hookpoint,
        "layer": 1,
        "part": "decoder",
        "tensor": case.tensor,
        "orientation": case.side,
        "n_latents": case.n,
        "width": D,
    }
    assert (spec.options.hookpoint, spec.options.layer, spec.options.d_model) == (case.hookpoint, 1, D)


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_encoder_vectors_of_every_layout(tmp_path: Path, case: Case) -> None:
    place = case.write(tmp_path)
    width = D + 4 if case.hookpoint == "mlp.add" else D
    told = {"hookpoint": "mlp.in", "layer": 1} if case.hookpoint == "mlp.add" else {}
    spec = sae(place, part="encoder", rows=(5, 2), **told)
    expected = as_stored(made.encoder(case.n, width)[[5, 2]], half=case.half)
    np.testing.assert_array_equal(read_imported(spec).values, expected)
    assert spec.options.variance == "covector"
    assert replace(spec.options, part="decoder").variance == "vector"


def test_every_layout_has_its_case() -> None:
    assert {case.layout for case in CASES.values()} == {layout.name for layout in LAYOUTS}


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_the_file_of_weights_stands_for_its_folder(
    tmp_path: Path, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = resolve(sae(case.write(tmp_path), rows=(1, 2)), nowhere)
    assert resolve(sae(Path(spec.options.file), rows=(1, 2)), nowhere).options == spec.options
    assert resolve(spec, nowhere).options == spec.options
    monkeypatch.chdir(Path(spec.options.file).parent)
    by_name = resolve(sae(Path(Path(spec.options.file).name), rows=(1, 2)), nowhere)
    assert replace(by_name.options, file=spec.options.file) == spec.options


def test_all_latents_of_a_small_one(tmp_path: Path) -> None:
    found = read_imported(sae(made.saelens_6(tmp_path)))
    np.testing.assert_array_equal(found.values, as_stored(made.decoder(), half=False))
    assert found.names == tuple(f"latent_{index}" for index in range(N))


def test_the_key_knows_vectors_and_names_and_not_how_they_were_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "list.txt").write_text("3\n1\n2\n", encoding="utf-8")
    first, second = made.saelens_6(tmp_path / "a"), made.saelens_6(tmp_path / "b")
    specs = [
        sae(first, rows=(3, 1)),
        sae(second, rows_file=str(tmp_path / "list.txt"), most=2),
        sae(second / "sae_weights.safetensors", rows=(3, 1), hookpoint="resid", d_model=D),
        sae(second, rows=(3, 1), hookpoint="blocks.1.hook_resid_post"),
    ]
    keys = [imported_identity(resolved_import(spec, nowhere)) for spec in specs]
    assert all(key == keys[0] for key in keys)
    assert imported_identity(resolve(sae(first, rows=(1, 3)), nowhere)) != keys[0]
    assert imported_identity(resolve(sae(first, rows=(3, 1), names=("x", "y")), nowhere)) != keys[0]


# --- releases of many ---------------------------------------------------------------------------------------


def test_a_release_of_many_names_them(tmp_path: Path) -> None:
    for layer in (1, 2):
        made.sparsify(tmp_path, f"layers.{layer}")
    with pytest.raises(InputError, match=r"run: holds 2 autoencoders; .*: layers\.1, layers\.2"):
        resolve(sae(tmp_path / "run", rows=(0, 1)), nowhere)
    assert is_autoencoder(tmp_path / "run")
    assert is_autoencoder(tmp_path / "run" / "layers.1")
    assert not is_autoencoder(Path(__file__).parent)


def test_files_of_several_layers_in_one_folder(tmp_path: Path) -> None:
    file = made.qwen_scope(tmp_path)
    assert resolve(sae(file.parent, rows=(0, 1)), nowhere).options.file == str(file)
    (file.parent / "layer2.sae.pt").write_bytes(file.read_bytes())
    with pytest.raises(InputError, match=r"holds 2 files of weights \(layer1\.sae\.pt, layer2\.sae\.pt\)"):
        resolve(sae(file.parent, rows=(0, 1)), nowhere)
    assert resolve(sae(file.parent / "layer2.sae.pt", rows=(0, 1)), nowhere).options.layer == 2


def test_a_folder_of_something_else_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("x", encoding="utf-8")
    with pytest.raises(InputError, match=r"is no autoencoder of a known layout: it holds README\.md; known"):
        resolve(sae(tmp_path), nowhere)


# --- which way round ----------------------------------------------------------------------------------------


def lone(tmp_path: Path, **arrays: torch.Tensor) -> Path:
    torch.save(arrays, tmp_path / "lone.pt")
    return tmp_path / "lone.pt"


@pytest.mark.parametrize("bias", ["b_dec", "b_enc"])
@pytest.mark.parametrize("columns", [False, True])
def test_a_bias_proves_a_file_alone(tmp_path: Path, bias: str, *, columns: bool) -> None:
    vectors = made.decoder()
    file = lone(
        tmp_path,
        W_dec=vectors.T.contiguous() if columns else vectors,
        **{bias: torch.zeros(D if bias == "b_dec" else N)},
    )
    np.testing.assert_array_equal(read_imported(sae(file)).values, as_stored(vectors, half=False))


def test_nothing_decides_so_it_is_asked(tmp_path: Path) -> None:
    file = lone(tmp_path, W_dec=made.decoder())
    with pytest.raises(InputError, match=r"the shape \(24, 16\): nothing says .* d_model = N, or or"):
        read_imported(sae(file))
    expected = as_stored(made.decoder(), half=False)
    np.testing.assert_array_equal(read_imported(sae(file, d_model=D)).values, expected)
    np.testing.assert_array_equal(read_imported(sae(file, orientation="rows")).values, expected)
    np.testing.assert_array_equal(read_imported(sae(file, orientation="columns")).values, expected.T)
    with pytest.raises(InputError, match=r"d_model of the set says 17 wide, and no side of \(24, 16\)"):
        read_imported(sae(file, d_model=17))
    with pytest.raises(InputError, match=r"orientation = 'columns' contradicts d_model of the set 16"):
        read_imported(sae(file, d_model=D, orientation="columns"))


def test_equal_sides_are_asked_for_whatever_is_known(tmp_path: Path) -> None:
    file = lone(tmp_path, W_dec=made.decoder(D), b_dec=torch.zeros(D), b_enc=torch.zeros(D))
    with pytest.raises(InputError, match=r"both sides are equal; say orientation = \"rows\""):
        read_imported(sae(file, d_model=D))
    found = read_imported(sae(file, orientation="columns"))
    np.testing.assert_array_equal(found.values, as_stored(made.decoder(D).T, half=False))


def test_the_width_of_the_studys_models_decides_and_refuses(tmp_path: Path) -> None:
    file = lone(tmp_path, W_dec=made.decoder().T.contiguous())
    asked: list[str] = []

    def models(*widths: int) -> Any:
        def sites(hookpoint: str) -> tuple[Site, ...]:
            asked.append(hookpoint)
            return tuple(Site(f"m{width}", width, 4) for width in widths)

        return sites

    spec = sae(file, hookpoint="resid", layer=1)
    assert resolve(spec, models(D, 99)).options.orientation == "columns"
    assert resolve(spec, models(N)).options.orientation == "rows"
    assert asked == ["resid", "resid"]
    with pytest.raises(InputError, match="nothing says which side"):
        resolve(spec, models(D, N))
    known = made.saelens_6(tmp_path)
    with pytest.raises(InputError, match=r"of width 16 .*as wide as m64 64; d_model = 16"):
        resolve(sae(known), models(64))
    assert resolve(sae(known, d_model=D), models(64)).options.d_model == D
    with pytest.raises(InputError, match=r"layer 3.*as many layers as m16 2"):
        resolve(
            sae(lone(tmp_path, W_dec=made.decoder()), hookpoint="resid", layer=3),
            lambda _: (Site("m16", D, 2),),
        )


def test_lengths_that_contradict_each_other(tmp_path: Path) -> None:
    place = made.saelens_6(tmp_path, d_sae=D)
    with pytest.raises(InputError, match=r"makes the rows of \(24, 16\) its vectors, .* its columns"):
        read_imported(sae(place))
    place = made.saelens_6(tmp_path, d_in=100)
    with pytest.raises(InputError, match=r"cfg\.json says 100 wide, and no side of \(24, 16\)"):
        read_imported(sae(place))


@given(st.integers(1, 9), st.integers(1, 9), st.booleans(), st.booleans())
def test_a_known_length_gives_back_the_side(n: int, d: int, is_width: bool, columns: bool) -> None:
    shape = (d, n) if columns else (n, d)
    side, contradiction = proved_side(shape, [Length(d if is_width else n, "x", is_width)])
    assert contradiction == ""
    assert side == (None if n == d else "columns" if columns else "rows")
    assert proved_side(shape, []) == (None, "")
