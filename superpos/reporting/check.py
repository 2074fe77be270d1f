"""How to check a study: what it was made of with digests, rows to trace, and how to cite it."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from superpos.reporting.study_data import StudyData
from superpos.reporting.study_views import records

DIGITS = 16
"""Of a digest that the page shows; views have all of it."""
TRACED = (
    ("a target matrix", "psms", "psm_key"),
    ("a set of probes", "probes", "probe_key"),
    ("a joint fit", "joints", "joint_key"),
    ("a re-optimised fit", "matches", "fit_key"),
)
"""Rows whose keys the page shows: what it is, attribute of the study, column."""


class Made(NamedTuple):
    """Something that the study was made of."""

    what: str
    source: str
    digest: str
    """SHA-256, or the key of a data set, shortened."""


class Check(NamedTuple):
    """What a reader needs to check a study."""

    made_of: tuple[Made, ...]
    traces: tuple[tuple[str, str], ...]
    """What a row is, and the command that prints what it was made of."""
    bibtex: str


def check(data: StudyData, version: str) -> Check:
    """Return inputs with digests, keys to trace, and a BibTeX entry."""
    return Check(
        (*_models(data), *_sets(data)), tuple(_traces(data)), bibtex(data.study, _year(data), version)
    )


def _models(data: StudyData) -> list[Made]:
    found = []
    columns = ("model", "revision", "model_weights", "model_seed", "source", "distribution", "hub_commit")
    digests = ("file_digest", "weights_digest", "config_digest")
    for name, revision, weights, seed, source, distribution, commit, *own in records(
        data.models, *columns, *digests
    ):
        if not name:
            continue  # imported directions
        drawn = f", {weights.replace('_', ' ')} weights (seed {seed})" if int(seed) >= 0 else ""
        where = [source if source != name else "", distribution, f"commit {commit}" if commit else ""]
        digest = next((one for one in own if one), "")
        kind = "configuration" if digest and digest == own[-1] else "weights"
        title = f"model {name}{f' @ {revision}' if revision else ''}{drawn}"
        said = f"SHA-256 of its {kind}: {digest[:DIGITS]}…" if digest else ""
        found.append(Made(title, ", ".join(filter(None, where)) or "bundled", said))
    return found


def _sets(data: StudyData) -> list[Made]:
    columns = ["dataset", "corpus", "builder", "n_documents", "n_samples", "dataset_key"]
    rows = data.features[columns].drop_duplicates("dataset_key")
    return [
        Made(
            f"set {name}",
            ", ".join(filter(None, (corpus, f"builder {builder}", _samples(n_samples)))),
            f"key {key}",
        )
        for name, corpus, builder, _, n_samples, key in records(rows, *columns)
    ]


def _samples(count: float) -> str:
    return f"{int(count):,} samples" if count > 0 else ""  # NaN where nothing was counted


def _traces(data: StudyData) -> list[tuple[str, str]]:
    found = []
    for what, attribute, column in TRACED:
        frame: pd.DataFrame = getattr(data, attribute)
        if not frame.empty:
            found.append((what, f"superpos trace {frame[column].iloc[0]} --recompute"))
    return found


def _year(data: StudyData) -> str:
    """Return the year of the newest run, from the database, so that it gives the same page again."""
    return max((str(moment)[:4] for moment in data.runs["started_at"].dropna()), default="")


def bibtex(study: str, year: str, version: str) -> str:
    """Return a BibTeX entry for the program and a study's results."""
    fields = {
        "title": "superpos: the geometry of features in superposition",
        "author": "{The superpos developers}",
        "version": version,
        "year": year,
        "note": f"Results of the study {_plain(study)}",
    }
    lines = [f"  {name} = {{{value}}}" for name, value in fields.items() if value]
    return "@software{superpos,\n" + ",\n".join(lines) + "\n}"


def _plain(text: str) -> str:
    """Return a name with nothing that BibTeX reads as markup."""
    return "".join(
        f"\\{letter}" if letter in "_&%$#" else letter for letter in text if letter not in "{}\\~^"
    )
