"""Squared distances between the features of two images, pair by pair, in one pass.

In the space of LPIPS (`genbench.features`: lpips_alex, lpips_squeeze, lpips_vgg) they are LPIPS.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from genbench import registry
from genbench.accumulators.row_buffer import KeptRows
from genbench.errors import BadInput, GenbenchError, NotMeasurable
from genbench.interfaces import Json, Pass, State, Tensors

LARGEST = 256  # pixels, beyond which layer "all-256" averages down
AT_ONCE = 1 << 16  # numbers taken to float64 together: half a MB, which stays in the cache


@dataclass(frozen=True)
class Distances:
    """Keeps the squared distance of each pair."""

    network: str
    layer: str = "all"
    face: bool = False  # whether its input is the face box only; for the size that is left

    @property
    def features(self) -> tuple[str, str]:
        return self.network, self.layer

    def start(self, about: Pass) -> Pairs:
        """Nothing yet.

        Raises:
            NotMeasurable: images of this size, or their face box, do not fit the network.
        """
        side = about.resolution
        if self.face:
            if side % 8:
                raise NotMeasurable(
                    f"the face box needs sides divisible by 8, got {side}x{side}; "
                    f"crop or resize to {side - side % 8}"
                )
            side //= 2
        what = "the face box has" if self.face else "the images have"
        smallest = registry.network(self.network).smallest
        if side < smallest:
            raise NotMeasurable(
                f"{self.network} needs sides of {smallest} pixels or more, {what} "
                f"{side}; measure at a higher resolution"
            )
        factor = max(1, side // LARGEST)
        if self.layer == "all-256" and side % factor:
            raise NotMeasurable(
                f"{self.network} averages sides down by {factor}, which does not divide those "
                f"that {what} ({side}); crop or resize to {side - side % factor}"
            )
        return Pairs(about)

    def finish(self, whole: Tensors, about: Pass) -> Tensors:
        """``distance``, (n,) float64, in the order of the pairs.

        Raises:
            GenbenchError: a distance is not finite.
        """
        del about
        bad = whole["distance"].isfinite().logical_not().nonzero()
        if len(bad):
            raise GenbenchError(
                f"the {self.network} distance of pair {int(whole['index'][bad[0]])} is not "
                "finite; look at its images, whose values may be far outside [-1, 1]"
            )
        return {"distance": whole["distance"]}

    def describe(self) -> dict[str, Json]:
        return {"layer": self.layer, "statistic": "squared-distance"}


class Pairs:
    """One number a pair."""

    def __init__(self, about: Pass) -> None:
        self.kept = KeptRows(about)

    def update(self, rows: tuple[Tensor, ...], index: Tensor) -> None:
        """Take features of the first and of the second images, float32 (n, d)."""
        self.kept.add(squared_distance(*rows), index)

    def state(self) -> State:
        distances, index = self.kept.parts()
        return State(rows={"distance": distances}, index=index)


def squared_distance(a: Tensor, b: Tensor) -> Tensor:
    """Squared Euclidean distance of each pair of rows.

    The difference is taken in the type of the features, which loses nothing where they are
    close; squares are summed in float64.

    Args:
        a: features, (n, d).
        b: features, (n, d).

    Returns:
        (n,) float64, 0 or more; LPIPS where the features are those of an lpips network.

    Raises:
        BadInput: two shapes.
    """
    if a.shape != b.shape or a.ndim != 2:
        raise BadInput(
            f"pairs of features must have one shape (n, d), got {tuple(a.shape)} and "
            f"{tuple(b.shape)}; take both from one layer"
        )
    rows = max(1, AT_ONCE // max(1, a.shape[1]))
    pairs = zip(torch.split(a, rows), torch.split(b, rows), strict=True)
    return torch.cat([(x - y).double().square().sum(1) for x, y in pairs])
