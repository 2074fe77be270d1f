"""Objects on a real S3 server: read, written, removed; what refuses, what is away, what is not there."""

from __future__ import annotations

import hashlib
import pickle
import threading
import time
from pathlib import Path

import pytest
from s3_server import CUT, Server

from superpos.errors import DataFolderAwayError, DataFolderError, FileLostError
from superpos.storage import ObjectPlace, objects


def test_what_is_written_is_read_listed_and_removed(place: ObjectPlace, tmp_path: Path) -> None:
    assert place.names() == ()
    file = tmp_path / "file"
    file.write_bytes(b"of a file")
    (place / "a/one").write(b"0123456789")
    (place / "a/two").upload(file)
    (place / "b").write(b"")
    assert place.names() == ("a", "b")
    assert (place / "a").names() == ("one", "two")
    assert (place / "a/two").read() == b"of a file"
    assert (place / "b").read() == b""
    assert (place / "a/one").read_part(3, 4) == b"3456"
    (place / "a/one").write(b"other")
    assert (place / "a/one").read() == b"other"  # what was seen before is not remembered
    (place / "a/one").remove()
    (place / "a/one").remove()
    assert (place / "a/one").read() is None
    assert (place / "a").names() == ("two",)
    place.try_out()
    assert place.names() == ("a", "b")


def test_a_digest_is_that_of_all_parts(place: ObjectPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "PART_BYTES", 1000)
    for size in (0, 1, 1000, 3456):
        content = bytes(range(256)) * 14
        place.write(content[:size])
        assert place.digest() == hashlib.sha256(content[:size]).hexdigest()
    assert (place / "none").digest() is None


@pytest.mark.parametrize(("first", "count"), [(8, 4), (10, 1), (4000, 8)])
def test_a_part_that_is_not_there_is_a_lost_file(place: ObjectPlace, first: int, count: int) -> None:
    place.write(b"0123456789")
    with pytest.raises(FileLostError, match=f"^{place}: is missing or shorter"):
        place.read_part(first, count)
    with pytest.raises(FileLostError):
        (place / "none").read_part(0, 1)


def test_an_upload_in_parts(bucket: str, tmp_path: Path) -> None:
    """Beyond 100 MB the driver uploads parts, which are no object before all of them are there."""
    file, size = tmp_path / "large", 101 * 2**20
    with file.open("wb") as stream:
        stream.truncate(size)
    place = ObjectPlace(f"{bucket}/large")
    place.upload(file)
    with file.open("rb") as stream:
        assert place.digest() == hashlib.file_digest(stream, "sha256").hexdigest()


def test_what_travels_is_the_url_alone(place: ObjectPlace) -> None:
    place.write(b"x")  # a connection is open
    sent = pickle.dumps(place)
    assert len(sent) < 200
    assert b"key-of-tests" not in sent
    assert b"secret" not in sent
    assert pickle.loads(sent) == place  # noqa: S301 (made here)


def test_an_unknown_bucket_is_said_at_once(server: Server) -> None:
    del server
    place = ObjectPlace("s3://there-is-no-such-bucket/prefix")
    for ask in (place.names, place.try_out, lambda: place.write(b"x"), (place / "x").read):
        began = time.monotonic()
        with pytest.raises(DataFolderError, match=r"^s3://there-is-no.*NoSuchBucket") as caught:
            ask()
        assert not isinstance(caught.value, DataFolderAwayError)
        assert caught.value.exit_status == 3
        assert time.monotonic() - began < 100  # a write is tried for 300 s where that may help


def test_what_may_not_be_done_is_said_at_once(server: Server, place: ObjectPlace) -> None:
    place.write(b"x")
    server.fault = lambda method, _: 403 if method in ("PUT", "POST") else 0
    assert place.read() == b"x"
    with pytest.raises(DataFolderError, match=rf"^{place}: cannot be written: .*AccessDenied") as caught:
        place.write(b"y")
    assert not isinstance(caught.value, DataFolderAwayError)
    server.fault = lambda *_: 403
    with pytest.raises(DataFolderError, match=rf"^{place}: cannot be read: .*(AccessDenied|Forbidden)"):
        place.read()
    with pytest.raises(DataFolderError, match=r"cannot be written: .*AccessDenied"):
        place.try_out()


def test_without_credentials(place: ObjectPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(DataFolderError, match="cannot be read: Unable to locate credentials"):
        place.read()


@pytest.mark.parametrize("fault", [500, 503, CUT])
def test_a_fault_that_passes_is_not_noticed(server: Server, place: ObjectPlace, fault: int) -> None:
    left = {"PUT": 3, "GET": 3}

    def some(method: str, _: str) -> int:
        left[method] = left.get(method, 0) - 1
        return fault if left[method] >= 0 else 0

    server.fault = some
    place.write(b"whole")
    assert place.read() == b"whole"
    assert max(left.values()) < 0


def test_a_server_that_is_away_is_asked_for_a_while(
    server: Server, place: ObjectPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.write(b"x")
    monkeypatch.setattr(objects, "READ_SECONDS", 0.3)
    monkeypatch.setattr(objects, "WRITE_SECONDS", 0.3)
    server.stop()
    try:
        with pytest.raises(DataFolderAwayError, match="cannot be read: Could not connect") as caught:
            place.read()
        assert "\n" not in str(caught.value)
        with pytest.raises(DataFolderError, match=r"waited 0 s; finished work is kept$") as caught:
            place.write(b"y")
        assert not isinstance(caught.value, DataFolderAwayError)  # nobody waits once more
    finally:
        server.start()
    assert place.read() == b"x"


def test_a_server_that_says_nothing_is_away(
    server: Server, place: ObjectPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No loop of a driver's own goes on within ours: a try takes as long as an answer may."""
    monkeypatch.setattr(objects, "ANSWER_SECONDS", 1)
    monkeypatch.setattr(objects, "READ_SECONDS", 2.0)
    server.seen.clear()
    released = threading.Event()
    server.fault = lambda *_: 0 if released.wait(60.0) else CUT
    began = time.monotonic()
    try:
        with pytest.raises(DataFolderAwayError, match=r"cannot be read: .*(timeout|timed out)"):
            place.read()
        tries = server.seen.total()
    finally:
        released.set()
    assert 2 <= tries <= 6
    assert time.monotonic() - began < 50
