"""What a study is, in one paragraph made of its rows."""

from __future__ import annotations

from collections.abc import Sequence

from superpos.reporting.looks import scheme_labels
from superpos.reporting.selection import kernels, layers, similarities, targets
from superpos.reporting.study_data import StudyData
from superpos.reporting.style import sigma_label
from superpos.reporting.subjects import TRAINED

MAX_NAMED = 12
"""Feature sets that are named."""


def about(data: StudyData) -> str:
    """Return models, feature sets, layers, similarities, kernels and counts of a study in words."""
    if not data.subjects:
        return "Nothing was computed for this study yet."
    sentences = []
    models = sorted({_model(data, s.model, s.revision) for s in data.subjects if s.model})
    inputs = data.probes if not data.probes.empty else data.psms
    untrained = inputs[~inputs["model_weights"].isin(TRAINED)]
    kinds = {subject.weights for subject in data.subjects}
    text = f"Model{'s' if len(models) > 1 else ''} {', '.join(models) or 'none (imported directions)'}"
    schemes = scheme_labels(untrained)
    if kinds and not kinds & set(TRAINED):
        text += f" with {' and '.join(schemes.values())} only"
    elif schemes:
        seeds = untrained.groupby(untrained["model_weights"].astype("str"))["model_seed"].nunique()
        said = [f"{label} ({_count(int(seeds[scheme]), 'seed')})" for scheme, label in schemes.items()]
        text += f", with the same network at {' and '.join(said)} beside it"
    if not data.features.empty:
        sets = data.features.groupby("dataset", sort=True)["duplicate_of"]
        sizes = [(str(name), int((copies == "").sum()), int((copies != "").sum())) for name, copies in sets]
        text += f"; {_sets(sizes)}"
    hookpoints = ", ".join(sorted({subject.hookpoint for subject in data.subjects if subject.hookpoint}))
    there = tuple(layer for layer in layers(inputs) if layer >= 0) if not inputs.empty else ()
    text += f"; directions at {hookpoints}" if hookpoints else ""
    text += f", {_layers(there)}." if there else "."
    sentences.append(text)
    if data.joints.empty:
        sentences.append("No fit was run.")
    else:
        n_dims = ", ".join(str(value) for value in sorted(data.joints["n_dims"].unique()))
        text = (
            f"Similarities {', '.join(similarities(data.joints))}; kernels "
            f"{', '.join(kernels(data.joints))}; optimal features of {n_dims} dimensions; targets "
            f"{', '.join(targets(data.joints)).replace('_', ' ')}"
        )
        if not data.fits.empty:
            sigmas = ", ".join(map(sigma_label, sorted(data.fits["sigma"].unique())))
            optimisers = " and ".join(sorted(data.fits["optimiser"].unique(), reverse=True))
            text += f"; re-optimised by {optimisers} at σ {sigmas}"
        sentences.append(
            text + f": {_count(len(data.joints), 'joint fit')}, {_count(len(data.fits), 're-optimisation')}."
        )
    return " ".join(sentences)


def _model(data: StudyData, name: str, revision: str) -> str:
    """Return the name of a model with its revision and with what its files were made of."""
    rows = data.models[(data.models["model"] == name) & (data.models["revision"] == revision)]
    said = [f"{name} @ {revision}" if revision else name]
    if not rows.empty:
        first = rows.iloc[0]
        made = [str(first["distribution"])] if first["distribution"] else []
        if first["quantization"]:
            made.append(
                f"dequantised from GGUF of {first['quantization']}, file {first['file_digest'][:12]}…"
            )
        said += [f"({'; '.join(made)})"] if made else []
    return " ".join(said)


def _sets(sizes: Sequence[tuple[str, int, int]]) -> str:
    """Return the feature sets by name; many by their number."""
    if len(sizes) > MAX_NAMED:
        least, most = (bound(kept for _, kept, _ in sizes) for bound in (min, max))
        return f"{len(sizes)} feature sets of {least} to {most} features"
    return "feature sets " + ", ".join(
        f"{name} ({_size(kept, copies, place == 0)})" for place, (name, kept, copies) in enumerate(sizes)
    )


def _size(kept: int, left_out: int, is_first: bool) -> str:
    """Return the size of a set, of the first with its unit; features that repeat another are not counted."""
    said = _count(kept, "feature") if is_first else f"{kept:,}"
    return said + (f", {_count(left_out, 'copy', 'copies')} left out" if left_out else "")


def _count(number: int, noun: str, plural: str = "") -> str:
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def _layers(found: tuple[int, ...]) -> str:
    if len(found) > 2 and found == tuple(range(found[0], found[-1] + 1)):
        return f"layers {found[0]} to {found[-1]}"
    return f"layer{'' if len(found) == 1 else 's'} {', '.join(map(str, found))}"
