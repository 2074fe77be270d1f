"""Names of hookpoints: ours, and those that other libraries have for the same places.

| ours        | TransformerLens, SAELens          | module of Hugging Face (nnsight, sparsify)      |
|-------------|-----------------------------------|-------------------------------------------------|
| `embed`     | `hook_embed`                      | `model.embed_tokens`                            |
| `resid`     | `blocks.3.hook_resid_post`        | `model.layers.3`                                |
| `resid.mid` | `blocks.3.hook_resid_mid`         | input of `transformer.h.3.ln_2`                 |
| `attn.z`    | `blocks.3.attn.hook_z`            | input of `model.layers.3.self_attn.o_proj`      |
| `attn.out`  | `blocks.3.attn.hook_out` (bridge) | `model.layers.3.self_attn`                      |
| `attn.add`  | `blocks.3.hook_attn_out`          | output of the norm behind attention, if any     |
| `mlp.act`   | `blocks.3.mlp.hook_post`          | input of `model.layers.3.mlp.down_proj`         |
| `mlp.out`   | `blocks.3.mlp.hook_out` (bridge)  | `model.layers.3.mlp`                            |
| `mlp.add`   | `blocks.3.hook_mlp_out`           | `model.layers.3.post_feedforward_layernorm`     |

A name that holds a layer gives it. A module stands for its output; `.input` and `.output` may follow it, and
brackets may stand for dots (`model.layers[3].mlp.output[0]`). What a name means is fixed by the library that
uses it, and never by the model. Modules that are other places in other architectures are refused; `mlp` alone
is the MLP without its sum everywhere, which BLOOM's module of that name makes itself.

Sources: TransformerLens 4.3 (`components/transformer_block.py`, where attention and MLP outputs are hooked
behind their second norm, `utilities/components_utils.py`, and the aliases of `model_bridge`), SAELens 6.54,
nnterp 1.3 (`standardized_transformer.py`) and the names of its next release, dictionary_learning 0.1, the
released dictionaries of Marks et al. 2024, sparsify 1.3, and the modules of transformers 5.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Literal, NamedTuple, get_args

from superpos.errors import LONGEST_VALUE, ArgumentError, shown

Hookpoint = Literal[
    "embed", "resid", "resid.mid", "attn.z", "attn.out", "attn.add", "mlp.act", "mlp.out", "mlp.add"
]
HOOKPOINTS: tuple[str, ...] = get_args(Hookpoint)
MEANINGS = {
    "embed": "Output of the token embedding; `hook_embed`, `model.embed_tokens`.",
    "resid": "Residual stream after a block; `hook_resid_post`, `model.layers.3`, `layers_output[3]`.",
    "resid.mid": "Residual stream between attention and MLP, which parallel blocks lack; `hook_resid_mid`.",
    "attn.z": "Input of attention's output projection, all heads side by side; `attn.hook_z`, "
    "`model.layers.3.self_attn.o_proj.input`.",
    "attn.out": "Output of attention's output projection; `layers.3.self_attn`, `attentions_output[3]`.",
    "attn.add": "What attention adds to the stream: `attn.out`, behind a norm in Gemma 2; `hook_attn_out`.",
    "mlp.act": "Input of the MLP's down projection; `mlp.hook_post`, `model.layers.3.mlp.down_proj.input`.",
    "mlp.out": "Output of the MLP's down projection; `model.layers.3.mlp`, `mlps_output[3]`.",
    "mlp.add": "What the MLP adds to the stream: `mlp.out`, behind a norm in Gemma 2; `hook_mlp_out`.",
}
"""What each hookpoint is, with names of other libraries."""
EMBED_LAYER = -1
"""The `layer` of hookpoint `embed`."""
PARALLEL = "attention and the MLP read the same stream, so there is none between them"
"""Why a parallel block has no `resid.mid`."""
UNKNOWN_LAYER = -1
"""The `layer` of imported vectors that come from no stated one."""

BEFORE = "resid of the layer before"
"""Stands for the input of a block."""
HOOKS = {
    "hook_resid_post": "resid",
    "hook_normalized_resid_post": "resid",
    "hook_out": "resid",
    "layer_output": "resid",
    "hook_resid_pre": BEFORE,
    "hook_in": BEFORE,
    "hook_resid_mid": "resid.mid",
    "ln2.hook_in": "resid.mid",
    "attn.hook_z": "attn.z",
    "attn.o.hook_in": "attn.z",
    "attn.hook_out": "attn.out",
    "attn.o.hook_out": "attn.out",
    "hook_attn_out": "attn.add",
    "ln1_post.hook_out": "attn.add",
    "self_attn.attention_output": "attn.add",
    "mlp.hook_post": "mlp.act",
    "mlp.out.hook_in": "mlp.act",
    "mlp.hook_out": "mlp.out",
    "mlp.out.hook_out": "mlp.out",
    "hook_mlp_out": "mlp.add",
    "ln2_post.hook_out": "mlp.add",
    "mlp.mlp_output": "mlp.add",
}
"""What follows a block: hooks of TransformerLens and its bridge, values of nnterp."""
WITHOUT_BLOCK = frozenset(HOOKS) - {"hook_in", "hook_out"}
"""Those that say enough without a block."""
MODULES = {
    "": ("resid", BEFORE),
    "ln_2": ("", "resid.mid"),
    "mlp_norm": ("", "resid.mid"),
    "pre_feedforward_layernorm": ("", "resid.mid"),
    "post_feedforward_layernorm": ("mlp.add", "mlp.out"),
    **dict.fromkeys(("self_attn", "attention", "attn", "attn.attention"), ("attn.out", "")),
    **dict.fromkeys(
        (
            "self_attn.o_proj",
            "self_attn.out_proj",
            "self_attn.dense",
            "self_attention.dense",
            "attention.dense",
            "attn.c_proj",
            "attn.out_proj",
            "attn.attention.out_proj",
            "attn.Wo",
        ),
        ("attn.out", "attn.z"),
    ),
    "mlp": ("mlp.out", ""),
    **dict.fromkeys(
        (
            "mlp.down_proj",
            "mlp.dense_4h_to_h",
            "mlp.c_proj",
            "mlp.fc_out",
            "mlp.fc2",
            "mlp.Wo",
            "ffn.down_proj",
            "fc2",
        ),
        ("mlp.out", "mlp.act"),
    ),
}
"""Modules of a block of transformers: hookpoints of their output and of their input, empty for none."""
ENCODER_MODULES = {
    "": ("resid", BEFORE),
    "output": ("resid", ""),
    "output.LayerNorm": ("resid", ""),
    "attention.output.LayerNorm": ("resid.mid", ""),
    "attention.output.dense": ("attn.out", "attn.z"),
    "attention.out_lin": ("attn.out", "attn.z"),
    "intermediate": ("mlp.act", ""),
    "output.dense": ("mlp.out", "mlp.act"),
    "ffn": ("mlp.out", ""),
    "ffn.lin2": ("mlp.out", "mlp.act"),
}
"""Likewise of BERT and DistilBERT, whose list of blocks is called `layer`."""
SEVERAL = {
    "post_attention_layernorm": "the norm before the MLP in Llama and the norm behind attention in Gemma 2",
    "self_attention": "attention in Falcon and attention with its sum in BLOOM",
    "attention": "attention in DistilBERT and attention with sum and norm in BERT",
    "ffn": "the MLP in some architectures and the MLP with its sum in MPT",
}
"""Modules that are different places in different architectures."""
SHORT = {
    "resid_post": "resid",
    "resid_pre": BEFORE,
    "resid_mid": "resid.mid",
    "z": "attn.z",
    "attn_out": "attn.add",
    "post": "mlp.act",
    "mlp_post": "mlp.act",
    "mlp_out": "mlp.add",
}
"""Short names of TransformerLens, a layer may follow at once: `resid_post3`."""
LISTS = {
    "layers_output": "resid",
    "layers_input": BEFORE,
    "attentions_output": "attn.out",
    "mlps_output": "mlp.out",
}
"""Lists of nnterp: `mlps_output[3]`."""
DICTIONARIES = {
    "resid_post_layer": "resid",
    "resid_out_layer": "resid",
    "resid": "resid",
    "attn_out_layer": "attn.out",
    "attn": "attn.out",
    "mlp_out_layer": "mlp.out",
    "mlp": "mlp.out",
}
"""Submodules of dictionary_learning, a layer follows: `resid_post_layer_3`, `mlp_out_layer3`, `attn_3`."""
EMBEDDINGS = ("hook_embed", "embed.hook_out", "token_embeddings", "embed_tokens", "embed_in", "wte",
              "word_embeddings")  # fmt: skip
"""The embedding of tokens, a path may stand before a module."""

_LAYER = "([0-9]{1,9})"
_BLOCK = re.compile(rf"(?:[A-Za-z_]\w*\.)*?(layers|layer|h|blocks)\.{_LAYER}(?:\.(.+))?", re.ASCII)
_SHORT = re.compile(rf"({'|'.join(SHORT)}){_LAYER}?", re.ASCII)
_LIST = re.compile(rf"(?:model\.)?({'|'.join(LISTS)})(?:\.{_LAYER})?", re.ASCII)
_DICTIONARY = re.compile(
    rf"(?:({'|'.join(name for name in DICTIONARIES if '_' in name)})_?|(resid|attn|mlp)_){_LAYER}", re.ASCII
)
_EMBEDDING = re.compile(
    rf"(?:[A-Za-z_]\w*\.)*({'|'.join(map(re.escape, EMBEDDINGS))})(?:\.output)?", re.ASCII
)
_END = re.compile(r"(?:^|\.)(input|output)s?((?:\.0)*)$", re.ASCII)


class HookName(NamedTuple):
    """What a name of a hookpoint says."""

    hookpoint: str
    """One of `HOOKPOINTS`."""
    layer: int | None
    """The layer that the name holds, -1 for `embed`; None where it holds none."""


def read_hookpoint(name: object, argument: str = "hookpoint") -> HookName:
    """Return the hookpoint that a name of any of the libraries above stands for, and the layer it holds.

    The input of block L (`hook_resid_pre`) is `resid` of layer L - 1. That of the first block is no
    hookpoint: some models add positions or a norm to `embed` before it.

    Parameters
    ----------
    name
        Our name or another library's.
    argument
        Its name in messages.

    Raises
    ------
    ArgumentError
        For a name that is no hookpoint here, with those that are and the nearest of all names.
    """
    text = name if isinstance(name, str) else ""
    if text in HOOKPOINTS:
        return HookName(text, EMBED_LAYER if text == "embed" else None)
    dotted = re.sub(r"\[([0-9]{1,9})\]", r".\1", text) if len(text) <= LONGEST_VALUE else ""
    if _EMBEDDING.fullmatch(dotted):
        return HookName("embed", EMBED_LAYER)
    found, layer = _found(dotted, argument, name)
    if found == BEFORE and not layer:
        said = "a block; name resid, and the layers before"
        if layer == 0:
            said = "the first block; no hookpoint is there (embed lacks what some models add to it)"
        raise ArgumentError(argument, f"{shown(name)} is what goes into {said}")
    if found == BEFORE and layer:
        return HookName("resid", layer - 1)
    if not found:
        raise ArgumentError(argument, f"{shown(name)} is unknown; {_allowed(text)}")
    return HookName(found, layer)


def _found(dotted: str, argument: str, name: object) -> tuple[str, int | None]:
    """Return what a name with dots stands for, which is empty if nothing, and its layer."""
    if dotted in WITHOUT_BLOCK:
        return HOOKS[dotted], None
    for pattern, names in ((_SHORT, SHORT), (_LIST, LISTS), (_DICTIONARY, DICTIONARIES)):
        if match := pattern.fullmatch(dotted):
            *heads, number = match.groups()
            return names[next(head for head in heads if head)], None if number is None else int(number)
    if not (match := _BLOCK.fullmatch(dotted)):
        return "", None
    blocks, number, rest = match.groups(default="")
    layer = int(number)
    if rest in HOOKS:
        return HOOKS[rest], layer
    if rest in HOOKPOINTS and rest != "embed":
        return rest, layer
    modules = ENCODER_MODULES if blocks == "layer" else MODULES
    end = _END.search(rest)
    module, side = (rest[: end.start()], end[1]) if end and rest not in modules else (rest, "output")
    if module in SEVERAL and module not in modules:
        said = f"{shown(name)} is {SEVERAL[module]}; name what is meant: {', '.join(HOOKPOINTS)}"
        raise ArgumentError(argument, said)
    return modules.get(module, ("", ""))[side == "input"], layer


def holds_layer(name: object) -> bool:
    """Whether a name is one of a hookpoint in a stated layer."""
    try:
        return read_hookpoint(name).layer not in (None, EMBED_LAYER)
    except ArgumentError:
        return False


def read_sites(names: Iterable[str], layers: Iterable[int]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return hookpoints and layers of a block of a study, whose names may hold layers.

    Parameters
    ----------
    names
        Of hookpoints.
    layers
        As stated; empty for all.

    Raises
    ------
    ArgumentError
        For an unknown name, and for layers that no product of hookpoints and layers gives.
    """
    names, stated = tuple(names), tuple(layers)
    read = [read_hookpoint(name, "hookpoints") for name in names]
    hookpoints = tuple(dict.fromkeys(one.hookpoint for one in read))
    held: dict[str, tuple[int, ...]] = {}
    for one in read:
        if one.hookpoint != "embed" and one.layer is not None:
            held[one.hookpoint] = (*held.get(one.hookpoint, ()), one.layer)
    if not held:
        return hookpoints, stated
    anywhere = [one.hookpoint for one in read if one.layer is None]
    named = next(name for name, one in zip(names, read, strict=True) if one.layer not in (None, EMBED_LAYER))
    first = tuple(sorted(set(next(iter(held.values())))))
    if stated and any(set(one) != set(stated) for one in held.values()):
        raise ArgumentError(
            "hookpoints",
            f"{shown(named)} holds a layer, and layers is {shown(list(stated))}; name the hookpoint without "
            "its layer, or leave layers out",
        )
    if not stated and (anywhere or any(set(one) != set(first) for one in held.values())):
        other = anywhere[0] if anywhere else next(name for name, one in held.items() if {*one} != {*first})
        raise ArgumentError(
            "hookpoints",
            f"{shown(named)} holds a layer, and {other} is asked for in others; a block reads all its "
            "hookpoints in the same layers: make it two blocks",
        )
    return hookpoints, stated or first


