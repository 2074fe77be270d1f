from superpos.stage_names import STAGES
from superpos.stages import pipeline


def test_the_stages_that_are_named_are_those_that_run() -> None:
    assert tuple(pipeline.STAGES) == STAGES
