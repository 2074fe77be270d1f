"""What is said of a feature set beside its counts, from its provenance: how it is split, labels alike."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from superpos.datasets.corpus import Corpus
from superpos.datasets.groups import EQUAL_ROWS, MIN_DOCUMENTS, NAMES_ONLY, WINDOWS
from superpos.errors import plain
from superpos.specs.datasets import DatasetSpec


def notes_of(provenance: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what its provenance says of a set that a reader should know, a line each."""
    return (
        *_autoencoder_note(provenance.get("autoencoder")),
        *_split_note(provenance),
        *_rows_note(provenance),
        *_space_note(provenance),
        *_names_note(provenance),
        *map(_spelling_note, provenance.get("labels_alike", ())),
    )


def foreseen(spec: DatasetSpec, corpus: Corpus) -> dict[str, Any]:
    """Return as much of the provenance as the corpus shows before a set on text is built."""
    known: dict[str, Any] = {}
    if len(corpus.documents) < MIN_DOCUMENTS:
        known |= {"groups": WINDOWS, "documents_used": len(corpus.documents)}
    return known if spec.kind.foreseen is None else {**known, **spec.kind.foreseen(spec, corpus)}


_OTHER_RULES = {
    NAMES_ONLY: "sentences of one document are trained and tested on, though never of one name",
    EQUAL_ROWS: (
        "the folder does not say which rows are of one document, so windows of one text may be trained and "
        "tested on"
    ),
}


def _autoencoder_note(known: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Say which autoencoder it is, for what the configuration fills in is nowhere in the study."""
    if not known:
        return ()
    of_model = f" of {plain(known['model'])}" if known["model"] else ""
    where = f"{known['hookpoint']} of layer {known['layer']}" if known["hookpoint"] else "an unknown place"
    vectors = f"{known['part']} vectors of {known['width']} numbers at {where}{of_model}"
    matrix = f"{known['orientation']} of {known['tensor']}, one for each of {known['n_latents']} latents"
    return (f"{vectors}; they are {matrix} (layout: {known['layout']})",)


def _split_note(provenance: Mapping[str, Any]) -> tuple[str, ...]:
    rule = provenance.get("groups", "")
    if rule in _OTHER_RULES:
        return (f"groups of the split are {rule}; {_OTHER_RULES[rule]}",)
    if rule != WINDOWS:
        return ()
    count = provenance["documents_used"]
    advice = (
        "name more documents"
        if provenance.get("documents") or provenance.get("corpus") == "stdlib"
        else 'name more, or divide them (documents = "heading" or "paragraph" of the corpus)'
    )
    line = (
        f"sequences come from {count} document{'s' * (count != 1)}, fewer than {MIN_DOCUMENTS}, so the "
        "split is by window: neighbouring windows of one document are trained and tested on, and probes look "
        f"better than they are; {advice}"
    )
    return (line,)


def _rows_note(provenance: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what of a file of labelled texts is no text of its own, and why texts were left out."""
    if "rows" not in provenance:
        return ()
    counts = dict(provenance["rows"])
    line = f"{counts.pop('read'):,} rows hold {counts.pop('texts'):,} texts"
    shared, cut = counts.pop("in_several_files"), provenance["texts_cut"]
    for what, said in (
        ("rows left out: ", _counted(counts)),
        ("texts that several files have: ", f"{shared:,}" * bool(shared)),
        ("texts left out: ", _counted(provenance["texts_left_out"])),
        ("texts whose front is cut off: ", f"{cut:,}" * bool(cut)),
    ):
        line += f"; {what}{said}" if said else ""
    return (line,)


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count)


def _space_note(provenance: Mapping[str, Any]) -> tuple[str, ...]:
    n_split = provenance.get("split_by_a_space", 0)
    if not n_split:
        return ()
    n = len(provenance["tokens"])
    line = (
        f"the words are read without a space before them; with one, {n_split} of {n} are several tokens of "
        "this tokenizer"
    )
    return (line,)


def _names_note(provenance: Mapping[str, Any]) -> tuple[str, ...]:
    torn = provenance.get("names_contradictory", 0)
    return (f"{torn:,} rows name somebody of two classes and are left out",) if torn else ()


def _spelling_note(labels: Sequence[str]) -> str:
    # What looks the same on a screen is told apart by its code points.
    same = len({unicodedata.normalize("NFKC", label) for label in labels}) < len(labels)
    shown = " and ".join(ascii(label) if same else repr(label) for label in labels)
    return f"{shown} spell one {_kind(labels[0])}, but are kept apart; make them equal if they mean the same"


def _kind(label: str) -> str:
    try:
        float(label)
    except ValueError:
        return "word"
    return "number"
