"""Sliced Wasserstein distance of small patches, at each scale of a Laplacian pyramid.

Paper: T. Karras, T. Aila, S. Laine, J. Lehtinen, "Progressive Growing of GANs for Improved
    Quality, Stability, and Variation", ICLR 2018, arXiv:1710.10196, section 5.
Differs: a channel without any contrast counts as 0 where the paper's code gives NaN, and
    the places of patches do not depend on batches.
Checked against: a literal reading of the paper in numpy, in the tests.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from genbench.accumulators.images import AllImages
from genbench.accumulators.rows import COLLAPSED
from genbench.errors import BadInput, NotEnoughData
from genbench.images import Array, Range, as_images
from genbench.interfaces import Column, Input, Measured, Metric, Stream, Tensors
from genbench.runtime import spill
from genbench.runtime.devices import full_float32
from genbench.runtime.seeds import generator, permutation

from ._parts.laplacian_pyramid import COARSEST, sides
from ._parts.patches import (
    LENGTH,
    PER_IMAGE,
    SIZE,
    patches_of,
    positions,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

# As in the paper: 2,097,152 patches a level. More would take 4 GB for each level of each side.
MOST = 16_384
UNIT = 1000.0  # the papers print thousandths
AT_ONCE = 1 << 26  # projections held of each set: 268 MB
ROWS = 1 << 16  # patches summed at a time, for float64 copies of 77 MB
log = logging.getLogger(__name__)


def sliced_wasserstein(
    real: Array,
    fake: Array,
    *,
    value_range: Range | None = None,
    seed: int = 0,
    repeats: int = 4,
    directions: int = 128,
) -> dict[str, float]:
    """Distance between the patches of two sets of images, times 1000, at each scale.

    Each level of each set is normalised by its own mean and deviation, so contrast and
    brightness of a level do not count. Two sets of n images of one kind are about
    1000·1.288·√(2 / 128n) apart at all but the coarsest level, which is farther.

    Args:
        real: (n, 3, h, h), tensor or array: uint8, or floats with a *value_range*.
        fake: (m, 3, h, h); of the larger set, as many are drawn as the smaller has.
        value_range: what black and white are in floats, (-1, 1) or (0, 1).
        seed: of the places of patches and the directions.
        repeats: sets of directions.
        directions: random directions in a set.

    Returns:
        ``swd_64`` for the level of 64x64 and so on, and ``swd``, the mean of the levels.

    Raises:
        BadInput: images of another type or range, or of two sizes.
        NotMeasurable: sides below 16 or not divisible as often as there are levels.
    """
    real, fake = as_images(real, value_range), as_images(fake, value_range)
    _check(real, fake)
    if remark := _remark(real, fake):
        log.warning("SWD: %s", remark)
    index = torch.arange(len(real)), torch.arange(len(fake))
    return _compare((real, fake), index, seed, repeats * directions)


def distance(a: Tensor, b: Tensor, directions: Tensor) -> float:
    """Mean over *directions* of the 1-Wasserstein distance of the normalised projections.

    Args:
        a: patches, float32 (n, 147).
        b: patches, float32 (n, 147).
        directions: (k, 147), of length 1.
    """
    # Projecting with d/σ and shifting by μ·d/σ spares a normalised copy of all patches.
    (scale_a, mean_a), (scale_b, mean_b) = _normaliser(a, b)
    toward_a, toward_b = directions * scale_a, directions * scale_b
    shift = toward_b.double() @ mean_b - toward_a.double() @ mean_a
    step = max(1, AT_ONCE // len(a))
    with full_float32():
        gaps = [
            _gaps(toward_a[rows] @ a.T, toward_b[rows] @ b.T, shift[rows])
            for rows in (slice(i, i + step) for i in range(0, len(directions), step))
        ]
    return float(torch.cat(gaps).mean())


def draw_directions(n: int, seed: int, *names: object) -> Tensor:
    """Uniform on the sphere: (n, 147) float32 of length 1."""
    normal = torch.randn(n, LENGTH, generator=generator(seed, "swd", "directions", *names))
    return torch.nn.functional.normalize(normal, dim=1)


def place_patches(index: Tensor, side: int, seed: int, fake: bool) -> Tensor:
    """Corners of the patches of images *index* at the level of *side*: (n, 128, 2)."""
    return positions(index, side, seed, "swd", "fake" if fake else "real", side)


def _compare(
    images: tuple[Tensor, Tensor], index: tuple[Tensor, Tensor], seed: int, directions: int
) -> dict[str, float]:
    """All levels and their mean; *index* decides where patches are cut."""
    n = min(map(len, images))
    real, fake = (_draw(n, *each, seed) for each in zip(images, index, strict=True))
    scores = {}
    for level, side in enumerate(sides(real[0].shape[-1])):
        a = patches_of(real[0], level, place_patches(real[1], side, seed, fake=False))
        b = patches_of(fake[0], level, place_patches(fake[1], side, seed, fake=True))
        toward = draw_directions(directions, seed, side).to(a.device)
        scores[f"swd_{side}"] = UNIT * distance(a, b, toward)
    return {**scores, "swd": sum(scores.values()) / len(scores)}


def _draw(n: int, images: Tensor, index: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """*n* of the images and their index, in order; all of them where there are no more."""
    if len(images) == n:
        return images, index
    log.warning("SWD compares equal numbers of images: %d of %d are drawn", n, len(images))
    kept = permutation(len(images), seed, "swd", "common")[:n].sort().values
    plugin = None if images.is_cuda else spill.allocate((n, *images.shape[1:]), images.dtype)
    return torch.index_select(images, 0, kept.to(images.device), out=plugin), index[kept]


def _normaliser(a: Tensor, b: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """(1/σ, μ) of each set, (147,) each: one μ and σ a channel, over patches and pixels."""
    (mean_a, std_a), (mean_b, std_b) = _statistics(a), _statistics(b)
    return _spread_out(mean_a, std_a), _spread_out(mean_b, std_b)


def _statistics(patches: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation (divisor n) of each channel, (3,) float64."""
    total = torch.zeros(2, 3, dtype=torch.float64, device=patches.device)
    for rows in torch.split(patches.view(len(patches), 3, -1), ROWS):
        wide = rows.double()
        total += torch.stack([wide.sum((0, 2)), wide.square().sum((0, 2))])
    mean, square = total / (patches.numel() / 3)
    return mean, (square - mean.square()).clamp_min(0).sqrt()


