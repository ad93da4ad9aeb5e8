"""Colour distance: how far the mean colour of generated images is from that of real ones."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from genbench.accumulators import image_metric
from genbench.interfaces import Column


def colour_distance(real: Tensor, generated: Tensor) -> float:
    """Euclidean distance of the mean colours, 0 to 442 grey levels.

    Args:
        real: uint8, (n, 3, h, w).
        generated: uint8, (m, 3, h, w).
    """
    a, b = (images.double().mean((0, 2, 3)) for images in (real, generated))
    return float((a - b).norm())


COLOUR = Column("colour", lower_is_better=True, unit="grey levels")
METRIC = replace(image_metric(colour_distance, {"colour": COLOUR}), symmetric=True)
