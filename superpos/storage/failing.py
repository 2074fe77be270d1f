"""What an error of a store's driver means: nothing is there, it may pass, or it will not.

Drivers raise what their libraries raise, of which none is imported here: libraries are told by name.
"""

from __future__ import annotations

import errno
import re
from enum import Enum
from typing import Any

from superpos.reading.refusals import one_line

PASSING = {
    ("aiohttp", "ClientError"),
    ("azure", "ServiceRequestError"),
    ("azure", "ServiceResponseError"),
    ("botocore", "ConnectionError"),
    ("botocore", "HTTPClientError"),
    ("botocore", "ResponseStreamingError"),
    ("google", "TransportError"),
    ("requests", "RequestException"),
    ("urllib3", "HTTPError"),
}
"""Library and class, or base class, of errors of the network."""
PASSING_NUMBERS = {
    errno.EAGAIN,
    errno.EBUSY,
    errno.ECONNABORTED,
    errno.ECONNREFUSED,
    errno.ECONNRESET,
    errno.EHOSTUNREACH,
    errno.ENETUNREACH,
    errno.EPIPE,
    errno.ETIMEDOUT,
}
MISTAKES = (AssertionError, AttributeError, NameError, TypeError)
"""Errors of programs, which are not to be hidden."""
_USER = re.compile(r"(?<=://)[^/\s@]*@")
_QUERY = re.compile(r"\?[^\s\"'<>]*")
_RETRIES = re.compile(r" \(reached max retries: \d+\)")
"""Of botocore, which is told not to try again."""


class Meaning(Enum):
    """What follows from an error."""

    GONE = "there is no such object"
    AWAY = "it may pass"
    REFUSED = "it will not pass"


def meaning_of(error: Exception) -> Meaning:
    """Return what follows from an error that a driver raised."""
    status = _status(error) or _status(error.__cause__)
    code = str(_response(error.__cause__).get("Error", {}).get("Code", ""))
    if code == "NoSuchBucket":
        return Meaning.REFUSED
    if isinstance(error, FileNotFoundError) or status in (404, 416):  # 416: it is shorter than it was
        return Meaning.GONE
    if status >= 400:
        return Meaning.AWAY if status >= 500 or status in (408, 429) else Meaning.REFUSED
    if isinstance(error, ConnectionError | TimeoutError):
        return Meaning.AWAY
    if isinstance(error, OSError) and error.errno in PASSING_NUMBERS:
        return Meaning.AWAY
    names = {(kind.__module__.partition(".")[0], kind.__name__) for kind in type(error).__mro__}
    return Meaning.AWAY if names & PASSING else Meaning.REFUSED


def reason_of(error: Exception) -> str:
    """Return what an error says in one line, without what may be a user, a key or a signature in a URL."""
    if isinstance(error, ImportError):
        return f"the package for this store is not installed here: {one_line(error)}"
    cause = error.__cause__
    said = one_line(cause if _response(cause) and cause is not None else error)
    return _RETRIES.sub("", _QUERY.sub("", _USER.sub("", said)))


def _status(error: BaseException | None) -> int:
    """Return the HTTP status that an error stands for, 0 if it has none."""
    found = _response(error).get("ResponseMetadata", {}).get("HTTPStatusCode")
    for name in ("status_code", "status", "code"):
        found = found or getattr(error, name, None)
    return found if isinstance(found, int) and 100 <= found < 600 else 0


def _response(error: BaseException | None) -> dict[str, Any]:
    found = getattr(error, "response", None)
    return found if isinstance(found, dict) else {}
