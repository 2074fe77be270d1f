"""Copies of objects on this machine: bounded, checked, this user's alone, and only ever a help."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from superpos.errors import InputError, StageError
from superpos.storage import ObjectPlace, cache
from superpos.storage.files import check_free_space


def kept(content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest()
    cache.keep(digest, content)
    return digest


def test_copies_are_read_whole_and_in_part(cache_folder: Path, tmp_path: Path) -> None:
    digest = kept(b"0123456789")
    assert cache.read_copy(digest) == b"0123456789"
    assert cache.read_part_of_copy(digest, 2, 3) == b"234"
    assert cache.read_part_of_copy(digest, 9, 3) is None
    file = tmp_path / "file"
    file.write_bytes(b"of a file")
    other = hashlib.sha256(b"of a file").hexdigest()
    cache.keep_file(other, file)
    assert not file.exists()
    assert cache.read_copy(other) == b"of a file"
    assert cache.read_copy("00" * 32) is None
    assert cache_folder.stat().st_mode & 0o077 == 0


def test_a_damaged_copy_is_removed(cache_folder: Path) -> None:
    digest = kept(b"0123456789")
    (path,) = (one for one in cache_folder.rglob(digest))
    path.write_bytes(b"0123456780")
    assert cache.read_copy(digest) is None
    assert not path.exists()


def test_the_least_recently_used_go_first(cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPERPOS_CACHE_GB", "3.5e-6")  # three of them and a half
    digests = [kept(bytes([number]) * 1000) for number in range(3)]
    for number, digest in enumerate(digests):
        (path,) = cache_folder.rglob(digest)
        os.utime(path, (number, number))
    assert cache.read_copy(digests[0]) is not None  # used now
    digests.append(kept(b"\x03" * 1000))
    assert [cache.read_copy(digest) is not None for digest in digests] == [True, False, True, True]
    assert cache.read_copy(kept(b"\x04" * 4000)) is None  # more than all of it
    monkeypatch.setenv("SUPERPOS_CACHE_GB", "0")
    assert cache.read_copy(kept(b"\x05")) is None


def test_copies_make_room_for_what_is_written(cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digests = [kept(bytes([number]) * 1000) for number in range(4)]
    usage = shutil.disk_usage(cache_folder)

    def free(_: Path) -> object:
        taken = sum(path.stat().st_size for path in cache_folder.rglob("*") if path.is_file())
        return usage._replace(free=5000 - taken)

    monkeypatch.setattr(shutil, "disk_usage", free)
    place = ObjectPlace("s3://bucket/prefix")
    check_free_space(place, 2000)
    left = sum(cache.read_copy(digest) is not None for digest in digests)
    assert left == 2
    with pytest.raises(StageError, match=rf"^{cache_folder}: .*or name SUPERPOS_CACHE_DIR$"):
        check_free_space(place, 10000)


def test_a_folder_in_a_shared_place_must_be_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUPERPOS_CACHE_DIR", raising=False)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    folder = cache.cache_folder()
    assert folder.parent == tmp_path
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o777)
    with pytest.raises(InputError, match="not a folder of yours alone; set SUPERPOS_CACHE_DIR"):
        cache.cache_folder()
    folder.rmdir()
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="not a folder of yours alone"):
        cache.cache_folder()
    monkeypatch.setenv("SUPERPOS_CACHE_DIR", str(tmp_path / "file" / "below"))
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match=r"SUPERPOS_CACHE_DIR: .* cannot be made"):
        cache.cache_folder()
