"""The repelling regulariser: rows of a batch pay for pointing the same way."""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812  # the name torch's own documentation uses
from torch import Tensor


def repelling(rows: Tensor) -> Tensor:
    """Mean over all pairs i != j of cos(S_i, S_j)^2: (N, d) -> scalar, 0 to 1.

    1/d is what random directions give.

    Source: J. Zhao et al., "Energy-based Generative Adversarial Networks", ICLR 2017,
        section 2.4, the pulling-away term.
    """
    n = len(rows)
    directions = F.normalize(rows.float(), dim=1)
    squares = (directions @ directions.T).square()
    return (squares.sum() - squares.diagonal().sum()) / max(n * (n - 1), 1)
