"""The doctor: what is wrong is found and has a way to mend it; no check hides another; no secret is said."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from superpos.__main__ import main
from superpos.cli import checkup
from superpos.db import engine, file_systems
from superpos.db.engine import Database
from superpos.db.file_systems import file_system_of, why_refused
from superpos.errors import DatabaseError

MOUNTS = """\
22 1 0:20 / / rw - ext4 /dev/vda rw
23 22 0:21 / /home rw shared:1 - nfs4 server:/home rw
24 23 0:22 / /home/ann\\040lee/local rw - xfs /dev/vdb rw
25 22 0:23 / /scratch rw - lustre fs@tcp:/x rw
26 22 0:24 / /over rw - nfs server:/a rw
27 22 0:25 / /over rw - tmpfs tmpfs rw
"""


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    path = tmp_path / "mountinfo"
    path.write_text(MOUNTS, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("/data/superpos.db", "ext4"),
        ("/home/superpos.db", "nfs4"),
        ("/homely/superpos.db", "ext4"),
        ("/home/ann lee/local/superpos.db", "xfs"),
        ("/scratch/a/b/superpos.db", "lustre"),
        ("/over/superpos.db", "tmpfs"),  # the later mount hides the earlier one
    ],
)
def test_the_file_system_is_that_of_the_nearest_mount(mounts: Path, place: str, kind: str) -> None:
    assert file_system_of(Path(place), mounts) == kind
    assert bool(why_refused(Path(place), mounts)) == (kind in ("nfs4", "lustre"))


def test_no_list_of_mounts_refuses_nothing(tmp_path: Path) -> None:
    assert file_system_of(tmp_path, tmp_path / "none") == ""
    assert why_refused(tmp_path, tmp_path / "none") == ""


def test_sqlite_on_a_network_file_system_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list_of = tmp_path / "mountinfo"
    list_of.write_text(
        f"22 1 0:20 / / rw - ext4 a rw\n23 22 0:21 / {tmp_path} rw - nfs4 b rw\n", encoding="utf-8"
    )
    monkeypatch.setattr(engine, "why_refused", lambda path: why_refused(path, list_of))
    with pytest.raises(
        DatabaseError, match=r"network file system \(nfs4\).*use a folder of this machine"
    ) as caught:
        Database(f"sqlite:///{tmp_path / 'a.db'}")
    assert caught.value.exit_status == 3
    assert not (tmp_path / "a.db").exists()


def states(found: Any) -> list[tuple[str, str]]:
    return [(one.name, one.state) for one in found]


def test_a_database_is_looked_at_in_every_state(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    assert states(checkup.database(url)) == [("database", "ok")]
    assert not (tmp_path / "a.db").exists()
    from superpos.db.migrate import ensure_current

    with Database(url) as handle:
        ensure_current(handle)
    (found,) = checkup.database(url)
    assert (found.state, found.mend) == ("ok", "")
    assert "as it should be" in found.said
    with Database(url) as handle, handle.write() as connection:
        connection.exec_driver_sql("DROP VIEW near_copies")
    (found,) = checkup.database(url)
    assert found.state == "problem"
    assert "view near_copies: is missing" in found.said
    with Database(url) as handle, handle.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    (found,) = checkup.database(url)
    assert (found.state, found.mend) == ("problem", "superpos db upgrade")


def test_an_old_ray_and_a_missing_package_are_problems(monkeypatch: pytest.MonkeyPatch) -> None:
    assert states(checkup.versions()) == [("versions", "ok")]
    true = checkup.version

    def other(name: str) -> str:
        if name == "scipy":
            raise checkup.PackageNotFoundError(name)
        return "2.53.1" if name == "ray" else true(name)

    monkeypatch.setattr(checkup, "version", other)
    _, missing, old = checkup.versions()
    assert (missing.state, missing.mend) == ("problem", "pip install scipy")
    assert (old.state, old.mend) == ("problem", "pip install 'ray>=2.54'")


def test_a_cluster_without_a_token_and_a_token_that_others_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    token = tmp_path / "token"
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(token))
    assert states(checkup.ray("")) == [("ray", "ok")]
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        assert states(checkup.ray(address)) == [("ray", "warning")]
        monkeypatch.setattr("superpos.cluster.connect.check_address", lambda _: None)
        assert states(checkup.ray("10.1.2.3:6379")) == [("ray", "problem")]
        token.write_text("a-very-secret-token", encoding="utf-8")
        token.chmod(0o644)
        monkeypatch.setenv("RAY_AUTH_MODE", "token")
        first, second = checkup.ray("10.1.2.3:6379")
        assert (first.state, second.state, second.mend) == ("ok", "problem", f"chmod 600 {token}")
        assert "secret" not in f"{first}{second}"
        token.chmod(0o600)
        assert states(checkup.ray("10.1.2.3:6379")) == [("ray", "ok")]


def test_little_room_is_a_warning_and_less_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = 10e9

    monkeypatch.setattr(checkup.shutil, "disk_usage", lambda _: Usage)
    url = f"sqlite:///{tmp_path / 'a.db'}"
    for free, state in ((10e9, "ok"), (1e9, "warning"), (1e8, "problem")):
        Usage.free = free
        assert {found.state for found in checkup.disk(url)} == {state}
    assert states(checkup.shared_memory()) == [("shared memory", "warning")]


def test_the_command_goes_on_where_a_check_fails_and_says_no_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> Any:
        raise RuntimeError("no such driver")
        yield

    monkeypatch.setattr(checkup, "devices", broken)  # and PyTorch is not loaded
    monkeypatch.setenv("RAY_AUTH_TOKEN", "a-very-secret-token")
    url = "postgresql+psycopg://ann:hunter2@127.0.0.1:1/none?connect_timeout=1"
    assert main(["doctor", "--db", url, "--json"]) == 1
    said = capsys.readouterr().out
    found = {one["name"]: one for one in json.loads(said)}
    assert found["devices"]["said"] == "cannot be looked at (RuntimeError: no such driver)"
    assert found["database"]["state"] == "problem"
    assert found["disk"]["state"] in ("ok", "warning")
    assert set(found) >= {"versions", "cpus", "threads", "temporary folder", "ray"}
    assert "hunter2" not in said
    assert "secret" not in said
    assert main(["doctor", "--db", url]) == 1
    assert "; to mend it: " in capsys.readouterr().out


def test_the_list_of_mounts_of_this_machine_is_read() -> None:
    if file_systems.MOUNTS.exists():
        assert file_system_of(Path("/"))


def test_a_fresh_process_knows_its_own_tables(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    from superpos.db.migrate import ensure_current

    with Database(url) as handle:
        ensure_current(handle)
    code = f"""
from superpos.db.engine import Database
from superpos.db.migrate import check
with Database({url!r}) as handle:
    print(check(handle))
"""
    # Here other tests have loaded every table; the command loads what it imports alone.
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
