"""What a data set says of itself, and what it offers once it is opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

from genbench.interfaces.basics import Json

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

Bytes: TypeAlias = "NDArray[np.uint8]"


@dataclass(frozen=True)
class Recipe:
    """How pixels of a file become pixels of a training image. Part of every protocol.

    Codes; `genbench.results.wording` says them in words where it knows them.
    """

    crop: str  # "short-side-centre-128"
    resize: str  # "pil-bilinear-antialias"
    split: str  # "official", "name-sha256-1-in-10"
    flip: bool = False  # whether a mirrored image is as good as the image, for training
    channels: str = "rgb"  # "grey-to-rgb"
    checked: str = ""  # what the fingerprint has seen, where it is not every pixel

    def describe(self) -> dict[str, Json]:
        """As the protocol writes it; mirroring belongs to training, not to the data."""
        left_out = {"flip"} if self.checked else {"flip", "checked"}
        return {key: value for key, value in asdict(self).items() if key not in left_out}


@dataclass(frozen=True)
class Chunk:
    """Some rows of a source, decoded."""

    images: Bytes  # (k, 3, r, r), the rows that could be decoded, in order
    rows: Sequence[int]  # (k,) which rows they are
    bad: Sequence[tuple[str, str]] = ()  # (name, reason) of the rows that could not


class ImageSource(Protocol):
    """Images of a data set, before they are cached.

    Rows have one canonical order, the same on every machine.
    """

    name: str  # "celeba", "folder:faces": stands in tables, so no full path
    recipe: Recipe
    licence: str  # one line, or "unknown"

    def __len__(self) -> int:
        """Rows, in all splits together."""

    def stamp(self) -> str:
        """A cheap digest that changes when the content does: names, sizes, times or CRCs."""

    def is_test(self) -> NDArray[np.bool_]:
        """(rows,) which rows are held out; fixed and known without decoding."""

    def read(self, start: int, stop: int, resolution: int) -> Chunk:
        """Decode rows start..stop at *resolution*. Thread-safe.

        Raises:
            BadInput: the whole source cannot give this resolution.
        """

    def attributes(self) -> Mapping[str, NDArray[np.generic]]:
        """What is known of each row: name -> (rows,) numbers or short strings; may be empty."""


@dataclass(frozen=True)
class Origin:
    """Where a published data set comes from, for `genbench data list`."""

    licence: str  # one line
    recipe: str  # crop, resize, split and mirroring, one line
    files: Sequence[str] = ()  # what has to lie in the data folder, by the official names
    address: str = ""  # of its authors
    checksums: Sequence[str] = ()  # "name md5 digest", as the authors or torchvision state them
    options: Mapping[str, str] = field(default_factory=dict)  # "split=introvae" -> what it does


@dataclass(frozen=True)
class Source:
    """A data set of the registry: how to open it, and where it comes from."""

    # (text after the colon of --data, folder of --data-dir) -> its images; may raise `BadInput`
    open: Callable[[str | None, Path | None], ImageSource]
    origin: Origin | None = None
