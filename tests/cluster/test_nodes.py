"""The tiny study on a cluster of two nodes, reached by its address: the same bits as without Ray."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from tiny_study import Tiny, count, read_views, run_tiny

from superpos.cluster import connect as connecting
from superpos.cluster.pool import RayExecutor
from superpos.db.engine import Database
from superpos.stages.executor import Careful
from superpos.stages.tasks import TASKS

pytestmark = pytest.mark.cluster


def node_of(_: Any) -> str:
    """Return the node that this runs on, and hold its only CPU for a moment."""
    import time

    import ray

    time.sleep(0.3)
    return str(ray.get_runtime_context().get_node_id())


@dataclass
class Nodes:
    """A cluster of two nodes with one CPU each, and an executor that is connected to it."""

    cluster: Any
    second: Any
    executor: RayExecutor


@pytest.fixture(scope="module")
def monkeypatch_module() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def nodes(monkeypatch_module: pytest.MonkeyPatch) -> Iterator[Nodes]:
    import ray
    from ray.cluster_utils import Cluster

    ray.cloudpickle.register_pickle_by_value(__import__("sys").modules[__name__])
    # The address of this machine is none of loopback. Ray keeps what it read of tokens for a whole process.
    monkeypatch_module.setattr(connecting, "check_token", lambda _: None)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        second = cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        with RayExecutor(address=cluster.address, tasks={**TASKS, "node": node_of}) as executor:
            yield Nodes(cluster, second, executor)
    finally:
        ray.shutdown()
        cluster.shutdown()


def both_answer(executor: RayExecutor) -> bool:
    """Whether, within a while, each node has done some of the work."""
    rounds = (len({answer.value for answer in executor.run("node", range(6))}) for _ in range(20))
    return 2 in rounds


def test_there_is_a_worker_on_each_node(nodes: Nodes) -> None:
    assert nodes.executor.n_workers == 2
    assert both_answer(nodes.executor)


def test_a_node_that_is_lost_loses_no_work(nodes: Nodes) -> None:
    """The other node does the rest, and no payload is blamed; a node that joins later takes part again."""
    assert both_answer(nodes.executor)
    answers = []
    for answer in nodes.executor.run("node", [Careful(number, tries=1) for number in range(12)]):
        answers.append(answer)
        if len(answers) == 2:
            nodes.cluster.remove_node(nodes.second, allow_graceful=False)
    assert sorted(answer.index for answer in answers) == list(range(12))
    assert [answer.error for answer in answers] == [None] * 12
    nodes.second = nodes.cluster.add_node(num_cpus=1)
    assert both_answer(nodes.executor)


def test_the_study_has_the_same_bits_as_without_ray(
    nodes: Nodes,
    new_database: Callable[[str], Database],
    tiny: Tiny,
    finished_views: dict[str, list[tuple[str, ...]]],
) -> None:
    database = new_database("two-nodes")
    run_tiny(database, tiny.plan(), nodes.executor)
    assert read_views(database) == finished_views
    assert count(database, "cell_failures") == 0
