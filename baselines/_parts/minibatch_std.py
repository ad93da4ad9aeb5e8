"""Statistics over a batch as extra feature maps, by which a discriminator sees variety.

Source: T. Karras et al., "Progressive Growing of GANs", ICLR 2018, section 3, for the
    deviation. Skewness and kurtosis after a course report whose formulas were no moments;
    here they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F  # noqa: N812  # the name torch's own documentation uses
from torch import Tensor, nn

from genbench.distributed import gathered, own

# N images in the batch of all processes, in groups of G

LEAST = 1e-8  # added to a variance


def _std(x: Tensor, variance: Tensor) -> Tensor:
    return (variance + LEAST).sqrt()


def _kurtosis(x: Tensor, variance: Tensor) -> Tensor:
    return x.pow(4).mean(0) / (variance + LEAST).square()


def _skewness(x: Tensor, variance: Tensor) -> Tensor:
    return x.pow(3).mean(0) / (variance + LEAST).pow(1.5)


# Of x, centred, (G, ...), and its variance (...), divided by G: -> (...)
MOMENTS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "std": _std,
    "kurtosis": _kurtosis,
    "skewness": _skewness,
}


class MinibatchStatistics(nn.Module):
    """Appends one constant channel for each statistic of the group that an image belongs to.

    The kurtosis of G numbers cannot exceed G - 2 + 1 / (G - 1), 2.33 for 4 of them, so small
    groups say little about tails.
    """

    def __init__(self, group: int, names: tuple[str, ...]) -> None:
        """Remember G, 0 for the whole batch, and the names in `MOMENTS`, in their order."""
        super().__init__()
        self.group, self.names = group, names

    def forward(self, features: Tensor, *, mates: bool = True) -> Tensor:
        """(n, c, h, w) -> (n, c + k, h, w); *mates* false: 0 in place of the k statistics."""
        if not mates:
            return F.pad(features, (0, 0, 0, 0, 0, len(self.names)))
        if not self.names:
            return features
        n, _, h, w = features.shape
        values = group_statistics(gathered(features), self.group, self.names)
        maps = own(values).to(features.dtype)[:, :, None, None].expand(n, len(self.names), h, w)
        return torch.cat([features, maps], 1)


def group_statistics(features: Tensor, group: int, names: tuple[str, ...]) -> Tensor:
    """Statistics over the members of each group, averaged over channels and pixels.

    The members of a group stand N/G apart, as in the original: image i is in group i mod N/G.

    Args:
        features: (N, c, h, w).
        group: G, 0 for N; where N is not a multiple, the next smaller divisor of it.
        names: in `MOMENTS`.

    Returns:
        (N, k) of float32 or better, the same row for all members of a group.
    """
    n = len(features)
    size = group_size(n, group)
    x = features.float() if features.dtype.itemsize < 4 else features
    x = x.reshape(size, n // size, -1)
    x = x - x.mean(0)
    variance = x.square().mean(0)
    rows = torch.stack([MOMENTS[name](x, variance).mean(1) for name in names], 1)
    return rows.repeat(size, 1)


def group_size(n: int, group: int) -> int:
    """The largest divisor of *n* that is not above *group*; *n* itself for group 0."""
    wanted = min(group or n, n)
    return next(size for size in range(wanted, 0, -1) if n % size == 0)
