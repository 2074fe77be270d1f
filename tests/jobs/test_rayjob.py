"""`jobs/superpos.rayjob.yaml`: what a reader of it can check without a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from superpos.cli.parser import build_parser
from superpos.cluster.connect import SECRETS

MANIFEST = Path(__file__).resolve().parents[2] / "jobs" / "superpos.rayjob.yaml"


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    loaded = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
    assert (loaded["apiVersion"], loaded["kind"]) == ("ray.io/v1", "RayJob")
    found: dict[str, Any] = loaded["spec"]
    return found


def containers(spec: dict[str, Any]) -> list[dict[str, Any]]:
    cluster = spec["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    return [group["template"]["spec"]["containers"][0] for group in groups]


def test_the_command_is_one_of_ours(spec: dict[str, Any]) -> None:
    program, *arguments = spec["entrypoint"].split()
    assert program == "superpos"
    options = build_parser().parse_args(arguments)
    assert (options.study, options.address) == ("/study/study.toml", "auto")


def test_every_node_asks_for_the_token_and_only_the_head_can_reach_the_database(spec: dict[str, Any]) -> None:
    head, *workers = ({entry["name"]: entry for entry in node["env"]} for node in containers(spec))
    for names in (head, *workers):
        assert names["RAY_AUTH_MODE"]["value"] == "token"
        assert "value" not in names["RAY_AUTH_TOKEN"]  # of a secret
    assert "value" not in head["SUPERPOS_DB_URL"]
    assert [name for names in workers for name in names if name in SECRETS] == []


def test_nodes_share_the_data_and_have_room(spec: dict[str, Any]) -> None:
    cluster = spec["rayClusterSpec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        pod = group["template"]["spec"]
        assert {mount["name"] for mount in pod["containers"][0]["volumeMounts"]} == {
            volume["name"] for volume in pod["volumes"]
        }
        assert pod["containers"][0]["resources"]["requests"] == pod["containers"][0]["resources"]["limits"]
    assert containers(spec)[0]["env"][4] == {"name": "SUPERPOS_DATA_DIR", "value": "/data"}


def test_a_job_that_fails_is_not_tried_again_by_kubernetes(spec: dict[str, Any]) -> None:
    assert spec["backoffLimit"] == 0
