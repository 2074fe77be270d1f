"""Which data folder a text means, and one line, without the secret, for each that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from superpos.errors import InputError
from superpos.storage import ObjectPlace, chosen, place_of, urls

SECRET = "hunter2"


def test_the_variable_goes_before_the_default(monkeypatch: pytest.MonkeyPatch, cache_folder: Path) -> None:
    del cache_folder
    monkeypatch.delenv("SUPERPOS_DATA_DIR", raising=False)
    assert chosen(Path("here")) == Path("here")
    monkeypatch.setenv("SUPERPOS_DATA_DIR", "")
    assert chosen(Path("here")) == Path("here")
    monkeypatch.setenv("SUPERPOS_DATA_DIR", "s3://bucket/a/b/")
    assert chosen(Path("here")) == ObjectPlace("s3://bucket/a/b")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("relative", Path("relative")),
        ("/absolute/with: colon", Path("/absolute/with: colon")),
        ("C:/data", Path("C:/data")),
        ("file:///absolute/a%20b", Path("/absolute/a b")),
        ("file://localhost/absolute", Path("/absolute")),
        ("s3://bucket", ObjectPlace("s3://bucket")),
        ("S3://bucket/a/", ObjectPlace("s3://bucket/a")),
    ],
)
def test_what_is_a_data_folder(text: str, place: Path | ObjectPlace, cache_folder: Path) -> None:
    del cache_folder
    assert place_of(text) == place


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"s3://KEY:{SECRET}@bucket/prefix", "a user, a key or a port"),
        (f"s3://{SECRET}@bucket/prefix", "a user, a key or a port"),
        (f"s3://KEY:{SECRET}", "a user, a key or a port"),
        ("s3://localhost:9000/bucket", "a user, a key or a port"),
        (f"s3://bucket/prefix?secret={SECRET}", "behind"),
        (f"s3://bucket/prefix#{SECRET}", "behind"),
        (f"abfs://container:{SECRET}@account/prefix", "a user, a key or a port"),
        (f"https://user:{SECRET}@host/x", "'https' is no store"),
        (f"ftp://user:{SECRET}@host/x", "'ftp' is no store"),
        ("memory://x", "'memory' is no store"),
        ("simplecache::s3://bucket/x", "'simplecache' is no store"),
        ("s3:/bucket", "two slashes must come"),
        ("s3:bucket", "two slashes must come"),
        ("file:here", "two slashes must come"),
        ("file://here/there", "three slashes"),
        ("s3://", "an empty part"),
        ("s3:///prefix", "an empty part"),
        ("s3://bucket//prefix", "an empty part"),
        ("s3://bucket/../prefix", "an empty part"),
        ("s3://[bucket", "cannot be read"),
        ("s3://bucket/a\nb", "is no data folder"),
    ],
)
def test_what_is_none_is_refused_in_one_line(text: str, says: str, cache_folder: Path) -> None:
    del cache_folder
    with pytest.raises(InputError, match=says) as caught:
        place_of(text)
    assert str(caught.value).startswith("SUPERPOS_DATA_DIR: ")
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "package", "extra"),
    [
        ("s3://bucket/x", "s3fs", "s3"),
        ("gs://bucket/x", "gcsfs", "gcs"),
        ("abfs://container@account.dfs.core.windows.net/x", "adlfs", "azure"),
    ],
)
def test_a_package_that_is_missing_is_named(
    text: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(urls, "find_spec", lambda name: None if name == package else object())
    with pytest.raises(InputError, match=rf"needs the package {package} .* 'superpos\[{extra}\]'$"):
        place_of(text)


@pytest.mark.parametrize(("name", "value"), [("SUPERPOS_CACHE_GB", "much"), ("SUPERPOS_CACHE_GB", "-1")])
def test_settings_of_the_cache_are_checked_first(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, cache_folder: Path
) -> None:
    del cache_folder
    monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=f"^{name}: '{value}' is no size"):
        place_of("s3://bucket/x")
    assert place_of("a folder") == Path("a folder")
