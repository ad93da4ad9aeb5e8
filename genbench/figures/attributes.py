"""Edits along attributes: the difference of the mean codes of two sets of images, added.

Source: A. Heljakka et al., "Towards Photographic Image Manipulation with Balanced Growing of
    Generative Autoencoders", WACV 2020: G(E(x) + λ delta), λ from -2 to 2, codes of 32 to 64
    training images with the attribute against as many without it.
Differs: the sum is brought back to the sphere where the codes lie on one, which is not documented.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genbench.errors import BadSetting, NotEnoughData, NotMeasurable, UnknownName, nearest
from genbench.figures.canvas import Drawing, Words
from genbench.figures.samples import NOT_CHOSEN
from genbench.figures.sheet import Sheet, Tile, block, draw
from genbench.figures.trained_model import TrainedModel
from genbench.runtime import seeds

SET = 64  # images on each side
FEWEST = 2
FEW_VALUES = 12  # that a message still lists


@dataclass(frozen=True)
class Sides:
    """Rows of training images with an attribute and without it."""

    have: Tensor  # (n,) int64
    lack: Tensor  # (m,)
    words: str  # which they are


@dataclass(frozen=True)
class Direction:
    """A direction in latent space."""

    name: str
    delta: Tensor  # (d,)
    words: str  # what it is the difference of


@dataclass(frozen=True)
class Sweep:
    """How far to go, and on how many images."""

    low: float = -2.0
    high: float = 2.0
    steps: int = 9
    images: int = 3
    renormalise: bool = True

    def __post_init__(self) -> None:
        """Refuse what would show nothing."""
        if self.steps < 2 or self.low >= self.high or self.images < 1:
            raise BadSetting(
                f"a sweep goes up in at least 2 steps on at least 1 image, got {self.low:g} to "
                f"{self.high:g} in {self.steps} steps on {self.images}; change --from, --to, "
                "--steps or --images"
            )

    @property
    def intensities(self) -> Tensor:
        """λ, (steps,)."""
        return torch.linspace(self.low, self.high, self.steps)


def edits(
    of: TrainedModel, directions: Sequence[Direction], sweep: Sweep | None = None, seed: int = 0
) -> Drawing:
    """Test images, and the same moved along each of the directions."""
    how = sweep or Sweep()
    inputs = of.held_out(how.images, seed)
    codes = of.encode(inputs)
    tiles: list[Tile] = []
    labels: dict[float, str] = {}
    for number, direction in enumerate(directions):
        top = number * (how.images + 0.2)
        moved = edit(of, codes, direction.delta, how)
        images = of.decode(moved.flatten(0, 1))
        tiles += block(inputs, 1, top)
        tiles += [
            Tile(tile.image, tile.row, tile.column + 1.2) for tile in block(images, how.steps, top)
        ]
        labels[top + (how.images - 1) / 2] = direction.name
    heads = {
        1.2 + i: f"{x:+.3g}".replace("-", "−") if x else "0"
        for i, x in enumerate(how.intensities.tolist())
    }
    sphere = ", brought back to the sphere" if of.sphere and how.renormalise else ""
    texts = (f"{d.name}: {d.words}, |δ| = {float(d.delta.norm()):.3g}." for d in directions)
    words = Words(
        f"{of.name}: attribute edits",
        f"Left: held-out images, {NOT_CHOSEN}. Right of them: G(E(x) + λδ){sphere}, λ above; δ is "
        "the mean code of images with the attribute minus that of images without it. "
        f"{' '.join(texts)} "
        f"{of.source(seed)}",
        f"rows of faces changing in {', '.join(d.name for d in directions)} from left to right",
    )
    return draw(Sheet(tiles, labels, {0.0: "input", **heads}), words)


def edit(of: TrainedModel, codes: Tensor, delta: Tensor, how: Sweep) -> Tensor:
    """Codes (k, d) moved by every intensity: (k, s, d)."""
    moved = codes[:, None] + how.intensities.to(codes)[:, None] * delta
    return of.at_home(moved, codes) if how.renormalise else moved


# --- directions -----------------------------------------------------------------------------


def label_direction(of: TrainedModel, wanted: str, size: int = SET, seed: int = 0) -> Direction:
    """The direction of one attribute, or of several joined by "+", by the labels of the data."""
    of.need("attribute edits", "encode", "decode")
    parts = [part.strip() for part in wanted.split("+")]
    split = of.data.train
    if not split.attributes:
        raise NotMeasurable(
            f"{of.data.name} has no labels, so nobody knows which of its images have {wanted}; "
            "give two folders of images with --with and --without"
        )
    deltas, texts = [], []
    for part in parts:
        sides = sides_of(split.attributes, part, size, seed)
        deltas.append(of.codes(sides.have).mean(0) - of.codes(sides.lack).mean(0))
        texts.append(sides.words)
    return Direction(wanted, torch.stack(deltas).sum(0), " and ".join(texts))


def between(of: TrainedModel, name: str, have: Tensor, lack: Tensor) -> Direction:
    """The direction from images without something to images with it, uint8 (n, 3, r, r) each."""
    of.need("attribute edits", "encode", "decode")
    delta = of.encode(have).mean(0) - of.encode(lack).mean(0)
    return Direction(
        name, delta, f"{len(have)} images of one folder against {len(lack)} of another"
    )


def sides_of(
    attributes: Mapping[str, NDArray[np.generic]], wanted: str, size: int = SET, seed: int = 0
) -> Sides:
    """Rows with an attribute and without it, at most *size* of each, chosen by *seed*.

    Args:
        attributes: name -> (n,).
        wanted: "glasses"; of one with several values "hair_style=3". Of a measured quantity
            the highest quarter stands against the lowest.

    Raises:
        UnknownName: no such attribute; the message has the nearest.
        BadSetting: a value has to be named, or is not there.
        NotEnoughData: a side has fewer than two images.
    """
    name, equals, value = wanted.partition("=")
    if name not in attributes:
        raise UnknownName(
            f"no attribute is called {name!r}.{nearest(name, attributes)} "
            f"Known: {', '.join(_form(each, column) for each, column in attributes.items())}"
        )
    column = np.asarray(attributes[name])
    have, lack, words = _with_value(name, column, value) if equals else _halves(name, column)
    chosen = []
    for side, rows in (("with", have), ("without", lack)):
        if len(rows) < FEWEST:
            raise NotEnoughData(
                f"{len(rows)} training images stand on the side {side} {wanted}, at least "
                f"{FEWEST} are needed"
            )
        order = seeds.permutation(len(rows), seed, "attribute", name, side)[:size]
        chosen.append(torch.from_numpy(rows)[order])
    counts = " against ".join(str(len(rows)) for rows in chosen)
    return Sides(chosen[0], chosen[1], f"{counts} training images, {words}")


def _form(name: str, column: NDArray[np.generic]) -> str:
    """How an attribute is asked for: "smile", or "label=3" where a value has to be named."""
    values = np.unique(np.asarray(column))
    return f"{name}={values[0]}" if _many(np.asarray(column), values) else name


def _many(column: NDArray[np.generic], values: NDArray[np.generic]) -> bool:
    """Whether there are more values than two, and no order that makes halves of them."""
    return column.dtype.kind != "f" and len(values) > 2


Halves = tuple[NDArray[np.int64], NDArray[np.int64], str]


def _halves(name: str, column: NDArray[np.generic]) -> Halves:
    values = np.unique(column)
    if column.dtype.kind == "f" and len(values) > 2:
        low, high = np.quantile(column.astype(np.float64), [0.25, 0.75])
        words = f"{name} of {high:.2g} and more against {low:.2g} and less"
        return _rows(column >= high), _rows(column <= low), words
    if _many(column, values):
        raise BadSetting(
            f"{name} has {len(values)} values, {_listed(values.tolist())}; say which one is meant: "
            f"--attribute {name}={values[0]}"
        )
    high = values[-1]
    return _rows(column == high), _rows(column != high), f"{name} or not"


def _with_value(name: str, column: NDArray[np.generic], value: str) -> Halves:
    known = {str(each): each for each in np.unique(column).tolist()}
    if value not in known:
        raise BadSetting(
            f"{name} is never {value!r} in the training images; it is {_listed(list(known))}"
        )
    same = column == known[value]
    return _rows(same), _rows(~same), f"{name} {value} against any other"


def _listed(values: Sequence[object]) -> str:
    more = ", ..." if len(values) > FEW_VALUES else ""
    return ", ".join(map(str, values[:FEW_VALUES])) + more


def _rows(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.flatnonzero(mask).astype(np.int64)
