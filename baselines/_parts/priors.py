"""Latents: the uniform prior on the unit sphere, and ways between two points."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812  # the name torch's own documentation uses
from torch import Generator, Tensor

from genbench.distributed import drawn


def gaussian(n: int, latent: int, rng: Generator) -> Tensor:
    """n draws from N(0, I), (n, latent), on the device of *rng*.

    In training that several processes share, this one's of the draws for all.
    """
    return drawn(lambda shape: torch.randn(shape, generator=rng, device=rng.device), (n, latent))


def sphere(n: int, latent: int, rng: Generator) -> Tensor:
    """n points spread evenly over the unit sphere, (n, latent), on the device of *rng*."""
    return F.normalize(gaussian(n, latent, rng), dim=1)


def lerp(a: Tensor, b: Tensor, t: float | Tensor) -> Tensor:
    """Point at *t* on the straight line: (n, d), (n, d) -> (n, d); *t* a number or (n,)."""
    return torch.lerp(a, b, _column(t, a))


def slerp(a: Tensor, b: Tensor, t: float | Tensor) -> Tensor:
    """Point at *t* on the arc from *a* to *b*.

        [sin((1 - t) w) a + sin(t w) b] / sin w, with w the angle between a and b

    Args:
        a: start, (n, d), not zero.
        b: end, (n, d), not opposite to *a*: the arc would not be defined.
        t: share of the way, 0 to 1; one number, or one for each row, (n,).

    Returns:
        (n, d); *a* at 0 and *b* at 1, of norm 1 where both have norm 1.

    Source: K. Shoemake, "Animating rotation with quaternion curves", SIGGRAPH 1985.
    """
    share = _column(t, a)
    u, v = F.normalize(a, dim=1), F.normalize(b, dim=1)
    # acos of the product would lose half the digits of a small angle.
    half = torch.atan2((u - v).norm(dim=1, keepdim=True), (u + v).norm(dim=1, keepdim=True))
    angle = 2 * half
    straight = angle < 1e-4  # the formula tends to 0 / 0 there, and to the line
    sine = torch.where(straight, torch.ones_like(angle), angle.sin())
    # Divided before it multiplies, a factor is exactly 1 at its own end.
    arc = torch.sin((1 - share) * angle) / sine * a + torch.sin(share * angle) / sine * b
    return torch.where(straight, torch.lerp(a, b, share), arc)


def _column(t: float | Tensor, like: Tensor) -> Tensor:
    """*t* as (1, 1) or (n, 1), of the type and on the device of *like*."""
    if isinstance(t, Tensor):
        return t.to(like).reshape(-1, 1)
    return torch.full((1, 1), t, dtype=like.dtype, device=like.device)
