"""Codes of images by search: gradient descent on z through a decoder that is left as it is.

Paper: P. Bojanowski et al., "Optimizing the Latent Space of Generative Networks", ICML 2018,
    arXiv:1707.05776, which does not name the optimiser; here it is Adam with a cosine decay.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Generator, Tensor
from torch.optim import Adam

from .laplacian_loss import lap1
from .losses import mean_square
from .priors import gaussian

# n images, s starts for each, d numbers in a code

Decode: TypeAlias = Callable[[Tensor], Tensor]  # (n, d) -> (n, c, h, h)
Objective: TypeAlias = Callable[[Tensor, Tensor], Tensor]  # two sets of images -> (n,)
OBJECTIVES: Mapping[str, Objective] = {"mse": mean_square, "lap1": lap1}


@dataclass(frozen=True, kw_only=True)
class Search:
    """How codes are looked for."""

    steps: int
    lr: float  # of Adam at the first step; falls to 0 as half a cosine
    objective: str = "mse"  # or "lap1"
    project: Callable[[Tensor], Tensor] | None = None  # (n, d) -> (n, d), after every step


def search(decode: Decode, images: Tensor, starts: Tensor, how: Search) -> Tensor:
    """The code of each image whose decoded image comes closest to it.

    It works within ``torch.no_grad`` and ``torch.inference_mode`` too, waits for the device at
    no step, and draws nothing at random. The losses of the images are added up, so no image
    has a part in the code of another and any split into batches gives the same.

    Args:
        decode: a decoder in evaluation mode: batch norm in training mode would mix the images.
            Its weights get no gradient; put the call into `_layers.frozen` to save memory.
        images: in the range of the decoder, (n, c, h, h).
        starts: (s, n, d), or (s, 1, d) where all images start alike; the best of the s results is
            kept for each image.
        how: steps, learning rate, objective, projection.

    Returns:
        (n, d), without a graph.
    """
    # What was made in inference mode can have no part in a graph, so it is copied.
    with torch.inference_mode(False), torch.enable_grad():
        target = images.detach().clone()
        firsts = starts.detach().clone().expand(-1, len(target), -1)
        found = [_descend(decode, target, first, how) for first in firsts]
        return found[0] if len(found) == 1 else _best(decode, target, found, how)


def normal_starts(count: int, latent: int, like: Tensor) -> Tensor:
    """*count* starts of N(0, I), always the same ones, for all images: (count, 1, latent).

    Were they drawn for each image, its code would depend on the place it has in its batch.
    """
    return gaussian(count, latent, Generator().manual_seed(0))[:, None].to(like)


def _descend(decode: Decode, target: Tensor, start: Tensor, how: Search) -> Tensor:
    objective = OBJECTIVES[how.objective]
    z = start.clone().requires_grad_()
    adam = Adam([z], how.lr)
    for step in range(how.steps):
        adam.param_groups[0]["lr"] = how.lr * (1 + math.cos(math.pi * step / how.steps)) / 2
        # Gradients for z alone: those of the weights would double the work and stay behind.
        (z.grad,) = torch.autograd.grad(objective(decode(z), target).sum(), [z])
        adam.step()
        if how.project is not None:
            with torch.no_grad():
                z.copy_(how.project(z))
    return z.detach()


@torch.no_grad()
def _best(decode: Decode, target: Tensor, found: list[Tensor], how: Search) -> Tensor:
    """Of several codes for each image the one with the least loss."""
    objective = OBJECTIVES[how.objective]
    losses = torch.stack([objective(decode(z), target) for z in found])
    # A search that broke must not win: argmin takes NaN for the least of all.
    best = losses.nan_to_num(nan=torch.inf).argmin(0)
    return torch.stack(found)[best, torch.arange(len(target), device=target.device)]
