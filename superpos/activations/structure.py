"""Where a backbone's hookpoints are, found by how its modules are built and never by the model's name.

- Blocks: the outermost `ModuleList` of as many children as the configuration has layers, each with attention
  inside.
- Down projection: of the linear maps of a block outside of attention, the only one that maps another width
  to d_model. Where d_mlp = d_model it is the last square one, which a pass over six tokens must confirm.
  Its *input* is `mlp.act`, so that gated MLPs (the product of gate and up projection) and plain ones have
  one definition, and its output is `mlp.out`, before any dropout, residual or normalisation.
- Mixtures of experts have no one such map; there `mlp.act` and `mlp.out` do not exist.
- The other hookpoints are found by running three tokens (`superpos.activations.streams`), when one of them is
  first asked for.

Linear maps are `nn.Linear` with its subclasses, and `Conv1D` of transformers, which stores W transposed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from torch import nn

from superpos.activations.dataflow import observe_graphs
from superpos.activations.streams import Flow, Tap, find_flow
from superpos.errors import ArgumentError, InputError, plain
from superpos.specs.hook_names import EMBED_LAYER, HOOKPOINTS
from superpos.specs.models import check_hookpoint

Site = tuple[str, int]
"""A hookpoint and its layer; layer -1 for `embed`."""

BUILT = ("embed", "resid", "mlp.act", "mlp.out")
"""Hookpoints that are found by how modules are built."""
ATTENTION = re.compile(r"att(n|ention)", re.IGNORECASE)
POSITIONS = re.compile(r"pos|^wpe$", re.IGNORECASE)
LENGTHS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")
"""Names under which configurations state the longest sequence."""
NORM = re.compile("norm", re.IGNORECASE)
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
    _flows: list[Flow] = field(default_factory=list)
    """Of every block, once they were asked for."""

    @property
    def flows(self) -> tuple[Flow, ...]:
        """Where the values of every block are; three tokens run through the backbone at the first call."""
        if not self._flows:
            self._flows.extend(_find_flows(self))
        return tuple(self._flows)

    @property
    def absent(self) -> dict[str, str]:
        """Why this model has no such hookpoint, by hookpoint: all blocks have it, of one width, or none."""
        found = dict.fromkeys(("mlp.act", "mlp.out"), self.no_mlp) if self.no_mlp else {}
        for hookpoint in HOOKPOINTS:
            missing = [layer for layer, flow in enumerate(self.flows) if hookpoint in flow.absent]
            if missing:
                where = f"layer {missing[0]}: " if len(missing) < len(self.blocks) else ""
                found.setdefault(hookpoint, where + self.flows[missing[0]].absent[hookpoint])
        if "attn.z" not in found and len(widths := self._attention_widths()) > 1:
            found["attn.z"] = f"its width differs between layers: {sorted(widths)}"
        return found

    @property
    def hookpoints(self) -> tuple[str, ...]:
        """Hookpoints that this model has."""
        absent = self.absent
        return tuple(hookpoint for hookpoint in HOOKPOINTS if hookpoint not in absent)

    @property
    def d_attn(self) -> int:
        """Width of `attn.z`, all heads side by side; 0 where there is none."""
        return 0 if "attn.z" in self.absent else self._attention_widths().pop()

    def _attention_widths(self) -> set[int]:
        paths = [flow.taps["attn.z"].path for flow in self.flows]
        parts = (block.get_submodule(path) for block, path in zip(self.blocks, paths, strict=True))
        return {linear_shape(part)[0] for part in parts}

    def taps(self, layer: int, hookpoints: Iterable[str]) -> dict[str, Tap]:
        """Return where the hookpoints of a block are read, with ranks that can be compared."""
        wanted = tuple(hookpoints)
        if not set(wanted) <= set(BUILT):
            return {hookpoint: self.flows[layer].taps[hookpoint] for hookpoint in wanted}
        down = self.down_paths[layer] if self.down_paths else ""
        taps = {"mlp.act": Tap(down, 0, 0), "mlp.out": Tap(down, None, 1), "resid": Tap("", None, 2)}
        return {hookpoint: taps[hookpoint] for hookpoint in wanted}

    def down_projection(self, layer: int) -> nn.Module:
        """Return the down projection of a block's MLP."""
        return self.blocks[layer].get_submodule(self.down_paths[layer])

    def width(self, hookpoint: str) -> int:
        """Return the width d of a hookpoint."""
        if hookpoint == "embed":
            return int(self.embedding.embedding_dim)
        if hookpoint == "attn.z":
            return self.d_attn
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
        if hookpoint in BUILT and not (self.no_mlp and hookpoint.startswith("mlp.")):
            return hookpoint, layer
        if hookpoint in self.absent:
            raise InputError(
                f"{type(self.module).__name__}: has no hookpoint {hookpoint} ({self.absent[hookpoint]}); "
                f"hookpoints there are: {', '.join(self.hookpoints)}"
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


def _find_flows(structure: Structure) -> list[Flow]:
    try:
        graphs = observe_graphs(structure.module, structure.embedding, structure.blocks)
    except Exception as error:  # code of any architecture, on the meta device too
        said = f"its forward pass cannot be followed: {plain(str(error))}"
        absent = {hookpoint: said for hookpoint in HOOKPOINTS if hookpoint not in BUILT}
        return [Flow({}, absent) for _ in structure.blocks]
    flows = []
    for layer, (graph, block) in enumerate(zip(graphs, structure.blocks, strict=True)):
        linears = [path for path, part in block.named_modules() if linear_shape(part) != (0, 0)]
        outside = {path for path, _ in outer_linears(block)}
        norms = [path for path, part in block.named_modules() if NORM.search(type(part).__name__)]
        down = structure.down_paths[layer] if structure.down_paths else ""
        flows.append(find_flow(graph, [path for path in linears if path not in outside], norms, down))
    return flows


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
