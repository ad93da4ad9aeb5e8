"""Mean and covariance of features, gathered in one pass over any number of images.

>>> from genbench.accumulators.merge import finished
>>> about = Pass(torch.device("cpu"), n=4, resolution=32, side=0, seed=0)
>>> statistic = Moments("inception", "2048")
>>> first, second = statistic.start(about), statistic.start(about)  # of two processes
>>> first.update((torch.tensor([[0.0, 1.0], [2.0, 1.0]]),), torch.tensor([0, 1]))
>>> second.update((torch.tensor([[4.0, 1.0], [6.0, 1.0]]),), torch.tensor([2, 3]))
>>> evidence = finished(statistic, about, first, second)
>>> int(evidence["n"]), evidence["mean"].tolist(), float(evidence["cov"][0, 0])
(4, [3.0, 1.0], 6.666666666666667)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from genbench.accumulators.finite import SIDES, FiniteCheck, conclude
from genbench.errors import NotEnoughData
from genbench.interfaces import Json, Pass, State, Tensors


@dataclass(frozen=True)
class Moments:
    """Keeps n, the mean and the covariance of one layer's features."""

    network: str
    layer: str

    @property
    def features(self) -> tuple[str, str]:
        return self.network, self.layer

    def start(self, about: Pass) -> Sums:
        """Empty sums.

        Raises:
            NotEnoughData: one image has no covariance.
        """
        if about.n < 2:
            raise NotEnoughData(
                f"a covariance needs 2 {SIDES[about.side]} images, got {about.n}; raise --images, "
                "or --pairs for reconstructions"
            )
        return Sums(about.device)

    def finish(self, whole: Tensors, about: Pass) -> Tensors:
        """``n`` (), ``mean`` (d,), ``cov`` (d, d), float64 but for n.

        Raises:
            GenbenchError: a feature is not finite.
        """
        conclude(whole, about.side)
        return moments(whole)

    def describe(self) -> dict[str, Json]:
        return {"layer": self.layer, "statistic": "moments", "divisor": "n-1"}


class Sums:
    """n, the sum of rows and the sum of their outer products, in float64.

    Nothing is subtracted before summing: features are activations after a ReLU, whose mean
    is no larger than their spread, so float64 loses no digit that counts, and sums without
    a pivot come out the same whatever batch came first.
    """

    def __init__(self, device: torch.device) -> None:
        self.n = 0
        self.total = torch.zeros((), dtype=torch.float64, device=device)
        self.products = torch.zeros((), dtype=torch.float64, device=device)
        self.check = FiniteCheck(device)

    def update(self, rows: tuple[Tensor, ...], index: Tensor) -> None:
        """Take features (n, d)."""
        features = rows[0].double()
        if self.n == 0:
            d = features.shape[1]
            self.total = features.new_zeros(d)
            self.products = features.new_zeros(d, d)
        self.n += len(features)
        self.total += features.sum(0)
        self.products.addmm_(features.T, features)
        self.check.watch(features, index)

    def state(self) -> State:
        """Everything but the order of images."""
        sums = {"n": torch.tensor(self.n), "total": self.total, "products": self.products}
        return State(sums=sums, least=self.check.state())


def moments(sums: Tensors) -> Tensors:
    """``n`` (), ``mean`` (d,), ``cov`` (d, d) of sums."""
    n = int(sums["n"])
    mean = sums["total"] / n
    cov = (sums["products"] - n * torch.outer(mean, mean)) / (n - 1)
    return {"n": torch.tensor(n), "mean": mean, "cov": cov}
