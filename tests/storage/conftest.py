"""A bucket of its own for every test, on a server of this process; the tiny study."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from s3_server import Server
from tiny_study import (  # noqa: F401 -- fixtures
    copy_of_finished,
    finished,
    finished_views,
    new_database,
    tiny,
    tiny_corpus,
    tiny_model,
)

from superpos.db.engine import Database
from superpos.storage import ObjectPlace


@pytest.fixture(scope="session")
def shared_server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SUPERPOS_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def server(shared_server: Server, cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The server without faults, and what leads a client to it: nothing of this machine's own."""
    for name, value in {
        "AWS_ENDPOINT_URL": shared_server.url,
        "AWS_ACCESS_KEY_ID": "a-key-of-tests",
        "AWS_SECRET_ACCESS_KEY": "a-secret-of-tests",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": str(cache_folder / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(cache_folder / "none"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3", "SUPERPOS_CACHE_GB"):
        monkeypatch.delenv(name, raising=False)
    shared_server.seen.clear()
    yield shared_server
    shared_server.fault = lambda *_: 0
    shared_server.done = lambda *_: None


@pytest.fixture
def bucket(server: Server) -> str:
    """The URL of a fresh bucket."""
    import urllib.request

    name = f"bucket-{uuid.uuid4().hex}"
    urllib.request.urlopen(  # noqa: S310 (loopback)
        urllib.request.Request(f"{server.url}/{name}", method="PUT")  # noqa: S310 (loopback)
    ).close()
    return f"s3://{name}"


@pytest.fixture
def place(bucket: str) -> ObjectPlace:
    """A data folder in that bucket."""
    return ObjectPlace(f"{bucket}/some/prefix")


@pytest.fixture
def uploaded(copy_of_finished: Database, place: ObjectPlace) -> Database:  # noqa: F811 (a fixture)
    """The finished study, its files in the store and nowhere else."""
    folder = copy_of_finished.default_data_folder
    for path in folder.rglob("*.*"):
        (place / path.relative_to(folder).as_posix()).write(path.read_bytes())
    shutil.rmtree(folder)
    return copy_of_finished


@pytest.fixture
def uploaded_here(uploaded: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """The same, which commands take as their database."""
    monkeypatch.setenv("SUPERPOS_DB_URL", uploaded.url.render_as_string(hide_password=False))
    return uploaded
