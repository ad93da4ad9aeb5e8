"""Watches the images that a model makes, without making the device wait for anything."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from genbench.errors import BadInput
from genbench.evaluation.image_digest import ImageDigest
from genbench.images import to_bytes

NEVER = torch.iinfo(torch.int64).max  # the first bad row where there is none
FAR = 2.0  # a decoder without a last tanh passes 1 now and then, but not this
GREY = 8.0  # no decoder that was trained on [-1, 1] passes this: it makes grey levels


@dataclass(frozen=True)
class Seen:
    """What one process has seen of a stream."""

    rows: int = 0
    low: float = float("inf")  # of floats, as the model made them
    high: float = float("-inf")
    same: bool = True  # all images are equal to the first
    first: str = ""  # sha256 of the first
    flat: int = 0  # images of a single colour
    images: bytes = b""  # see `ImageDigest.rows`


class Watch:
    """The first row that is not finite, the range of the values, and whether images differ."""

    def __init__(self, who: str, stream: str, resolution: int) -> None:
        """Nothing seen.

        Args:
            who: name of the model, for messages.
            stream: what it makes, with its seed, likewise.
            resolution: that its images must have.
        """
        self.who, self.stream, self.resolution = who, stream, resolution
        self.rows = 0
        self.first: Tensor | None = None
        self.bad = torch.tensor(NEVER)
        self.low, self.high = torch.tensor(torch.inf), torch.tensor(-torch.inf)
        self.same, self.flat = torch.tensor(True), torch.tensor(0)
        self.digest = ImageDigest()

    def see(self, images: Tensor, start: int) -> None:
        """Take images as a model makes them, from row *start* of its stream on.

        Raises:
            BadInput: not (n, 3, resolution, resolution), or integers other than uint8.
        """
        self._check(images)
        if self.first is None:
            self._begin(images)
        assert self.first is not None
        self.rows += len(images)
        if images.is_floating_point():
            sound = images.isfinite().flatten(1).all(1)
            place = torch.arange(start, start + len(images), device=images.device)
            self.bad = torch.minimum(self.bad, place.masked_fill(sound, NEVER).min())
            low, high = images.float().aminmax()
            self.low, self.high = torch.minimum(self.low, low), torch.maximum(self.high, high)
        self.same = self.same & (images == self.first).all()
        flat = images.amax((2, 3)) == images.amin((2, 3))
        self.flat = self.flat + flat.all(1).sum()

    def quantised(
        self, images: Tensor, start: int, convert: Callable[[Tensor], Tensor] = to_bytes
    ) -> Tensor:
        """The uint8 images that are measured; see `see` for the rest."""
        self.see(images, start)
        found = images if images.dtype == torch.uint8 else convert(images)
        self.digest.add(found, start)
        return found

    def conclude(self) -> None:
        """Wait for the device, and say which image was bad.

        Raises:
            BadInput: one was not finite.
        """
        if int(self.bad) != NEVER:
            raise BadInput(
                f"{self.who} made an image that is not finite: row {int(self.bad)} of its "
                f"{self.stream}"
            )

    def seen(self) -> Seen:
        """What this process has seen."""
        if self.first is None:
            return Seen()
        digest = hashlib.sha256(self.first.float().cpu().numpy().tobytes()).hexdigest()
        low, high = float(self.low), float(self.high)
        rows = self.digest.rows()
        return Seen(self.rows, low, high, bool(self.same), digest, int(self.flat), rows)

    def _begin(self, images: Tensor) -> None:
        self.first = images[:1].clone()
        for name in ("bad", "low", "high", "same", "flat"):
            setattr(self, name, getattr(self, name).to(images.device))

    def _check(self, images: Tensor) -> None:
        wanted = (3, self.resolution, self.resolution)
        if images.ndim != 4 or tuple(images.shape[1:]) != wanted:
            raise BadInput(
                f"{self.who} makes images of shape {tuple(images.shape[1:])}, the data are {wanted}"
                + self._guess(tuple(images.shape[1:]))
            )
        if not images.is_floating_point() and images.dtype != torch.uint8:
            raise BadInput(
                f"{self.who} makes images of {images.dtype}; wanted floats in [-1, 1], "
                "or uint8 in 0..255"
            )

    def _guess(self, shape: tuple[int, ...]) -> str:
        """What a wrong shape may come from, and what to do."""
        if len(shape) == 1 and shape[0] == 3 * self.resolution**2:
            return f"; give them back their shape: x.view(-1, 3, {self.resolution}, -1)"
        if len(shape) != 3 or shape == (3, self.resolution, self.resolution):
            return ""
        if shape[0] == shape[1] != shape[2]:
            return "; that is NHWC, channels last, where NCHW is wanted: x.permute(0, 3, 1, 2)"
        if shape[0] == 1 and shape[2] == self.resolution:
            return "; of grey images make three equal channels: x.expand(-1, 3, -1, -1)"
        if shape[0] == 3 and shape[1] == shape[2] < self.resolution:
            return "; a growing model is measured once it is fully grown"
        return ""


def remark(parts: Sequence[Seen], what: str) -> str | None:
    """What numbers made of these images do not say.

    Args:
        parts: what each process has seen.
        what: "samples", "reconstructions".
    """
    parts = [part for part in parts if part.rows]
    n = sum(part.rows for part in parts)
    if not n:
        return None
    said = []
    if n > 1 and all(part.same for part in parts) and len({part.first for part in parts}) == 1:
        said.append(f"all {n} {what} are identical")
    elif flat := sum(part.flat for part in parts):
        said.append(f"{flat} of {n} {what} are of a single colour")
    if (misfit := _range(*_ends(parts), what)) is not None:
        said.append(misfit)
    return "; ".join(said) or None


def wrong_range(parts: Sequence[Seen], what: str) -> str | None:
    """That these images are in another range, [0, 1] or grey levels; see `remark`.

    A decoder without a last tanh, which passes 1 here and there, is left to the remark.
    """
    low, high = _ends(parts)
    return _range(low, high, what) if 0 <= low < high or max(-low, high) > GREY else None


def _ends(parts: Sequence[Seen]) -> tuple[float, float]:
    seen = [part for part in parts if part.rows]
    low = min((part.low for part in seen), default=-1.0)
    return low, max((part.high for part in seen), default=1.0)


def _range(low: float, high: float, what: str) -> str | None:
    if low < -FAR or high > FAR:
        return (
            f"the {what} reach from {low:.3g} to {high:.3g} where [-1, 1] is wanted, "
            "and are clamped"
        )
    if 0 <= low < high:
        return (
            f"no value of the {what} is below 0, where they should fill [-1, 1]: "
            "is the model's range [0, 1]?"
        )
    return None
