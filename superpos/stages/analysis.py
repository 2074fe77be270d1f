"""Stage `analysis`: what SQL cannot compute quickly is computed once and stored."""

from __future__ import annotations

from typing import Any

from superpos.analysis.best_match import best_matches
from superpos.analysis.layer_similarity import layer_similarities
from superpos.arrays import Float
from superpos.db.analysis import (
    UNFINISHED,
    analysed,
    feature_targets,
    write_analysis,
)
from superpos.db.cells import CELL_AXES, n_results, read_cells
from superpos.db.failures import failed_keys
from superpos.db.fits import WorkReader, best_without_arrays
from superpos.db.leases import Lease, failed_meanwhile, under
from superpos.stages import explained, fits
from superpos.stages.answers import ask
from superpos.stages.asked import asked
from superpos.stages.context import Context
from superpos.stages.measure_tests import tests_of_measures
from superpos.stages.shift import in_turn

STAGE = "analysis"
N_PERMUTATIONS = 9999


def run(context: Context) -> None:
    """Find best matches, layer similarities and answers again if results or questions are new since then."""
    if explained.lacking(context.database, context.study_id):
        for _ in in_turn(context, explained.STEP, ["all"]):
            explained.find_explained(context.database, context.study_id, context.reporter)
    if not _is_due(context):
        return
    for _, lease in in_turn(context, STAGE, [str(context.study_id)]):
        if _is_due(context):  # no other run has done it meanwhile
            _analyse(context, lease)


def _is_due(context: Context) -> bool:
    count = n_results(context.database, context.study_id)
    return count != 0 and analysed(context.database, context.study_id) != (count, asked())


def _analyse(context: Context, lease: Lease) -> None:
    count = n_results(context.database, context.study_id)
    context.reporter.start(STAGE, 3)
    best = _best(context)
    context.reporter.advance(STAGE)
    pairs = _layer_pairs(context)
    context.reporter.advance(STAGE)
    # Questions read views, and so what is stored.
    _write(context, lease, UNFINISHED, best, pairs)
    found = (
        best,
        pairs,
        ask(context.database, context.study_id, context.reporter.note, context.plan.study.families),
        tests_of_measures(context.database, context.study_id),
    )
    _write(context, lease, UNFINISHED, *found)
    context.reporter.advance(STAGE)
    context.reporter.finish(STAGE)
    if _keep_best_vectors(context):
        _write(context, lease, count, *found)


def _write(context: Context, lease: Lease, count: int, *found: Any) -> None:
    with under(context.database, lease):
        write_analysis(context.database, context.study_id, context.run_id, count, *found, asked=asked())


def _best(context: Context) -> list[dict[str, Any]]:
    names = ["target_id", "joint_id", "fit_axes_id", "n_cells", "n_usable"]
    return [
        {name: int(value) for name, value in zip(names, row, strict=True)}
        for cells in read_cells(context.database, context.study_id)
        for row in best_matches(cells, CELL_AXES).rows[names].to_numpy()
    ]


def _layer_pairs(context: Context) -> list[dict[str, Any]]:
    groups: dict[tuple[Any, ...], dict[int, tuple[int, Float]]] = {}
    for group, layer, target_id, matrix in feature_targets(context.database, context.study_id):
        groups.setdefault(group, {})[layer] = (target_id, matrix)
    rows: list[dict[str, Any]] = []
    for members in groups.values():
        matrices = {layer: matrix for layer, (_, matrix) in members.items()}
        if len(members) < 2 or min(matrix.shape[0] for matrix in matrices.values()) < 3:
            continue  # two features have one similarity, and no rank correlation
        rows.extend(
            {
                "target_a": members[found.layer_a][0],
                "target_b": members[found.layer_b][0],
                "spearman": found.spearman,
                "p_value": found.p_value,
                "n_permutations": found.n_permutations,
            }
            for found in layer_similarities(matrices, n_permutations=N_PERMUTATIONS)
        )
    return rows


def _keep_best_vectors(context: Context) -> bool:
    """Make the final vectors of best matches again where the study keeps only those; whether none failed."""
    cells = best_without_arrays(context.database, context.study_id)
    # None is passed over for earlier failures: the analysis is not done without them.
    failed = dict.fromkeys(failed_keys(context.database, fits.STAGE), False)
    reader = WorkReader(context.database, keep_vectors=True, made="fit_arrays")
    n_failed = fits.compute_cells(context, reader, cells, failed)
    return n_failed == 0 and not failed_meanwhile(context.database, context.run_id, fits.STAGE)
