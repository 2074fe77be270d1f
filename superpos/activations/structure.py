"""Where a backbone's hookpoints are, found by how its modules are built and never by the model's name.

- Blocks: the outermost `ModuleList` of as many children as the configuration has layers, each with attention
  inside.
- Down projection: of the linear maps of a block outside of attention, the only one that maps another width
  to d_model. Where d_mlp = d_model it is the last square one, which a pass over six tokens must confirm.
  Its *input* is `mlp.act`, so that gated MLPs (the product of gate and up projection) and plain ones have
  one definition, and its output is `mlp.out`, before any dropout, residual or normalisation.
- Mixtures of experts have no one such map; there `mlp.act` and `mlp.out` do not exist.

Linear maps are `nn.Linear` with its subclasses, and `Conv1D` of transformers, which stores W transposed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from superpos.errors import ArgumentError, InputError
from superpos.specs.hook_names import EMBED_LAYER
from superpos.specs.models import HOOKPOINTS, check_hookpoint

Site = tuple[str, int]
"""A hookpoint and its layer; layer -1 for `embed`."""

ATTENTION = re.compile(r"att(n|ention)", re.IGNORECASE)
POSITIONS = re.compile(r"pos|^wpe$", re.IGNORECASE)
LENGTHS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")
"""Names under which configurations state the longest sequence."""
UNLIMITED = 1 << 20
"""Positions of a model that states no limit and has no table of positions."""


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """A backbone with its parts."""

    module: nn.Module
    embedding: nn.Embedding
    blocks: nn.ModuleList
    down_paths: tuple[str, ...]
    """Path of the down projection within each block; empty where `no_mlp` says why there is none."""
    no_mlp: str
    d_model: int
    d_mlp: int
    """Width of `mlp.act`; 0 without MLP."""
    max_positions: int

    @property
    def hookpoints(self) -> tuple[str, ...]:
        """Hookpoints that this model has."""
        return HOOKPOINTS[:2] if self.no_mlp else HOOKPOINTS

    def down_projection(self, layer: int) -> nn.Module:
        """Return the down projection of a block's MLP."""
        return self.blocks[layer].get_submodule(self.down_paths[layer])

    def width(self, hookpoint: str) -> int:
        """Return the width d of a hookpoint."""
        if hookpoint == "embed":
            return int(self.embedding.embedding_dim)
        return self.d_mlp if hookpoint == "mlp.act" else self.d_model

    def check_site(self, site: Site) -> Site:
        """Return a site by our name of its hookpoint if the model has it.

        Raises
        ------
        ArgumentError
            For an unknown hookpoint (those known are listed) or a layer that the model lacks.
        InputError
            For a hookpoint that this model's blocks do not have, with the reason and those they have.
        """
        layer = site[1]
        hookpoint = check_hookpoint(site[0])
        if hookpoint == "embed" and layer != EMBED_LAYER:
            raise ArgumentError("layer", f"{layer} has no hookpoint embed; its layer is {EMBED_LAYER}")
        if hookpoint != "embed" and not 0 <= layer < len(self.blocks):
            raise ArgumentError(
                "layer", f"{layer} is not a layer of this model; allowed: 0 to {len(self.blocks) - 1}"
            )
        if hookpoint not in self.hookpoints:
            raise InputError(
                f"{type(self.module).__name__}: has no hookpoint {hookpoint} ({self.no_mlp}); hookpoints "
                f"there are: {', '.join(self.hookpoints)}"
            )
        return hookpoint, layer


def find_structure(module: nn.Module) -> Structure:
    """Return the parts of a transformers backbone (on any device, `meta` included).

    Raises
    ------
    InputError
        If the backbone has no list of blocks or no token embedding; the message lists what was found.
    """
    name = type(module).__name__
    config = module.config
    d_model, n_layers = (getattr(config, key, None) for key in ("hidden_size", "num_hidden_layers"))
    if not isinstance(d_model, int) or not isinstance(n_layers, int):
        raise InputError(f"{name}: its configuration states no hidden_size or no num_hidden_layers")
    embedding = module.get_input_embeddings() if hasattr(module, "get_input_embeddings") else None  # type: ignore[operator]  # a method
    if not isinstance(embedding, nn.Embedding):
        raise InputError(f"{name}: has no embedding of tokens, so no hookpoint at all")
    blocks = _blocks(module, n_layers)
    try:
        down_paths = tuple(down_path(block, d_model) for block in blocks)
        widths = {
            linear_shape(block.get_submodule(path))[0] for block, path in zip(blocks, down_paths, strict=True)
        }
        no_mlp = "" if len(widths) == 1 else f"its width differs between layers: {sorted(widths)}"
    except LookupError as error:
        no_mlp, widths = str(error.args[0]), set()
    return Structure(
        module=module,
        embedding=embedding,
        blocks=blocks,
        down_paths=() if no_mlp else down_paths,
        no_mlp=no_mlp,
        d_model=d_model,
        d_mlp=0 if no_mlp else widths.pop(),
        max_positions=_max_positions(module, embedding),
    )


