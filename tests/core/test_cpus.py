"""CPUs that may be used: affinity and quotas, of both versions of control groups."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from superpos import cpus

QUOTAS = [
    ("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5),
    ("0::/\n", {"cpu.max": "max 100000\n"}, None),
    ("0::/job/step\n", {"job/cpu.max": "400000 100000", "job/step/cpu.max": "max 100000"}, 4.0),
    ("0::/job/step\n", {"job/cpu.max": "200000 100000", "job/step/cpu.max": "300000 100000"}, 2.0),
    ("0::/outside/the/container\n", {"cpu.max": "50000 100000"}, 0.5),
    ("0::/../sibling\n", {"cpu.max": "300000 100000"}, 3.0),
    (
        "5:memory:/a\n4:cpu,cpuacct:/a\n0::/\n",
        {"cpu,cpuacct/a/cpu.cfs_quota_us": "250000\n", "cpu,cpuacct/a/cpu.cfs_period_us": "100000\n"},
        2.5,
    ),
    ("4:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
    ("4:cpuset:/\n", {"cpuset/cpu.max": "100000 100000"}, None),
    ("0::/\n", {"cpu.max": "of another kind"}, None),
    ("", {}, None),
]


@pytest.mark.parametrize(("membership", "files", "quota"), QUOTAS)
def test_the_smallest_quota_on_the_way_binds(
    membership: str, files: dict[str, str], quota: float | None, tmp_path: Path
) -> None:
    (tmp_path / "cgroup").write_text(membership, encoding="utf-8")
    for name, content in files.items():
        path = tmp_path / "mount" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="ascii")
    assert cpus.cpu_quota(tmp_path / "cgroup", tmp_path / "mount") == quota


def test_no_control_groups(tmp_path: Path) -> None:
    assert cpus.cpu_quota(tmp_path / "missing", tmp_path) is None


@pytest.mark.parametrize(
    ("allowed", "quota", "usable"), [(8, None, 8), (8, 2.5, 2), (8, 0.5, 1), (2, 16.0, 2), (1, None, 1)]
)
def test_affinity_and_quota_together(
    allowed: int, quota: float | None, usable: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cpus.os, "sched_getaffinity", lambda _: set(range(allowed)), raising=False)
    monkeypatch.setattr(cpus, "cpu_quota", lambda: quota)
    assert cpus.usable_cpus() == usable


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="affinity is known on Linux only")
def test_a_process_that_is_bound_to_one_cpu_counts_one() -> None:
    script = (
        "import os; from superpos.cpus import usable_cpus\n"
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); print(usable_cpus())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


def test_every_place_asks_the_same_function() -> None:
    """Nobody counts the machine's CPUs to decide how much to start; the doctor says how many there are."""
    root = Path(__file__).resolve().parents[2]
    files = [path for folder in ("superpos", "jobs", "reports") for path in (root / folder).rglob("*.py")]
    texts = {path.name: path.read_text(encoding="utf-8") for path in files}
    counting = [name for name, text in texts.items() if "cpu_count(" in text or "getaffinity(" in text]
    assert sorted(counting) == ["checkup.py", "cpus.py"]
