"""The words of the report, for its last section."""

from __future__ import annotations

GLOSSARY: tuple[tuple[str, str], ...] = (
    ("Feature", "A hand-defined property of a token, such as “contains a digit”."),
    ("Direction", "Weights of the linear probe that reads a feature from the activations of a layer."),
    ("Target PSM", "Target pairwise similarity matrix: the similarity of every pair of directions; what a fit aims at."),
    ("Optimal PSM", "The same for the optimal features, vectors in f dimensions that a fit found."),
    ("Cosine, RBF", "Similarities: the cosine of the angle; exp(-r²/C) of the distance r, with C a number or the median of r²."),
    ("Kernel", "Energy of a pair: exp = exp(cos), log = -log r, riesz:s = sgn(s) r⁻ˢ."),
    ("Self-energy, softening ε", "Whether the energy counts a feature with itself; r becomes √(r² + ε²)."),
    ("Gauge", "What is held fixed in the joint step: nothing (none), every norm (unit), or the mean norm."),
    ("Joint step", "Minimises energy plus λ_d times the squared mismatch to the target, over vectors and importance."),
    ("Re-optimisation", "Minimises the energy alone from the joint optimum plus a perturbation, importance and norms held."),
    ("Importance", "Weight of a feature in the energy: softmax of the logits that the joint step learns."),
    ("σ (sigma)", "Scale of the perturbation: a Gaussian with standard deviation σ times the norm, in each coordinate."),
    ("n, f", "Number of features of a set; dimension of the optimal features."),
    ("Distance", "Minkowski distance of order 2 over all n² entries; as r.m.s., the root mean square over the entries i ≠ j."),
    ("Joint, start, end", "Distances to the target at the joint optimum, after the perturbation, after re-optimisation."),
    ("Moved", "Distance between the end and the joint optimum, free of the fit error."),
    ("Drift", "Distance moved at σ = 0: what the optimiser does without a push."),
    ("Return", "Distance between the end and the end from σ = 0; near 0, the push was forgotten."),
    ("Recovery", "1 - (end to joint) / (start to joint): 1 is a full return, 0 none, below 0 farther away."),
    ("Regular simplex", "All pairs equally similar (cosine -1/(n - 1)): the minimum of the energies for f ≥ n - 1 and equal importance, whatever the target."),
    ("Identity", "PSM of features that are all orthogonal (cosine) or far apart (RBF)."),
    ("Simplex score", "1 - ‖T - S‖ / ‖I - S‖ of a cosine target T, S the simplex, I the identity: 1 for a simplex, 0 for orthogonal features."),
    ("Best match", "Of all dimensions, λ_d, restarts and trials of a setting, the fit that ends nearest to its target."),
    ("Polished", "Powell's end followed to a critical point on the product of spheres through its rows."),
    ("Manifold", "Optimiser that keeps every norm exactly."),
    ("Relative gradient", "Largest gradient of a row along its sphere over the sum of the forces on it; 0 at a critical point."),
    ("Verdict", "Strict or degenerate local minimum, saddle, not critical, or not applicable (under 1.5 effective features)."),
    ("Controls", "permuted: coordinates of each direction shuffled; gaussian: random directions of the same norms; shuffled entries: off-diagonal entries of the target shuffled; spectrum: random target with the same eigenvalues; shuffled labels: probes of permuted labels."),
    ("Random weights", "The same architecture, never trained."),
)  # fmt: skip
"""Term and meaning."""
