"""Every family with a tiny random model: structure, oracle, hidden states, what must not depend on padding.

Independent references: the batch-of-one float32 oracle on the uncut sequence, transformers' own
`output_hidden_states`, and down projections recomputed in float64 from the weight files.
"""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from transformers import AutoConfig, AutoModel, AutoModelForMaskedLM

from superpos.activations import inspect_model, read_shards
from superpos.activations.extract import extract
from superpos.activations.inspection import hook_width
from superpos.activations.model import load_model
from superpos.activations.oracle import deviation
from superpos.errors import InputError
from superpos.specs.hook_names import HOOKPOINTS
from superpos.specs.models import ModelSpec, expand_sites

COMMON = {
    "vocab_size": 61,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 40,
    "initializer_range": 0.2,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
GROUPED = {"num_key_value_heads": 2, "head_dim": 8}
GPT2 = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 40, "n_inner": 48}
DECODERS = {
    "gpt_neox": {},
    "llama": GROUPED,
    "gpt2": GPT2,
    "gptj": GPT2 | {"rotary_dim": 4},
    "gpt_neo": {
        "num_layers": 2,
        "num_heads": 4,
        "attention_types": [[["global", "local"], 1]],
        "window_size": 6,
    },
    "qwen2": GROUPED,
    "qwen3": GROUPED,
    "gemma": GROUPED,
    "gemma2": GROUPED | {"sliding_window": 6, "query_pre_attn_scalar": 8},
    "gemma3_text": GROUPED | {"sliding_window": 6, "layer_types": ["sliding_attention", "full_attention"]},
    "opt": {"ffn_dim": 48, "word_embed_proj_dim": 32},
    "mistral": GROUPED | {"sliding_window": 6},
    "phi": {},
    "phi3": GROUPED,
    "falcon": {"ffn_hidden_size": 48, "multi_query": True},
    "bloom": {"n_layer": 2, "n_head": 4},
    "stablelm": GROUPED,
    "olmo": GROUPED,
    "olmo2": GROUPED,
    "starcoder2": GROUPED,
    "gpt_bigcode": GPT2,
    "cohere": GROUPED,
    "granite": GROUPED | {"residual_multiplier": 0.22},
    "mpt": {"d_model": 32, "n_layers": 2, "n_heads": 4, "expansion_ratio": 2, "max_seq_len": 40},
    "xglm": {"d_model": 32, "num_layers": 2, "attention_heads": 4, "ffn_dim": 48},
}
ENCODERS = {
    "bert": {},
    "roberta": {"max_position_embeddings": 42, "pad_token_id": 1},
    "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 48},
    "electra": {"embedding_size": 16},
    "deberta-v2": {},
    "modernbert": {"local_attention": 8, "global_attn_every_n_layers": 2},
}
D_MLP = {"bloom": 128, "mpt": 128}
PARALLEL = ("gpt_neox", "gptj", "phi", "falcon", "cohere")
"""Families whose blocks have no stream between attention and MLP."""
BEHIND = ("bert", "roberta", "distilbert", "electra", "deberta-v2")
"""Families whose norms stand behind the sums."""
SANDWICHES = ("gemma2", "gemma3_text", "olmo2")
"""Families with norms behind attention and behind the MLP, before the sum."""


def sites_of(model):
    """Every site of a model of two layers, and a stem for each."""
    sites = expand_sites(model.structure.hookpoints, None, 2)
    return {site: f"{number:032x}" for number, site in enumerate(sites)}


