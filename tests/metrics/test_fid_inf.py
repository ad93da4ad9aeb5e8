"""FID without the bias of few images: Gaussians whose distance is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from genbench.accumulators.merge import finished
from genbench.errors import NotEnoughData
from genbench.interfaces import Pass, Tensors
from genbench.registry import plugin

fid_inf = plugin("metric", "fid_inf").open()
METRIC = plugin("metric", "fid_inf").load()
D = 32
SPREAD = torch.logspace(0, -1, D, dtype=torch.float64)  # deviations of the features
WIDER = torch.cat([torch.full((8,), 1.3), torch.ones(D - 8)]).double()
TRUE = 0.5**2 + float((SPREAD - SPREAD * WIDER).square().sum())  # |Δμ|² + Σ (σa − σb)²


def draw(n: int, seed: int, other: bool = False) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    rows = torch.randn(n, D, generator=rng, dtype=torch.float64) * SPREAD
    if other:
        rows = rows * WIDER
        rows[:, 0] += 0.5
    return rows


def gathered(rows: Tensor) -> Tensors:
    kept = METRIC.inputs["real"].statistic.start(Pass(torch.device("cpu"), len(rows), 64, 0, 0))
    kept.update((rows,), torch.arange(len(rows)))
    return finished(
        METRIC.inputs["real"].statistic, Pass(torch.device("cpu"), len(rows), 64, 0, 0), kept
    )


def test_the_bias_of_few_images_goes() -> None:
    """On average over 40 pairs of sets: the truth within its error, where FID is far above."""
    distance = plugin("metric", "fid").open().frechet_distance
    found, plain = [], []
    for seed in range(40):
        a, b = draw(300, seed), draw(300, seed + 1000, other=True)
        found.append(fid_inf.fid_inf(a, b)[0])
        plain.append(distance(a.mean(0), a.T.cov(), b.mean(0), b.T.cov()))
    error = np.std(found) / 40**0.5

    assert np.mean(found) == pytest.approx(TRUE, abs=3 * error)
    assert np.mean(plain) - TRUE > 8 * error


def test_many_images_agree_with_the_distance_itself() -> None:
    """To 10 %: the mean alone moves by 0.01 at 7500 images, and the line has leverage."""
    a, b = draw(40_000, 0), draw(30_000, 1, other=True)

    assert fid_inf.fid_inf(a, b)[0] == pytest.approx(TRUE, rel=0.1)


def test_line_and_its_error_agree_with_numpy() -> None:
    rng = torch.Generator().manual_seed(0)
    x = torch.linspace(1, 4, 8, dtype=torch.float64)
    y = 2 + 0.7 * x + 0.1 * torch.randn(8, generator=rng, dtype=torch.float64)
    (_, value), covariance = np.polyfit(x.numpy(), y.numpy(), 1, cov=True)

    found = fid_inf.intercept(x, y)

    assert found == pytest.approx((value, covariance[1, 1] ** 0.5), rel=1e-10)


def test_an_exact_line_has_no_error() -> None:
    x = torch.linspace(1, 4, 8, dtype=torch.float64)

    assert fid_inf.intercept(x, 3 + 2 * x) == pytest.approx((3, 0), abs=1e-10)


def test_sorted_images_do_no_harm() -> None:
    """Sizes grow over a random order, not over the order of the rows."""
    a, b = draw(600, 0), draw(600, 1, other=True)
    sorted_b = b[b[:, 0].argsort()]

    assert fid_inf.fid_inf(a, sorted_b)[0] == pytest.approx(fid_inf.fid_inf(a, b)[0], abs=0.2)


def test_too_few_images_for_the_law_are_refused() -> None:
    """A quarter of them must pass the number of features."""
    with pytest.raises(NotEnoughData, match=r"32 features, so it needs 128.*got 127 real and 300"):
        fid_inf.fid_inf(draw(127, 0), draw(300, 1))


def test_points_are_those_that_the_line_is_fitted_to() -> None:
    """Eight shares from a quarter to all; the last distance is that of all images."""
    a, b = draw(400, 0), draw(400, 1, other=True)

    shares, distances = fid_inf.points(a, b)

    assert shares.tolist() == pytest.approx([0.25 + 0.75 * i / 7 for i in range(8)])
    assert fid_inf.intercept(1 / shares, distances) == fid_inf.fid_inf(a, b)
    whole = (
        plugin("metric", "fid").open().frechet_distance(a.mean(0), a.T.cov(), b.mean(0), b.T.cov())
    )
    assert float(distances[-1]) == pytest.approx(whole, rel=1e-9)


def test_error_says_what_it_is_over() -> None:
    a, b = draw(200, 0).float(), draw(200, 1, other=True).float()

    found = METRIC.compute(real=gathered(a), generated=gathered(b))["fid_inf"]

    assert (found.value, found.spread) == fid_inf.fid_inf(a, b)
    assert found.spread_over == "standard error of a fit over 8 sizes"


def test_each_layer_has_a_name_of_its_own() -> None:
    assert list(METRIC.columns) == ["fid_inf"]
    assert [list(metric.columns) for metric in METRIC.variants.values()] == [
        ["fid_inf_64"],
        ["fid_inf_192"],
        ["fid_inf_768"],
    ]
    assert METRIC.inputs == plugin("metric", "kid").load().inputs
