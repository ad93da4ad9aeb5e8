"""What an autoencoder does, on one sheet: rebuild, sample, walk, edit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from genbench.figures.attributes import Direction, Sweep, edit, label_direction
from genbench.figures.canvas import Drawing, Words
from genbench.figures.samples import COLUMNS, NOT_CHOSEN
from genbench.figures.sheet import Sheet, block, draw
from genbench.figures.trained_model import TrainedModel

GAP = 0.2  # of a row, between what belongs together and the rest
SET = 512  # training images on each side of an attribute, at most


def overview(of: TrainedModel, attributes: Sequence[str] = (), seed: int = 0) -> Drawing:
    """Held-out images, their reconstructions, samples, a way between two, edits of one.

    Args:
        of: a model that encodes, decodes, interpolates and samples.
        attributes: labels of its data, each a row of edits; see `label_direction`.
        seed: of the samples, and of which held-out images are shown.

    Raises:
        NotMeasurable: the model lacks one of these, or the data have no such label.
    """
    of.need("overview", "sample", "encode", "decode", "interpolate")
    directions = [label_direction(of, name, SET, seed) for name in attributes]
    tiles, labels, top = [], {}, 0.0
    for label, images in _rows(of, directions, seed):
        tiles += block(images, COLUMNS, top)
        labels[top] = label
        top += 1 if label == "held out" else 1 + GAP
    deltas = (f"{d.name} is {d.words}." for d in directions)
    words = Words(
        f"{of.name}: overview",
        f"{COLUMNS} held-out images, {NOT_CHOSEN}; G(E(x)) of them; samples; the way from the "
        "code of the first to that of the second; the code of the third moved by −2 to 2 "
        f"differences of means. {' '.join(deltas)} {of.source(seed)}",
        f"rows of images: inputs, their reconstructions by {of.name}, samples, a way between "
        f"two inputs{''.join(', ' + d.name for d in directions)}",
    )
    return draw(Sheet(tiles, labels), words)


def _rows(
    of: TrainedModel, directions: Sequence[Direction], seed: int
) -> Iterator[tuple[str, Tensor]]:
    """Each row's label and its images, (COLUMNS, 3, r, r) uint8."""
    inputs = of.held_out(COLUMNS, seed)
    codes = of.encode(inputs)
    yield "held out", inputs
    yield "rebuilt", of.decode(codes)
    yield "samples", of.sample(COLUMNS, seed)
    yield "from one to another", of.decode(of.between(codes[0], codes[1], _way()))
    for direction in directions:
        moved = edit(of, codes[2:3], direction.delta, Sweep(steps=COLUMNS))
        yield direction.name, of.decode(moved[0])


def _way() -> Tensor:
    return torch.linspace(0, 1, COLUMNS)
