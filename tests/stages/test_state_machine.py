"""Whatever is done to a study, in whatever order: in the end it is what an undisturbed run makes of it.

Hypothesis chooses the order: a driver runs and dies at some commit, is interrupted, is thought dead while
another one works, works beside another one; cells fail; blocks and grids grow and shrink; what is quarantined
is put back, garbage is collected. After each step nothing was computed twice under a lease, and no lease is
left of a run that has ended.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from lives import World
from matrix_study import NAME, Grid
from tiny_study import read_views, run_tiny

from superpos.db.engine import Database
from superpos.db.failures import put_back
from superpos.db.gc import collect_garbage
from superpos.db.migrate import check, current_revision, ensure_current

Views = dict[str, list[tuple[str, ...]]]
EXAMPLES = {"sqlite": 5, "postgresql": 2}
EXAMPLES_VARIABLE = "SUPERPOS_EXAMPLES"
"""Orders that are tried; other ones in each run where it is set."""
MOMENTS = st.integers(1, 90)
CLAIMS = st.integers(1, 12)
TASKS = st.integers(1, 6)
THIRDS = st.integers(0, 2)
OF_ENDED_RUNS = """SELECT l.stage, l.key, r.outcome FROM leases l LEFT JOIN runs r ON r.run_id = l.run_id
WHERE r.outcome IS NULL OR r.outcome <> 'running'"""
FAILED_AND_STORED = """SELECT cf.key FROM cell_failures cf
JOIN psms p ON p.key = SUBSTR(cf.key, 1, 32)
JOIN joint_axes ja ON ja.key = SUBSTR(cf.key, 34, 32)
JOIN fit_axes fa ON fa.key = SUBSTR(cf.key, 67, 32)
JOIN joint_fits j ON j.psm_id = p.psm_id AND j.joint_axes_id = ja.joint_axes_id
JOIN fits f ON f.joint_id = j.joint_id AND f.fit_axes_id = fa.fit_axes_id"""


def one_in_three(third: int | None) -> Callable[[str], bool]:
    """Return which keys are of a third of all; of none, if it is None."""
    return lambda key: third is not None and int(key, 16) % 3 == third


PARTS = st.sampled_from([None, *(part.name for part in fields(Grid))])


class Machine(RuleBasedStateMachine):
    """One database and the study as it is wanted now."""

    def __init__(self, url: str, folder: Path, undisturbed: Callable[[Grid], Views]) -> None:
        super().__init__()
        self.folder = folder
        self.undisturbed = undisturbed
        self.grid = Grid()
        self.world = World(url, folder / "data")

    def live(self, **given: Any) -> Any:
        return self.world.live(self.grid.plan(self.folder), **given)

    def change(self, part: str | None) -> None:
        """Add a block, or a value to an axis; or take it away again."""
        if part:
            wanted = not getattr(self.grid, part)
            self.grid = replace(self.grid, **{part: wanted})

    @rule(part=PARTS, moment=MOMENTS)
    def dies(self, part: str | None, moment: int) -> None:
        self.change(part)
        self.live(dies_at=moment)

    @rule(part=PARTS, task=TASKS)
    def is_interrupted(self, part: str | None, task: int) -> None:
        self.change(part)
        self.live(interrupted_at=task)

    @rule(part=PARTS, task=TASKS, moment=st.none() | MOMENTS, third=st.none() | THIRDS)
    def is_thought_dead(self, part: str | None, task: int, moment: int | None, third: int | None) -> None:
        """Stopped for longer than its lease; another one works meanwhile and may die; then cells may fail."""
        self.change(part)

        def meanwhile() -> None:
            self.world.expire()
            self.live(dies_at=moment)

        self.live(stops_at=task, meanwhile=meanwhile, fails=one_in_three(third))

    @rule(part=PARTS, claim=CLAIMS, moment=st.none() | MOMENTS)
    def has_company(self, part: str | None, claim: int, moment: int | None) -> None:
        """Another one works beside it until it has to wait, or dies."""
        self.change(part)
        self.live(pauses_at=claim, meanwhile=lambda: self.live(dies_at=moment))

    @rule(part=PARTS, third=THIRDS)
    def fails(self, part: str | None, third: int) -> None:
        self.change(part)
        self.live(fails=one_in_three(third))

    @rule()
    def puts_back(self) -> None:
        with Database(self.world.url) as database:
            if current_revision(database):
                put_back(database, NAME)

    @rule()
    def collects(self) -> None:
        with Database(self.world.url) as database:
            if current_revision(database):
                collect_garbage(database)

    @invariant()
    def nothing_is_computed_twice_or_written_late(self) -> None:
        assert self.world.twice == []
        assert self.world.unleased == []

    @invariant()
    def ended_runs_have_no_lease_and_no_late_failure_is_kept(self) -> None:
        with Database(self.world.url) as database:
            if not current_revision(database):
                return
            with database.read() as connection:
                assert connection.execute(sa.text(OF_ENDED_RUNS)).all() == []
                assert connection.execute(sa.text(FAILED_AND_STORED)).all() == []

    def teardown(self) -> None:
        """Let one driver finish in peace."""
        self.puts_back()
        self.live()
        assert self.live().n_tasks == 0  # nothing was left for this one
        with Database(self.world.url) as database:
            assert read_views(database, NAME) == self.undisturbed(self.grid)
            collect_garbage(database)
            assert read_views(database, NAME) == self.undisturbed(self.grid)
            assert check(database) == []
            with database.read() as connection:
                assert connection.scalar(sa.text("SELECT COUNT(*) FROM leases")) == 0
                assert connection.scalar(sa.text("SELECT COUNT(*) FROM cell_failures")) == 0
                outcomes = connection.execute(sa.text("SELECT outcome FROM runs ORDER BY run_id")).scalars()
                assert "running" not in list(outcomes)
        self.nothing_is_computed_twice_or_written_late()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Grid], Views]:
    """Return the views of a grid that one driver has made in one go, on SQLite."""
    known: dict[Grid, Views] = {}

    def find(grid: Grid) -> Views:
        if grid not in known:
            folder = tmp_path_factory.mktemp("undisturbed")
            with Database(f"sqlite:///{folder / 'one.db'}") as database:
                ensure_current(database)
                run_tiny(database, grid.plan(folder))
                known[grid] = read_views(database, NAME)
        return known[grid]

    return find


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], str]]:
    """Return a function that makes an empty database of a kind."""
    if request.param == "sqlite":
        yield lambda: f"sqlite:///{tmp_path / uuid.uuid4().hex}.db"
        return
    server = sa.make_url(request.getfixturevalue("postgres_server"))
    admin = sa.create_engine(server, isolation_level="AUTOCOMMIT")

    def make() -> str:
        name = f"machine_{uuid.uuid4().hex}"
        with admin.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        return server.set(database=name).render_as_string(hide_password=False)

    yield make
    admin.dispose()


def test_any_order_of_events_ends_in_the_same_content(
    empty: Callable[[], str], undisturbed: Callable[[Grid], Views], tmp_path: Path
) -> None:
    asked = os.environ.get(EXAMPLES_VARIABLE)
    kind = sa.make_url(empty()).get_backend_name()
    run_state_machine_as_test(
        lambda: Machine(empty(), tmp_path, undisturbed),
        settings=settings(
            max_examples=int(asked or EXAMPLES[kind]),
            stateful_step_count=6,
            deadline=None,
            derandomize=asked is None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
