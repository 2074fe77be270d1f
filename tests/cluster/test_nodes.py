"""The tiny study on a cluster of two nodes, reached by its address: the same bits as without Ray."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tiny_study import Tiny, count, read_views, run_tiny

from superpos.cluster.pool import RayExecutor
from superpos.db.engine import Database
from superpos.stages.tasks import TASKS

pytestmark = pytest.mark.cluster


def node_of(_: Any) -> str:
    """Return the node that this runs on, and hold its only CPU for a moment."""
    import time

    import ray

    time.sleep(0.3)
    return str(ray.get_runtime_context().get_node_id())


@pytest.fixture(scope="module")
def executor() -> Iterator[RayExecutor]:
    import ray
    from ray.cluster_utils import Cluster

    ray.cloudpickle.register_pickle_by_value(__import__("sys").modules[__name__])
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        with RayExecutor(address=cluster.address, tasks={**TASKS, "node": node_of}) as connected:
            yield connected
    finally:
        ray.shutdown()
        cluster.shutdown()


def test_there_is_a_worker_on_each_node(executor: RayExecutor) -> None:
    assert executor.n_workers == 2
    nodes = {answer.value for answer in executor.run("node", range(8))}
    assert len(nodes) == 2


def test_the_study_has_the_same_bits_as_without_ray(
    executor: RayExecutor,
    new_database: Callable[[str], Database],
    tiny: Tiny,
    finished_views: dict[str, list[tuple[str, ...]]],
) -> None:
    database = new_database("two-nodes")
    run_tiny(database, tiny.plan(), executor)
    assert read_views(database) == finished_views
    assert count(database, "cell_failures") == 0