def read_place(hookpoint: str, layer: int) -> tuple[str, int]:
    """Return the hookpoint and layer where imported vectors live, by our names where they have one.

    Parameters
    ----------
    hookpoint
        A name of any library; empty, or text that names no hookpoint here, stays as it is.
    layer
        As stated; -1 if unknown, and then that which the name holds.

    Raises
    ------
    ArgumentError
        If the name holds another layer than the one that is stated.
    """
    try:
        found = read_hookpoint(hookpoint)
    except ArgumentError:
        return hookpoint, layer
    if found.layer is None:
        return found.hookpoint, layer
    if layer not in (UNKNOWN_LAYER, found.layer):
        said = f"{layer} is not the layer of hookpoint {shown(hookpoint)}; leave it out"
        raise ArgumentError("layer", said)
    return found.hookpoint, found.layer


def _allowed(text: str) -> str:
    """Say what is allowed instead, with the nearest of all names where there is one."""
    match = _BLOCK.fullmatch(re.sub(r"\[([0-9]{1,9})\]", r".\1", text[:LONGEST_VALUE]))
    tail = (match[3] or "") if match else text[:LONGEST_VALUE]
    hooks = {name: HOOKS[name] for name in (HOOKS if match else WITHOUT_BLOCK)}
    meanings = {**{name: name for name in HOOKPOINTS}, **hooks, **SHORT, **LISTS}
    near = difflib.get_close_matches(tail, meanings, n=1)
    hint = ""
    if near:
        here = "" if meanings[near[0]] in (near[0], BEFORE) else f", here {meanings[near[0]]}"
        hint = f" (did you mean {shown(near[0])}{here}?)"
    return f"allowed: {', '.join(HOOKPOINTS)}, and their names in other libraries (docs/models.md){hint}"
