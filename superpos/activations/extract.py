"""Activations of all sites in one pass over the probed sequences, streamed to shard files.

Sequences are cut after their last probed position (those of encoders are read whole), batched by length under
a token budget and padded on the right; a hook gathers or pools the probed rows on the device. Memory depends
on the batch, not on the corpus. Bits depend on the batches and the number of threads, which is why both are
arguments with fixed defaults. Batches never depend on what is there already: a pass that was interrupted, or
one of whose shards is damaged, runs those that touch a missing shard again, and the bits are the same.
"""

from __future__ import annotations

import math
import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch

from superpos.activations.batches import GROUP_BATCHES, ProbedSequence, probed_sequences
from superpos.activations.behaviour import fingerprint
from superpos.activations.inspection import check_token_ids
from superpos.activations.model import LoadedModel
from superpos.activations.oracle import deviation, oracle
from superpos.activations.pooling import check_pooling
from superpos.activations.shard_writer import ShardWriter
from superpos.activations.stream import stream_rows
from superpos.activations.structure import Site
from superpos.errors import ArgumentError, InputError, StageError
from superpos.hashing import array_digest, canonical_json, text_digest
from superpos.records.data import ActivationInfo, LabelledTokens, ModelInfo
from superpos.specs.models import ModelSpec
from superpos.storage.files import Place, check_free_space, disk_under

STORED_DTYPES = {"float32": "float32", "float16": "float16", "bfloat16": "float32"}
"""Dtype in the file for each computing dtype; bfloat16 widens exactly."""
CONSTANT_CHUNK = 256
"""Rows that are read at a time while coordinates look constant."""


