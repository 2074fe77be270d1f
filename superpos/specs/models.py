"""Which model to read, and where in it: model specification and hookpoint names.

| hookpoint   | width   | what                                                                     |
|-------------|---------|--------------------------------------------------------------------------|
| `embed`     | d_model | output of the token embedding, layer -1                                  |
| `resid`     | d_model | residual stream after a block                                            |
| `resid.mid` | d_model | residual stream between attention and MLP; none in a parallel block      |
| `attn.z`    | d_attn  | input of attention's output projection, the heads side by side           |
| `attn.out`  | d_model | output of attention's output projection                                  |
| `attn.add`  | d_model | what attention adds to the stream: `attn.out`, or a norm or multiple of it |
| `mlp.act`   | d_mlp   | input of the MLP's down projection (for gated MLPs the product), which   |
|             |         | TransformerLens calls `mlp.hook_post`                                    |
| `mlp.out`   | d_model | output of the MLP's down projection                                      |
| `mlp.add`   | d_model | what the MLP adds to the stream: `mlp.out`, or a norm or multiple of it  |
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from superpos.errors import ArgumentError, allowed, shown
from superpos.kinds.weights import WEIGHTS
from superpos.specs.axes import check_count
from superpos.specs.hook_names import EMBED_LAYER, read_hookpoint

Dtype = Literal["float32", "bfloat16", "float16"]

DTYPES: tuple[str, ...] = get_args(Dtype)


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model as a study names it."""

    name: str
    """Bundled name (`nano`), folder, GGUF file, installed distribution (`package:NAME`, or where it holds
    several models `package:NAME/inside/path`), or hub repository (`owner/name`)."""
    revision: str = ""
    """Branch (`step1000`), tag or commit of a hub repository, or a checkpoint of a bundled model; empty for
    the main branch, the trained model and what is local."""
    weights: str = "pretrained"
    """Scheme of its weights (`superpos.kinds.weights`)."""
    seed: int = -1
    """Seed of weights that are drawn; -1 for those that are not."""

    def __post_init__(self) -> None:
        """Coerce and check.

        Raises
        ------
        ArgumentError
            For an empty name, an unknown scheme of weights, or a seed that does not fit it.
        """
        for field in ("name", "revision"):
            if not isinstance(getattr(self, field), str):
                raise ArgumentError(field, f"{shown(getattr(self, field))} is not text")
        if not self.name.strip():
            raise ArgumentError(
                "name", "is empty; give a bundled name, a folder, a GGUF file, package:NAME or owner/name"
            )
        if WEIGHTS.get(self.weights, "weights").seeded:
            object.__setattr__(self, "seed", check_count("seed", self.seed, 0))
        elif self.seed != -1:
            raise ArgumentError(
                "seed", f"{shown(self.seed)} does not apply to {self.weights} weights; use -1"
            )


def check_hookpoint(hookpoint: str) -> str:
    """Return our name of a hookpoint, given by any name without a layer.

    Raises
    ------
    ArgumentError
        For an unknown name, listing those known, and for one that holds a layer.
    """
    found = read_hookpoint(hookpoint)
    if found.layer not in (None, EMBED_LAYER):
        said = f"{shown(hookpoint)} holds a layer; name {found.hookpoint} and the layer"
        raise ArgumentError("hookpoint", said)
    return found.hookpoint


def expand_sites(
    hookpoints: Iterable[str], layers: Iterable[int] | None, n_layers: int
) -> tuple[tuple[str, int], ...]:
    """Return the (hookpoint, layer) pairs of a model: the product, with `embed` at layer -1 alone.

    Parameters
    ----------
    hookpoints
        Names from the table above, or those of other libraries (`superpos.specs.hook_names`).
    layers
        Blocks counted from 0, or None for all of them.
    n_layers
        Number of blocks of the model.

    Raises
    ------
    ArgumentError
        For an unknown hookpoint, or a layer the model does not have.
    """
    wanted = range(n_layers) if layers is None else tuple(layers)
    for layer in wanted:
        if not 0 <= layer < n_layers:
            raise ArgumentError(
                "layer", f"{shown(layer)} is not a layer of this model; allowed: 0 to {n_layers - 1}"
            )
    sites: list[tuple[str, int]] = []
    for hookpoint in hookpoints:
        name = check_hookpoint(hookpoint)
        chosen = (EMBED_LAYER,) if name == "embed" else wanted
        sites.extend((name, layer) for layer in chosen)
    return tuple(dict.fromkeys(sites))


def check_dtype(dtype: str) -> str:
    """Return the name of a computing dtype if it is known; raises `ArgumentError` listing them."""
    if dtype not in DTYPES:
        raise ArgumentError("dtype", f"{shown(dtype)} is unknown; {allowed(dtype, DTYPES)}")
    return dtype
