"""The prior on the sphere, and the ways between two latents."""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any

import pytest
import torch

latent: Any = import_module("genbench.baselines._parts.priors")
lerp, slerp, sphere = latent.lerp, latent.slerp, latent.sphere


def pair(n: int = 8, d: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    return sphere(n, d, rng).double(), sphere(n, d, rng).double()


def test_prior_is_even_on_the_unit_sphere() -> None:
    """Norm 1, mean 0, covariance I/d; 0.01 is four standard errors of 40 000 draws."""
    z = sphere(40_000, 4, torch.Generator().manual_seed(0))

    assert torch.allclose(z.norm(dim=1), torch.ones(40_000), atol=1e-6)
    assert torch.allclose(z.mean(0), torch.zeros(4), atol=0.01)
    assert torch.allclose(z.T @ z / len(z), torch.eye(4) / 4, atol=0.01)


def test_slerp_ends_where_it_should_and_stays_on_the_sphere() -> None:
    a, b = pair()

    assert torch.equal(slerp(a, b, 0.0), a)
    assert torch.equal(slerp(a, b, 1.0), b)
    for t in (0.1, 0.5, 0.9):
        assert torch.allclose(slerp(a, b, t).norm(dim=1), torch.ones(8, dtype=a.dtype))


def test_slerp_covers_the_angle_evenly() -> None:
    """From (1, 0) to (0, 1), a third of the way is at 30 degrees."""
    a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    third = torch.tensor([[math.cos(math.pi / 6), math.sin(math.pi / 6)]])

    assert torch.allclose(slerp(a, b, 1 / 3), third)


def test_slerp_of_a_tiny_angle_is_the_line() -> None:
    """Path length steps by 1e-4; the formula is 0 / 0 at equal ends."""
    a, b = pair()

    assert torch.equal(slerp(a, a, 0.3), a)
    near = a + 1e-6 * b
    assert torch.allclose(slerp(a, near, 0.5), (a + near) / 2, atol=1e-12)


@pytest.mark.parametrize("way", [slerp, lerp])
def test_each_row_may_have_its_own_share(way: object) -> None:
    assert callable(way)
    a, b = pair(3)
    t = torch.tensor([0.0, 0.25, 1.0])
    rows = [way(a[i : i + 1], b[i : i + 1], float(t[i])) for i in range(3)]

    assert torch.allclose(way(a, b, t), torch.cat(rows))
