"""`jobs/superpos.sbatch` in a shell, with the scheduler's variables set by hand and its commands replaced."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from heads import ROOT, end_family, environment_of_rays, has_rows
from tiny_study import Tiny, count, read_views

from superpos.cluster.connect import SECRETS
from superpos.db.engine import Database

pytestmark = [pytest.mark.cluster, pytest.mark.postgres]
SCRIPT = ROOT / "jobs" / "superpos.sbatch"
COMMANDS = {
    # What a node is told; options of srun come first and have no spaces.
    "srun": 'echo "srun $*" >> "$CALLS"; while [[ ${1:-} == --* ]]; do shift; done; exec "$@"',
    "scontrol": 'echo "scontrol $*" >> "$CALLS"; printf "n1\\nn2\\n"',
    "hostname": "echo 127.0.0.1",
}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Two nodes of one CPU each, both of them this machine."""
    commands = tmp_path / "commands"
    commands.mkdir()
    for name, body in COMMANDS.items():
        (commands / name).write_text(f"#!/bin/bash\n{body}\n", encoding="utf-8")
        (commands / name).chmod(0o755)
    data = tmp_path / "data"
    data.mkdir()
    path = os.pathsep.join([str(commands), str(Path(sys.executable).parent), os.environ["PATH"]])
    slurm = {"SLURM_JOB_ID": "17", "SLURM_JOB_NODELIST": "n[1-2]", "SLURM_CPUS_PER_TASK": "1"}
    return environment_of_rays(
        tmp_path / "unused", PATH=path, CALLS=str(tmp_path / "calls"), SUPERPOS_DATA_DIR=str(data), **slurm
    )


@contextmanager
def batch(environment: dict[str, str], log: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("w") as stream:
        started = subprocess.Popen(
            ["/bin/bash", str(SCRIPT), *arguments],
            env=environment,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield started
    finally:
        end_family(started.pid)


def test_a_study_on_two_nodes(
    environment: dict[str, str],
    tiny: Tiny,
    postgres_url: str,
    tmp_path: Path,
    finished_views: dict[str, list[tuple[str, ...]]],
) -> None:
    log = tmp_path / "log"
    with batch({**environment, "SUPERPOS_DB_URL": postgres_url}, log, str(tiny.file())) as script:
        status = script.wait()
    assert status == 0, log.read_text(encoding="utf-8")
    with Database(postgres_url) as database:
        assert read_views(database) == finished_views
    calls = (tmp_path / "calls").read_text(encoding="utf-8").splitlines()
    assert calls[0] == "scontrol show hostnames n[1-2]"
    rays = [call for call in calls if "ray start" in call]
    assert ["--nodelist=n1" in call and "--head" in call for call in rays] == [True, False]
    assert "--nodelist=n2" in rays[1]
    assert [
        path.name for path in (tmp_path / "data").iterdir() if path.name.startswith(".")
    ] == []  # the token


def test_a_warning_of_the_end_of_time_keeps_what_is_done(
    environment: dict[str, str], tiny: Tiny, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'superpos.db'}"
    text = tiny.text(more="").replace('name = "cosine"', 'name = "cosine"\nreplicates = 100')
    study = tmp_path / "long.toml"
    study.write_text(text, encoding="utf-8")
    log = tmp_path / "log"
    with (
        Database(url) as database,
        batch({**environment, "SUPERPOS_DB_URL": url}, log, str(study)) as script,
    ):
        while not (has_rows(tmp_path / "superpos.db", database, "probes")):
            assert script.poll() is None, log.read_text(encoding="utf-8")
            time.sleep(0.2)
        family = psutil.Process(script.pid).children(recursive=True)
        script.send_signal(signal.SIGTERM)
        assert script.wait() == 128 + signal.SIGTERM, log.read_text(encoding="utf-8")
        assert psutil.wait_procs(family, timeout=240)[1] == []
        assert count(database, "runs", "outcome = 'interrupted'") == 1


def test_no_node_has_a_way_into_the_database() -> None:
    """A shell script cannot read the list that workers are kept from."""
    unset = set(re.findall(r"-u (\w+)", SCRIPT.read_text(encoding="utf-8")))
    assert unset == set(SECRETS)


@pytest.mark.parametrize(
    "missing", ["SLURM_JOB_ID", "SUPERPOS_DB_URL", "SUPERPOS_DATA_DIR", "SLURM_CPUS_PER_TASK"]
)
def test_what_has_to_be_set_is_said(environment: dict[str, str], missing: str, tmp_path: Path) -> None:
    given = {
        name: value for name, value in {**environment, "SUPERPOS_DB_URL": "x"}.items() if name != missing
    }
    log = tmp_path / "log"
    with batch(given, log, "study") as script:
        assert script.wait() != 0
    said = log.read_text(encoding="utf-8")
    assert missing in said or "cpus-per-task" in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "calls").exists()


def test_the_token_lies_in_a_folder_where_files_are_objects(
    environment: dict[str, str], tmp_path: Path
) -> None:
    log, folder = tmp_path / "log", tmp_path / "submitted"
    folder.mkdir()
    given = {**environment, "SUPERPOS_DB_URL": "x", "SUPERPOS_DATA_DIR": "s3://bucket/prefix"}
    given.pop("SLURM_SUBMIT_DIR", None)
    with batch(given, log, "study") as script:
        assert script.wait() != 0
    assert "SLURM_SUBMIT_DIR: set it to a folder that all nodes share" in log.read_text(encoding="utf-8")
    # The first command after the token is made says whether it is there, and names no nodes.
    (tmp_path / "commands" / "scontrol").write_text(
        f'#!/bin/bash\nstat -c "%a %s" "$RAY_AUTH_TOKEN_PATH" > "{tmp_path}/found"\n',
        encoding="utf-8",
    )
    with batch({**given, "SLURM_SUBMIT_DIR": str(folder)}, log, "study") as script:
        assert script.wait() != 0
    assert (tmp_path / "found").read_text(encoding="utf-8") == "600 64\n"
    assert list(folder.iterdir()) == []
