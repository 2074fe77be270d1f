"""Import a folder of the sparse-probing paper: its tokens, positions and labels, nothing recomputed.

Gurnee et al. 2023, "Finding Neurons in a Haystack: Case Studies with Sparse Probing"; the families of folders
are listed in `superpos.datasets.sparse_probing.families`. A row is a sequence. Its ids are taken as they are,
without adding a token at its front; it is cut after its last sample (but not for an encoder, which reads what
follows: there only at padding and the context length), and rows without samples are left out. Where a family
has positions for each feature, `members` says which samples belong to which; the classes of a class column
become one-vs-rest features on shared samples.

Left out and counted: samples beyond the context length, samples on padding (a run of id 0 or 1 at the end of
a row; compound words have none, their last token is the sample), and positions that a row names with both
labels. A position that a row names twice counts once. All samples of the rows are imported: `n_samples`,
`n_sequences` and `min_positives` of the specification play no part, `max_rows` limits the rows.

Groups of a split: rows with the same tokens stay together, and of wikidata folders rows of the same name.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from superpos.arrays import Int
from superpos.datasets.corpus_sets import MIN_SAMPLES
from superpos.datasets.groups import EQUAL_ROWS, NAMES
from superpos.datasets.labels import examples_of
from superpos.datasets.option_files import option_file
from superpos.datasets.sparse_probing.columns import SavedRows, TokenScan, open_rows
from superpos.datasets.sparse_probing.families import (
    CLASS_COLUMN,
    CLASSES,
    INDICES,
    family_of,
    folder_columns,
    folder_family,
    folder_unit,
)
from superpos.datasets.sparse_probing.marks import Marks, read_marks
from superpos.datasets.spellings import spelled_alike
from superpos.datasets.tokens import TokenTable
from superpos.errors import ArgumentError, InputError
from superpos.kinds.builders import Builder
from superpos.reading.places import walked
from superpos.records.data import LabelledTokens
from superpos.specs.axes import check_count
from superpos.specs.datasets import DatasetSpec
from superpos.specs.names import check_names

__all__ = ["build", "folder_family", "folder_name", "folder_unit"]

_MORE_COLUMNS = {
    "compound_words": ("label", "feature_name"),
    "wikidata": ("name", "surname_index_start", "surname_index_end"),
    "language": ("probe_indices",),
    "distribution": ("probe_indices",),
}


SMALL_FOLDER = 1 << 25
"""Bytes of a folder, 32 MiB, that are imported while a study is planned."""


@dataclass(frozen=True, slots=True)
class SparseProbingOptions:
    """A folder of the sparse-probing paper, as `datasets.load_from_disk` reads it."""

    FILES: ClassVar[tuple[str, ...]] = ("folder",)

    folder: str
    """What `datasets.load_from_disk` reads."""
    features: tuple[str, ...] = ()
    """Features or classes to keep; empty = all."""
    max_rows: int = 0
    """Rows to read, drawn at random; 0 = all."""

    def __post_init__(self) -> None:
        """Check; raises `ArgumentError`."""
        if not self.folder:
            raise ArgumentError("folder", "is empty; name a folder that datasets.load_from_disk reads")
        check_names("features", self.features)
        object.__setattr__(self, "max_rows", check_count("max_rows", self.max_rows, 0))


def build(spec: DatasetSpec, table: TokenTable) -> LabelledTokens:
    """Return the labelled tokens of a folder.

    Raises
    ------
    InputError
        If the folder is no data set of a known family, a cell is not what it should be (the message names row
        and column), a token id is not in the vocabulary, or fewer than 20 samples are left.
    """
    options = spec.told(SparseProbingOptions, "sparse_probing")
    place = option_file(options.folder)
    columns = folder_columns(place)
    family = family_of(place, columns)
    saved = open_rows(place, _needed(family, columns), options.max_rows, spec.seed)
    scan = saved.scan_tokens(table.special, table.bos_id, pads=family != "compound_words")
    marks = read_marks(saved, family, scan.lengths, options.features)
    beyond = marks.positions >= spec.ctx_len
    padding = ~beyond & (marks.positions >= scan.ends[marks.rows])
    kept = marks.kept(~beyond & ~padding)
    dropped = {
        "samples_beyond_ctx_len": int(beyond.sum()),
        "samples_on_padding": int(padding.sum()),
        "positions_named_twice": marks.n_repeated,
        "positions_contradictory": marks.n_contradictory,
    }
    if len(kept.rows) < MIN_SAMPLES:
        raise InputError(
            f"{place}: {len(kept.rows)} samples, at least {MIN_SAMPLES} are needed ({int(beyond.sum())} more "
            f"lie beyond ctx_len = {spec.ctx_len}, {int(padding.sum())} on padding)"
        )
    return _assemble(saved, family, scan, kept, table, dropped, spec.ctx_len)


def folder_name(place: Path) -> dict[str, Any]:
    """Return what a folder's name `{name}.{tokenizer}.{ctx_len}.{n_seqs}` says; empty for other names."""
    parts = place.name.rsplit(".", 3)
    if len(parts) != 4 or not parts[2].isdecimal() or not parts[3].removeprefix("-").isdecimal():
        return {}
    return {"name": parts[0], "tokenizer": parts[1], "ctx_len": int(parts[2]), "n_seqs": int(parts[3])}