def make_model(family, options, folder, *, save_as=AutoModel):
    """A random model with noise on norms and biases, which start at 1 and 0 and would hide mistakes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        config = AutoConfig.for_model(family, **COMMON | options)
        model = save_as.from_config(config)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.ndim == 1:
                    parameter.add_(0.2 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    return model


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("families")
    for family, options in (DECODERS | ENCODERS).items():
        make_model(family, options, root / family)
    return root


@pytest.fixture(scope="module")
def samples(tokens):
    """The shared tokens without ids that models read as something else (padding, beginning, end)."""
    return dataclasses.replace(tokens, token_ids=3 + tokens.token_ids % 58)


@pytest.fixture(params=[*DECODERS, *ENCODERS])
def family(request):
    return request.param


def test_every_family_agrees_with_the_oracle_whatever_the_padding(folders, samples, tmp_path, family):
    spec = ModelSpec(str(folders / family))
    info = inspect_model(spec)
    model = load_model(spec)
    assert (info.n_layers, info.d_model, info.d_mlp) == (2, 32, D_MLP.get(family, 48))
    assert (info.vocab_size, info.max_positions) == (61, 40)
    assert model.causal is (family in DECODERS)
    stems = sites_of(model)
    assert set(HOOKPOINTS) - {name for name, _ in stems} == ({"resid.mid"} if family in PARALLEL else set())
    assert model.info.absent == tuple(model.structure.absent.items())
    batched = extract(model, samples, stems, tmp_path / "a", token_budget=200, oracle_sequences=23)
    alone = extract(model, samples, stems, tmp_path / "b", token_budget=1, oracle_sequences=0)
    for site, one, other in zip(stems, batched, alone, strict=True):
        assert one.status == "ok"
        assert one.agreement < 5e-5, site
        values = read_shards(tmp_path / "a", one.shards)
        assert values.shape == (91, model.structure.width(site[0]))
        assert one.d_hook == values.shape[1]
        if site != ("embed", -1):
            assert values.shape[1] == hook_width(info, site[0])
        assert deviation(read_shards(tmp_path / "b", other.shards), values) < 5e-5, site
        assert values.std() > 0.01, site


def test_residual_streams_are_hidden_states_and_mlp_out_projects_mlp_act(folders, samples, tmp_path, family):
    model = load_model(ModelSpec(str(folders / family)))
    stems = sites_of(model)
    infos = extract(model, samples, stems, tmp_path, oracle_sequences=0)
    found = {site: read_shards(tmp_path, info.shards) for site, info in zip(stems, infos, strict=True)}
    rows = slice(0, int(np.count_nonzero(samples.sample_sequences == 0)))
    ids = torch.as_tensor(samples.token_ids[: samples.sequence_starts[1]].astype(np.int64))[None]
    reference = AutoModel.from_pretrained(folders / family).eval()
    with torch.inference_mode():
        states = reference(input_ids=ids, output_hidden_states=True).hidden_states
    where = samples.sample_positions[rows]
    assert deviation(found["resid", 0][rows], states[1][0, where].numpy()) < 2e-5
    tensors = load_file(folders / family / "model.safetensors")
    projections = (("mlp.act", "mlp.out", D_MLP.get(family, 48)), ("attn.z", "attn.out", 32))
    for taken, given, width in projections:
        path = f".1.{model.structure.flows[1].taps[taken].path}"
        (weight,) = (value for name, value in tensors.items() if name.endswith(f"{path}.weight"))
        bias = next((value for name, value in tensors.items() if name.endswith(f"{path}.bias")), 0.0)
        matrix = (weight if family == "gpt2" else weight.T).astype(np.float64)
        assert matrix.shape == (width, 32)
        assert deviation(found[given, 1], found[taken, 1].astype(np.float64) @ matrix + bias) < 1e-5
    table = next(v for k, v in tensors.items() if v.shape in ((61, 32), (61, 16)) and "pos" not in k)
    scale = np.sqrt(32.0) if family in ("gemma", "gemma2", "gemma3_text", "xglm") else 1.0
    expected = scale * table[ids[0].numpy()[where]]
    assert deviation(found["embed", -1][rows], expected) < 1e-6


def test_the_stream_is_what_attention_and_mlp_add_up_to(folders, samples, tmp_path, family):
    model = load_model(ModelSpec(str(folders / family)))
    stems = sites_of(model)
    infos = extract(model, samples, stems, tmp_path, oracle_sequences=0)
    found = {
        site: read_shards(tmp_path, info.shards).astype(np.float64)
        for site, info in zip(stems, infos, strict=True)
    }
    before, attention, mlp = (found[site] for site in (("resid", 0), ("attn.add", 1), ("mlp.add", 1)))
    ends = found["resid", 1]
    if family in PARALLEL:
        assert deviation(before + attention + mlp, ends) < 1e-5
    elif family in BEHIND:
        middle, end = norms_behind(model, folders / family)
        assert deviation(middle(before + attention), found["resid.mid", 1]) < 1e-5
        assert deviation(end(found["resid.mid", 1] + mlp), ends) < 1e-5
    else:
        assert deviation(before + attention, found["resid.mid", 1]) < 1e-5
        assert deviation(found["resid.mid", 1] + mlp, ends) < 1e-5
    raw = {"attn.add": found["attn.out", 1], "mlp.add": found["mlp.out", 1]}
    for name, out in raw.items():
        if family in SANDWICHES:
            scaled = out / np.sqrt((out**2).mean(axis=1, keepdims=True) + 1e-6)
            gain = found[name, 1] / scaled
            assert np.ptp(gain, axis=0).max() < 1e-3  # one gain a coordinate, as a norm has
            assert deviation(found[name, 1], out) > 0.1
        else:
            multiple = 0.22 if family == "granite" else 1.0
            assert deviation(found[name, 1], multiple * out) < 1e-6


def norms_behind(model, folder):
    """The two norms of the last block from the weight file, where they stand behind the sums."""
    tensors = load_file(folder / "model.safetensors")
    names = ("attention.output.LayerNorm", "output.LayerNorm")
    if model.info.family == "distilbert":
        names = ("sa_layer_norm", "output_layer_norm")

    def norm(name):
        gain, bias = (
            next(v for k, v in tensors.items() if k.endswith(f"layer.1.{name}.{part}"))
            for part in ("weight", "bias")
        )
        eps = 1e-7 if model.info.family == "deberta-v2" else 1e-12
        return lambda x: (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + eps) * gain + bias

    return tuple(map(norm, names))


def _sample_offsets(samples):
    return samples.sequence_starts[samples.sample_sequences] + samples.sample_positions


def test_an_encoder_reads_the_text_behind_the_last_sample(folders, samples, tmp_path):
    last = samples.sequence_starts[1:] - 1
    tails = [number for number in range(24) if number != 2 and last[number] not in _sample_offsets(samples)]
    changed = samples.token_ids.copy()
    changed[last[tails[0]]] = 3 + (changed[last[tails[0]]] + 1) % 58
    rows = samples.sample_sequences == tails[0]
    for family, moves in (("bert", True), ("gpt2", False)):
        model = load_model(ModelSpec(str(folders / family)))
        site = {("resid", 1): "ab" * 16}
        values = []
        for number, ids in enumerate((samples.token_ids, changed)):
            root = tmp_path / family / str(number)
            (info,) = extract(model, dataclasses.replace(samples, token_ids=ids), site, root)
            values.append(read_shards(root, info.shards))
        assert np.array_equal(values[0][~rows], values[1][~rows])
        assert (deviation(values[0][rows], values[1][rows]) > 1e-3) is moves


def test_a_masked_language_model_is_read_without_its_head(tmp_path, samples):
    model = make_model("bert", {}, tmp_path / "model", save_as=AutoModelForMaskedLM)
    loaded = load_model(ModelSpec(str(tmp_path / "model")))
    expected = model.bert.state_dict()
    own = loaded.module.state_dict()
    assert set(own) - set(expected) == {"pooler.dense.weight", "pooler.dense.bias"}
    assert all(torch.equal(own[name], value) for name, value in expected.items())
    (info,) = extract(loaded, samples, {("mlp.act", 1): "ab" * 16}, tmp_path)
    assert info.agreement < 2e-5


@pytest.mark.parametrize("family", ["gpt2", "opt", "bert", "gemma2", "bloom"])
def test_half_precision_stays_near_the_float32_oracle(folders, samples, tmp_path, family):
    model = load_model(ModelSpec(str(folders / family)), dtype="bfloat16")
    for info in extract(model, samples, sites_of(model), tmp_path, oracle_sequences=3):
        assert 0.0 <= info.agreement < 0.3


@pytest.mark.parametrize("family", ["gpt2", "falcon"])
def test_square_mlps_are_told_by_the_order_in_which_they_run(tmp_path, samples, family):
    wide = {"gpt2": GPT2 | {"n_inner": 32}, "falcon": {"ffn_hidden_size": 32, "multi_query": True}}
    make_model(family, wide[family], tmp_path / "model")
    model = load_model(ModelSpec(str(tmp_path / "model")))
    assert model.structure.down_paths[0].endswith(("c_proj", "dense_4h_to_h"))
    infos = extract(model, samples, sites_of(model), tmp_path, oracle_sequences=23)
    assert max(info.agreement for info in infos) < 5e-5


HEADS = {
    "llama": {"num_key_value_heads": 2, "head_dim": 12},
    "mistral": {"num_key_value_heads": 2, "head_dim": 12},
    "qwen2": {"num_key_value_heads": 2},
    "qwen3": {"num_key_value_heads": 2, "head_dim": 12},
    "gemma": {"num_key_value_heads": 2, "head_dim": 6},
    "gemma2": {"num_key_value_heads": 1, "head_dim": 12, "query_pre_attn_scalar": 8},
    "gpt_neox": {"use_parallel_residual": False},
}


@pytest.mark.parametrize("family", HEADS)
def test_heads_may_be_wider_or_narrower_than_the_stream(tmp_path, samples, family):
    make_model(family, HEADS[family], tmp_path / "model")
    model = load_model(ModelSpec(str(tmp_path / "model")))
    width = 4 * HEADS[family].get("head_dim", 8)
    assert model.info.d_attn == model.structure.d_attn == hook_width(model.info, "attn.z") == width
    assert model.info.absent == tuple(model.structure.absent.items()) == ()
    stems = sites_of(model)
    infos = extract(model, samples, stems, tmp_path / "data", oracle_sequences=23)
    assert max(info.agreement for info in infos) < 5e-5
    assert {info.d_hook for info in infos if info.hookpoint == "attn.z"} == {width}


def test_a_head_of_qwen3_that_is_not_stated_has_the_width_that_transformers_takes(tmp_path):
    AutoConfig.for_model("qwen3", **COMMON | {"num_key_value_heads": 2}).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    del config["head_dim"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    spec = ModelSpec(str(tmp_path), weights="random", seed=0)
    assert inspect_model(spec).d_attn == load_model(spec).structure.d_attn == 512


OTHER_SUMS = {
    "opt": {"ffn_dim": 48, "word_embed_proj_dim": 32, "do_layer_norm_before": False},
    "falcon": {"ffn_hidden_size": 48, "parallel_attn": False},
    "stablelm": GROUPED | {"use_parallel_residual": True},
    "bloom": {"n_layer": 2, "n_head": 4, "apply_residual_connection_post_layernorm": True},
}
LACKS = {"stablelm": {"resid.mid"}, "bloom": {"resid.mid", "attn.add", "mlp.add"}}


@pytest.mark.parametrize("family", OTHER_SUMS)
def test_a_configuration_may_add_up_otherwise_than_its_family(tmp_path, samples, family):
    make_model(family, OTHER_SUMS[family], tmp_path / "model")
    model = load_model(ModelSpec(str(tmp_path / "model")))
    assert set(model.structure.absent) == LACKS.get(family, set())
    assert model.info.absent == tuple(model.structure.absent.items())
    infos = extract(model, samples, sites_of(model), tmp_path / "data", oracle_sequences=23)
    assert max(info.agreement for info in infos) < 5e-5


EXPERTS = {
    "mixtral": GROUPED | {"num_local_experts": 2, "num_experts_per_tok": 1},
    "qwen3_moe": GROUPED | {"num_experts": 2, "num_experts_per_tok": 1, "moe_intermediate_size": 16},
}


@pytest.mark.parametrize("family", EXPERTS)
def test_experts_have_all_but_one_down_projection(tmp_path, samples, family):
    make_model(family, EXPERTS[family], tmp_path / "model")
    spec = ModelSpec(str(tmp_path / "model"))
    info = inspect_model(spec)
    assert (info.d_mlp, info.d_attn) == (0, 32)
    there = r"there are: embed, resid, resid\.mid, attn\.z, attn\.out, attn\.add, mlp\.add"
    with pytest.raises(InputError, match=rf"no hookpoint mlp\.act: .*experts.*{there}"):
        hook_width(info, "mlp.act")
    model = load_model(spec)
    assert model.info.absent == tuple(model.structure.absent.items())
    with pytest.raises(InputError, match=rf"mlp\.out \(a mixture of experts, mlp\.\w+.*{there}"):
        extract(model, samples, {("mlp.out", 0): "ab" * 16}, tmp_path)
    stems = sites_of(model)
    infos = extract(model, samples, stems, tmp_path, oracle_sequences=23)
    assert max(info.agreement for info in infos) < 5e-5
    found = {site: read_shards(tmp_path, info.shards) for site, info in zip(stems, infos, strict=True)}
    assert deviation(found["resid", 0] + found["attn.add", 1], found["resid.mid", 1]) < 1e-5
    assert deviation(found["resid.mid", 1] + found["mlp.add", 1], found["resid", 1]) < 1e-5


REFUSED = {
    "albert": ({"embedding_size": 16}, r"no list of its 2 blocks .*albert_layer_groups of 1"),
    "mamba": ({"state_size": 4}, r"no list of its 2 blocks with attention \(lists: layers of 2\)"),
    "t5": ({"d_model": 32, "d_ff": 48, "num_layers": 2, "num_heads": 4}, "an encoder with a decoder"),
    "bart": ({"d_model": 32, "encoder_layers": 1, "decoder_layers": 1}, "an encoder with a decoder"),
    "gemma3": ({}, "reads more than text"),
}


@pytest.mark.parametrize("family", REFUSED)
def test_other_builds_are_refused_at_inspection(tmp_path, family):
    options, message = REFUSED[family]
    AutoConfig.for_model(family, **({} if family == "gemma3" else COMMON | options)).save_pretrained(tmp_path)
    with pytest.raises(InputError, match=message) as caught:
        inspect_model(ModelSpec(str(tmp_path), weights="random", seed=0))
    assert "\n" not in str(caught.value)


def test_a_backbone_with_another_layout_is_refused_when_it_is_loaded(tmp_path):
    options = {"d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 48, "vocab_size": 61}
    AutoConfig.for_model("xlnet", **options).save_pretrained(tmp_path)
    with pytest.raises(InputError, match=r"returns \(3, 2, 32\) for two sequences of three tokens"):
        load_model(ModelSpec(str(tmp_path), weights="random", seed=0))


def test_positions_end_where_their_table_does(folders, tmp_path):
    config = json.loads((folders / "roberta" / "config.json").read_text())
    assert config["max_position_embeddings"] == 42  # of which the padding id takes two
    assert inspect_model(ModelSpec(str(folders / "roberta"))).max_positions == 40
    config = json.loads((folders / "bloom" / "config.json").read_text())
    del config["max_position_embeddings"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert inspect_model(ModelSpec(str(tmp_path), weights="random", seed=0)).max_positions == 1 << 20


def test_random_weights_of_any_family_follow_their_seed(folders):
    for family in ("gpt2", "bert", "opt"):
        first, again, other = (
            load_model(ModelSpec(str(folders / family), weights="random", seed=seed)).module.state_dict()
            for seed in (0, 0, 1)
        )
        assert all(torch.equal(first[name], again[name]) for name in first)
        assert any(not torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("family", ["gpt2", "opt", "mpt", "gemma", "xglm", "bert", "electra", "deberta-v2"])
def test_changed_weights_of_any_family_keep_the_embeddings_and_entries(folders, family):
    own, kept, shuffled, fresh = (
        load_model(ModelSpec(str(folders / family), weights=weights, seed=seed))
        for weights, seed in (
            ("pretrained", -1),
            ("shuffled_keep_embeddings", 0),
            ("shuffled", 0),
            ("random_keep_embeddings", 0),
        )
    )
    table = own.structure.embedding.weight
    assert torch.equal(kept.structure.embedding.weight, table)
    assert torch.equal(fresh.structure.embedding.weight, table)
    assert not torch.equal(shuffled.structure.embedding.weight, table)
    blocks = dict(kept.module.named_parameters())
    for name, trained in own.module.named_parameters():
        moved = shuffled.module.get_parameter(name)
        assert torch.equal(moved.flatten().sort().values, trained.flatten().sort().values), name
        if trained is not table:
            assert torch.equal(blocks[name], moved), name
            assert trained.unique().numel() < 2 or not torch.equal(moved, trained), name
