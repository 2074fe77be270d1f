"""Data sets of the Hugging Face hub: a commit says what is read, and what was read is kept.

Rows are streamed from the first on until there are documents enough; nothing else is downloaded, and no
code of a data set is run. What was read is kept in the cache folder of the hub's client (HF_HOME), so that
the same corpus is read again without a network. Where the hub cannot be reached, a snapshot of the same
commit in that cache does as well; since it may lack files, what is read of it is not kept.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import re
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from superpos.datasets.corpus import Corpus, Document, Gathered, corpus_digest, gather
from superpos.datasets.divided import divided
from superpos.datasets.record_files import Choose, with_class_names
from superpos.datasets.records import Record, RecordReader
from superpos.datasets.saved_sets import class_names, quiet_datasets
from superpos.errors import InputError
from superpos.hashing import canonical_json, text_digest
from superpos.reading.places import opened
from superpos.reading.refusals import one_line, parsing
from superpos.specs.datasets import HUB_PREFIX, CorpusSpec

DEFAULT_SPLIT = "train"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_CARD = "README.md"
"""Small file that nearly every repository has: the client remembers the commit with it."""
_COLUMNS = ("name", "text", "label")
READ_AGAIN = "delete it, and it is read from the hub again"
_HAS_CODE = "Dataset scripts are no longer supported"


def resolve_commit(spec: CorpusSpec) -> str:
    """Return the commit of a revision: itself, what the hub says, or what the local cache remembers.

    Raises
    ------
    InputError
        If neither knows; the message says what to download and where to put it.
    """
    if _COMMIT.fullmatch(spec.revision):
        return spec.revision
    from huggingface_hub import HfApi, errors, hf_hub_download

    revision = spec.revision or None
    with _explained(spec, spec.revision):
        try:
            card = hf_hub_download(spec.path, _CARD, repo_type="dataset", revision=revision)
            return Path(card).parent.name
        except errors.LocalEntryNotFoundError:
            raise
        except errors.EntryNotFoundError:
            return str(HfApi().dataset_info(spec.path, revision=revision).sha)


def hub_digest(spec: CorpusSpec, commit: str) -> str:
    """Return what stands for the content: repository, commit, and what is read of it."""
    return text_digest(
        canonical_json(
            {
                "repository": spec.path,
                "commit": commit,
                "config": spec.config,
                "split": spec.split or DEFAULT_SPLIT,
                "text_key": spec.text_key,
                "label_key": spec.label_key,
                "max_documents": spec.max_documents,
                **({} if spec.documents == "file" else _division(spec)),
            }
        )
    )


def _division(spec: CorpusSpec) -> dict[str, str]:
    heading = {"heading": spec.heading_pattern} if spec.documents == "heading" else {}
    return {"documents": spec.documents, **heading}


def kept_file(digest: str, kind: str = "corpora", ending: str = ".parquet") -> Path:
    """Return where the documents (or the rows) of a data set on the hub are kept once they were read."""
    from huggingface_hub import constants

    return Path(constants.HF_HOME) / "superpos" / kind / f"{digest}{ending}"


def load_hub_corpus(spec: CorpusSpec) -> Corpus:
    """Read a corpus of the hub, or what was kept of it.

    Its digest is `hub_digest`; that of the documents is `content_digest` of the provenance.

    Raises
    ------
    InputError
        If the hub cannot be reached and nothing was kept, the data set needs code of its own or lacks
        configuration, split or column, or a row has no text or label.
    """
    commit = resolve_commit(spec)
    digest = hub_digest(spec, commit)
    file = kept_file(digest)
    if file.is_file():
        documents, skipped = _read_kept(file)
    else:
        gathered, is_snapshot = _read(spec, commit)
        documents, skipped = gathered.documents, gathered.skipped
        if not is_snapshot:
            _keep(file, documents, skipped)
    provenance = {
        "repository": spec.path,
        "commit": commit,
        "config": spec.config,
        "split": spec.split or DEFAULT_SPLIT,
        "content_digest": corpus_digest(documents),
        "n_bytes": sum(len(document.text.encode("utf-8")) for document in documents),
        "skipped": skipped,
    }
    return Corpus(tuple(documents), digest, provenance)


def _read(spec: CorpusSpec, commit: str) -> tuple[Gathered, bool]:
    """Return the documents, and whether they are those of a snapshot in the local cache."""
    table, is_snapshot = open_table(spec, commit)
    rows = _streamed(table, spec, commit)
    try:
        where = HUB_PREFIX + spec.path
        return gather(divided(rows, spec, where), spec.max_documents, where, {}), is_snapshot
    finally:
        # A Parquet stream that was not read to its end aborts the process if it is still there when the
        # interpreter goes (apache/arrow issue 45214, huggingface/datasets issue 7566).
        rows.close()
        del rows, table
        gc.collect()


def _streamed(table: Any, spec: CorpusSpec, commit: str) -> Generator[Document, None, None]:
    reader = RecordReader.of(spec, f"{HUB_PREFIX}{spec.path}", spec.path)
    yield from reader.documents(streamed_records(table, spec, commit, reader.columns))


def streamed_records(
    table: Any, spec: CorpusSpec, commit: str, choose: Choose
) -> Generator[Record, None, None]:
    """Yield the rows of a streamed table; raises `InputError` if a column is missing or the hub is gone."""
    import datasets

    with _explained(spec, commit, datasets.exceptions.DatasetsError), quiet_datasets():
        if table.column_names:
            table = table.select_columns(list(choose(table.column_names)))
        classes = class_names(table)
        for number, values in enumerate(table, start=1):
            yield Record("row", number, with_class_names(values, classes))


def open_table(spec: CorpusSpec, commit: str) -> tuple[Any, bool]:
    """Return the streamed table, and whether it is that of a snapshot in the local cache, not the hub's."""
    import datasets
    from huggingface_hub import snapshot_download

    options = {"name": spec.config or None, "split": spec.split or DEFAULT_SPLIT, "streaming": True}
    with _explained(spec, commit, datasets.exceptions.DatasetsError), quiet_datasets():
        try:
            return datasets.load_dataset(spec.path, revision=commit, **options), False
        except ConnectionError:
            try:
                snapshot = snapshot_download(
                    spec.path, repo_type="dataset", revision=commit, local_files_only=True
                )
                return datasets.load_dataset(snapshot, **options), True
            except FileNotFoundError:  # no snapshot, or one without data
                pass
            raise


