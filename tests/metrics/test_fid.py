"""Fréchet distance: closed forms, other implementations, and what it says to bad input."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch
from draws import rng
from torch import Tensor
from torch_fidelity.metric_fid import fid_statistics_to_metric

from genbench.accumulators.merge import finished
from genbench.errors import BadInput, GenbenchError, NotEnoughData
from genbench.interfaces import Pass, Stream, Tensors
from genbench.registry import plugin

fid = plugin("metric", "fid").open()
METRIC = plugin("metric", "fid").load()
DECAY = 1e-4  # smallest variance over largest: features of images have such spectra


def features(n: int, d: int, seed: int = 0) -> Tensor:
    """Correlated features with a decaying spectrum, (n, d) float64."""
    rng = torch.Generator().manual_seed(seed)
    spread = torch.logspace(0, np.log10(DECAY) / 2, d, dtype=torch.float64)
    mixing: Tensor = torch.linalg.qr(torch.randn(d, d, generator=rng, dtype=torch.float64))[0]
    return torch.randn(n, d, generator=rng, dtype=torch.float64) * spread @ mixing + 0.3


def moments(rows: Tensor) -> tuple[Tensor, Tensor]:
    return rows.mean(0), rows.T.cov()


def distance(a: Tensor, b: Tensor) -> float:
    return float(fid.frechet_distance(*moments(a), *moments(b)))


def by_nuclear_norm(a: Tensor, b: Tensor) -> float:
    """The same distance without covariances: tr √ is the nuclear norm of the centred data."""
    means = a.mean(0), b.mean(0)
    left, right = (
        (rows - mean) / (len(rows) - 1) ** 0.5 for rows, mean in zip((a, b), means, strict=True)
    )
    overlap = torch.linalg.svdvals(left @ right.T).sum()
    gap = (means[0] - means[1]).square().sum()
    return float(gap + left.square().sum() + right.square().sum() - 2 * overlap)


def gathered(rows: Tensor, sizes: list[int], side: int = 0, first: int = 0) -> Tensors:
    """What the metric's statistic makes of *rows* in batches of *sizes*."""
    statistic = METRIC.inputs["real"].statistic
    sums = statistic.start(Pass(torch.device("cpu"), len(rows), 64, side, 0))
    index = torch.arange(first, first + len(rows))
    for batch, place in zip(torch.split(rows, sizes), torch.split(index, sizes), strict=True):
        sums.update((batch,), place)
    return finished(statistic, Pass(torch.device("cpu"), len(rows), 64, side, 0), sums)


def test_shift_costs_its_squared_length() -> None:
    """Equal covariances leave |c|²."""
    x, c = features(500, 20), torch.linspace(-1, 2, 20, dtype=torch.float64)

    assert distance(x, x + c) == pytest.approx(float(c.square().sum()), rel=1e-12)


def test_doubling_costs_the_mean_and_the_trace() -> None:
    """Σ → 4Σ: tr Σ + 4 tr Σ − 2·2 tr Σ = tr Σ, and the mean moves by itself."""
    x = features(500, 20)
    mean, cov = moments(x)

    assert distance(x, 2 * x) == pytest.approx(float(mean.square().sum() + cov.trace()), rel=1e-12)


def test_diagonal_covariances_compare_deviations() -> None:
    """Commuting covariances: Σ (σa − σb)²."""
    zero = np.zeros(4)
    a, b = np.array([1.0, 2.0, 3.0, 0.0]), np.array([2.0, 2.0, 0.5, 1.0])

    found = fid.frechet_distance(zero, np.diag(a**2), zero, np.diag(b**2))

    assert found == pytest.approx(((a - b) ** 2).sum(), rel=1e-12)


@pytest.mark.parametrize("shape", [(), (1,)])
def test_one_feature_has_the_closed_form(shape: tuple[int, ...]) -> None:
    """(Δμ)² + (σ1 − σ2)², where other tools stumble over a scalar."""
    numbers = [torch.full(shape, value) for value in (1.0, 4.0, 3.0, 25.0)]

    assert fid.frechet_distance(*numbers) == pytest.approx((1 - 3) ** 2 + (2 - 5) ** 2)


@pytest.mark.parametrize("n", [40, 400])
def test_distance_is_symmetric_and_zero_for_equal_sets(n: int) -> None:
    a, b = features(n, 60, 1), features(n, 60, 2)

    assert distance(a, b) == pytest.approx(distance(b, a), rel=1e-10)
    assert distance(a, a) == pytest.approx(0, abs=1e-10)
    assert distance(a, a) >= 0


def test_order_of_rows_and_of_features_does_not_count() -> None:
    a, b = features(90, 60, 1), features(200, 60, 2)
    rows, columns = torch.randperm(90, generator=rng(1)), torch.randperm(60, generator=rng(2))

    assert distance(a[rows][:, columns], b[:, columns]) == pytest.approx(distance(a, b), rel=1e-10)


def test_full_rank_agrees_with_scipy_sqrtm() -> None:
    """Both hold about 1e-11 on such spectra; sqrtm loses more on worse ones."""
    (ma, ca), (mb, cb) = moments(features(900, 64, 1)), moments(features(700, 64, 2))
    root = scipy.linalg.sqrtm((ca @ cb).numpy()).real
    wanted = float((ma - mb).square().sum() + ca.trace() + cb.trace()) - 2 * np.trace(root)

    assert fid.frechet_distance(ma, ca, mb, cb) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize(("n", "m"), [(30, 40), (400, 40), (30, 500), (65, 64), (500, 500)])
def test_any_rank_agrees_with_the_nuclear_norm(n: int, m: int) -> None:
    """Singular covariances lose no digits: noise of 1e-16 must not become a root of 1e-8."""
    a, b = features(n, 64, 1), features(m, 64, 2)

    assert distance(a, b) == pytest.approx(by_nuclear_norm(a, b), rel=1e-10)


