"""The bootstrap against what theory says of means and medians."""

from __future__ import annotations

import pytest
import torch
from scipy import stats

from genbench.statistics.bootstrap import bootstrap, interval, means

RNG = torch.Generator().manual_seed(0)


def test_draws_of_a_mean_scatter_by_the_standard_error() -> None:
    """σ / √n with divisor n; 1000 draws know it to 1/√2000, so 7 % is three times that."""
    values = torch.randn(500, generator=RNG, dtype=torch.float64)
    draws = bootstrap(values, means)

    assert float(draws.std()) == pytest.approx(float(values.std(correction=0)) / 500**0.5, rel=0.07)
    assert float(draws.mean()) == pytest.approx(float(values.mean()), abs=0.01)


def test_the_interval_is_that_of_scipy() -> None:
    values = torch.rand(200, generator=RNG, dtype=torch.float64).square()
    theirs = stats.bootstrap(
        (values.numpy(),),
        lambda x, axis: x.mean(axis),
        method="percentile",
        n_resamples=4000,
        random_state=0,
    ).confidence_interval

    assert interval(bootstrap(values, means)) == pytest.approx(theirs, rel=0.03)


def test_draws_are_always_the_same_however_many_fit_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = torch.randn(50, generator=RNG, dtype=torch.float64)
    one = bootstrap(values, means)
    monkeypatch.setattr("genbench.statistics.bootstrap.AT_ONCE", 120)

    assert torch.equal(bootstrap(values, means), one)
    assert not torch.equal(bootstrap(values, means, "other"), one)


def test_equal_values_leave_no_doubt() -> None:
    assert interval(bootstrap(torch.full((9,), 0.25, dtype=torch.float64), means)) == (0.25, 0.25)
