"""Which data folder a text means: a path, or the URL of a place in an object store.

    s3://BUCKET/PREFIX        gs://BUCKET/PREFIX        abfs://CONTAINER@ACCOUNT.dfs.core.windows.net/PREFIX

Admitted are stores that show an object once its upload is complete and never before. A URL goes into logs,
messages and the arguments of tasks, so that it must carry no secret: stores have credential chains of their
own.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from superpos.errors import InputError, shown
from superpos.names import unfit_character
from superpos.storage.cache import check_settings
from superpos.storage.objects import ObjectPlace

VARIABLE = "SUPERPOS_DATA_DIR"
DRIVERS = {
    "s3": ("s3fs", "s3"),
    "s3a": ("s3fs", "s3"),
    "gs": ("gcsfs", "gcs"),
    "gcs": ("gcsfs", "gcs"),
    "abfs": ("adlfs", "azure"),
    "abfss": ("adlfs", "azure"),
    "az": ("adlfs", "azure"),
}
"""Scheme -> the package that speaks to the store, and the extra that installs it."""
NAMED_BY_ACCOUNT = ("abfs", "abfss", "az")
"""Schemes whose URL may say CONTAINER@ACCOUNT, which is no secret."""
ALLOWED = "allowed: a folder, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, abfs://CONTAINER@ACCOUNT/PREFIX"


def chosen(default: Path) -> Path | ObjectPlace:
    """Return the data folder that `SUPERPOS_DATA_DIR` names, else `default`; raises as `place_of`."""
    named = os.environ.get(VARIABLE)
    return place_of(named) if named else default


def place_of(text: str) -> Path | ObjectPlace:
    """Return the data folder that a text means.

    Raises
    ------
    InputError
        If the URL is of another kind, carries what may be a secret, names no bucket, or needs a package
        that is not installed; the text is not repeated where a secret may stand in it.
    """
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower()
    if not colon or (scheme != "file" and scheme not in DRIVERS and "://" not in text):
        return Path(text)
    if why := unfit_character(text):
        raise InputError(f"{VARIABLE}: is no data folder: {why}")
    if scheme not in DRIVERS and scheme != "file":
        raise InputError(f"{VARIABLE}: {shown(scheme)} is no store that is known here; {ALLOWED}")
    if not rest.startswith("//"):
        raise InputError(f"{VARIABLE}: after {scheme}: two slashes must come; {ALLOWED}")
    if "?" in text or "#" in text:
        raise InputError(
            f"{VARIABLE}: a URL ends with its path, and something stands behind ? or #; options and "
            f"credentials of a store come from its own variables and files (docs/cluster.md); {ALLOWED}"
        )
    try:
        host = urlsplit(text).netloc
    except ValueError as error:
        raise InputError(f"{VARIABLE}: the URL cannot be read; {ALLOWED}") from error
    if scheme == "file":
        if host not in ("", "localhost"):
            raise InputError(f"{VARIABLE}: a file:// URL has three slashes before its path")
        return Path(unquote(urlsplit(text).path))
    if ":" in host or ("@" in host and scheme not in NAMED_BY_ACCOUNT):
        raise InputError(
            f"{VARIABLE}: the URL names a user, a key or a port before its path; credentials and the "
            f"endpoint of a store come from its own variables and files (docs/cluster.md); {ALLOWED}"
        )
    parts = rest[2:].rstrip("/").split("/")
    if not host or any(part in ("", ".", "..") for part in parts):
        raise InputError(f"{VARIABLE}: {shown(text)} has an empty part, . or ..; {ALLOWED}")
    package, extra = DRIVERS[scheme]
    if find_spec(package) is None:
        raise InputError(
            f"{VARIABLE}: {scheme}:// needs the package {package} on every node: "
            f"pip install 'superpos[{extra}]'"
        )
    check_settings()
    return ObjectPlace(f"{scheme}://{'/'.join(parts)}")