def _spread_out(mean: Tensor, std: Tensor) -> tuple[Tensor, Tensor]:
    """(1/σ, μ) of each of a patch's numbers; all of a flat channel is its mean, so 0."""
    scale = torch.where(std > 0, 1 / std, 0.0)
    each = LENGTH // 3
    return scale.float().repeat_interleave(each), mean.repeat_interleave(each)


def _gaps(a: Tensor, b: Tensor, shift: Tensor) -> Tensor:
    """Mean |a − b + shift| of the sorted rows: (k, n), (k, n), (k,) -> (k,) float64."""
    if a.device.type != "cpu":
        apart = a.sort(1).values - b.sort(1).values + shift[:, None].float()
        return apart.abs().mean(1, dtype=torch.float64)
    # numpy sorts float32 rows several times faster than torch, which builds an index too.
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        gaps = list(pool.map(_gap, a.numpy(), b.numpy(), shift.tolist()))
    return torch.tensor(gaps, dtype=torch.float64)


def _gap(a: NDArray[np.float32], b: NDArray[np.float32], shift: float) -> float:
    """Mean |a − b + shift| of two rows, sorted in place; numpy works without the lock."""
    a.sort()
    b.sort()
    np.subtract(a, b, out=a)
    a += np.float32(shift)
    return float(np.abs(a, out=a).mean(dtype=np.float64))


def _remark(real: Tensor, fake: Tensor) -> str | None:
    """What the number alone does not say."""
    flat = [(i.amax((2, 3)) == i.amin((2, 3))).all(0) for i in (real, fake)]
    remarks = [COLLAPSED] if len(fake) > 1 and bool((fake == fake[:1]).all()) else []
    if bool((flat[0] != flat[1]).any()):
        remarks.append("a channel has no contrast at all on one side, where it counts as 0")
    return "; ".join(remarks) or None


def _check(real: Tensor, fake: Tensor) -> None:
    shapes = tuple(real.shape[1:]), tuple(fake.shape[1:])
    if shapes[0] != shapes[1] or len(shapes[0]) != 3 or shapes[0][1] != shapes[0][2]:
        raise BadInput(
            f"swd needs square images of one size (n, 3, h, h), got {shapes[0]} and {shapes[1]}; "
            "crop or resize"
        )
    if min(len(real), len(fake)) == 0:
        raise NotEnoughData("swd needs at least one image on each side; raise --images")


def _compute(real: Tensors, generated: Tensors) -> Mapping[str, Measured]:
    images = real["images"], generated["images"]
    index = real["index"], generated["index"]
    scores = _compare(images, index, int(generated["seed"]), directions=4 * 128)
    n, note = min(map(len, images)), _remark(*images)
    return {name: Measured(scores[name], n=n, note=note) for name in COLUMNS if name in scores}


# Sides that are no power of two have levels of other names: `swd` alone stands in a table then.
COLUMNS = {
    "swd": Column("SWD", lower_is_better=True, unit="×1e-3"),
    **{
        f"swd_{side}": Column(f"SWD {side}", lower_is_better=True, unit="×1e-3", optional=True)
        for side in (1024, 512, 256, 128, 64, 32, 16)
    },
}
METRIC = Metric(
    version=2,
    inputs={
        "real": Input(Stream.REAL, AllImages(MOST)),
        "generated": Input(Stream.SAMPLES, AllImages(MOST)),
    },
    compute=_compute,
    columns=COLUMNS,
    check=sides,
    ordered=True,
    parameters={
        "patches": PER_IMAGE,
        "side": SIZE,
        "levels": "laplacian",
        "coarsest": COARSEST,
        "directions": 4 * 128,
    },
)
