"""A table of learned codes, one for each training image, and the Gaussian fitted to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F  # noqa: N812  # the name torch's own documentation uses
from torch import Generator, Tensor, nn

from genbench.distributed import gathered, processes

from .priors import gaussian

# N training images, d numbers in a code, B images in a batch

BLOCK = 65_536  # rows turned into float64 at once: 134 MB at d = 256
Project: TypeAlias = Callable[[Tensor], Tensor]  # (n, d) -> (n, d)


def ball(z: Tensor) -> Tensor:
    """Onto the unit ball: z / max(|z|, 1), so what lies inside stays: (n, d) -> (n, d)."""
    norms: Tensor = torch.linalg.vector_norm(z, dim=1, keepdim=True)
    return z / norms.clamp_min(1)


def onto_sphere(z: Tensor) -> Tensor:
    """Onto the unit sphere: z / |z|: (n, d) -> (n, d)."""
    return F.normalize(z, dim=1)


PROJECTIONS: Mapping[str, Project] = {"ball": ball, "sphere": onto_sphere}


@dataclass(frozen=True, kw_only=True)
class Descent:
    """How rows follow their gradients."""

    lr: float
    project: Project
    betas: tuple[float, float] | None = None  # of Adam; None: plain gradient descent


@dataclass(frozen=True)
class Fit:
    """N(mean, covariance) of the codes, by the eigenvectors of the covariance; float64, CPU."""

    mean: Tensor  # (d,)
    variances: Tensor  # (d,), falling
    directions: Tensor  # (d, d), rows orthonormal, the largest number of each positive


class Codes(nn.Module):
    """The table. It has no rows before `fill`, or before it takes a state that has some.

    Adam's moments and counters stand beside each row: an optimiser over the whole table would
    move rows outside the batch, and correct the bias of a row's first gradient with the number
    of steps that others have made.
    """

    rows: Tensor  # (N, d)
    first: Tensor  # (N, d), Adam's moments; (0, d) for plain gradient descent
    second: Tensor
    shown: Tensor  # (N,), steps a row has made under Adam

    def __init__(self, latent: int, *, adam: bool) -> None:
        """An empty table of codes of *latent* numbers."""
        super().__init__()
        self.latent, self.adam = latent, adam
        for name in ("rows", "first", "second"):
            self.register_buffer(name, torch.zeros(0, latent))
        self.register_buffer("shown", torch.zeros(0))
        self._fit: Fit | None = None

    def fill(self, rows: Tensor) -> None:
        """Start from *rows*, (N, d)."""
        assert rows.shape[1:] == (self.latent,), tuple(rows.shape)
        self.rows = rows.detach().clone().to(self.rows)
        if self.adam:
            self.first, self.second = torch.zeros_like(self.rows), torch.zeros_like(self.rows)
            self.shown = torch.zeros(len(rows), device=self.rows.device)
        self._fit = None

    @torch.no_grad()
    def descend(self, index: Tensor, gradient: Tensor, how: Descent) -> None:
        """Move the rows of a batch against their gradients, project them, and write them back.

        Args:
            index: (B,) int64; an image that stands in the batch twice has both gradients.
            gradient: (B, d), of a loss that is a mean over the batch of this process.
            how: rate, projection, optimiser.
        """
        # Every process keeps the whole table, and so must hear of the rows of the others.
        index, gradient = gathered(index), gathered(gradient.float()) / processes()
        same = index[:, None] == index
        with torch.autocast(gradient.device.type, enabled=False):
            gradient = same.to(gradient) @ gradient
        step = gradient if how.betas is None else self._adam(index, gradient, how.betas)
        self.rows.index_copy_(0, index, how.project(self.rows[index] - how.lr * step))
        self._fit = None

    def fit(self) -> Fit:
        """Mean and covariance (divided by N - 1) of the rows.

        Of fewer than two rows it is N(0, I / d), the Gaussian start: so an untrained model
        has something to draw from.
        """
        if self._fit is None:
            self._fit = _fit(self.rows)
        return self._fit

    def draw(self, n: int, rng: Generator) -> Tensor:
        """n draws from the fitted Gaussian, (n, d), on the device of *rng*."""
        fit = self.fit()
        # The symmetric root: any other depends on the signs that the eigenvectors come with.
        root = (fit.directions.T * fit.variances.sqrt()) @ fit.directions
        noise = gaussian(n, self.latent, rng)
        with torch.autocast(noise.device.type, enabled=False):
            return noise @ root.to(noise) + fit.mean.to(noise)

    def _adam(self, index: Tensor, gradient: Tensor, betas: tuple[float, float]) -> Tensor:
        shown = self.shown[index] + 1
        first = self.first[index].lerp(gradient, 1 - betas[0])
        second = self.second[index].lerp(gradient.square(), 1 - betas[1])
        self.shown.index_copy_(0, index, shown)
        self.first.index_copy_(0, index, first)
        self.second.index_copy_(0, index, second)
        mean, spread = (
            moment / (1 - beta**shown)[:, None]
            for moment, beta in zip((first, second), betas, strict=True)
        )
        return mean / (spread.sqrt() + 1e-8)

    def _load_from_state_dict(self, state: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        """Take a table of any length."""
        for name, own in list(self.named_buffers()):
            given = state.get(prefix + name)
            if isinstance(given, Tensor) and given.shape[1:] == own.shape[1:]:
                setattr(self, name, own.new_empty(given.shape))
        self._fit = None
        super()._load_from_state_dict(state, prefix, *rest)


def _fit(rows: Tensor) -> Fit:
    n, d = rows.shape
    if n < 2:
        eye = torch.eye(d, dtype=torch.float64)
        return Fit(torch.zeros(d, dtype=torch.float64), eye.diag() / d, eye)
    blocks = torch.split(rows.detach(), BLOCK)
    mean = sum((block.double().sum(0) for block in blocks), rows.new_zeros(()).double()) / n
    scatter = torch.zeros(d, d, dtype=torch.float64, device=rows.device)
    for block in blocks:
        centred = block.double() - mean
        scatter += centred.T @ centred
    values, vectors = torch.linalg.eigh((scatter / (n - 1)).cpu())
    directions = vectors.T.flip(0)
    largest = directions.gather(1, directions.abs().argmax(1, keepdim=True))
    # Rounding leaves variances of -1e-18 where there are fewer rows than numbers in them.
    return Fit(mean.cpu(), values.flip(0).clamp_min(0), directions * largest.sign())
