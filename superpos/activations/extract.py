"""Activations of all sites in one pass over the probed sequences, streamed to shard files.

Sequences are cut after their last probed position, batched by length under a token budget and padded on the
right; a hook gathers the probed rows on the device. Memory depends on the batch, not on the corpus. Bits
depend on the batches and the number of threads, which is why both are arguments with fixed defaults.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from superpos.activations.batches import ProbedSequence, padded, probed_sequences, token_batches
from superpos.activations.hooks import captured, run_until
from superpos.activations.model import LoadedModel
from superpos.activations.oracle import deviation, oracle
from superpos.activations.pooling import check_pooling, spans
from superpos.activations.shards import ShardWriter, check_free_space
from superpos.activations.structure import Site
from superpos.errors import ArgumentError, InputError, StageError
from superpos.records.data import ActivationInfo, LabelledTokens, ModelInfo

STORED_DTYPES = {"float32": "float32", "float16": "float16", "bfloat16": "float32"}
"""Dtype in the file for each computing dtype; bfloat16 widens exactly."""


def extract(
    model: LoadedModel,
    tokens: LabelledTokens,
    stems: Mapping[Site, str],
    root: Path,
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
        One for each site, in the order of `stems`; a site with NaN or infinities has status `non_finite`, no
        shards and agreement NaN.

    Raises
    ------
    InputError
        For sites the model lacks, spans that do not fit the pooling, token ids outside the embedding,
        sequences longer than the model's positions, and tokens of another tokenizer.
    StageError
        If the disk is too small or fills up.
    """
    if not stems:
        raise ArgumentError("stems", "is empty; name at least one (hookpoint, layer)")
    if token_budget < 1 or n_threads < 1:
        raise ArgumentError("token_budget", f"{token_budget} and n_threads {n_threads} must be at least 1")
    sites = tuple(model.structure.check_site(site) for site in stems)
    check_pooling(pooling, tokens)
    sequences = probed_sequences(tokens, cut=model.causal)
    check_tokens(model.info, tokens, sequences)
    n_rows = int(tokens.sample_sequences.size)
    dtype = STORED_DTYPES[model.dtype]
    widths = {site: model.structure.width(site[0]) for site in sites}
    writers: dict[Site, ShardWriter] = {}
    try:
        check_free_space(root, n_rows * sum(widths.values()) * np.dtype(dtype).itemsize)
        for site in sites:
            writers[site] = ShardWriter(root, stems[site], n_rows, widths[site], dtype, shard_bytes)
        with _threads(n_threads):
            bad = _stream(model, sequences, writers, pooling, token_budget, progress)
            good = [site for site in sites if site not in bad]
            agreement = _agreement(model, sequences, writers, good, pooling, oracle_sequences)
        return [
            ActivationInfo(
                hookpoint=site[0],
                layer=site[1],
                status="non_finite" if site in bad else "ok",
                n_rows=n_rows,
                d_hook=widths[site],
                dtype=model.dtype,
                agreement=agreement.get(site, math.nan),
                shards=() if site in bad else writers[site].finish(),
            )
            for site in sites
        ]
    except OSError as error:
        raise StageError(f"{root}: activations cannot be written ({error.strerror or error})") from error
    finally:
        for writer in writers.values():
            writer.discard()


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
            f"model {info.name}: reads {info.max_positions} positions, a sequence has {longest} up to its "
            "last sample; use shorter sequences"
        )
    low = min(int(sequence.token_ids.min()) for sequence in sequences)
    high = max(int(sequence.token_ids.max()) for sequence in sequences)
    if low < 0 or high >= info.vocab_size:
        raise InputError(
            f"model {info.name}: token ids {low} to {high} reach outside the embedding "
            f"(0 to {info.vocab_size - 1})"
        )


def _stream(
    model: LoadedModel,
    sequences: tuple[ProbedSequence, ...],
    writers: Mapping[Site, ShardWriter],
    pooling: str,
    token_budget: int,
    progress: Callable[[int, int], None] | None,
) -> set[Site]:
    """Run all batches, write finite rows; return the sites that are not finite somewhere."""
    bad: set[Site] = set()
    done = 0
    for batch in token_batches(sequences, token_budget):
        for site, values in _run_batch(model, batch, tuple(writers), pooling).items():
            if site in bad:
                continue
            if not np.all(np.isfinite(values)):
                bad.add(site)
                continue
            start = 0
            for sequence in batch:
                stop = start + sequence.positions.size
                writers[site].write(sequence.first_row, values[start:stop])
                start = stop
        done += len(batch)
        if progress is not None:
            progress(done, len(sequences))
    return bad


def _run_batch(
    model: LoadedModel, batch: tuple[ProbedSequence, ...], sites: tuple[Site, ...], pooling: str
) -> dict[Site, NDArray[np.float32]]:
    """Return the probed rows of a batch for every site, float32 on the host."""
    ids, mask, ends, lengths = padded(batch)
    where = spans(ends, lengths, model.device)
    last = max(layer for _, layer in sites)
    with captured(model.structure, sites, where, pooling) as taken:
        run_until(
            model.structure,
            last,
            torch.as_tensor(ids, device=model.device),
            torch.as_tensor(mask, device=model.device),
        )
    return {site: taken[site].float().cpu().numpy() for site in sites}


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
