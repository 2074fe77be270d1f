"""How far patterns of probes lie from planted directions, beside their weights and differences of means.

    python -m benchmarks.patterns                 a table for docs/log.md

As the table of docs/validation.md: the root mean square over the pairs i < j of the mean matrix of four draws
minus the planted one (bias), of the standard deviation over the draws (noise), and the correlation of the
mean with what was planted. `pairs` also says what cosine the planted pairs, at +0.5, are read at.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from superpos.arrays import Float
from superpos.datasets.builders.planted import PlantedOptions, Shape
from superpos.datasets.splits import split_by_group
from superpos.probes.sample_sums import training_sums
from superpos.probes.train import train_probes
from superpos.psms import cosine
from superpos.specs.probes import ProbeMethod, ProbeSettings
from superpos.threads import one_thread
from tools.validation_studies import beside_planted

METHODS: tuple[ProbeMethod, ...] = ("mean_difference", "logistic", "lda")
SHAPES: dict[Shape, int] = {"simplex": 6, "orthoplex": 8, "circle": 7, "pairs": 8}
READ = (("logistic", "raw"), ("logistic", "pattern"), ("lda", "raw"), ("lda", "pattern"))
SEEDS = range(4)


def found(options: PlantedOptions, n_samples: int, method: ProbeMethod, seed: int) -> dict[str, Float]:
    """Return the cosines (n, n) of weights and of patterns of one draw."""
    labels, groups = options.drawn_labels(n_samples, seed)
    activations = options.drawn_activations(labels, groups, 0, seed)
    train, names = split_by_group(labels, groups, 0.3, 0), options.known(seed).names
    settings = ProbeSettings(method=method)
    probes = train_probes(activations, labels, names, groups, train, settings)
    sums = training_sums(activations, labels, names, groups, train, settings.scaler)
    return {"raw": cosine(probes.coef_raw), "pattern": cosine(sums.patterns(probes.coef_raw))}


def rows() -> None:
    """Print the table."""
    print("| planted | strength | samples | directions | bias | noise | correlation | pairs at +0.5 |")
    print("|---|---:|---:|---|---:|---:|---:|---:|")
    for shape, strength, n_samples in product(SHAPES, (1.0, 4.0), (500, 4000)):
        options = PlantedOptions(shape=shape, n_features=SHAPES[shape], strength=strength)
        pairs = np.triu_indices(options.n_features, 1)
        planted = options.known(0).cosines[pairs]
        drawn: dict[tuple[str, str], list[Float]] = {}
        for method, seed in product(METHODS, SEEDS):
            for space, matrix in found(options, n_samples, method, seed).items():
                drawn.setdefault((method, space), []).append(matrix[pairs])
        for method, space in (("mean_difference", "raw"), *READ):
            values = np.array(drawn[method, space])
            said = beside_planted(values, planted)
            r = "" if said["correlation"] is None else f"{said['correlation']:+.2f}"
            at = f"{values[:, planted > 0.49].mean():+.2f}" if shape == "pairs" else ""
            print(
                f"| {shape} | {strength:g} | {n_samples:,} | `{method}` {space} | {said['bias']:.3f} | "
                f"{said['noise']:.3f} | {r} | {at} |"
            )


if __name__ == "__main__":
    with one_thread():
        rows()