def _keep(file: Path, documents: list[Document], skipped: dict[str, int]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    columns = {name: [getattr(document, name) for document in documents] for name in _COLUMNS}
    schema = pa.schema([(name, pa.large_string()) for name in _COLUMNS], {"skipped": json.dumps(skipped)})
    keep(file, lambda temporary: parquet.write_table(pa.table(columns, schema=schema), temporary))


def keep(file: Path, write: Callable[[Path], Any]) -> None:
    """Write what was read under a temporary name and rename it: a file is whole or not there.

    Raises
    ------
    InputError
        If the cache cannot be written: a worker that reads the same again would find nothing.
    """
    temporary = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            write(temporary)
            temporary.replace(file)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"{file}: what was read from the hub cannot be kept there ({one_line(error)}); "
            "let HF_HOME name a folder that can be written"
        ) from error


def _read_kept(file: Path) -> tuple[list[Document], dict[str, int]]:
    import pyarrow as pa
    from pyarrow import parquet

    with opened(file) as stream, parsing(file, "kept documents", pa.ArrowException, mend=READ_AGAIN):
        # With threads, Arrow may read on while Python ends, and then aborts the process (arrow, issue 50482).
        table = parquet.read_table(stream, columns=list(_COLUMNS), use_threads=False, pre_buffer=False)
        columns = [table.column(name).to_pylist() for name in _COLUMNS]
        skipped = json.loads(table.schema.metadata[b"skipped"])
        if any(None in column for column in columns) or not isinstance(skipped, dict):
            raise ValueError("holds rows without a text")
    return [Document(*row) for row in zip(*columns, strict=True)], skipped


@contextmanager
def _explained(spec: CorpusSpec, revision: str, *others: type[Exception]) -> Iterator[None]:
    """Turn what the hub's client raises, and `others`, into one line."""
    from huggingface_hub import errors
    from huggingface_hub.utils import logging as hub_logging

    # The base class of whichever HTTP client this version is built on: imported there, not declared exported.
    http_error: type[Exception] = errors.HTTPError  # type: ignore[attr-defined]  # see above
    said: tuple[type[Exception], ...] = (ValueError, RuntimeError, *others)
    level = hub_logging.get_verbosity()
    hub_logging.set_verbosity(logging.ERROR)  # a warning a retry otherwise
    what = f"{HUB_PREFIX}{spec.path}{f' at revision {revision}' if revision else ''}"
    try:
        yield
    except InputError:
        raise
    except (errors.HfHubHTTPError, errors.HFValidationError, http_error, OSError) as error:
        raise InputError(
            f"{what}: the hub does not answer or lacks it ({type(error).__name__}: {one_line(error)}); where "
            "it can be reached, fill the cache: hf download --repo-type dataset "
            f"{spec.path}{f' --revision {revision}' if revision else ''}; or add --local-dir FOLDER and name "
            "in its place a Parquet or JSON lines file in it, or a folder of Parquet files"
        ) from error
    except said as error:
        if _HAS_CODE in str(error):
            raise InputError(
                f"{what}: needs code of its own to be read, which is not run; use a data set of Parquet or "
                "JSON files, or convert it and name the file as the corpus"
            ) from error
        raise InputError(f"{what}: {one_line(error)}") from error
    finally:
        hub_logging.set_verbosity(level)
