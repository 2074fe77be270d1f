"""Models of the Hugging Face hub: small files to know a model, weights when it is loaded.

Only the small files decide about identity: a branch or tag is resolved to a commit once, and everything else
is asked for at that commit, so that a filled cache works without a network.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from superpos.errors import InputError

REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
SMALL_FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def is_repository(name: str) -> bool:
    """Whether `name` reads like a hub repository, `owner/name`."""
    return REPOSITORY.fullmatch(name) is not None


def resolve(repository: str, revision: str) -> tuple[str, Path]:
    """Return the commit of a revision and the local folder with its configuration and tokenizer.

    Raises
    ------
    InputError
        If neither the hub nor the local cache has it; the message says what to download and where to.
    """
    from huggingface_hub import hf_hub_download, snapshot_download

    with _explained(repository, revision):
        config = hf_hub_download(repository, "config.json", revision=revision or None)
        commit = Path(config).parent.name
        folder = snapshot_download(repository, revision=commit, allow_patterns=list(SMALL_FILES))
    return commit, Path(folder)


def download(repository: str, commit: str) -> Path:
    """Return the local folder with everything that loading needs.

    Raises
    ------
    InputError
        As `resolve`; further if the commit holds no safetensors.
    """
    from huggingface_hub import snapshot_download

    with _explained(repository, commit):
        folder = Path(
            snapshot_download(repository, revision=commit, allow_patterns=["*.json", "*.safetensors"])
        )
    if not any(folder.glob("*.safetensors")):
        raise InputError(
            f"model {repository}: has no *.safetensors at {commit}, and pickled weights can run code when "
            "they are read; where you trust them, convert them and name the new folder as the model: "
            f"AutoModelForCausalLM.from_pretrained({repository!r}, revision={commit!r})"
            ".save_pretrained(new_folder)"
        )
    return folder


@contextmanager
def _explained(repository: str, revision: str) -> Iterator[None]:
    """Turn what the hub client raises (HTTP, connection, missing entry, invalid name) into one line."""
    from huggingface_hub import errors
    from huggingface_hub.utils import logging as hub_logging

    # The base class of whichever HTTP client this version is built on: imported there, not declared exported.
    http_error: type[Exception] = errors.HTTPError  # type: ignore[attr-defined]  # see above
    at = f" at revision {revision}" if revision else ""
    level = hub_logging.get_verbosity()
    hub_logging.set_verbosity(logging.ERROR)  # a warning a retry otherwise
    try:
        yield
    except (errors.HfHubHTTPError, errors.HFValidationError, http_error, OSError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        gguf = "gguf" in repository.lower()
        hint = "; a GGUF file is read when it is here: name its path as the model" if gguf else ""
        raise InputError(
            f"model {repository}{at}: no such folder, and the hub does not answer or lacks it "
            f"({type(error).__name__}: {first}); download config.json, tokenizer.json and *.safetensors into "
            "a folder and name that folder as the model, or fill the cache where the hub can be reached: "
            f"hf download {repository}{f' --revision {revision}' if revision else ''}{hint}"
        ) from error
    finally:
        hub_logging.set_verbosity(level)
