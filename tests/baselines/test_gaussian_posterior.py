"""The diagonal Gaussian posterior."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
import torch
from torch.distributions import Normal, kl_divergence

Posterior: Any = import_module("genbench.baselines._parts.gaussian_posterior").Posterior


def numbers(n: int = 5, latent: int = 3) -> torch.Tensor:
    return torch.randn(n, 2 * latent, generator=torch.Generator().manual_seed(0))


def test_divergence_is_zero_for_the_prior_and_positive_elsewhere() -> None:
    assert torch.equal(Posterior.of(torch.zeros(4, 6)).kl(), torch.zeros(4))
    assert (Posterior.of(numbers()).kl() > 0).all()


def test_divergence_is_that_of_torch_summed_over_the_latent() -> None:
    """A second implementation; the paper's equation 9 has the opposite sign."""
    posterior = Posterior.of(numbers())
    there = Normal(posterior.mean, (posterior.logvar / 2).exp())
    expected = kl_divergence(there, Normal(0.0, 1.0)).sum(1)

    assert torch.allclose(posterior.kl(), expected, rtol=1e-5)


def test_divergence_by_hand() -> None:
    """Mean 2 and variance e: (4 + e - 1 - 1) / 2."""
    assert Posterior.of(torch.tensor([[2.0, 1.0]])).kl() == pytest.approx(1 + 2.718281828 / 2)


def test_first_half_is_the_mean_and_second_the_log_variance() -> None:
    posterior = Posterior.of(torch.tensor([[1.0, 2.0, 3.0, 4.0]]))

    assert posterior.mean.tolist() == [[1.0, 2.0]]
    assert posterior.logvar.tolist() == [[3.0, 4.0]]


def test_draws_have_the_mean_and_the_variance() -> None:
    """20 000 rows: the mean of N(1, 4) is within 5 standard errors, 0.07, its variance 0.2."""
    wide = torch.tensor([[1.0, 1.386294]]).repeat(20_000, 1)
    drawn = Posterior.of(wide).draw(torch.Generator().manual_seed(1))

    assert drawn.mean() == pytest.approx(1, abs=0.07)
    assert drawn.var() == pytest.approx(4, abs=0.2)


def test_gradients_pass_through_a_draw() -> None:
    """d z / d mean = 1, d z / d logvar = noise exp(logvar / 2) / 2."""
    raw = numbers().requires_grad_()
    posterior = Posterior.of(raw)
    z = posterior.draw(torch.Generator().manual_seed(1))
    z.sum().backward()

    assert raw.grad is not None
    assert torch.equal(raw.grad[:, :3], torch.ones(5, 3))
    assert torch.allclose(raw.grad[:, 3:], (z - posterior.mean).detach() / 2, atol=1e-6)


def test_an_exploding_variance_stays_finite() -> None:
    """The exponential of 1000 would not be, nor any number after it."""
    posterior = Posterior.of(torch.tensor([[0.0, 1000.0], [0.0, -1000.0]]))

    assert posterior.kl().isfinite().all()
    assert posterior.draw(torch.Generator().manual_seed(0)).isfinite().all()
    half = Posterior.of(torch.tensor([[1.0, 9.0]], dtype=torch.bfloat16))
    assert half.kl().dtype == half.draw(torch.Generator().manual_seed(0)).dtype == torch.float32
