"""Probes, bit for bit what they were: `python tests/probes/test_probe_bits.py` writes the record anew.

Last bits hang on the processor and on the builds of NumPy and SciPy. Digests are compared where these are the
recorded ones, rounded numbers everywhere.
"""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from superpos.probes.resample import AskedPsm, noise_ceilings, resampled_directions
from superpos.probes.train import train_probes
from superpos.probes.whitening import Whitening, whitened_directions
from superpos.specs.probes import ProbeSettings
from superpos.stages.pipeline import versions
from superpos.threads import one_thread

RECORD = Path(__file__).resolve().parents[1] / "assets" / "probes" / "bits.json"
NAMES = ("a", "b", "c")
SHAPES = {"tall": (160, 12), "wide": (60, 90), "sketched": (1000, 1500), "single": (2800, 600)}


def problem(shape):
    n, d = SHAPES[shape]
    generator = np.random.default_rng(17)
    X = generator.standard_normal((n, d)) * 10.0 ** generator.uniform(-1, 1, size=d) + 0.5
    scores = X @ generator.standard_normal((d, 3)) + 3.0 * d**0.5 * generator.standard_normal((n, 3))
    labels = scores > np.quantile(scores, [0.4, 0.6, 0.75], axis=0).diagonal()
    groups = np.arange(n) // 2
    return X.astype(np.float32), labels, NAMES, groups, groups % 4 > 0


def trained(shape, *, label_replicate=-1, members=False, **settings):
    X, labels, names, groups, train = problem(shape)
    own = None
    if members:
        own = np.random.default_rng(3).random(labels.shape) < 0.8
        train = own & train[:, None]
    probes = train_probes(
        X,
        labels,
        names,
        groups,
        train,
        ProbeSettings(**settings),
        label_replicate=label_replicate,
        members=own,
    )
    measured = [one.roc_auc for one in probes.metrics]
    return [
        probes.coef_raw,
        probes.coef_scaled,
        probes.intercept,
        probes.scale,
        np.array(measured),
    ]


def resampled(shape, kind, **settings):
    given = ProbeSettings(**settings)
    found = resampled_directions(*problem(shape), given, kind=kind, replicates=3)
    return [part for pair in found for part in pair]


def whitened(shape, method):
    X, _, _, _, train = problem(shape)
    raw = np.random.default_rng(5).standard_normal((3, X.shape[1]))
    counts = np.random.default_rng(6).integers(0, 3, size=int(train.sum()))
    near = whitened_directions(raw, X, train, method)
    deep = whitened_directions(raw, X, train, method, floor=0.3)
    return [near @ near.T, deep @ deep.T, Whitening(X, train, method).drawn_directions(raw, counts)]


def ceilings(shape, **settings):
    X, labels, names, groups, train = problem(shape)
    given = ProbeSettings(**settings)

    def cosines(raw):
        unit = raw / np.linalg.norm(raw, axis=1, keepdims=True)
        return unit @ unit.T

    estimate = cosines(train_probes(X, labels, names, groups, train, given).coef_raw)
    asked = [AskedPsm(estimate, "cosine", lambda drawn: cosines(drawn.raw))]
    found = noise_ceilings(X, labels, names, groups, train, given, asked, halves=3, bootstraps=5)[0]
    return [found.low, found.high, found.standard_error, np.array([found.reliability])]


CASES = {
    "logistic, tall": lambda: trained("tall"),
    "logistic, wide": lambda: trained("wide", C=10.0),
    "logistic, sketched": lambda: trained("sketched"),
    "logistic, in single precision": lambda: trained("single"),
    "logistic, shuffled labels": lambda: trained("tall", label_replicate=2),
    "logistic, samples of their own": lambda: trained("tall", members=True),
    "logistic, grid": lambda: trained("wide", C_grid=(0.01, 1.0, 100.0)),
    "logistic, scikit-learn": lambda: trained("wide", backend="sklearn", class_weight="none"),
    "mean differences": lambda: trained("wide", method="mean_difference"),
    "discriminants, tall": lambda: trained("tall", method="lda"),
    "discriminants, wide": lambda: trained("wide", method="lda"),
    "halves": lambda: resampled("wide", "halves"),
    "bootstraps": lambda: resampled("tall", "bootstrap"),
    "bootstraps of discriminants": lambda: resampled("wide", "bootstrap", method="lda"),
    "whitened covectors, tall": lambda: whitened("tall", "logistic"),
    "whitened covectors, wide": lambda: whitened("wide", "lda"),
    "whitened vectors, tall": lambda: whitened("tall", "mean_difference"),
    "whitened vectors, wide": lambda: whitened("wide", "mean_difference"),
    "ceilings": lambda: ceilings("tall"),
}


def here():
    """What the last bits hang on."""
    kernels = sorted({info["architecture"] for info in threadpool_info() if "architecture" in info})
    packages = {name: version(name) for name in ("numpy", "scipy", "scikit-learn")}
    return {"cpu": versions()["cpu"], "kernels": kernels, **packages}


def summary(case):
    """Digest of all bits of a case, and the norm and the sum of every array."""
    with one_thread():
        arrays = CASES[case]()
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)).hexdigest()
    numbers = [[float(np.linalg.norm(array)), float(np.sum(array))] for array in arrays]
    return {"digest": digest, "numbers": numbers}


@pytest.mark.parametrize("case", CASES)
def test_bits_are_what_they_were(case):
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    found, kept = summary(case), record["cases"][case]
    np.testing.assert_allclose(found["numbers"], kept["numbers"], rtol=1e-4, atol=1e-6)
    if record["made_with"] == here():
        assert found["digest"] == kept["digest"]


def test_every_case_is_recorded():
    assert set(json.loads(RECORD.read_text(encoding="utf-8"))["cases"]) == set(CASES)


if __name__ == "__main__":
    made = {"made_with": here(), "cases": {case: summary(case) for case in CASES}}
    RECORD.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
