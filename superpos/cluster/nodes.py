"""Which nodes of a cluster are still there: one that is lost takes calls with it that are not to blame."""

from __future__ import annotations

from typing import Any

from superpos.cluster.connect import answers


def is_there(ray: Any, node_id: str) -> bool:
    """Whether a node takes part; Ray itself notices some seconds late that one has gone.

    Parameters
    ----------
    ray
        The module, connected.
    node_id
        In hexadecimal; an empty one stands for a node that nobody knows, which is taken to be there.
    """
    for node in ray.nodes():
        if node["NodeID"] == node_id:
            return bool(node["Alive"]) and answers(f"{node['NodeManagerAddress']}:{node['NodeManagerPort']}")
    return not node_id
