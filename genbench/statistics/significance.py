"""Whether two models differ: tests on the same images, on the same sets, or on two error bars.

Means are compared by a paired t test, because a table prints means. Wilcoxon's signed ranks
and sign flips test whether differences are symmetric about 0, which is another question: ranks
may point to the model with the worse mean. With few sets of samples signs also have too few
arrangements: of 5 sets the smallest p is 1/16. Over hundreds of images t needs no normality;
over a handful of sets it assumes that differences of sets are normal, as averages are.

Student's distribution is computed here, from the continued fraction of the incomplete beta
function.
Checked against: scipy.stats (ttest_rel, ttest_ind_from_stats, t), in the tests.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from genbench.errors import BadInput, NotEnoughData
from genbench.statistics.bootstrap import resamples

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Numbers = NDArray[np.float64]

LEVEL = 0.05  # of an adjusted p, below which two models are told apart
TERMS = 300  # of the continued fraction; a dozen are the rule
TINY = 1e-300


@dataclass(frozen=True)
class Difference:
    """a − b, how sure that is, and how it was found."""

    value: float
    error: float  # standard error
    p: float  # two-sided, of no difference
    n: int  # pairs; of two separate samples the smaller
    test: str
    rows: str  # what a pair is: "images"
    paired: bool = True


def paired_means(a: ArrayLike, b: ArrayLike, rows: str = "images") -> Difference:
    """Paired t test of the means of two rows of numbers about the same things.

    Args:
        a, b: (n,); a pair with a number that is NaN is left out.
        rows: what a pair is, for the words.

    Raises:
        BadInput: two lengths.
        NotEnoughData: fewer than 2 pairs.
    """
    apart = np.subtract(*_pairs(a, b))
    n = len(apart)
    value, error = float(apart.mean()), float(apart.std(ddof=1)) / math.sqrt(n)
    if error <= 1e-12 * abs(value):  # equal up to rounding: one difference, and no doubt of it
        error = 0.0
    return Difference(value, error, student(value, error, n - 1), n, "paired t", rows)


def paired_medians(
    a: ArrayLike, b: ArrayLike, rows: str = "images", *, seed: int = 0
) -> Difference:
    """Difference of two medians about the same things, by resampling whole pairs.

    The standard error is that of 1000 bootstrap differences, p that of a normal of this
    deviation. The difference of medians is not the median of differences.

    Args:
        a, b: (n,); a pair with a number that is NaN is left out.
        rows: what a pair is, for the words.
        seed: of the resamples.

    Raises:
        BadInput: two lengths.
        NotEnoughData: fewer than 2 pairs.
    """
    x, y = _pairs(a, b)
    # The same draws for every row of numbers of one length, so pairs stay whole.
    draws = _medians(x.tobytes(), seed) - _medians(y.tobytes(), seed)
    value, error = float(np.median(x) - np.median(y)), float(draws.std(ddof=1))
    p = student(value, error, math.inf)
    return Difference(value, error, p, len(x), "paired bootstrap of medians", rows)


@functools.lru_cache(maxsize=64)  # a model meets many others in one table
def _medians(numbers: bytes, seed: int) -> Numbers:
    """Medians of 1000 draws with replacement of float64 numbers, (1000,)."""
    x, rng = np.frombuffer(numbers), np.random.default_rng(seed)

    def draw(shape: tuple[int, int]) -> NDArray[np.int64]:
        return rng.integers(len(x), size=shape)

    return np.concatenate([np.median(rows, axis=1) for rows in resamples(x, draw)])


def separate_means(
    a: float, error_a: float, n_a: int, b: float, error_b: float, n_b: int
) -> Difference:
    """Welch's t test of two means that have nothing in common but what they measure.

    Args:
        a, b: the means.
        error_a, error_b: their standard errors.
        n_a, n_b: numbers that each was taken over.

    Raises:
        NotEnoughData: a mean of fewer than 2.
    """
    if min(n_a, n_b) < 2:
        raise NotEnoughData(f"a t test needs 2 numbers on each side, got {n_a} and {n_b}")
    parts = error_a**2, error_b**2
    variance = sum(parts)
    spare = parts[0] ** 2 / (n_a - 1) + parts[1] ** 2 / (n_b - 1)
    freedom = variance**2 / spare if spare > 0 else math.inf
    value, error = a - b, math.sqrt(variance)
    p = student(value, error, freedom)
    return Difference(value, error, p, min(n_a, n_b), "Welch's t", "two sets", paired=False)


def student(value: float, error: float, freedom: float) -> float:
    """Two-sided p of *value* with standard error *error* and *freedom* degrees of freedom.

    Infinite freedom is the normal distribution. Without any error p is 1 for 0, and else 0.
    """
    if error == 0:
        return 1.0 if value == 0 else 0.0
    t = abs(value / error)
    if math.isinf(freedom):
        return math.erfc(t / math.sqrt(2))
    return incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t))


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b), for a, b > 0 and x from 0 to 1.

    By its continued fraction, evaluated as W. J. Lentz does (Applied Optics 15, 1976), on the
    side of the mean where it converges fast.
    """
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(b, a, 1 - x)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    d = 1 / _away(1 - (a + b) * x / (a + 1))
    c, fraction = 1.0, d
    for m in range(1, TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d, c = 1 / _away(1 + term * d), _away(1 + term / c)
            fraction *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return min(1.0, front * fraction / a)


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's adjusted p of each of several tests, in their order: 1 at most.

    Taking those below α keeps the chance of any false one below α, whatever the tests have
    in common.

    Source: S. Holm, "A Simple Sequentially Rejective Multiple Test Procedure",
        Scandinavian Journal of Statistics 6(2), 1979.
    """
    adjusted = [0.0] * len(ps)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[index]))
        adjusted[index] = highest
    return adjusted


def _pairs(a: ArrayLike, b: ArrayLike) -> tuple[Numbers, Numbers]:
    """Both rows without the pairs that have a NaN, (n,) float64."""
    x, y = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if x.shape != y.shape or x.ndim != 1:
        raise BadInput(f"pairs need two rows of one length, got {x.shape} and {y.shape}")
    both = ~(np.isnan(x) | np.isnan(y))
    if both.sum() < 2:
        raise NotEnoughData(f"a paired test needs 2 pairs or more, got {both.sum()}")
    return x[both], y[both]


def _away(x: float) -> float:
    return x if abs(x) > TINY else TINY
