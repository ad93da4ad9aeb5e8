"""The blur of Laplacian pyramids, which metrics and losses build in their own ways.

Paper: P. Burt, E. Adelson, "The Laplacian Pyramid as a Compact Image Code", IEEE Trans.
    Communications 31(4), 1983.
"""

from __future__ import annotations

import torch
from torch import Tensor

KERNEL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)


def blur(side: int) -> Tensor:
    """The binomial blur along one axis as a matrix, (side, side) float64.

    The border is mirrored about the edge pixel. Every second row halves an axis; twice every
    second column doubles it, with zeros between the rows. All its numbers are sixteenths, so on
    8-bit images the first levels have no rounding at all.
    """
    # One first made while evaluating would refuse to take part in training later.
    with torch.inference_mode(False):
        matrix = torch.zeros(side, side, dtype=torch.float64)
        rows = torch.arange(side)
        for offset, weight in enumerate(KERNEL, start=-2):
            reached = (rows + offset).abs()
            reached = torch.where(reached < side, reached, 2 * (side - 1) - reached)
            matrix[rows, reached] += weight
        return matrix
