"""The divergence of a batch of latents from the prior."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

sphere: Any = import_module("genbench.baselines._parts.priors").sphere
losses: Any = import_module("genbench.baselines._parts.losses")
batch_kl, least_kl = losses.batch_kl, losses.least_kl
mean_cosine, moments = losses.mean_cosine, losses.moments

TRIANGLE = [[0.6, 0.8], [-0.8, 0.6], [1.0, 0.0]]
AXES = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]


@pytest.mark.parametrize(("rows", "expected"), [(TRIANGLE, 0.41906612), (AXES, 0.09657359)])
def test_kl_of_hand_examples(rows: list[list[float]], expected: float) -> None:
    """Worked by hand; the axes have mean 0 and variance 1/2, so K = 1/4 + log(2)/2 - 1/2."""
    assert batch_kl(torch.tensor(rows, dtype=torch.float64)) == pytest.approx(expected, abs=5e-9)


@pytest.mark.parametrize(("d", "expected"), [(512, 2.6201), (128, 1.9299), (64, 1.5873)])
def test_lower_bound(d: int, expected: float) -> None:
    """1/(2d) + log(d)/2 - 1/2, reached by plus and minus every axis."""
    axes = torch.cat([torch.eye(d), -torch.eye(d)]).double()

    assert least_kl(d) == pytest.approx(expected, abs=5e-5)
    assert batch_kl(axes) == pytest.approx(least_kl(d), rel=1e-12)


@pytest.mark.parametrize(
    ("d", "n", "expected"), [(64, 4, 1.913), (64, 16, 1.652), (512, 8, 2.762), (512, 64, 2.636)]
)
def test_kl_of_the_prior_itself(d: int, n: int, expected: float) -> None:
    """Expected values measured by simulation with the original code; 200 batches here."""
    rng = torch.Generator().manual_seed(0)
    values = torch.stack([batch_kl(sphere(n, d, rng)) for _ in range(200)])

    assert values.min() >= least_kl(d)
    assert values.mean() == pytest.approx(expected, abs=0.01)


def test_gradient_is_the_closed_form() -> None:
    """dK/dz_ij = (z_ij - (z_ij - mu_j) / v_j) / (d B)."""
    z = sphere(6, 5, torch.Generator().manual_seed(0)).double().requires_grad_()
    batch_kl(z).backward()
    with torch.no_grad():
        variance, mean = moments(z)
        expected = (z - (z - mean) / variance) / z.numel()

    assert torch.allclose(z.grad, expected, rtol=1e-12)


def test_on_the_sphere_only_the_logarithm_pulls() -> None:
    """The squares of unit vectors add up to 1, so the rest of K is constant along the sphere."""
    raw = torch.randn(6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    raw.requires_grad_()
    whole = torch.autograd.grad(batch_kl(F.normalize(raw, dim=1)), raw)[0]
    log = -moments(F.normalize(raw, dim=1))[0].log().mean() / 2
    alone = torch.autograd.grad(log, raw)[0]

    assert torch.allclose(whole, alone, atol=1e-14)


def test_a_collapsed_batch_has_a_finite_kl() -> None:
    """All latents equal, or one latent alone: the variance is 0."""
    assert batch_kl(torch.ones(4, 8) / 8**0.5).isfinite()
    z = torch.ones(1, 8, requires_grad=True)
    batch_kl(z).backward()
    assert z.grad is not None
    assert z.grad.isfinite().all()


def test_cosine_refuses_shapes_that_would_broadcast_to_all_pairs() -> None:
    """AGE's code kept z as (B, d, 1, 1), which against (B, d) silently loses the pairing."""
    z = torch.eye(4)

    assert mean_cosine(z, z) == 1
    assert mean_cosine(z, z.roll(1, 0)) == 0
    with pytest.raises(AssertionError):
        mean_cosine(z[:, :, None, None], z)


def test_mean_square_of_each_image() -> None:
    a = torch.zeros(2, 3, 4, 4)
    b = torch.stack([a[0] + 0.5, a[1] - 2])

    assert losses.mean_square(a, b).tolist() == [0.25, 4.0]


def test_mean_square_refuses_shapes_that_would_broadcast() -> None:
    with pytest.raises(AssertionError, match="against"):
        losses.mean_square(torch.zeros(2, 1, 4, 4), torch.zeros(2, 3, 4, 4))


@pytest.mark.parametrize(("d", "expected"), [(64, 3.6590), (128, 4.3521), (512, 5.7383)])
def test_lower_bound_of_the_kl_in_the_code_of_age(d: int, expected: float) -> None:
    """1/(2d^2) + log(d) - 1/2, reached by plus and minus every axis."""
    axes = torch.cat([torch.eye(d), -torch.eye(d)]).double()

    assert losses.least_deviation_kl(d) == pytest.approx(expected, abs=5e-5)
    assert losses.deviation_kl(axes) == pytest.approx(losses.least_deviation_kl(d), rel=1e-12)


def test_kl_in_the_code_of_age_by_hand() -> None:
    rows = torch.tensor(TRIANGLE, dtype=torch.float64)

    assert losses.deviation_kl(rows) == pytest.approx(1.00236433, abs=5e-9)


@pytest.mark.parametrize(
    ("d", "n", "expected"),
    [(64, 16, 3.789), (64, 64, 3.691), (64, 256, 3.667), (128, 64, 4.383), (512, 64, 5.770)],
)
def test_kl_in_the_code_of_age_of_the_prior_itself(d: int, n: int, expected: float) -> None:
    """Expected values measured by imitating the code; 100 batches here."""
    rng = torch.Generator().manual_seed(0)
    values = torch.stack([losses.deviation_kl(sphere(n, d, rng)) for _ in range(100)])

    assert values.min() >= losses.least_deviation_kl(d)
    assert values.mean() == pytest.approx(expected, abs=0.01)


def test_the_code_of_age_pulls_twice_as_hard() -> None:
    """On the sphere, to first order in 1/d: the rest is v_j^2 and mu_j^2 against -log v_j."""
    d = 256
    raw = torch.randn(64, d, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    raw.requires_grad_()
    code = torch.autograd.grad(losses.deviation_kl(F.normalize(raw, dim=1)), raw)[0]
    right = torch.autograd.grad(batch_kl(F.normalize(raw, dim=1)), raw)[0]

    assert (code - 2 * right).norm() < 4 / d * code.norm()


def test_a_collapsed_batch_has_a_finite_kl_in_the_code_of_age() -> None:
    z = torch.ones(4, 8, requires_grad=True)
    losses.deviation_kl(z / 8**0.5).backward()

    assert z.grad is not None
    assert z.grad.isfinite().all()
