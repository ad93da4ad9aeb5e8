"""The Gaussian that an encoder gives for each image, and its divergence from the prior."""

from __future__ import annotations

from typing import NamedTuple

from torch import Generator, Tensor

from .priors import gaussian

LEAST, MOST = -30.0, 20.0  # log variance: its exponential stays finite and above 0 in float32


class Posterior(NamedTuple):
    """N(mean, diag(exp(logvar))) for each of n images, float32 or better."""

    mean: Tensor  # (n, d)
    logvar: Tensor  # (n, d), logarithm of the variance, not of the deviation

    @classmethod
    def of(cls, numbers: Tensor) -> Posterior:
        """What an encoder's last layer says, (n, 2 d): means first, log variances after them.

        Out of [-30, 20] a log variance is clamped: it would overflow before it means anything.
        """
        precise = numbers.float() if numbers.dtype.itemsize < 4 else numbers
        mean, logvar = precise.chunk(2, dim=1)
        return cls(mean, logvar.clamp(LEAST, MOST))

    def draw(self, rng: Generator) -> Tensor:
        """One latent for each image, mean + exp(logvar / 2) noise: (n, d); gradients pass."""
        n, latent = self.mean.shape
        noise = gaussian(n, latent, rng).to(self.mean)
        return self.mean + (self.logvar / 2).exp() * noise

    def kl(self) -> Tensor:
        """Divergence from N(0, I), summed over the latent: (n,) nats."""
        return (self.mean.square() + self.logvar.exp() - 1 - self.logvar).sum(1) / 2
