"""The tasks a worker knows, by name; each module is imported when its task is first run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


def _release_model() -> None:
    """Let the model of an earlier extraction go: probes and fits want the memory."""
    held = sys.modules.get("superpos.activations.model_cache")
    if held is not None:
        held.release_model()


def run_dataset(payload: Any) -> Any:
    """Build a feature set."""
    from superpos.stages.datasets import build

    return build(payload)


def run_extract(payload: Any) -> Any:
    """Extract activations."""
    from superpos.stages.activations import extract_sites

    return extract_sites(payload)


def run_probes(payload: Any) -> Any:
    """Train probes."""
    from superpos.stages.probes import train

    _release_model()
    return train(payload)


def run_whiten(payload: Any) -> Any:
    """Whiten directions."""
    from superpos.stages.resampled import whiten

    return whiten(payload)


def run_resample(payload: Any) -> Any:
    """Find noise ceilings."""
    from superpos.stages.resampled import resample

    return resample(payload)


def run_sampled(payload: Any) -> Any:
    """Build the matrices of targets that take samples."""
    from superpos.stages.sampled import build_sampled

    _release_model()
    return build_sampled(payload)


def run_source(payload: Any) -> Any:
    """Read directions that come without probes."""
    from superpos.stages.sources import read_source

    return read_source(payload)


def run_fits(payload: Any) -> Any:
    """Compute a chunk of fits."""
    from superpos.stages.fits import compute_chunk

    _release_model()
    return compute_chunk(payload)


def run_bounds(payload: Any) -> Any:
    """Find lower bounds on the energies of a chunk of joint fits and of their re-optimisations."""
    from superpos.stages.bounds import bounds_of_chunk

    return bounds_of_chunk(payload)


TASKS: dict[str, Callable[[Any], Any]] = {
    "dataset": run_dataset,
    "extract": run_extract,
    "probes": run_probes,
    "sampled": run_sampled,
    "source": run_source,
    "whiten": run_whiten,
    "resample": run_resample,
    "fits": run_fits,
    "bounds": run_bounds,
}
