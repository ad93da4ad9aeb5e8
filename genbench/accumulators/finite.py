"""Finds the first image whose features are not finite, without making the device wait.

>>> check = FiniteCheck(torch.device("cpu"))
>>> check.watch(torch.tensor([[1.0], [torch.nan]]), torch.tensor([6, 7]))
>>> int(check.state()["first bad"])  # `conclude` makes a sentence of it
7
"""

from __future__ import annotations

import torch
from torch import Tensor

from genbench.errors import GenbenchError
from genbench.interfaces import Tensors

SIDES = ("real", "generated")
NEVER = torch.iinfo(torch.int64).max  # index of the first bad image where there is none


class FiniteCheck:
    """Watches the features of one pass."""

    def __init__(self, device: torch.device) -> None:
        self.first_bad = torch.tensor(NEVER, device=device)

    def watch(self, features: Tensor, index: Tensor) -> None:
        """Take features (n, d) on the device, and the index (n,) of each image."""
        # Looked at when all is done: asking the device now would make every batch wait.
        sound = features.isfinite().all(1)
        place = index.to(features.device, non_blocking=True)
        self.first_bad = torch.minimum(self.first_bad, place.masked_fill(sound, NEVER).min())

    def state(self) -> Tensors:
        return {"first bad": self.first_bad}


def conclude(whole: Tensors, side: int) -> None:
    """Say which image was bad.

    Raises:
        GenbenchError: a feature is not finite.
    """
    bad = int(whole["first bad"])
    if bad != NEVER:
        raise GenbenchError(
            f"the features of {SIDES[side]} image {bad} are not finite; "
            "look at that image, and at the weights of the network"
        )
