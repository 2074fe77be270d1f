"""How the distance moved depends on the dimension."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from superpos.reporting.charts.sensitivity import draw_sensitivity, sensitivity
from superpos.reporting.sections import Chapter, Drawn, subject_name
from superpos.reporting.selection import in_name, in_title, optimisers_shown
from superpos.reporting.study_data import StudyData
from superpos.reporting.subjects import Subject


def draw_moves(data: StudyData, subjects: Sequence[Subject]) -> Iterator[Drawn]:
    """Yield the figures of sensitivity to the dimension."""
    for subject in subjects:
        for optimiser in optimisers_shown(data.of(subject, data.fits)):
            numbers = sensitivity(data, subject, optimiser)
            if numbers is None:
                continue
            yield Drawn(
                f"sensitivity-{subject_name(subject, data)}{in_name(optimiser)}",
                f"Sensitivity to the dimension{in_title(optimiser)}: {subject.label}",
                "Distance between the end and the joint optimum over all usable cells, not best matches "
                "only: median and quartiles over layers, if any, and replicates of controls, n = "
                f"{numbers.n_features} features. From f = n - 1 on, the regular simplex fits in and may be "
                "the minimum whatever the target; below, it cannot. At equal σ the angle of the "
                "perturbation grows with f.",
                draw_sensitivity(numbers),
                numbers.table(),
            )


KIND = Chapter(
    name="sensitivity",
    version=1,
    title="Sensitivity",
    meaning=("How the distance moved depends on the dimension of the optimal features and on the kernel."),
    missing="no re-optimisation by Powell's method",
    draw=draw_moves,
    views=("fit_results",),
    rank=60,
)