def test_agrees_with_torch_fidelity() -> None:
    a, b = moments(features(900, 64, 1)), moments(features(700, 64, 2))
    statistics = [{"mu": mean.numpy(), "sigma": cov.numpy()} for mean, cov in (a, b)]

    wanted = fid_statistics_to_metric(*statistics, False)["frechet_inception_distance"]

    assert fid.frechet_distance(*a, *b) == pytest.approx(wanted, rel=1e-9)


def test_constant_sets_leave_the_means() -> None:
    """A collapsed generator has a number, and a remark."""
    real, same = features(50, 8), torch.full((50, 8), 2.0, dtype=torch.float64)
    evidence = {"real": gathered(real, [50]), "generated": gathered(same, [50])}

    found = METRIC(**evidence)["fid"]

    mean, cov = moments(real)
    assert found.value == pytest.approx(float((mean - 2).square().sum() + cov.trace()))
    assert "all generated images are identical" in str(found.note)


def test_fewer_images_than_features_is_measured_with_a_remark() -> None:
    """The remark holds the counts and how far apart two such samples are by chance."""
    a, b = features(20, 32, 1), features(30, 32, 2)

    found = METRIC(real=gathered(a, [20]), generated=gathered(b, [30]))["fid"]

    assert found.value == pytest.approx(by_nuclear_norm(a, b), rel=1e-10)
    bias = fid.expected_bias(a.T.cov(), 20, 30)
    assert "no more images than its 32 features: two sets of real images, 20 and 30, are about" in (
        str(found.note)
    )
    assert f"{bias:.3g} apart, which is the floor, so raise --images" in str(found.note)


def test_bias_of_a_flat_spectrum_has_its_closed_form() -> None:
    """(D² + D) / 2n + 2D/n times the variance, for n images on both sides."""
    d, n, variance = 300, 5000, 1.7
    wanted = variance * ((d * d + d) / (2 * n) + 2 * d / n)

    found = fid.expected_bias(variance * torch.eye(d), n, n)

    assert found == pytest.approx(wanted, rel=1e-6)  # torch.eye is float32


def test_bias_is_what_two_samples_of_one_gaussian_show() -> None:
    """First order in 1/n: within 5 % at n = 8 d, over 60 pairs."""
    rng = torch.Generator().manual_seed(0)
    spread = torch.logspace(0, -1.5, 16, dtype=torch.float64)

    def draw() -> Tensor:
        return torch.randn(128, 16, generator=rng, dtype=torch.float64) * spread

    seen = sum(distance(draw(), draw()) for _ in range(60)) / 60

    assert fid.expected_bias(torch.diag(spread**2), 128, 128) == pytest.approx(seen, rel=0.05)


def test_batches_leave_no_trace() -> None:
    """Sums of float64: other batches change the last bits only."""
    rows = features(300, 24).float()

    whole, parts = gathered(rows, [300]), gathered(rows, [1, 7, 92, 200])

    assert int(whole["n"]) == int(parts["n"]) == 300
    wanted = moments(rows.double())
    for name, exact in zip(("mean", "cov"), wanted, strict=True):
        torch.testing.assert_close(whole[name], parts[name], rtol=1e-12, atol=1e-15)
        torch.testing.assert_close(whole[name], exact, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_first_bad_image_is_named(bad: float) -> None:
    """By index and side; eigenvalues of NaN may look like numbers."""
    rows = torch.rand(40, 5, generator=rng(3))
    rows[17, 3] = rows[31, 0] = bad

    with pytest.raises(GenbenchError, match="features of generated image 1017 are not finite"):
        gathered(rows, [8] * 5, side=1, first=1000)


def test_one_image_has_no_covariance() -> None:
    with pytest.raises(NotEnoughData, match="needs 2 real images, got 1; raise --images"):
        gathered(torch.rand(1, 5, generator=rng(4)), [1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (torch.zeros(3), torch.eye(2), torch.zeros(3), torch.eye(3)),
            r"first side.*wanted \(3, 3\)",
        ),
        ((torch.zeros(3), torch.eye(3), torch.zeros(2), torch.eye(2)), "3 features, the second 2"),
        (
            (torch.zeros(2), torch.eye(2), torch.zeros(2), torch.full((2, 2), torch.nan)),
            "covariance of the second side is not finite",
        ),
        (
            (torch.full((2,), torch.inf), torch.eye(2), torch.zeros(2), torch.eye(2)),
            "mean of the first side is not finite",
        ),
    ],
)
def test_input_that_does_not_fit_is_refused(arguments: tuple[Tensor, ...], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        fid.frechet_distance(*arguments)


def test_what_is_no_covariance_is_never_clipped_to_zero() -> None:
    """A number far below zero is a bug; it must not turn into a perfect score."""
    indefinite = torch.diag(torch.tensor([1.0, -1.0]))

    with pytest.raises(RuntimeError, match="came out as -2"):
        fid.frechet_distance(torch.zeros(2), indefinite, torch.zeros(2), indefinite)


def test_only_the_paper_layer_is_called_fid() -> None:
    """A distance at another layer has another scale, and must not share the name."""
    assert list(METRIC.columns) == ["fid"]
    assert {name: list(metric.columns) for name, metric in METRIC.variants.items()} == {
        "64": ["fid_64"],
        "192": ["fid_192"],
        "768": ["fid_768"],
    }
    for layer, metric in {"2048": METRIC, **METRIC.variants}.items():
        assert metric.inputs["real"].statistic.features == ("inception", layer)
        assert metric.inputs["generated"].stream is Stream.SAMPLES
