"""Samples, reconstructions, and several models side by side on the same inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from genbench.errors import BadInput
from genbench.figures.canvas import Drawing, Words
from genbench.figures.sheet import Sheet, Tile, block, draw
from genbench.figures.trained_model import TrainedModel

COLUMNS = 8
NOT_CHOSEN = "chosen by the seed, not by hand"


def samples(of: TrainedModel, count: int = 32, seed: int = 0) -> Drawing:
    """A grid of images that the model generates."""
    of.need("samples", "sample")
    images = of.sample(count, seed)
    words = Words(
        f"{of.name}: samples",
        f"{len(images)} samples of one seed, none left out. {of.source(seed)}",
        f"a grid of {len(images)} images sampled from {of.name}",
    )
    return draw(Sheet(block(images, COLUMNS)), words)


def reconstructions(of: TrainedModel, count: int = 16, seed: int = 0) -> Drawing:
    """Bands of test images above what the model makes of them."""
    of.need("reconstructions", "encode", "decode")
    inputs = of.held_out(count, seed)
    outputs = of.decode(of.encode(inputs))
    tiles: list[Tile] = []
    labels: dict[float, str] = {}
    for band, start in enumerate(range(0, count, COLUMNS)):
        top = 2.15 * band
        tiles += block(inputs[start : start + COLUMNS], COLUMNS, top)
        tiles += block(outputs[start : start + COLUMNS], COLUMNS, top + 1)
        labels |= {top: "input", top + 1: "output"}
    words = Words(
        f"{of.name}: reconstructions",
        f"{count} held-out images above their reconstructions, {NOT_CHOSEN}. {of.source(seed)}",
        f"pairs of held-out images and their reconstructions by {of.name}",
    )
    return draw(Sheet(tiles, labels), words)


@dataclass(frozen=True, eq=False)
class Strip:
    """Test images, and what one model makes of them."""

    name: str
    about: str
    data: str
    fingerprint: str
    inputs: Tensor
    outputs: Tensor


def strip(of: TrainedModel, count: int = COLUMNS, seed: int = 0) -> Strip:
    """One row of `side_by_side`; the model itself is not kept.

    Raises:
        NotMeasurable: the model cannot reconstruct.
    """
    of.need("reconstructions to set side by side", "encode", "decode")
    inputs, fingerprint = of.held_out(count, seed), of.data.fingerprint
    data = f"{of.data.name} at {of.data.resolution}×{of.data.resolution} ({fingerprint[:12]})"
    outputs = of.decode(of.encode(inputs))
    return Strip(of.name, of.about, data, fingerprint, inputs, outputs)


def side_by_side(strips: Sequence[Strip], seed: int = 0) -> Drawing:
    """The same test images, and below them what each model makes of them.

    Args:
        strips: one for each model, of equal counts and of *seed*.

    Raises:
        BadInput: the models were trained on different data.
    """
    first = strips[0]
    for other in strips:
        if other.fingerprint != first.fingerprint:
            raise BadInput(
                f"{first.name} and {other.name} cannot stand side by side: their data are "
                f"{first.data} and {other.data}; take runs of the same data"
            )
    tops = [1.15 + i for i in range(len(strips))]
    tiles = block(first.inputs, len(first.inputs))
    for top, each in zip(tops, strips, strict=True):
        tiles += block(each.outputs, len(each.outputs), top)
    names = [each.name for each in strips]
    about = " ".join(f"{each.about}." for each in strips if each.about)
    words = Words(
        "Reconstructions",
        f"Held-out images ({NOT_CHOSEN}) and their reconstructions by {', '.join(names)}. {about} "
        f"Data {first.data}; seed {seed}.",
        f"a row of held-out images, and a row of reconstructions of each of {len(names)} models",
    )
    return draw(Sheet(tiles, {0.0: "input", **dict(zip(tops, names, strict=True))}), words)


@dataclass(frozen=True, eq=False)
class Row:
    """What one model samples."""

    name: str
    about: str
    images: Tensor


def row(of: TrainedModel, count: int = COLUMNS, seed: int = 0) -> Row:
    """One row of `sampled_side_by_side`; the model itself is not kept.

    Raises:
        NotMeasurable: the model cannot sample.
    """
    of.need("samples to set side by side", "sample")
    return Row(of.name, of.about, of.sample(count, seed))


def sampled_side_by_side(rows: Sequence[Row], seed: int = 0) -> Drawing:
    """Samples of one seed, a row for each model."""
    tiles = [
        tile for top, each in enumerate(rows) for tile in block(each.images, len(each.images), top)
    ]
    names = [each.name for each in rows]
    about = " ".join(f"{each.about}." for each in rows if each.about)
    words = Words(
        "Samples",
        f"What {', '.join(names)} sample: one seed, none left out. {about} Seed {seed}.",
        f"a row of samples of each of {len(names)} models",
    )
    return draw(Sheet(tiles, {float(top): name for top, name in enumerate(names)}), words)


def neighbours(of: TrainedModel, count: int = 6, near: int = 5, seed: int = 0) -> Drawing:
    """Samples on the left; beside each the training images nearest to it.

    A model that only copies shows itself here.
    """
    of.need("samples", "sample")
    images = of.sample(count, seed)
    distances, rows = nearest(images, of, near)
    tiles = [Tile(image, i, 0) for i, image in enumerate(images)]
    for i in range(count):
        found = zip(of.data.train.take(rows[i]), distances[i].tolist(), strict=True)
        tiles += [Tile(x, i, 1.3 + j, f"{d:.1f}") for j, (x, d) in enumerate(found)]
    words = Words(
        f"{of.name}: nearest training images",
        f"Samples on the left, beside each the {near} nearest of all {len(of.data.train):,} "
        "training images, nearest first; below them the distance, the mean absolute difference "
        f"of pixels in grey levels, 0 to 255. {of.source(seed)}",
        f"{count} samples of {of.name}, each with its {near} nearest training images",
    )
    labels = {0.0: "sample", 1.3 + (near - 1) / 2: "nearest training images (L1, grey levels)"}
    return draw(Sheet(tiles, columns=labels), words)


def nearest(images: Tensor, of: TrainedModel, near: int) -> tuple[Tensor, Tensor]:
    """Distances and rows of the training images nearest in L1, (n, k) twice, nearest first."""
    train, asked = of.data.train, images.to(of.device).flatten(1).float()
    near = min(near, len(train))
    at_once = max(1, 2**25 // asked.shape[1])  # 128 MB of float32
    best = torch.full((len(asked), near), torch.inf)
    rows = torch.zeros(len(asked), near, dtype=torch.int64)
    for start in range(0, len(train), at_once):
        some = train.take(slice(start, start + at_once)).to(of.device).flatten(1).float()
        found = torch.cdist(asked, some, p=1).cpu() / asked.shape[1]
        index = torch.arange(start, start + len(some)).expand(len(asked), -1)
        best, order = torch.cat([best, found], 1).sort(dim=1, stable=True)
        rows = torch.cat([rows, index], 1).gather(1, order)[:, :near]
        best = best[:, :near]
    return best, rows
