"""What the builders are told that read what others have made: folders, matrices of a model, files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from superpos.errors import ArgumentError, shown
from superpos.names import unfit_name
from superpos.specs.axes import SIMILARITIES, Similarity, check_choice, check_count
from superpos.specs.names import check_names

SeveralTokens = Literal["refuse", "mean"]
MatrixName = Literal["embed", "unembed"]
Variance = Literal["covector", "vector"]


def _check_hookpoint(hookpoint: str) -> None:
    """Refuse what the views cannot hold; any other text may say where vectors live."""
    if why := unfit_name(hookpoint):
        raise ArgumentError("hookpoint", f"{shown(hookpoint)} is no name: {why}")


@dataclass(frozen=True, slots=True)
class SparseProbingOptions:
    """A folder of the sparse-probing paper, as `datasets.load_from_disk` reads it."""

    FILES: ClassVar[tuple[str, ...]] = ("folder",)

    folder: str
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


@dataclass(frozen=True, slots=True)
class TokenListOptions:
    """Words whose rows of the embedding or unembedding matrix are directions."""

    words: tuple[str, ...]
    matrices: tuple[MatrixName, ...] = ("embed",)
    several_tokens: SeveralTokens = "refuse"
    """What to do with a word of several tokens: refuse it, or take the mean of their rows."""
    leading_space: bool = True
    """Whether a space precedes the word, as within a sentence."""

    def __post_init__(self) -> None:
        """Check; raises `ArgumentError`."""
        check_names("words", self.words, minimum=2)
        check_names("matrices", self.matrices, minimum=1)
        for matrix in self.matrices:
            check_choice("matrices", matrix, get_args(MatrixName))
        check_choice("several_tokens", self.several_tokens, get_args(SeveralTokens))


@dataclass(frozen=True, slots=True)
class DirectionFileOptions:
    """A safetensors, npz or CSV file of direction vectors, one row each."""

    FILES: ClassVar[tuple[str, ...]] = ("file", "names_file")

    file: str
    tensor: str = ""
    """Name of the matrix in a safetensors or npz file; empty if it holds one only."""
    names: tuple[str, ...] = ()
    """Names of the rows; empty = from `names_file`, from the file itself, or row numbers."""
    names_file: str = ""
    """Text file with one name a line."""
    rows: tuple[int, ...] = ()
    """Rows to take, counted from 0; empty = all."""
    hookpoint: str = ""
    """Where the vectors live, for the views; empty if unknown."""
    layer: int = -1
    variance: Variance = "vector"
    """`vector` for what lives among activations (decoder rows), `covector` for what reads them (probes)."""

    def __post_init__(self) -> None:
        """Check; raises `ArgumentError`."""
        if not self.file:
            raise ArgumentError("file", "is empty; name a .safetensors, .npz or .csv file")
        check_choice("variance", self.variance, get_args(Variance))
        _check_hookpoint(self.hookpoint)
        check_names("names", self.names)
        object.__setattr__(self, "layer", check_count("layer", self.layer, -1))
        for row in self.rows:
            check_count("rows", row, 0)


@dataclass(frozen=True, slots=True)
class PsmFileOptions:
    """A safetensors, npz or CSV file with a finished pairwise similarity matrix."""

    FILES: ClassVar[tuple[str, ...]] = ("file", "names_file")

    file: str
    similarity: Similarity
    """The similarity that the matrix is of."""
    tensor: str = ""
    names: tuple[str, ...] = ()
    names_file: str = ""
    hookpoint: str = ""
    layer: int = -1

    def __post_init__(self) -> None:
        """Check; raises `ArgumentError`."""
        if not self.file:
            raise ArgumentError("file", "is empty; name a .safetensors, .npz or .csv file")
        check_choice("similarity", self.similarity, SIMILARITIES)
        _check_hookpoint(self.hookpoint)
        check_names("names", self.names)
        object.__setattr__(self, "layer", check_count("layer", self.layer, -1))
