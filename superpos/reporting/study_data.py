"""One study as the figures see it: its subjects, and the rows of each under the main setting."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import cached_property

import pandas as pd

from superpos.analysis.settings import DIRECTION_SETTING, keep_main, main_fits, main_joints
from superpos.db.results import Results
from superpos.reporting.study_views import StudyViews
from superpos.reporting.subjects import SUBJECT_AXES, TRAINED, Subject, own_rows, rows_with

READ = 0.6
"""Area under the ROC curve from which a probe reads something, for the choice of what is in view."""
HELD_ROWS = 100_000
"""Rows of single sets that are kept for the next figure."""


class StudyData(StudyViews):
    """Views of one study by subject; what was found once is kept."""

    def __init__(self, results: Results, study: str) -> None:
        super().__init__(results, study)
        self._chosen: dict[tuple[str, Subject], pd.DataFrame] = {}
        self._found: dict[tuple[Hashable, ...], pd.DataFrame] = {}
        self._parts: dict[tuple[str, Subject, bool], pd.DataFrame] = {}
        self._sets: dict[tuple[str, str, str], pd.DataFrame] = {}

    @cached_property
    def subjects(self) -> tuple[Subject, ...]:
        """What there is to draw: trained weights, or none; where the study has nothing else, the others."""
        columns = list(SUBJECT_AXES)
        views = (self.probes, self.psms, self.fits)
        frames = [frame[columns].drop_duplicates().astype("str") for frame in views if not frame.empty]
        if not frames:
            return ()
        rows = pd.concat(frames).drop_duplicates().sort_values(columns)
        trained = rows[rows["model_weights"].isin(TRAINED)]
        chosen = rows if trained.empty else trained
        return tuple(Subject(*(str(value) for value in row)) for row in chosen.itertuples(index=False))

    def once(self, key: tuple[Hashable, ...], find: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """Return rows that several figures ask for, found when they are first asked for."""
        if key not in self._found:
            self._found[key] = find()
        return self._found[key]

    def of(self, subject: Subject, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the subject's rows of a view."""
        return self._part(subject, frame, untrained=False)

    def rows_of(self, view: str, subject: Subject) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the subject's rows of a long view, and those of its untrained weights, of every draw.

        They are read for this set alone, and have the columns that `of_draws` gives.
        """
        key = (view, subject.dataset, subject.hookpoint)
        if key not in self._sets:
            rows = self.of_draws(view, {"dataset": subject.dataset, "hookpoint": subject.hookpoint})
            while self._sets and len(rows) + sum(map(len, self._sets.values())) > HELD_ROWS:
                del self._sets[next(iter(self._sets))]
            self._sets[key] = rows
        return own_rows(subject, self._sets[key]), self._untrained_rows(subject, self._sets[key])

    def main_fits(self, subject: Subject) -> pd.DataFrame:
        """Return the subject's rows of `fit_results` under the main setting."""
        return self._main("fits", subject)

    def main_matches(self, subject: Subject) -> pd.DataFrame:
        """Return the subject's rows of `best_matches` under the main setting."""
        return self._main("matches", subject)

    def main_joints(self, subject: Subject) -> pd.DataFrame:
        """Return the subject's rows of `joint_results` under the main setting."""
        return self._main("joints", subject)

    def main_weights(self, subject: Subject) -> pd.DataFrame:
        """Return the subject's rows of `fit_weights` under the main setting."""
        return self._main("weights", subject)

    def _main(self, view: str, subject: Subject) -> pd.DataFrame:
        if (view, subject) not in self._chosen:
            choose = main_fits if view in ("fits", "matches") else main_joints
            self._chosen[view, subject] = choose(self.of(subject, getattr(self, view)))
        return self._chosen[view, subject]

    def untrained_of(self, subject: Subject, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of the network with untrained weights of every scheme (`model_weights` says which).

        They are of the same name, or of the study's only network: a study may give them a name of their own,
        so where it has one trained model every other one counts as its counterpart. Schemes keep different
        things of training, so nobody pools them.
        """
        return self._part(subject, frame, untrained=True)

    def _part(self, subject: Subject, frame: pd.DataFrame, *, untrained: bool) -> pd.DataFrame:
        """Return a subject's rows, found once for each view that was read."""
        choose = self._untrained_rows if untrained else own_rows
        view = next((name for name, value in vars(self).items() if value is frame), None)
        if view is None:
            return choose(subject, frame)
        key = (view, subject, untrained)
        if key not in self._parts:
            self._parts[key] = choose(subject, frame)
        return self._parts[key]

    def _untrained_rows(self, subject: Subject, frame: pd.DataFrame) -> pd.DataFrame:
        if subject.weights not in TRAINED:
            return frame.iloc[:0]
        rows = rows_with(frame, {"dataset": subject.dataset, "hookpoint": subject.hookpoint})
        rows = rows[~rows["model_weights"].isin(TRAINED)]
        named = rows[rows["model"] == subject.model]
        if not named.empty or len({s.model for s in self.subjects if s.model}) > 1:
            return named
        return rows


def best_layer(data: StudyData, subject: Subject, there: Sequence[int]) -> int:
    """Return the layer among some whose probes read best on average; the first one without probes."""
    probes = data.of(subject, data.probes)
    probes = probes[(probes["label_replicate"] == -1) & probes["layer"].isin(there)]
    scores = keep_main(probes, DIRECTION_SETTING, ("hookpoint",)).groupby("layer")["roc_auc"].mean().dropna()
    return there[0] if scores.empty else int(scores.index[int(scores.to_numpy().argmax())])


def lead_subject(data: StudyData, limit: int) -> Subject | None:
    """Return the subject whose figures are in view; None where there is none.

    Of the first `limit` it is the one of most layers, then whose probes read at all (half of them above
    `READ` on held-out samples), then of most fits.
    """

    def weight(subject: Subject) -> tuple[int, bool, int]:
        probes = data.of(subject, data.probes)
        scores = probes.loc[probes["label_replicate"] == -1, "roc_auc"] if len(probes) else pd.Series([1.0])
        n_layers = data.of(subject, data.psms)["layer"].nunique()
        return n_layers, bool(scores.median() > READ), len(data.of(subject, data.fits))

    return max(data.subjects[:limit], key=weight, default=None)
