"""Feature vectors of every image, for what cannot be had from sums.

>>> import torch
>>> from genbench.accumulators.merge import finished
>>> from genbench.interfaces import Pass
>>> about = Pass(torch.device("cpu"), n=3, resolution=32, side=0, seed=0)
>>> statistic = FeatureRows("inception", "2048")
>>> kept = statistic.start(about)
>>> kept.update((torch.tensor([[1.0, 2.0], [3.0, 4.0]]),), torch.tensor([0, 1]))
>>> kept.update((torch.tensor([[5.0, 6.0]]),), torch.tensor([2]))
>>> finished(statistic, about, kept)["features"].tolist()
[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from genbench.accumulators.finite import SIDES, FiniteCheck, conclude
from genbench.accumulators.row_buffer import KeptRows
from genbench.errors import BadInput
from genbench.interfaces import Json, Pass, State, Tensors

COLLAPSED = "all generated images are identical"


@dataclass(frozen=True)
class FeatureRows:
    """Keeps one layer's features of every image: 4 d bytes each, 410 MB for 50 000 of 2048."""

    network: str
    layer: str

    @property
    def features(self) -> tuple[str, str]:
        return self.network, self.layer

    def start(self, about: Pass) -> RowsAccumulator:
        return RowsAccumulator(about, "features")

    def finish(self, whole: Tensors, about: Pass) -> Tensors:
        """``features`` (n, d) float32, in the order of the images.

        Raises:
            GenbenchError: a feature is not finite.
        """
        conclude(whole, about.side)
        return {"features": whole["features"]}

    def describe(self) -> dict[str, Json]:
        return {"layer": self.layer, "statistic": "features"}


class RowsAccumulator:
    """float32 rows of every image: its features, or what is made of them."""

    def __init__(
        self, about: Pass, name: str, of: Callable[[Tensor], Tensor] = lambda rows: rows
    ) -> None:
        """Room for *about.n* images under *name*; *of*: (n, d) -> (n, k)."""
        self.kept, self.check = KeptRows(about), FiniteCheck(about.device)
        self.name, self.of = name, of

    def update(self, rows: tuple[Tensor, ...], index: Tensor) -> None:
        """Take features (n, d)."""
        made = self.of(rows[0])
        self.kept.add(made, index)
        self.check.watch(made, index)

    def state(self) -> State:
        rows, index = self.kept.parts()
        return State(least=self.check.state(), rows={self.name: rows}, index=index)


def check_rows(real: Tensor, generated: Tensor) -> None:
    """See that two sets of features can be compared.

    Raises:
        BadInput: not (n, d) and (m, d) of floats, or values that are not finite.
    """
    for side, rows in zip(SIDES, (real, generated), strict=True):
        if rows.ndim != 2 or not rows.is_floating_point():
            raise BadInput(
                f"the {side} features must be floats of shape (n, d), "
                f"got {rows.dtype} of shape {tuple(rows.shape)}; give one row for each image"
            )
        if not rows.isfinite().all():
            bad = int(rows.isfinite().all(1).logical_not().nonzero()[0])
            raise BadInput(f"the features of {side} image {bad} are not finite; look at that image")
    if real.shape[1] != generated.shape[1]:
        raise BadInput(
            f"real images have {real.shape[1]} features and generated ones "
            f"{generated.shape[1]}; take both from one layer"
        )


def collapsed(rows: Tensor) -> bool:
    """Whether all of (n, d) are one row, as of a generator that makes a single image."""
    return bool((rows == rows[:1]).all())
