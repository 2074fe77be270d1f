"""What errors of drivers mean, those of stores for which no server is here too."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from superpos.storage.failing import Meaning, meaning_of, reason_of


def of_library(module: str, name: str, **values: Any) -> Exception:
    kind = type(name, (Exception,), {"__module__": module})
    error: Exception = type(f"More{name}", (kind,), {"__module__": module})("said")
    for key, value in values.items():
        setattr(error, key, value)
    return error


def answered(status: int, code: str = "") -> Exception:
    """An error of a driver whose cause is the answer of an S3 server."""
    error = OSError(errno.EIO, "said")
    error.__cause__ = of_library(
        "botocore.exceptions",
        "ClientError",
        response={"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}},
    )
    return error


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (FileNotFoundError("x"), Meaning.GONE),
        (answered(404), Meaning.GONE),
        (answered(416), Meaning.GONE),
        (answered(404, "NoSuchBucket"), Meaning.REFUSED),
        (answered(400, "ExpiredToken"), Meaning.REFUSED),
        (answered(301), Meaning.REFUSED),
        (answered(408), Meaning.AWAY),
        (answered(429), Meaning.AWAY),
        (answered(503), Meaning.AWAY),
        (PermissionError("x"), Meaning.REFUSED),
        (ValueError("x"), Meaning.REFUSED),
        (ImportError("x"), Meaning.REFUSED),
        (OSError(errno.ENOSPC, "x"), Meaning.REFUSED),
        (OSError(errno.EBUSY, "x"), Meaning.AWAY),
        (ConnectionResetError("x"), Meaning.AWAY),
        (TimeoutError("x"), Meaning.AWAY),
        (of_library("botocore.exceptions", "NoCredentialsError"), Meaning.REFUSED),
        (of_library("botocore.exceptions", "HTTPClientError"), Meaning.AWAY),
        (of_library("aiohttp.client_exceptions", "ClientError"), Meaning.AWAY),
        (of_library("gcsfs.retry", "HttpError", code=403), Meaning.REFUSED),
        (of_library("gcsfs.retry", "HttpError", code=404), Meaning.GONE),
        (of_library("gcsfs.retry", "HttpError", code=503), Meaning.AWAY),
        (of_library("azure.core.exceptions", "HttpResponseError", status_code=403), Meaning.REFUSED),
        (of_library("azure.core.exceptions", "HttpResponseError", status_code=500), Meaning.AWAY),
        (of_library("azure.core.exceptions", "ServiceRequestError"), Meaning.AWAY),
    ],
)
def test_what_follows_from_an_error(error: Exception, meaning: Meaning) -> None:
    assert meaning_of(error) is meaning


def test_a_reason_is_one_line_without_what_may_be_a_secret() -> None:
    said = reason_of(ValueError("no\n answer of https://me:hunter2@host/bucket/x?sig=hunter2&a=b for it"))
    assert said == "no answer of https://host/bucket/x for it"
    assert "superpos" not in reason_of(ImportError("Install s3fs to access S3"))
    assert reason_of(ImportError("Install s3fs")).endswith("is not installed here: Install s3fs")
