"""Tables of the report: what is written as CSV, and what the page shows of progress and runs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pandas as pd

from superpos.reporting.long_tables import Table, first_draws
from superpos.reporting.study_data import StudyData
from superpos.stage_names import STAGES

SECRET = re.compile(r"(?<=://)[^/@\s]*@")
QUERY = re.compile(r"\?.*$")


class Run(NamedTuple):
    """One recorded execution, for people."""

    started: str
    ended: str
    outcome: str
    host: str
    commit: str
    versions: str
    seconds: str
    address: str


class Progress(NamedTuple):
    """One stage."""

    stage: str
    planned: int
    done: int
    failed: int
    quarantined: int
    not_applicable: int


def progress(data: StudyData) -> tuple[Progress, ...]:
    """Return planned and done rows of every stage, in the order of the pipeline."""
    rank = {stage: index for index, stage in enumerate(STAGES)}
    columns = list(Progress._fields)
    rows = [
        Progress(str(row[0]), *(int(value or 0) for value in row[1:]))
        for row in data.progress[columns].to_numpy()
    ]
    return tuple(sorted(rows, key=lambda row: (rank.get(row.stage, len(rank)), row.stage)))


def runs(data: StudyData) -> tuple[Run, ...]:
    """Return the recorded executions of the study, the newest first, without credentials."""
    rows = data.runs.sort_values(["started_at", "run_id"], ascending=False)
    return tuple(
        Run(
            moment(row["started_at"]),
            moment(row["ended_at"]),
            str(row["outcome"]),
            str(row["host"]),
            str(row["git_commit"])[:12],
            pairs(row["versions"]),
            pairs(row["seconds"]),
            address(str(row["address"])),
        )
        for row in rows.to_dict("records")
    )


def moment(value: Any) -> str:
    """Return a stored moment to the second, empty where there is none."""
    return "" if pd.isna(value) else str(value).replace("T", " ")[:19]


def pairs(value: Any) -> str:
    """Return a stored mapping of names to versions or seconds as text."""
    stored = json.loads(value) if isinstance(value, str) and value else value
    if not isinstance(stored, dict):
        return ""
    return ", ".join(
        f"{key} {item:.4g}" if isinstance(item, float) else f"{key} {item}"
        for key, item in sorted(stored.items())
    )


def address(text: str) -> str:
    """Return a cluster's address without credentials or query."""
    return QUERY.sub("", SECRET.sub("", text))


def tables(data: StudyData) -> Iterator[Table]:
    """Yield the tables that belong to no figure."""
    yield Table("answers", data.answers)
    yield Table("progress", pd.DataFrame(progress(data), columns=list(Progress._fields)))
    yield Table("runs", pd.DataFrame(runs(data), columns=list(Run._fields)))
    yield first_draws("probe_results", data.probes, data.study, data.n_probes)
    yield first_draws("psm_results", data.psms, data.study)
    yield first_draws("psm_pairs", data.pairs, data.study)
    yield first_draws("joint_results", data.joints, data.study)
    yield first_draws("best_matches", data.matches, data.study)
    yield first_draws("layer_similarity", data.layer_similarity, data.study)
