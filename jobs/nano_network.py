"""Network and state of the small bundled model: weights drawn, saved and read back, without pickle."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from jobs.nano_data import SEPARATOR_ID, NanoSettings
from superpos.errors import InputError
from superpos.seeding import draw_entropy


@dataclass
class Progress:
    """What a run has done so far; travels in the header of the state file."""

    step: int = 0
    seconds: float = 0.0
    losses: list[tuple[int, float]] = field(default_factory=list)
    """(step, mean training loss since the last entry)."""
    plans: list[tuple[int, int]] = field(default_factory=list)
    """(from step, number of steps planned)."""


def new_model(settings: NanoSettings, seed: int) -> Any:
    """Return the untrained network, its weights drawn with `seed`."""
    import torch
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    config = GPTNeoXConfig(
        vocab_size=settings.vocab_size,
        hidden_size=settings.d_model,
        num_hidden_layers=settings.n_layers,
        num_attention_heads=settings.n_heads,
        intermediate_size=settings.d_mlp,
        max_position_embeddings=settings.max_positions,
        rotary_pct=settings.rotary_pct,
        use_parallel_residual=True,
        tie_word_embeddings=False,
        hidden_dropout=0.0,
        attention_dropout=0.0,
        bos_token_id=SEPARATOR_ID,
        eos_token_id=SEPARATOR_ID,
        use_cache=False,
    )
    torch.manual_seed(draw_entropy("model_weights", seed=seed) % 2**63)
    return GPTNeoXForCausalLM(config).to(torch.float32)


def save_weights(model: Any, folder: Path, *, half: bool) -> None:
    """Write config.json and model.safetensors, in float16 if `half`."""
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    dtype = torch.float16 if half else torch.float32
    tensors = {name: value.detach().to(dtype).contiguous() for name, value in model.state_dict().items()}
    save_file(tensors, folder / "model.safetensors.tmp", metadata={"format": "pt"})
    # The library writes for the owner only; a model folder is for everyone who may read the folder.
    (folder / "model.safetensors.tmp").chmod(0o644)
    (folder / "model.safetensors.tmp").replace(folder / "model.safetensors")
    config = {**model.config.to_diff_dict(), "architectures": ["GPTNeoXForCausalLM"], "dtype": str(dtype)[6:]}
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def save_state(work: Path, settings: NanoSettings, model: Any, optimiser: Any, progress: Progress) -> None:
    """Write weights, moments and progress to one safetensors file, whole or not at all."""
    from safetensors.torch import save_file

    tensors = {f"model.{name}": value.detach().contiguous() for name, value in model.named_parameters()}
    for name, parameter in model.named_parameters():
        for key, value in optimiser.state.get(parameter, {}).items():
            tensors[f"{key}.{name}"] = value.detach().contiguous()
    header = {"settings": json.dumps(asdict(settings)), "progress": json.dumps(asdict(progress))}
    save_file(tensors, work / "state.safetensors.tmp", metadata=header)
    (work / "state.safetensors.tmp").replace(work / "state.safetensors")


def load_state(work: Path, settings: NanoSettings, model: Any, optimiser: Any) -> Progress:
    """Put the last state back, if there is one.

    Raises
    ------
    InputError
        If the work folder was begun with other settings.
    """
    import torch
    from safetensors import safe_open

    path = work / "state.safetensors"
    if not path.exists():
        return Progress()
    with safe_open(path, framework="pt") as file:
        header = file.metadata()
        if json.loads(header["settings"]) != asdict(settings):
            raise InputError(f"{path}: was begun with other settings; use another --work folder")
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(file.get_tensor(f"model.{name}"))
                optimiser.state[parameter] = {
                    key: file.get_tensor(f"{key}.{name}") for key in ("step", "exp_avg", "exp_avg_sq")
                }
    return Progress(**json.loads(header["progress"]))


def state_progress(work: Path) -> Progress:
    """Return the progress of the last state.

    Raises
    ------
    InputError
        If nothing has been trained in `work`.
    """
    from safetensors import safe_open

    path = work / "state.safetensors"
    if not path.exists():
        raise InputError(f"{path}: no such file; train first")
    with safe_open(path, framework="np") as file:
        return Progress(**json.loads(file.metadata()["progress"]))


def read_weights(model: Any, work: Path) -> None:
    """Put the weights of the last state into `model`; raises as `state_progress`."""
    import torch
    from safetensors import safe_open

    state_progress(work)
    with safe_open(work / "state.safetensors", framework="pt") as file, torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(file.get_tensor(f"model.{name}"))
