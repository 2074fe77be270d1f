"""A server that ends the connection of a run at every commit, one after the other: the run goes on."""

from __future__ import annotations

from pathlib import Path

from killed import MOMENTS, OF_A_RUN
from lives import World
from matrix_study import NAME, Grid
from tiny_study import read_views, run_tiny

from superpos.db.commits import Commit
from superpos.db.engine import Database
from superpos.db.migrate import ensure_current
from superpos.db.progress import study_progress

OUT_OF_REACH = {
    Commit.SWEEP,  # no run has died before
    Commit.BEAT,  # of a thread, once in twenty seconds
    Commit.REFUSALS,
}


def test_a_run_goes_through_whatever_connection_ends(postgres_url: str, tmp_path: Path) -> None:
    plan = Grid().plan(tmp_path)
    with Database(f"sqlite:///{tmp_path / 'undisturbed.db'}") as database:
        ensure_current(database)
        run_tiny(database, plan)
        wanted = read_views(database, NAME)
    with Database(postgres_url) as database:
        ensure_current(database)
        world = World(postgres_url, tmp_path / "data")
        life = world.live(plan, cuts=set())
        assert life.cuts is not None
        reached = {commit for commit, _ in life.cuts}
        assert reached >= set(OF_A_RUN) - OUT_OF_REACH
        assert life.cuts >= {(commit, moment) for commit in reached for moment in set(MOMENTS) - {"between"}}
        assert [row.undone for row in study_progress(database, NAME)] == [0] * 5
        assert read_views(database, NAME) == wanted
        assert world.twice == world.unleased == []