def _needed(family: str, columns: tuple[str, ...]) -> tuple[str, ...]:
    """Return the columns to read."""
    if family == "features":
        return ("tokens", *(name for name in columns if name.endswith((INDICES, CLASSES))))
    more = _MORE_COLUMNS[family]
    return ("tokens", *more, CLASS_COLUMN[family]) if family in CLASS_COLUMN else ("tokens", *more)


def _assemble(
    saved: SavedRows,
    family: str,
    scan: TokenScan,
    marks: Marks,
    table: TokenTable,
    dropped: dict[str, int],
    ctx_len: int,
) -> LabelledTokens:
    used, sequences = np.unique(marks.rows, return_inverse=True)
    lengths = np.zeros(len(used), dtype=np.int64)
    if table.back:
        lengths = np.minimum(scan.ends[used], ctx_len)
    else:
        np.maximum.at(lengths, sequences, marks.positions + 1)
    token_ids = saved.take_tokens(used, lengths)
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    labels = saved.classes(CLASS_COLUMN[family]).names if family in CLASS_COLUMN else marks.names
    documents, sequence_documents, groups = _documents(saved, family, scan, used)
    padded = scan.ends < scan.lengths
    return LabelledTokens(
        feature_names=marks.names,
        token_ids=token_ids,
        sequence_starts=starts,
        sequence_documents=sequence_documents,
        sequence_groups=groups,
        documents=documents,
        sample_sequences=sequences.astype(np.int64),
        sample_positions=marks.positions,
        sample_lengths=marks.lengths,
        labels=marks.labels,
        members=marks.members,
        examples=examples_of(
            table.token_bytes, table.special, token_ids, starts, documents, sequence_documents,
            sequences, marks.positions, marks.lengths, marks.labels,
        ),
        corpus_digest="",
        tokenizer_digest=table.digest,
        provenance={
            "folder": str(saved.place),
            "folder_name": folder_name(saved.place),
            "family": family,
            "rows_in_folder": saved.n_in_folder,
            "rows_read": len(saved.numbers),
            "rows_used": len(used),
            "rows_padded": int(padded.sum()),
            "rows_with_begin_token": scan.n_with_begin,
            "labels_alike": spelled_alike(labels, marks.names),
            "groups": NAMES if family == "wikidata" else EQUAL_ROWS,
            **dropped,
        },
    )  # fmt: skip


def _documents(saved: SavedRows, family: str, scan: TokenScan, used: Int) -> tuple[tuple[str, ...], Int, Int]:
    """Return the documents, the document of each sequence, and its group for splits, (n_sequences,) each."""
    if family == "wikidata":
        people = saved.classes("name")
        saved.refuse_blank("name", people)
        there, place = np.unique(people.codes[used], return_inverse=True)
        return tuple(people.names[code] for code in there), place.astype(np.int64), place.astype(np.int64)
    _, groups = np.unique(scan.hashes[used], return_inverse=True)
    rows = tuple(f"row {number}" for number in saved.numbers[used].tolist())
    return rows, np.arange(len(used)), groups.astype(np.int64)


def _try_files(spec: DatasetSpec, tokenizer: Path) -> None:
    """Import a folder of at most `SMALL_FOLDER` bytes."""
    from superpos.datasets.build import build_dataset  # which reads the builders

    files = walked(option_file(spec.told(SparseProbingOptions).folder))
    if sum(file.stat().st_size for file in files) <= SMALL_FOLDER:
        build_dataset(spec, tokenizer)


KIND = Builder(
    name="sparse_probing",
    version=1,
    rank=9,
    meaning="What a folder of the sparse-probing paper says.",
    feature="what a folder of the sparse-probing paper says",
    samples="as the folder says",
    options=SparseProbingOptions,
    build=build,
    takes_all=True,
    sample_unit=lambda options: folder_unit(options.folder),
    try_files=_try_files,
)
