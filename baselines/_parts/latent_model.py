"""What models with a latent space share, whatever they learn and however."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from genbench.interfaces import Geometry

from .priors import (
    gaussian,
    lerp,
    slerp,
    sphere,
)


class LatentModel(nn.Module):
    """Samples a prior of ``settings.latent`` numbers, by its geometry; owns named optimisers.

    A model of this kind adds ``decode`` and ``step``, and replaces what is otherwise with it.
    """

    geometry: ClassVar[Geometry] = Geometry.GAUSSIAN  # of the prior

    resolution: int
    seen: int
    settings: Any

    @abstractmethod
    def decode(self, latents: Tensor) -> Tensor:
        """(n, d) -> (n, 3, r, r)."""

    @abstractmethod
    def make_optimizers(self) -> dict[str, Optimizer]:
        """The optimisers by name; asked once, and only if the model is trained."""

    def draw(self, n: int, rng: torch.Generator) -> Tensor:
        """n latents of the prior, (n, d), on the device of *rng*."""
        prior = sphere if self.geometry is Geometry.SPHERE else gaussian
        return prior(n, self.settings.latent, rng)

    def sample(self, n: int, rng: torch.Generator | None = None) -> Tensor:
        """n new images, (n, 3, r, r); without *rng*, from torch's global generator."""
        return self.decode(self.draw(n, torch.default_generator if rng is None else rng))

    def interpolate(self, a: Tensor, b: Tensor, t: float | Tensor) -> Tensor:
        """Along the arc on a sphere, else along the straight line: (n, d), (n, d) -> (n, d)."""
        return slerp(a, b, t) if self.geometry is Geometry.SPHERE else lerp(a, b, t)

    def optimizers(self) -> Mapping[str, Optimizer]:
        """The optimisers by name, as a rule one Adam for each network."""
        return self._optimizers

    @cached_property
    def _optimizers(self) -> dict[str, Optimizer]:
        # Not in __init__: torch's first optimiser costs eight seconds of imports, which whoever
        # loads a trained model need not wait for.
        return self.make_optimizers()

    def descend(self, name: str, loss: Tensor) -> None:
        """One step of the optimiser *name* down *loss*."""
        optimizer = self._optimizers[name]
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it without types
        optimizer.step()
