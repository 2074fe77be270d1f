"""Names of hookpoints: what each library calls them, what holds a layer, what is refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superpos.errors import ArgumentError
from superpos.specs.hook_names import (
    HOOKPOINTS,
    HOOKS,
    WITHOUT_BLOCK,
    read_hookpoint,
    read_place,
    read_sites,
)

TRANSFORMER_LENS = {
    "blocks.3.hook_resid_post": ("resid", 3),
    "blocks.3.hook_resid_mid": ("resid.mid", 3),
    "blocks.3.hook_resid_pre": ("resid", 2),
    "blocks.3.attn.hook_z": ("attn.z", 3),
    "blocks.3.hook_attn_out": ("attn.add", 3),
    "blocks.3.mlp.hook_post": ("mlp.act", 3),
    "blocks.3.hook_mlp_out": ("mlp.add", 3),
    "hook_embed": ("embed", -1),
    "mlp.hook_post": ("mlp.act", None),
    "hook_resid_post": ("resid", None),
    "resid_post3": ("resid", 3),
    "mlp_post12": ("mlp.act", 12),
    "mlp_out": ("mlp.add", None),
    "z0": ("attn.z", 0),
}
BRIDGE = {
    "embed.hook_out": ("embed", -1),
    "blocks.3.hook_out": ("resid", 3),
    "blocks.3.hook_in": ("resid", 2),
    "blocks.3.ln2.hook_in": ("resid.mid", 3),
    "blocks.3.attn.o.hook_in": ("attn.z", 3),
    "blocks.3.attn.hook_out": ("attn.out", 3),
    "blocks.3.ln1_post.hook_out": ("attn.add", 3),
    "blocks.3.mlp.out.hook_in": ("mlp.act", 3),
    "blocks.3.mlp.hook_out": ("mlp.out", 3),
    "blocks.3.ln2_post.hook_out": ("mlp.add", 3),
}
MODULES = {
    "model.layers.3": ("resid", 3),
    "model.layers.3.output": ("resid", 3),
    "model.layers[3].output[0]": ("resid", 3),
    "model.layers.3.input": ("resid", 2),
    "model.language_model.layers.3": ("resid", 3),
    "gpt_neox.layers.3": ("resid", 3),
    "transformer.h.3": ("resid", 3),
    "transformer.h.3.ln_2.input": ("resid.mid", 3),
    "model.layers.3.pre_feedforward_layernorm.input": ("resid.mid", 3),
    "model.layers.3.self_attn.o_proj.input": ("attn.z", 3),
    "model.layers[3].self_attn.o_proj.inputs[0][0]": ("attn.z", 3),
    "transformer.h.3.attn.c_proj.input": ("attn.z", 3),
    "gpt_neox.layers.3.attention.dense": ("attn.out", 3),
    "model.layers.3.self_attn": ("attn.out", 3),
    "model.layers.3.self_attn.output[0]": ("attn.out", 3),
    "model.layers.3.mlp.down_proj": ("mlp.out", 3),
    "model.layers.3.mlp.down_proj.input": ("mlp.act", 3),
    "gpt_neox.layers.3.mlp.dense_4h_to_h.input": ("mlp.act", 3),
    "transformer.h.3.mlp": ("mlp.out", 3),
    "model.layers.3.post_feedforward_layernorm.output": ("mlp.add", 3),
    "model.decoder.layers.3.fc2.input": ("mlp.act", 3),
    "encoder.layer.3": ("resid", 3),
    "encoder.layer.3.output": ("resid", 3),
    "encoder.layer.3.attention.output.dense.input": ("attn.z", 3),
    "encoder.layer.3.attention.output.LayerNorm": ("resid.mid", 3),
    "encoder.layer.3.intermediate": ("mlp.act", 3),
    "encoder.layer.3.output.dense": ("mlp.out", 3),
    "transformer.layer.3.ffn.lin2.input": ("mlp.act", 3),
    "model.embed_tokens": ("embed", -1),
    "gpt_neox.embed_in.output": ("embed", -1),
    "transformer.wte": ("embed", -1),
}
OTHERS = {
    "layers_output[3]": ("resid", 3),
    "model.layers_output[3]": ("resid", 3),
    "layers_input[3]": ("resid", 2),
    "attentions_output[3]": ("attn.out", 3),
    "mlps_output": ("mlp.out", None),
    "token_embeddings": ("embed", -1),
    "layers[3].layer_output": ("resid", 3),
    "layers[3].self_attn.attention_output": ("attn.add", 3),
    "layers[3].mlp.mlp_output": ("mlp.add", 3),
    "resid_post_layer_3": ("resid", 3),
    "resid_out_layer3": ("resid", 3),
    "attn_out_layer_3": ("attn.out", 3),
    "mlp_out_layer3": ("mlp.out", 3),
    "mlp_3": ("mlp.out", 3),
    "layers.3": ("resid", 3),
    "layers.3.mlp": ("mlp.out", 3),
    "h.3.attn": ("attn.out", 3),
    "h.3.mlp.act": ("mlp.act", 3),
    "embed_tokens": ("embed", -1),
}


@pytest.mark.parametrize(
    ("name", "expected"), (TRANSFORMER_LENS | BRIDGE | MODULES | OTHERS).items(), ids=str
)
def test_every_library_is_understood(name, expected):
    assert tuple(read_hookpoint(name)) == expected


def test_our_own_names_stand_for_themselves_with_and_without_a_layer():
    for name in HOOKPOINTS:
        assert read_hookpoint(name) == (name, -1 if name == "embed" else None)
        if name != "embed":
            assert read_hookpoint(f"gpt_neox.layers.7.{name}") == (name, 7)


@given(st.integers(0, 999_999_999), st.sampled_from(sorted(HOOKS)))
def test_a_layer_is_the_number_in_the_name(layer, hook):
    name = f"blocks.{layer}.{hook}"
    before = hook in ("hook_resid_pre", "hook_in")
    if before and not layer:
        with pytest.raises(ArgumentError, match="goes into the first block"):
            read_hookpoint(name)
        return
    found = read_hookpoint(name)
    assert found.layer == layer - before
    assert found == read_hookpoint(name.replace(f".{layer}.", f"[{layer}].", 1))
    if hook in WITHOUT_BLOCK and not before:
        assert read_hookpoint(hook) == (found.hookpoint, None)


@given(st.text(max_size=30))
def test_any_text_is_a_hookpoint_or_one_line(text):
    try:
        said = read_hookpoint(text).hookpoint
    except ArgumentError as error:
        said = error.reason
    assert said in HOOKPOINTS or any(way in said for way in ("; allowed: ", "; name ", "; no hookpoint"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mlp.hook_pst", r"allowed: embed, resid, .*did you mean 'mlp\.hook_post', here mlp\.act\?"),
        ("mlp.acts", r"did you mean 'mlp\.act'\?"),
        ("blocks.3.hook_resid_pst", "did you mean 'hook_resid_post', here resid"),
        ("blocks.0.hook_resid_pre", "goes into the first block; no hookpoint is there"),
        ("layers_input[0]", "goes into the first block"),
        ("hook_resid_pre", "goes into a block; name resid, and the layers before"),
        ("hook_out", "unknown"),
        ("model.layers.3.post_attention_layernorm", "the norm before the MLP in Llama and .* in Gemma 2"),
        ("encoder.layer.3.attention", "attention in DistilBERT and attention with sum and norm in BERT"),
        ("transformer.h.3.self_attention", "attention with its sum in BLOOM"),
        ("model.layers.3.mlp.input", "unknown"),
        ("model.layers.3.mlp.act_fn", "unknown"),
        ("blocks.3.mlp.hook_pre", "unknown"),
        ("blocks.-1.hook_resid_post", "unknown"),
        ("layers_output[-1]", "unknown"),
        ("blocks.٣.hook_resid_post", "unknown"),
        ("blocks.9999999999.hook_resid_post", "unknown"),
        ("layers.3.embed", "unknown"),
        ("", "'' is unknown"),
        (7, "7 is unknown"),
        (None, "None is unknown"),
        ("blocks." * 5000, "unknown"),
    ],
)
def test_what_names_no_hookpoint_is_refused_in_one_line(name, message):
    with pytest.raises(ArgumentError, match=message) as caught:
        read_hookpoint(name)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 700


def test_layers_of_a_block_are_those_its_hookpoints_hold():
    assert read_sites(["blocks.3.hook_resid_post", "layers.3.mlp"], ()) == (("resid", "mlp.out"), (3,))
    assert read_sites(["layers.4", "layers.3", "layers.4.mlp", "mlps_output[3]"], ()) == (
        ("resid", "mlp.out"),
        (3, 4),
    )
    assert read_sites(["resid", "mlp.hook_post"], (2, 0)) == (("resid", "mlp.act"), (2, 0))
    assert read_sites(["layers.4", "layers.2", "mlp.act"], (4, 2)) == (("resid", "mlp.act"), (4, 2))
    assert read_sites(["hook_embed", "layers.4"], ()) == (("embed", "resid"), (4,))
    assert read_sites(["resid", "hook_resid_post"], ()) == (("resid",), ())


@pytest.mark.parametrize(
    ("names", "layers", "message"),
    [
        (["layers.4"], (3, 4), r"'layers\.4' holds a layer, and layers is \[3, 4\]"),
        (["resid", "layers.4.mlp"], (), r"'layers\.4\.mlp' holds a layer, and resid .* make it two blocks"),
        (["layers.3", "layers.4.mlp"], (), r"'layers\.3' holds a layer, and mlp\.out .* make it two blocks"),
        (["resid", "layers.4"], (), "make it two blocks"),
        (["mlp.acts"], (3,), r"hookpoints: 'mlp\.acts' is unknown"),
    ],
)
def test_layers_that_are_no_product_are_refused(names, layers, message):
    with pytest.raises(ArgumentError, match=message) as caught:
        read_sites(names, layers)
    assert caught.value.argument == "hookpoints"


def test_imported_vectors_live_where_their_name_says():
    assert read_place("blocks.5.hook_resid_post", -1) == ("resid", 5)
    assert read_place("blocks.5.hook_resid_post", 5) == ("resid", 5)
    assert read_place("resid", 5) == ("resid", 5)
    assert read_place("hook_embed", -1) == ("embed", -1)
    assert read_place("", -1) == ("", -1)
    assert read_place("queries, rotated", 2) == ("queries, rotated", 2)
    with pytest.raises(ArgumentError, match=re.escape("layer: 4 is not the layer of hookpoint 'layers.5'")):
        read_place("layers.5", 4)
