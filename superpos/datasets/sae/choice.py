"""The latents that a study wants, as numbers with names: by number, by name, by a list, by co-activity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol

from superpos.datasets.sae.coactivity import most_coactive
from superpos.datasets.sae.labels import check_latent, read_labels, read_list
from superpos.errors import InputError, allowed, shown
from superpos.names import unfit_name
from superpos.reading.distributions import named_path

MOST_LATENTS = 4096
"""Latents of one set: their similarity matrix has 16,777,216 entries, 128 MiB."""


class Wanted(Protocol):
    """What a set says of the latents that it wants."""

    @property
    def rows(self) -> tuple[int, ...]:
        """Their numbers."""

    @property
    def features(self) -> tuple[str, ...]:
        """Their names in the file of labels."""

    @property
    def rows_file(self) -> str:
        """A list of numbers."""

    @property
    def coactive(self) -> str:
        """A file of pairs."""

    @property
    def near(self) -> int:
        """The latent with which they are active."""

    @property
    def most(self) -> int:
        """How many of a list or of pairs."""

    @property
    def names(self) -> tuple[str, ...]:
        """What they are called."""

    @property
    def labels_file(self) -> str:
        """A file of names."""


def chosen_latents(wanted: Wanted, where: str, n_latents: int) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Return numbers and names of the latents that a set wants.

    Parameters
    ----------
    wanted
        What it says.
    where
        The autoencoder, for messages.
    n_latents
        How many it has.

    Raises
    ------
    InputError
        If a latent is not there or named twice, a name means none or several, there are fewer latents than
        asked for or more than `MOST_LATENTS`, or a name is none or occurs twice.
    """
    labels = read_labels(named_path(wanted.labels_file), n_latents) if wanted.labels_file else {}
    rows = _rows(wanted, where, n_latents, labels)
    if len(rows) < 2:
        raise InputError(f"{where}: {len(rows)} latent is asked for; geometry needs at least 2")
    if len(rows) > MOST_LATENTS:
        raise InputError(
            f"{where}: {len(rows):,} latents of {n_latents:,} are asked for; a set has at most "
            f"{MOST_LATENTS:,}"
        )
    names = wanted.names or _names(rows, labels)
    if len(names) != len(rows):
        raise InputError(f"{where}: {len(names)} names for {len(rows)} latents")
    for row, name in zip(rows, names, strict=True):
        if why := unfit_name(name):
            raise InputError(f"{where}: latent {row}: {shown(name)} is no name: {why}; give `names`")
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        raise InputError(f"{where}: the name {shown(repeated[0])} occurs twice")
    return rows, names


def _rows(wanted: Wanted, where: str, n_latents: int, labels: Mapping[int, str]) -> tuple[int, ...]:
    if wanted.rows:
        for row in wanted.rows:
            check_latent(row, n_latents, where)
        return wanted.rows
    if wanted.features:
        return tuple(_named(feature, labels, wanted.labels_file) for feature in wanted.features)
    if wanted.rows_file:
        path = named_path(wanted.rows_file)
        found = read_list(path, n_latents)
        if len(found) < wanted.most:
            raise InputError(f"{path}: holds {len(found)} latents; {wanted.most} are asked for")
        return found[: wanted.most or None]
    if wanted.coactive:
        return most_coactive(named_path(wanted.coactive), n_latents, wanted.most, wanted.near)
    if n_latents > MOST_LATENTS:  # before so many numbers are made
        raise InputError(
            f"{where}: has {n_latents:,} latents; a set has at most {MOST_LATENTS:,}: choose some with rows, "
            "features, rows_file or coactive"
        )
    return tuple(range(n_latents))


def _named(feature: str, labels: Mapping[int, str], file: str) -> int:
    """Return the one latent of a name."""
    found = [row for row, text in labels.items() if text == feature]
    if not found:
        raise InputError(f"{file}: names no latent {shown(feature)}; {allowed(feature, labels.values())}")
    if len(found) > 1:
        numbers = ", ".join(map(str, sorted(found)[:20]))
        raise InputError(f"{file}: {shown(feature)} names {len(found)} latents; choose with rows: {numbers}")
    return found[0]


def _names(rows: Sequence[int], labels: Mapping[int, str]) -> tuple[str, ...]:
    """Return the text of each latent, with its number where several chosen ones have the same."""
    texts = [labels.get(row, f"latent_{row}") for row in rows]
    count = Counter(texts)
    return tuple(
        text if count[text] == 1 else f"{text} (latent {row})" for row, text in zip(rows, texts, strict=True)
    )
