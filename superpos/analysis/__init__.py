"""Statistics over query results: best matches, controls, permutation tests, Mantel, Kendall; all pure."""

from superpos.analysis.against_control import Comparison, SignTest, compare, sign_test
from superpos.analysis.best_match import SEARCH_AXES, BestMatches, best_matches
from superpos.analysis.kendall import KendallResult, kendall_test, kendall_w
from superpos.analysis.layer_similarity import LayerSimilarity, layer_similarities
from superpos.analysis.mantel import MantelResult, mantel_test, mantel_tests
from superpos.analysis.permutation import MaxT, holm, max_t, permutation_p_value
from superpos.analysis.ranks import average_ranks, spearman

__all__ = [
    "SEARCH_AXES",
    "BestMatches",
    "Comparison",
    "KendallResult",
    "LayerSimilarity",
    "MantelResult",
    "MaxT",
    "SignTest",
    "average_ranks",
    "best_matches",
    "compare",
    "holm",
    "kendall_test",
    "kendall_w",
    "layer_similarities",
    "mantel_test",
    "mantel_tests",
    "max_t",
    "permutation_p_value",
    "sign_test",
    "spearman",
]