def extract(
    model: LoadedModel,
    tokens: LabelledTokens,
    stems: Mapping[Site, str],
    root: Place,
    *,
    pooling: str = "token",
    token_budget: int = 8192,
    shard_bytes: int = 1 << 30,
    oracle_sequences: int = 3,
    n_threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[ActivationInfo]:
    """Write the activations of every sample at every site; rows are samples in order.

    Parameters
    ----------
    model
        Loaded backbone.
    tokens
        Feature set; every sample is extracted.
    stems
        (hookpoint, layer) -> stem of its files, the key of the activation set as hexadecimal text. Files are
        `activations/<first two digits>/<stem>-<number>.safetensors` below `root`.
    root
        Data folder.
    pooling
        How a sample's span becomes one row (`superpos.activations.pooling`): `token`, `max`, `mean`, `last`.
    token_budget
        Tokens of a batch, padding included.
    shard_bytes
        Largest data size of one file.
    oracle_sequences
        Sequences (shortest, longest and between) on which every site is compared with the oracle.
    n_threads
        CPU threads of torch.
    progress
        Called with (sequences done, sequences in all) after each batch.

    Returns
    -------
    list of ActivationInfo
        One for each site, in the order of `stems`. A site with NaN or infinities has status `non_finite`, one
        whose rows are all the same `constant`; both have no shards and agreement NaN.

    Raises
    ------
    InputError
        For sites the model lacks, spans that do not fit the pooling, token ids outside the embedding,
        sequences longer than the model's positions, and tokens of another tokenizer.
    StageError
        If the disk is too small (before anything is written) or fills up, or the device's memory is too small
        for one sequence. What was finished stays and is used by the next call.
    DataFolderError
        If an object store cannot be used; what was finished stays there.
    """
    if not stems:
        raise ArgumentError("stems", "is empty; name at least one (hookpoint, layer)")
    if token_budget < 1 or n_threads < 1:
        raise ArgumentError("token_budget", f"{token_budget} and n_threads {n_threads} must be at least 1")
    stems = {model.structure.check_site(site): stem for site, stem in stems.items()}
    sites = tuple(stems)
    check_pooling(pooling, tokens)
    sequences = probed_sequences(tokens, cut=model.causal)
    check_tokens(model.info, tokens, sequences)
    n_rows = int(tokens.sample_sequences.size)
    dtype = STORED_DTYPES[model.dtype]
    with _threads(n_threads):
        identity = _identity(model, tokens, pooling, token_budget, n_threads)
    writers: dict[Site, ShardWriter] = {}
    try:
        for site in sites:
            width = model.structure.width(site[0])
            own = f"{site[0]} {site[1]} {identity}"
            writers[site] = ShardWriter(root, stems[site], n_rows, width, dtype, shard_bytes, own)
        check_free_space(root, sum(writer.n_bytes_missing for writer in writers.values()))
        with _threads(n_threads):
            statuses = dict.fromkeys(sites, "ok")
            for site in stream_rows(model, sequences, writers, pooling, token_budget, progress):
                statuses[site] = "non_finite"
            n_constant = {
                site: _count_constant(writers[site], n_rows) for site in sites if statuses[site] == "ok"
            }
            for site, count in n_constant.items():
                if count == writers[site].width and n_rows > 1:
                    statuses[site] = "constant"
            good = [site for site in sites if statuses[site] == "ok"]
            agreement = _agreement(model, sequences, writers, good, pooling, oracle_sequences)
        for site in sites:
            if statuses[site] != "ok":
                writers[site].drop()
        return [
            ActivationInfo(
                hookpoint=site[0],
                layer=site[1],
                status=statuses[site],
                n_rows=n_rows,
                d_hook=writers[site].width,
                dtype=model.dtype,
                agreement=agreement.get(site, math.nan),
                shards=writers[site].shards() if statuses[site] == "ok" else (),
                n_constant=n_constant.get(site),
            )
            for site in sites
        ]
    except OSError as error:
        raise StageError(
            f"{disk_under(root)}: activations cannot be written ({error.strerror or error}); finished "
            "files are kept, run again once there is room"
        ) from error
    finally:
        for writer in writers.values():
            writer.close()


def _identity(
    model: LoadedModel, tokens: LabelledTokens, pooling: str, token_budget: int, n_threads: int
) -> str:
    """Return a digest of all that the bits of the rows depend on; equal digests may share files."""
    import transformers

    info = model.info
    device = torch.cuda.get_device_name(model.device) if model.device.type == "cuda" else platform.machine()
    positions = (tokens.sample_sequences, tokens.sample_positions, tokens.sample_lengths)
    parts = {
        "model": [info.config_digest, info.weights_digest, info.commit, info.weights, info.seed, model.dtype],
        "tokens": array_digest(tokens.token_ids, tokens.sequence_starts, *positions),
        "device": [device, torch.backends.cpu.get_cpu_capability()],
        "versions": [torch.__version__, transformers.__version__],
        "numbers": fingerprint(model.structure, model.device),
        "batches": [pooling, token_budget, GROUP_BATCHES, n_threads],
    }
    return text_digest(canonical_json(parts))


def _count_constant(writer: ShardWriter, n_rows: int) -> int:
    """Return how many coordinates are the same in every row; mostly the first few rows rule out all."""
    first = writer.read(0, 1)[0]
    constant = np.arange(writer.width)
    start = 0
    while start < n_rows and constant.size:
        stop = min(start + (CONSTANT_CHUNK if start else 16), n_rows)
        rows = writer.read(start, stop - start)[:, constant]
        constant = constant[np.all(rows == first[constant], axis=0)]
        start = stop
    return int(constant.size)


def check_tokens(info: ModelInfo, tokens: LabelledTokens, sequences: tuple[ProbedSequence, ...]) -> None:
    """Raise `InputError` if a model cannot read these tokens; the message says why."""
    if info.tokenizer_digest and tokens.tokenizer_digest and info.tokenizer_digest != tokens.tokenizer_digest:
        raise InputError(
            f"model {info.name}: its tokenizer ({info.tokenizer_digest[:12]}…) is not the one the feature "
            f"set was made with ({tokens.tokenizer_digest[:12]}…)"
        )
    longest = max(sequence.token_ids.size for sequence in sequences)
    if longest > info.max_positions:
        raise InputError(
            f"model {info.name}: reads {info.max_positions} positions, a sequence has {longest} that must "
            "be read; use shorter sequences"
        )
    spec = ModelSpec(info.name, info.revision, info.weights, info.seed)
    for sequence in sequences:
        if sequence.token_ids.min() < 0 or sequence.token_ids.max() >= info.vocab_size:
            number = int(tokens.sample_sequences[sequence.first_row])
            document = tokens.documents[int(tokens.sequence_documents[number])]
            where = f"sequence {number} of the feature set (document {document})"
            check_token_ids(spec, info.vocab_size, sequence.token_ids.tolist(), where)


def _agreement(
    model: LoadedModel,
    sequences: tuple[ProbedSequence, ...],
    writers: Mapping[Site, ShardWriter],
    sites: list[Site],
    pooling: str,
    n_sequences: int,
) -> dict[Site, float]:
    """Return the largest deviation of the written rows from the oracle, by site."""
    worst = dict.fromkeys(sites, math.nan)
    if not sites or n_sequences < 1:
        return worst
    by_length = sorted(sequences, key=lambda sequence: (sequence.token_ids.size, sequence.first_row))
    picks = np.unique(np.linspace(0, len(by_length) - 1, n_sequences).round().astype(int))
    for pick in picks.tolist():
        sequence = by_length[pick]
        exact = oracle(model, sequence.token_ids, sequence.positions, sites, sequence.lengths, pooling)
        for site, expected in exact.items():
            written = writers[site].read(sequence.first_row, sequence.positions.size)
            worst[site] = float(np.fmax(worst[site], deviation(written, expected)))
    return worst


@contextmanager
def _threads(n_threads: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