def linear_shape(module: nn.Module) -> tuple[int, int]:
    """Return (input width, output width) of a linear map; (0, 0) for any other module."""
    if isinstance(module, nn.Linear):
        return module.in_features, module.out_features
    if type(module).__name__ == "Conv1D":  # of transformers, which GPT-2 is built of
        rows, columns = module.get_parameter("weight").shape
        return int(rows), int(columns)
    return 0, 0


def outer_linears(block: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield path and module of every linear map of a block outside of attention, in order."""
    inside = [path for path, part in block.named_modules() if path and _is_attention(path, part)]
    for path, part in block.named_modules():
        if linear_shape(part) != (0, 0) and not any(f"{path}.".startswith(f"{one}.") for one in inside):
            yield path, part


def down_path(block: nn.Module, d_model: int) -> str:
    """Return the path of the down projection within a block; raises `LookupError` with the reason."""
    experts = [path for path, _ in block.named_modules() if "expert" in path.rpartition(".")[2].lower()]
    inside = [path for path, part in block.named_modules() if path and _is_attention(path, part)]
    experts += [
        path
        for path, parameter in block.named_parameters()
        if parameter.ndim > 2 and not any(path.startswith(f"{one}.") for one in inside)
    ]
    if experts:
        raise LookupError(f"a mixture of experts, {experts[0]}")
    found = [(path, linear_shape(part)) for path, part in outer_linears(block)]
    downs = [path for path, (into, out) in found if out == d_model and into != d_model]
    if len(downs) > 1:
        raise LookupError(f"several maps to the residual stream, {', '.join(downs)}")
    squares = [path for path, shape in found if shape == (d_model, d_model)]
    if not downs and len(squares) < 2:
        raise LookupError("no map of a hidden layer back to the residual stream")
    path = downs[0] if downs else squares[-1]
    width = linear_shape(block.get_submodule(path))[0]
    if not any(
        other != path and into == d_model and out in (width, 2 * width) for other, (into, out) in found
    ):
        raise LookupError(f"nothing maps the residual stream to the input of {path}")
    return path


def _is_attention(path: str, part: nn.Module) -> bool:
    return bool(ATTENTION.search(path.rpartition(".")[2]) or ATTENTION.search(type(part).__name__))


def _blocks(module: nn.Module, n_layers: int) -> nn.ModuleList:
    lists = {
        path: part for path, part in module.named_modules() if isinstance(part, nn.ModuleList) and len(part)
    }
    fitting = [
        path
        for path, part in lists.items()
        if len(part) == n_layers
        and all(any(_is_attention(p, m) for p, m in block.named_modules() if p) for block in part)
    ]
    if not fitting:
        found = ", ".join(f"{path} of {len(part)}" for path, part in lists.items()) or "none"
        raise InputError(
            f"{type(module).__name__}: has no list of its {n_layers} blocks with attention (lists: {found}), "
            "so no hookpoint but embed; this architecture is not supported"
        )
    return lists[min(fitting, key=lambda path: path.count("."))]


def _max_positions(module: nn.Module, embedding: nn.Embedding) -> int:
    """Return the longest sequence: what the configuration states, and what tables of positions hold."""
    stated = [getattr(module.config, key, None) for key in LENGTHS]
    limits = [value for value in stated if isinstance(value, int) and value > 0][:1]
    for path, part in module.named_modules():
        if not isinstance(part, nn.Embedding) or part is embedding:
            continue
        if POSITIONS.search(path.rpartition(".")[2]):
            offset = getattr(part, "offset", 0)  # OPT and kin
            if part.padding_idx is not None and not offset:  # RoBERTa and kin count on from the padding id
                offset = part.padding_idx + 1
            limits.append(part.num_embeddings - int(offset))
    return min(limits, default=UNLIMITED)
