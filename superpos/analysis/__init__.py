"""Statistics over query results: best matches, permutation tests, Mantel, Kendall, bootstrap; all pure."""

from superpos.analysis.best_match import SEARCH_AXES, BestMatches, best_matches
from superpos.analysis.bootstrap import Interval, bootstrap_interval
from superpos.analysis.effect import cliffs_delta, effect_interval, hodges_lehmann
from superpos.analysis.importance import ImportanceCorrelation, importance_correlation
from superpos.analysis.kendall import KendallResult, kendall_interval, kendall_test, kendall_w
from superpos.analysis.layer_similarity import LayerSimilarity, layer_similarities
from superpos.analysis.mantel import MantelResult, mantel_test, mantel_tests
from superpos.analysis.permutation import MaxT, holm, max_t, permutation_p_value
from superpos.analysis.ranks import average_ranks, spearman

__all__ = [
    "SEARCH_AXES",
    "BestMatches",
    "ImportanceCorrelation",
    "Interval",
    "KendallResult",
    "LayerSimilarity",
    "MantelResult",
    "MaxT",
    "average_ranks",
    "best_matches",
    "bootstrap_interval",
    "cliffs_delta",
    "effect_interval",
    "hodges_lehmann",
    "holm",
    "importance_correlation",
    "kendall_interval",
    "kendall_test",
    "kendall_w",
    "layer_similarities",
    "mantel_test",
    "mantel_tests",
    "max_t",
    "permutation_p_value",
    "spearman",
]
