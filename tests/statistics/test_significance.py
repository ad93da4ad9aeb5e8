"""Tests of differences: closed forms, and scipy.stats as a second implementation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special, stats

from genbench.errors import BadInput, NotEnoughData
from genbench.statistics.significance import (
    holm,
    incomplete_beta,
    paired_means,
    paired_medians,
    separate_means,
    student,
)

RNG = np.random.default_rng(0)


def test_one_degree_of_freedom_is_the_arctangent() -> None:
    """Cauchy: p = 1 − 2/π arctan t."""
    for t in (0.1, 1.0, 12.7, 1e6):
        assert student(t, 1, 1) == pytest.approx(1 - 2 / math.pi * math.atan(t), rel=1e-6)


def test_two_degrees_of_freedom_have_a_closed_form() -> None:
    """p = 1 − t / √(2 + t²)."""
    for t in (0.0, 0.5, 4.3):
        assert student(-t, 1, 2) == pytest.approx(1 - t / math.sqrt(2 + t * t), rel=1e-12)


@pytest.mark.parametrize("freedom", [1, 2, 4, 9.7, 99, 9999, 99_999])
def test_p_is_that_of_scipy_far_into_the_tail(freedom: float) -> None:
    for t in (0.01, 0.3, 1.96, 5.0, 30.0):
        assert student(t, 1, freedom) == pytest.approx(2 * stats.t.sf(t, freedom), rel=1e-9)


def test_infinite_freedom_is_the_normal_distribution() -> None:
    assert student(1.959963984540054, 1, math.inf) == pytest.approx(0.05, rel=1e-12)


@pytest.mark.parametrize("a", [0.5, 3.0, 5000.0])
@pytest.mark.parametrize("b", [0.5, 2.0, 40.0])
def test_incomplete_beta_is_that_of_scipy(a: float, b: float) -> None:
    for x in (0.0, 1e-6, 0.2, 0.7, 0.999, 1.0):
        assert incomplete_beta(a, b, x) == pytest.approx(special.betainc(a, b, x), rel=1e-9)


def test_paired_means_by_hand() -> None:
    """Differences 1, 2, 3: mean 2, standard error 1/√3, t = 2√3, two degrees of freedom."""
    found = paired_means([2, 4, 6], [1, 2, 3])

    assert (found.value, found.n) == (2, 3)
    assert found.error == pytest.approx(3**-0.5)
    assert found.p == pytest.approx(1 - math.sqrt(12 / 14))
    assert (found.test, found.rows) == ("paired t", "images")


@pytest.mark.parametrize("n", [2, 5, 1000])
def test_paired_means_are_those_of_scipy(n: int) -> None:
    b = RNG.gamma(2.0, size=n)
    a = b + RNG.normal(0.05, 0.3, n)

    assert paired_means(a, b).p == pytest.approx(stats.ttest_rel(a, b).pvalue, rel=1e-9)


def test_pairs_see_what_two_error_bars_do_not() -> None:
    """Images differ by 10, models by 0.1 on each: only the paired test can know."""
    images = RNG.normal(50, 10, 400)
    a, b = images + RNG.normal(0, 0.2, 400), images + 0.1
    errors = [float(x.std(ddof=1)) / 20 for x in (a, b)]

    assert paired_means(a, b).p < 1e-6
    assert separate_means(a.mean(), errors[0], 400, b.mean(), errors[1], 400).p > 0.5


def test_exchanging_the_models_changes_the_sign_only() -> None:
    a, b = RNG.normal(size=(2, 50))
    for test in (paired_means, paired_medians):
        one, other = test(a, b), test(b, a)
        assert (one.value, one.error, one.p) == pytest.approx((-other.value, other.error, other.p))


def test_a_pair_without_a_number_is_left_out() -> None:
    found = paired_means([1, math.nan, 3, 5], [0, 0, 1, math.nan])

    assert (found.value, found.n) == (1.5, 2)


def test_without_any_scatter_p_is_one_or_zero() -> None:
    assert paired_means([1, 2], [1, 2]).p == 1
    assert paired_means([1.3, 2.3], [1, 2]).p == 0
    assert paired_medians([2, 2, 2], [2, 2, 2]).p == 1


def test_medians_keep_their_level() -> None:
    """Of 200 draws without a difference about 5 % fall below 0.05; 2 to 18 in 99.9 % of cases."""
    draws = RNG.lognormal(size=(200, 2, 100)) + RNG.lognormal(size=(200, 1, 100))

    assert 2 <= sum(paired_medians(a, b).p < 0.05 for a, b in draws) <= 18


def test_the_error_of_a_difference_of_medians() -> None:
    """Independent normal rows: the error of a median is √(π / 2n), of a difference √2 more."""
    n = 4000
    found = paired_medians(RNG.normal(size=n), RNG.normal(size=n))

    assert found.error == pytest.approx(math.sqrt(math.pi / n), rel=0.2)


def test_separate_means_are_those_of_scipy() -> None:
    a, b = RNG.normal(0, 1, 40), RNG.normal(0.4, 3, 15)
    errors = [float(x.std(ddof=1)) / math.sqrt(len(x)) for x in (a, b)]
    found = separate_means(a.mean(), errors[0], 40, b.mean(), errors[1], 15)

    assert found.p == pytest.approx(stats.ttest_ind(a, b, equal_var=False).pvalue, rel=1e-9)


def test_holm_by_hand() -> None:
    """0.01·4, 0.02·3, max(0.06, 0.03·2), 0.9·1; in the order given."""
    assert holm([0.03, 0.01, 0.9, 0.02]) == pytest.approx([0.06, 0.04, 0.9, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def test_what_cannot_be_tested_says_why() -> None:
    with pytest.raises(BadInput, match="two rows of one length"):
        paired_means([1, 2, 3], [1, 2])
    with pytest.raises(NotEnoughData, match="needs 2 pairs or more, got 1"):
        paired_medians([1, math.nan], [1, 2])
    with pytest.raises(NotEnoughData, match="2 numbers on each side, got 1 and 9"):
        separate_means(0, 1, 1, 0, 1, 9)
