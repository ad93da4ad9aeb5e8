"""Grids of decoded latents between four or six encoded test images.

Sources: A. Heljakka et al., "Pioneer Networks", ACCV 2018, and its code (the square); "Towards
    Photographic Image Manipulation with Balanced Growing of Generative Autoencoders", WACV 2020,
    and its code (the hexagon).
"""

from __future__ import annotations

import torch
from torch import Tensor

from genbench.errors import BadSetting
from genbench.figures.canvas import Drawing, Words
from genbench.figures.samples import NOT_CHOSEN
from genbench.figures.sheet import Sheet, Tile, draw
from genbench.figures.trained_model import TrainedModel

STEPS = 8  # along a side of the square
HEXAGON = (3, 4, 5, 4, 3)  # points in its rows
# Places in reading order, 0 to 18. Corners are numbered as they are read.
CORNERS = (0, 2, 7, 11, 16, 18)
EDGES = {1: (1, 2), 3: (1, 3), 6: (2, 4), 12: (3, 5), 15: (4, 6), 17: (5, 6)}  # midpoints
INNER = {  # shares of the ways 1-6, 2-5 and 3-4
    4: (0.125, 0.25, 0.25),
    5: (0.75, 0.125, 0.25),
    8: (0.25, 0.75, 0.125),
    9: (0.5, 0.5, 0.5),
    10: (0.75, 0.25, 0.875),
    13: (0.75, 0.875, 0.25),
    14: (0.875, 0.75, 0.75),
}
NAMES = ("top left", "top right", "bottom left", "bottom right")


def interpolations(of: TrainedModel, corners: int = 4, seed: int = 0) -> Drawing:
    """Decoded latents between the codes of *corners* test images, 4 or 6."""
    if corners not in (4, 6):
        raise BadSetting(f"an interpolation has 4 or 6 corners, got {corners}; change --corners")
    of.need("interpolations", "encode", "decode", "interpolate")
    inputs = of.held_out(corners, seed)
    codes = of.encode(inputs)
    if corners == 4:
        tiles, labels = _square(of, inputs, codes)
    else:
        tiles, labels = _hexagon(of, inputs, codes)
    order = "" if corners == 4 else " in reading order"
    way = "spherical" if of.sphere else "linear"
    words = Words(
        f"{of.name}: interpolations",
        f"First row: {corners} held-out images, {NOT_CHOSEN}. Below: their reconstructions at the "
        f"{corners} corners{order}, and decoded latents between them, by {way} interpolation. "
        f"{of.source(seed)}",
        f"images changing step by step between {corners} reconstructions by {of.name}",
    )
    return draw(Sheet(tiles, {}, labels), words)


def square(of: TrainedModel, codes: Tensor, steps: int = STEPS) -> Tensor:
    """Codes (4, d) to (steps, steps, d): down both sides, 1 to 3 and 2 to 4, then across."""
    t = torch.linspace(0, 1, steps)
    left, right = of.between(codes[0], codes[2], t), of.between(codes[1], codes[3], t)
    return torch.stack([of.between(a, b, t) for a, b in zip(left, right, strict=True)])


def hexagon(of: TrainedModel, codes: Tensor) -> Tensor:
    """Codes (6, d) to (19, d), in reading order: the corners, six midpoints, seven inside."""
    points = torch.empty(19, codes.shape[1], dtype=codes.dtype, device=codes.device)
    points[list(CORNERS)] = codes
    for place, (a, b) in EDGES.items():
        points[place] = _at(of, codes[a - 1], codes[b - 1], 0.5)
    for place, shares in INNER.items():
        first, second, third = (
            _at(of, codes[a], codes[5 - a], share) for a, share in enumerate(shares)
        )
        both = _at(of, _at(of, first, second, 0.5), third, 0.5)
        points[place] = of.at_home(both[None], codes)[0]
    return points


def _at(of: TrainedModel, a: Tensor, b: Tensor, share: float) -> Tensor:
    return of.between(a, b, torch.tensor([share]))[0]


def _square(of: TrainedModel, inputs: Tensor, codes: Tensor) -> tuple[list[Tile], dict[float, str]]:
    images = of.decode(square(of, codes).flatten(0, 1))
    columns = (0.0, (STEPS - 1) / 3, 2 * (STEPS - 1) / 3, STEPS - 1.0)
    tiles = [Tile(image, -1.25, x) for image, x in zip(inputs, columns, strict=True)]
    tiles += [Tile(image, i // STEPS, i % STEPS) for i, image in enumerate(images)]
    return tiles, dict(zip(columns, NAMES, strict=True))


def _hexagon(
    of: TrainedModel, inputs: Tensor, codes: Tensor
) -> tuple[list[Tile], dict[float, str]]:
    images = iter(of.decode(hexagon(of, codes)))
    columns = [i - 2.5 for i in range(6)]
    tiles = [Tile(image, -1.25, x) for image, x in zip(inputs, columns, strict=True)]
    for row, count in enumerate(HEXAGON):
        tiles += [Tile(next(images), row, i - (count - 1) / 2) for i in range(count)]
    return tiles, {x: str(i) for i, x in enumerate(columns, 1)}
