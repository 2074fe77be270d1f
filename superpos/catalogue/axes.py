"""Every axis: in what results of a study can differ, in the order of the views.

To add one: a field of its record (`superpos.specs.axes`), an entry here, a migration for its column.
"""

from __future__ import annotations

from superpos.catalogue.records import Axis
from superpos.kinds.controls import CONTROLS, FEATURES
from superpos.kinds.energies import ENERGIES
from superpos.kinds.optimisers import OPTIMISERS
from superpos.kinds.similarities import SIMILARITIES
from superpos.kinds.weights import WEIGHTS

BACKENDS = ("scipy", "compiled")

_INPUTS = (
    Axis(
        name="study", type="text", level="study", role="compared", key="name",
        meaning="name of the study; a view shows the newest revision of each",
    ),
    Axis(
        name="model", type="text", level="model", role="compared", key="models", neutral="",
        meaning="bundled name, hub repository, package:NAME, or name of the model's folder or file; empty "
        "for imported directions",
    ),
    Axis(
        name="revision", type="text", level="model", role="compared", key="revision", default="", neutral="",
        meaning="revision of a hub model; empty for a local one",
    ),
    Axis(
        name="model_weights", type="kind", level="model", role="compared", key="weights",
        default="pretrained", neutral="", register=WEIGHTS, column="weights",
        meaning="scheme of the weights, empty for imported directions",
    ),
    Axis(
        name="model_seed", type="integer", level="model", role="compared", key="seeds", neutral=-1,
        column="seed", meaning="seed of random weights, -1 for pretrained ones and imported directions",
    ),
    Axis(
        name="dataset", type="text", level="dataset", role="compared", key="datasets", column="name",
        meaning="name of the feature set in the study",
    ),
    Axis(
        name="corpus", type="text", level="dataset", role="compared", key="corpora", default="stdlib",
        meaning="`stdlib`, name of the file or folder of text, or of the package that a set's files are from",
    ),
    Axis(
        name="hookpoint", type="text", level="activations", role="compared", key="hookpoints",
        default="mlp.act", neutral="",
        meaning="`mlp.act` (input of the MLP's down projection), `resid` and the others of docs/models.md; "
        "`unembed` (rows of the output matrix); as stated, or empty, for imported directions",
    ),
    Axis(
        name="layer", type="integer", level="activations", role="compared", key="layers", neutral=-1,
        meaning="block counted from 0; -1 for `embed` and `unembed`; as stated for imported directions",
    ),
    Axis(
        name="pooling", type="text", level="activations", role="setting", key="poolings", default="max",
        neutral="",
        meaning="activations of a sample's span: `token` (single tokens), `last`, `max`, `mean`; empty for "
        "directions without probes",
    ),
)  # fmt: skip
_DIRECTIONS = (
    Axis(
        name="method", type="text", level="directions", role="setting", key="method", default="logistic",
        meaning="`logistic`, `mean_difference`, `lda` (probes); `embedding` (rows of a matrix of the model); "
        "`imported`",
    ),
    Axis(
        name="probe_C", type="number", level="directions", role="setting", key="probe_C", default=1.0,
        neutral=0.0,
        meaning="inverse strength of the probes' L2 penalty as asked for; 0 for methods without one",
    ),
    Axis(
        name="split_seed", type="integer", level="directions", role="setting", key="split_seeds", default=0,
        neutral=-1,
        meaning="seed of the split into training and test part; -1 for directions without probes",
    ),
)  # fmt: skip
_TARGETS = (
    Axis(
        name="space", type="word", level="target", role="setting", key="spaces", default="raw",
        neutral="none", values=("raw", "scaled", "whitened", "pattern", "none"),
        meaning="which coefficients are taken; `raw` are over the scaler's scale, `pattern` are times the "
        "covariance of the activations, `none` stands for a probe itself and for an imported similarity "
        "matrix",
    ),
    Axis(
        name="target", type="kind", level="target", role="compared", key="targets", default=FEATURES,
        register=CONTROLS, column="kind",
        meaning="the features, or a control",
    ),
    Axis(
        name="replicate", type="integer", level="target", role="compared", key="replicates", default=0,
        grid=1, neutral=0, meaning="replicate of a control; 0 for `features`",
    ),
    Axis(
        name="similarity", type="kind", level="target", role="compared", key="similarities",
        default="cosine", register=SIMILARITIES,
        meaning="similarity of two directions",
    ),
    Axis(
        name="rbf_scale", type="number", level="target", role="setting", key="rbf_scales", default=200.0,
        neutral=0.0, meaning="C of the RBF as asked for: 0 for cosine, -1 for the rule `median`",
    ),
    Axis(
        name="rbf_scale_resolved", type="number", level="target", role="derived", neutral=0.0,
        meaning="C of the RBF as used, in squared units of the directions; 0 for cosine",
    ),
    Axis(
        name="fit_two_classes", type="integer", level="target", role="config", key="fit_two_classes",
        default=0, older=0,
        meaning="1 where two exclusive classes, whose directions are opposite by construction, are fitted",
    ),
)  # fmt: skip
_KERNEL = (
    Axis(
        name="energy", type="kind", level="kernel", role="compared", key="kernels", default="exp",
        register=ENERGIES, meaning="pair energy",
    ),
    Axis(
        name="s", type="number", level="kernel", role="compared", key="kernels.s", default=0.0, neutral=0.0,
        meaning="parameter of the energy: exponent of `riesz`, width of `gauss`, beta of `exp`; 0 for "
        "energies without one, and for beta = 1",
    ),
    Axis(
        name="kernel", type="label", level="kernel", role="derived",
        meaning="label of energy and parameter: `exp`, `exp:4`, `log`, `riesz:1`",
    ),
    Axis(
        name="self_energy", type="word", level="kernel", role="setting", key="kernels.self_energy",
        values=("exclude", "include"), width=8,
        meaning="whether the energy sums over its diagonal; each energy has a default",
    ),
    Axis(
        name="softening", type="number", level="kernel", role="setting", key="kernels.softening", default=0.0,
        neutral=0.0, meaning="eps over the start radius",
    ),
)  # fmt: skip
_JOINT = (
    Axis(
        name="gauge", type="word", level="joint", role="setting", key="gauges", default="none",
        values=("none", "unit", "mean_norm"),
        meaning="what holds the norms (`unit`: all at the start radius)",
    ),
    Axis(
        name="importance_mode", type="word", level="joint", role="setting", key="importance_modes",
        default="learned", values=("learned", "uniform"), width=8,
        meaning="weights of the features in the energy",
    ),
    Axis(
        name="joint_polish", type="word", level="joint", role="setting", key="joint_polish", default="on",
        values=("on", "off"), width=8, older="off",
        meaning="whether the end of the conjugate gradients is finished by Newton's method",
    ),
    Axis(
        name="n_dims", type="integer", level="joint", role="searched", key="n_dims", default=10,
        meaning="dimension of the optimal features (f)",
    ),
    Axis(
        name="lambda_d", type="number", level="joint", role="searched", key="lambda_d", default=100.0,
        meaning="weight of the mismatch with the target",
    ),
    Axis(
        name="restart", type="integer", level="joint", role="searched", key="restarts", default=0, grid=1,
        meaning="number of the random start",
    ),
    Axis(
        name="backend", type="word", level="joint", role="setting", key="backend", default="compiled",
        values=BACKENDS, meaning="engine of the joint step",
    ),
    Axis(
        name="max_iter", type="integer", level="joint", role="config", key="max_iter", default=2000,
        meaning="most iterations of the joint step",
    ),
    Axis(
        name="gtol", type="number", level="joint", role="config", key="gtol", default=1e-5,
        meaning="gradient at which the joint step stops",
    ),
)  # fmt: skip
_FIT = (
    Axis(
        name="optimiser", type="kind", level="fit", role="compared", key="reoptimisations.optimiser",
        default="powell", register=OPTIMISERS,
        meaning="optimiser of the energy alone",
    ),
    Axis(
        name="lambda_x", type="number", level="fit", role="setting", key="reoptimisations.lambda_x",
        default=1.0, neutral=0.0,
        meaning="weight of the norm penalty; 0 for optimisers without one, such as `manifold`",
    ),
    Axis(
        name="sigma", type="number", level="fit", role="compared", key="reoptimisations.sigmas", default=0.0,
        grid=(0.0, 0.01, 0.1),
        meaning="perturbation as asked for, in units of each norm; 1e6 is a start anywhere on the spheres",
    ),
    Axis(
        name="sigma_rule", type="word", level="fit", role="setting", key="reoptimisations.sigma_rule",
        default="sigma", values=("sigma", "sigma / sqrt(f)"),
        meaning="deviation of a coordinate's perturbation in units of the norm",
    ),
    Axis(
        name="trial", type="integer", level="fit", role="searched", key="reoptimisations.trials", default=0,
        grid=1, neutral=0, meaning="number of the perturbation draw; 0 where sigma is 0",
    ),
    Axis(
        name="backend", type="word", level="fit", role="config", key="reoptimisations.backend",
        default="compiled", values=BACKENDS, meaning="engine of the re-optimisation; that of the joint step "
        "where nothing is said",
    ),
    Axis(
        name="xtol", type="number", level="fit", role="config", key="reoptimisations.xtol", default=1e-4,
        neutral=1e-4, meaning="relative tolerance of Powell's method in the coordinates",
    ),
    Axis(
        name="ftol", type="number", level="fit", role="config", key="reoptimisations.ftol", default=1e-4,
        neutral=1e-4, meaning="relative tolerance of Powell's method in the objective",
    ),
    Axis(
        name="max_iter", type="integer", level="fit", role="config", key="reoptimisations.max_iter",
        default=0, meaning="most iterations; 0 stands for the optimiser's own limit",
    ),
    Axis(
        name="gtol", type="number", level="fit", role="config", key="reoptimisations.gtol", default=1e-8,
        meaning="relative gradient at which the manifold optimiser stops",
    ),
)  # fmt: skip

AXES: tuple[Axis, ...] = (*_INPUTS, *_DIRECTIONS, *_TARGETS, *_KERNEL, *_JOINT, *_FIT)
"""All of them, in the order of the views."""
