"""A study of one small matrix of a file, which a driver does in less than a second; it grows and shrinks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from superpos.records.plan import StudyPlan
from superpos.specs.studyfile import load_study
from superpos.stages.plan import plan_study

NAME = "machine"
MATRIX = """a,b,c,d
1,.3,-.2,.1
.3,1,.4,-.5
-.2,.4,1,.2
.1,-.5,.2,1
"""
HEAD = f"""
name = "{NAME}"
[datasets.given]
builder = "psm"
file = "given.csv"
similarity = "cosine"
"""
BLOCK = """
[[blocks]]
name = "{name}"
targets = ["features", "shuffled_entries"]
replicates = {replicates}
kernels = {kernels}
n_dims = {n_dims}
backend = "scipy"
max_iter = 20
[[blocks.reoptimisations]]
sigmas = {sigmas}
xtol = 1e-2
ftol = 1e-2
max_iter = 1
"""


@dataclass(frozen=True)
class Grid:
    """What of a study grows and shrinks."""

    more_kernels: bool = False
    more_dimensions: bool = False
    more_sigmas: bool = False
    more_replicates: bool = False
    second_block: bool = False

    def text(self) -> str:
        first = BLOCK.format(
            name="first",
            replicates=1 + self.more_replicates,
            kernels=["exp", *["log"] * self.more_kernels],
            n_dims=[2, *[3] * self.more_dimensions],
            sigmas=[0.0, 0.1, *[0.2] * self.more_sigmas],
        )
        second = BLOCK.format(name="second", replicates=1, kernels=["exp"], n_dims=[2], sigmas=[0.3])
        return HEAD + first + second * self.second_block

    def plan(self, folder: Path) -> StudyPlan:
        (folder / "given.csv").write_text(MATRIX, encoding="utf-8")
        path = folder / "study.toml"
        path.write_text(self.text(), encoding="utf-8")
        return plan_study(load_study(path))
