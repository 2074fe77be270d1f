"""What the builder `labelled_texts` is told, and how a study file says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Literal, get_args

from superpos.arrays import as_number
from superpos.errors import ArgumentError, shown
from superpos.reading.compressed import plain_name
from superpos.specs.axes import check_choice, check_count
from superpos.specs.builder_tables import read_record
from superpos.specs.datasets import HUB_PREFIX, CorpusSpec
from superpos.specs.fields import know_field
from superpos.specs.names import check_name, check_names, check_text
from superpos.specs.toml_table import Table

Position = Literal["last", "end", "mean", "max"]
TooLong = Literal["cut", "drop"]
TEXT_PLACE = "{text}"
"""Where a template has the text."""
_ANY_VALUE = (str, bool, int, float)
"""Types of a label in a study file; what counts is how the value is written."""


@dataclass(frozen=True, slots=True)
class LabelledFile:
    """One feature of a set of several files."""

    name: str
    """Of the feature."""
    file: str
    """A file, as `file` names one."""

    def __post_init__(self) -> None:
        """Check; raises `ArgumentError`."""
        check_name("files", self.name)
        if not self.file:
            raise ArgumentError("files", f"{shown(self.name)} has no file")


@dataclass(frozen=True, slots=True)
class LabelledTextOptions:
    """Texts with labels: where they are, what their labels mean, and at which tokens they are read."""

    FILES: ClassVar[tuple[str, ...]] = ("file", "files")

    file: str = ""
    """A file (.csv, .tsv, .jsonl, each also .zst or .gz; .json, .parquet), a folder of Parquet files or one
    that `datasets.save_to_disk` wrote, `package:DIST/path` in an installed distribution, `hub:owner/name`."""
    files: tuple[LabelledFile, ...] = ()
    """Several of them, each a feature with texts of its own: a table of names to files, or a list of files,
    whose names are then those of the features."""
    text_key: str = "text"
    """Key or column of the text."""
    label_key: str = "label"
    """Key or column of the label: one of two or more classes, a list of labels, or a number (`bins`)."""
    label_keys: tuple[str, ...] = ()
    """Several columns instead, each a feature that is true or false of a text."""
    label_separator: str = ""
    """What stands between the labels of a text that has several in one cell; empty = a cell is one label."""
    group_key: str = ""
    """Key or column of what keeps texts on one side of a split: a document, a person; empty = texts alone."""
    classes: tuple[str, ...] = ()
    """Labels to keep, in this order; empty = all, sorted."""
    positive: tuple[str, ...] = ()
    """Labels that make the one feature true, of which each of several files or columns has one; empty = where
    labels say so themselves (0 and 1, false and true, no and yes), else every class is a feature."""
    bins: tuple[float, ...] = ()
    """Quantiles, between 0 and 1, that divide numbers into classes; one makes a feature, true from it on."""
    feature: str = ""
    """Name of the feature where there is one; empty = the positive label, or `label_key`."""
    position: Position = "last"
    """Where a text is read: at its `last` token, at the `end` behind it (the token that the tokenizer puts
    there), or the `mean` or the `max` over its tokens."""
    template: str = ""
    """A prompt around the text, which stands at `{text}` in it; empty = the text alone."""
    too_long: TooLong = "cut"
    """What becomes of a text that does not fit: its front is `cut` off, or it is left out (`drop`)."""
    max_rows: int = 0
    """Rows to read of a file, from its first on; 0 = all (the hub needs a number)."""
    split: str = ""
    """Split of a saved data set or a folder of Parquet files; empty if there is one (on the hub: train)."""
    config: str = ""
    """Configuration of a data set on the hub."""
    revision: str = ""
    """Revision of a data set on the hub."""

    def __post_init__(self) -> None:
        """Check; raises `ArgumentError`."""
        self._check_files()
        self._check_labels()
        check_choice("position", self.position, get_args(Position))
        check_choice("too_long", self.too_long, get_args(TooLong))
        check_text("template", self.template)
        if self.template and self.template.count(TEXT_PLACE) != 1:
            raise ArgumentError(
                "template",
                f"{shown(self.template)} has {TEXT_PLACE} {self.template.count(TEXT_PLACE)} times; with it "
                "once a prompt shows the text, and else no token that is read can know its label",
            )

    def _check_files(self) -> None:
        if bool(self.file) == bool(self.files):
            raise ArgumentError("file", "give either `file` or `files`, a file for each feature")
        check_names("files", tuple(one.name for one in self.files), minimum=2 if self.files else 0)
        object.__setattr__(self, "max_rows", check_count("max_rows", self.max_rows, 0))
        hub = [name for name in self.named_files if name.startswith(HUB_PREFIX)]
        if hub and not self.max_rows:
            raise ArgumentError("max_rows", "0 would read a whole data set of the hub; say how many rows")
        for key in ("config", "revision"):
            if getattr(self, key) and not hub:
                raise ArgumentError(key, f"{shown(getattr(self, key))} applies to data sets of the hub only")

    def _check_labels(self) -> None:
        for key in ("text_key", "label_key"):
            if not getattr(self, key):
                raise ArgumentError(key, "is empty; name a key or a column")
        label_keys = self.label_keys or (self.label_key,)
        for key, value in (("text_key", label_keys), ("group_key", (self.text_key,))):
            if getattr(self, key) in value:
                raise ArgumentError(
                    key,
                    f"{shown(getattr(self, key))} is another key, too; text, label and group have one each",
                )
        check_names("label_keys", self.label_keys)
        check_names("classes", self.classes, minimum=2 if self.classes else 0)
        check_names("positive", self.positive)
        if self.feature:
            check_name("feature", self.feature)
        object.__setattr__(self, "bins", tuple(as_number("bins", value) for value in self.bins))
        rising = all(low < high for low, high in zip((0.0, *self.bins), (*self.bins, 1.0), strict=True))
        if self.bins and not rising:
            raise ArgumentError(
                "bins", f"{list(self.bins)} do not rise between 0 and 1; the median alone is [0.5]"
            )
        if self.files and len(self.bins) > 1:
            raise ArgumentError("bins", "of several files each is one feature; give one quantile")
        several = bool(self.label_keys) or bool(self.label_separator)
        for key, clashes, other in (
            ("classes", bool(self.bins), "bins"),
            ("classes", bool(self.label_keys), "label_keys"),
            ("positive", bool(self.bins), "bins"),
            ("bins", several, "several labels"),
            ("files", several, "several labels of a text"),
            ("feature", bool(self.label_keys), "label_keys, which name the features"),
            ("feature", bool(self.files), "files, which name the features"),
            ("label_separator", bool(self.label_keys), "label_keys"),
        ):
            if getattr(self, key) and clashes:
                raise ArgumentError(key, f"does not apply beside {other}")

    @property
    def named_files(self) -> tuple[str, ...]:
        """What `file` or `files` name."""
        return (self.file,) if self.file else tuple(one.file for one in self.files)

    def hub_spec(self, file: str) -> CorpusSpec:
        """Return the data set of the hub that `file` names."""
        return CorpusSpec(
            "hub",
            file.removeprefix(HUB_PREFIX),
            self.text_key,
            self.max_rows,
            config=self.config,
            split=self.split,
            revision=self.revision,
        )

    @property
    def prompt(self) -> str:
        """The template in force."""
        return self.template or TEXT_PLACE


def read(table: Table) -> LabelledTextOptions:
    """Return the options of a table; `files` is a table or a list, and labels are written as any value."""
    know_field(table, LabelledTextOptions, "files", kinds=(dict, list))
    given = table.take("files", (dict, list), {})
    pairs = given if isinstance(given, Mapping) else {_name_of(table, value): value for value in given}
    inner = table.inside("files", pairs)
    files = tuple(
        inner.build(LabelledFile, {"files": name}, name=name, file=inner.take(name, str)) for name in pairs
    )
    if len(files) < len(given):
        raise table.fail("files", "holds two files of one name; make it a table of names to files")
    know_field(table, LabelledTextOptions, "positive", kinds=_ANY_VALUE)
    know_field(table, LabelledTextOptions, "classes", kinds=_ANY_VALUE)
    labels: dict[str, Any] = {key: _written(table, key) for key in ("positive", "classes")}
    return read_record(LabelledTextOptions, table, files=files, **labels)


def _written(table: Table, key: str) -> tuple[str, ...]:
    """Return labels as they are written: 1 is `1`, true is `True`."""
    given = table.peek(key)
    table.take_list(key, _ANY_VALUE, [])  # which refuses other types, and makes 1.0 of 1
    values = given if isinstance(given, list) else [] if given is None else [given]
    return tuple(map(str, values))


def _name_of(table: Table, file: object) -> str:
    """Return the name of a file without what says its format."""
    if not isinstance(file, str):
        raise table.fail("files", f"{shown(file)} is no file")
    return plain_name(Path(PurePosixPath(file.replace("\\", "/")).name))
