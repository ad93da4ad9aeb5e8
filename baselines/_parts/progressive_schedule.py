"""Growing from 4x4 upwards: when, and what images look like on the way.

Phase p works at resolution 4 * 2^p. A new phase fades in: alpha, the share of its block,
rises from 0 to 1 in a straight line over the first images of the phase.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  # the name torch's own documentation uses
from torch import Tensor

from genbench.errors import BadSetting

RESOLUTIONS = tuple(4 << phase for phase in range(9))  # 4 .. 1024


@dataclass(frozen=True)
class Growth:
    """Where in the schedule a training stands."""

    phase: int
    alpha: float  # 0 .. 1; runs in phase 0 too, where nothing fades

    @property
    def resolution(self) -> int:
        """Pixels on a side of the images of this phase."""
        return RESOLUTIONS[self.phase]

    @property
    def settled(self) -> bool:
        """Whether the fade is over, or would be in phase 0."""
        return self.alpha >= 1

    @property
    def fading(self) -> bool:
        """Whether two resolutions are at work."""
        return self.phase > 0 and not self.settled

    @property
    def era(self) -> int:
        """Number of the stretch of training whose images may be mixed; here the phase."""
        return self.phase

    @property
    def name(self) -> str:
        """For the progress bar: "16x16 fade"."""
        size = f"{self.resolution}x{self.resolution}"
        return f"{size} fade" if self.fading else size


@dataclass(frozen=True)
class Schedule:
    """Phases by the number of images shown."""

    starts: tuple[int, ...]  # images shown when phase 0, 1, ... begins; not falling
    fade: float  # images over which alpha rises; 0: no fade

    @property
    def eras(self) -> tuple[int, ...]:
        """Resolution of each phase."""
        return RESOLUTIONS[: len(self.starts)]

    def growth(self, seen: int) -> Growth:
        """Phase and alpha after *seen* images."""
        phase = bisect_right(self.starts, seen) - 1
        inside = seen - self.starts[phase]
        return Growth(phase, min(1.0, inside / self.fade) if self.fade else 1.0)


@dataclass(frozen=True)
class Glances:
    """A schedule that is looked at once in some steps, and otherwise taken as it was.

    The steps between two looks all have the batch size found at the first, so when it was
    last looked at is a function of the number of images shown.
    """

    schedule: Schedule
    batches: tuple[int, ...]  # images a step shows in phase 0, 1, ...
    steps: int  # from one look to the next

    def growth(self, seen: int) -> Growth:
        """Phase and alpha after *seen* images, as they were at the last look."""
        return self.schedule.growth(self.last_look(seen))

    def last_look(self, seen: int) -> int:
        """Images shown when the schedule was last looked at."""
        last, starts = 0, self.schedule.starts
        while True:
            phase = self.schedule.growth(last).phase
            stride = self.steps * self.batches[phase]
            if phase + 1 < len(starts):
                # ceil: the first look at or after the start of the next phase
                following = last - (last - starts[phase + 1]) // stride * stride
                if seen >= following:
                    last = following
                    continue
            return last + (seen - last) // stride * stride


def last_phase(resolution: int, owner: str) -> int:
    """Phase that works at *resolution*.

    Raises:
        BadSetting: it is not a power of two from 4 to 1024.
    """
    if resolution not in RESOLUTIONS:
        known = ", ".join(map(str, RESOLUTIONS))
        raise BadSetting(
            f"{owner} grows by doubling from 4x4 and has no resolution {resolution}; "
            f"choose --resolution from {known}"
        )
    return RESOLUTIONS.index(resolution)


def shrink(images: Tensor, resolution: int) -> Tensor:
    """Antialiased bilinear resize, rounded to 8 bits as an image library does.

    (n, 3, h, w) -> (n, 3, resolution, resolution), in [-1, 1]; untouched where it fits already.
    """
    if images.shape[-2:] == (resolution, resolution):
        return images
    size = (resolution, resolution)
    return eight_bits(F.interpolate(images, size, mode="bilinear", antialias=True))


def box(images: Tensor, resolution: int) -> Tensor:
    """Mean of the squares of pixels that make one smaller pixel, rounded to 8 bits.

    (n, 3, h, w) -> (n, 3, resolution, resolution), in [-1, 1], for h = w = resolution * 2^k.
    """
    factor = images.shape[-1] // resolution
    if factor == 1:
        return images
    # In whole grey levels every sum is exact, so ties are rounded alike on every machine.
    levels = images.mul(127.5).add(127.5).round()
    return F.avg_pool2d(levels, factor).round().div(127.5).sub(1)


def fade(images: Tensor, alpha: float) -> Tensor:
    """Blend images with their halves: alpha x + (1 - alpha) up(half(x)), rounded to 8 bits.

    (n, 3, r, r) in [-1, 1] -> the same shape; up is nearest neighbour.
    """
    half = shrink(images, images.shape[-1] // 2)
    return eight_bits(torch.lerp(double(half), images, alpha))


def show(images: Tensor, growth: Growth) -> Tensor:
    """Images as a model at *growth* is to see them: (n, 3, h, w) -> (n, 3, r, r)."""
    small = shrink(images, growth.resolution)
    return fade(small, growth.alpha) if growth.fading else small


def share(growth: Growth, device: torch.device) -> float | Tensor:
    """Alpha as networks take it, 1.0 where nothing fades.

    A tensor while it rises: compiled networks would be compiled anew for every plain number.
    """
    if not growth.fading:
        return 1.0
    return torch.full((), growth.alpha, dtype=torch.float64, device=device)


def blend(old: Tensor, new: Tensor, alpha: float | Tensor) -> Tensor:
    """(1 - alpha) *old* + alpha *new*; alpha a number, or a tensor without dimensions."""
    return torch.lerp(old, new, alpha.to(new.dtype) if isinstance(alpha, Tensor) else alpha)


def settled(alpha: float | Tensor) -> bool:
    """Whether nothing fades at *alpha*, as `share` gives it; never waits for a device."""
    return not isinstance(alpha, Tensor) and alpha >= 1


def double(images: Tensor) -> Tensor:
    """Each pixel twice in each direction: (n, c, h, w) -> (n, c, 2h, 2w)."""
    return F.interpolate(images, scale_factor=2.0, mode="nearest")


def eight_bits(images: Tensor) -> Tensor:
    """The nearest values in [-1, 1] that a byte can hold; no gradient passes."""
    return images.mul(127.5).add(127.5).round().clamp(0, 255).div(127.5).sub(1)
