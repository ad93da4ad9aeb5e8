"""What a model can do: any object with the right methods can be measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Generator, Tensor


@runtime_checkable
class Generates(Protocol):
    """Makes images out of nothing but noise."""

    def sample(self, n: int, rng: Generator | None = None) -> Tensor:
        """n new images, (n, 3, h, w) in [-1, 1]; the same *rng* state gives the same images."""


@runtime_checkable
class Draws(Protocol):
    """Samples its own prior. ``decode(draw(n, rng))`` is then what ``sample(n, rng)`` gives."""

    def draw(self, n: int, rng: Generator) -> Tensor:
        """n latents of the prior, (n, d), on the device of *rng*."""


@runtime_checkable
class Encodes(Protocol):
    """Turns images into latents."""

    def encode(self, images: Tensor) -> Tensor:
        """(n, 3, h, w) in [-1, 1] -> (n, d)."""


@runtime_checkable
class Decodes(Protocol):
    """Turns latents into images."""

    def decode(self, latents: Tensor) -> Tensor:
        """(n, d) -> (n, 3, h, w), nominally in [-1, 1]; whoever measures clamps."""


@runtime_checkable
class Interpolates(Protocol):
    """Knows the way between two of its latents."""

    def interpolate(self, a: Tensor, b: Tensor, t: float | Tensor) -> Tensor:
        """Slerp on a sphere, lerp elsewhere.

        Args:
            a: (n, d), float32 or float64.
            b: (n, d).
            t: share of the way, 0 gives a and 1 gives b; a number, or one for each row (n,).
        """


@runtime_checkable
class Stores(Protocol):
    """Keeps a latent for each training image."""

    def stored(self, index: Tensor) -> Tensor:
        """Latents of rows of the training split, (n,) int64 -> (n, d)."""
