"""RMSE of pairs of images."""

from __future__ import annotations

import pytest
import torch

from genbench.accumulators.merge import finished
from genbench.errors import BadInput
from genbench.interfaces import Pass
from genbench.registry import plugin

rmse = plugin("metric", "rmse").open().rmse_per_pair
METRIC = plugin("metric", "rmse").load()
ABOUT = Pass(torch.device("cpu"), 6, 8, 1, 0)


def flat(*levels: int) -> torch.Tensor:
    """One grey image for each level, (n, 3, 8, 8)."""
    return torch.tensor(levels, dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 8, 8)


def test_grey_images_are_as_far_apart_as_their_levels() -> None:
    """Also where uint8 arithmetic would wrap: 0 − 255."""
    assert rmse(flat(0, 255, 10, 7), flat(255, 0, 13, 7)).tolist() == [255, 255, 3, 0]


def test_root_is_taken_of_the_mean_over_pixels_and_channels() -> None:
    """One channel of three off by 6: √(36/3)."""
    a = flat(100).clone()
    b = a.clone()
    b[:, 1] += 6

    assert rmse(a, b).tolist() == [pytest.approx(12**0.5, rel=1e-15)]


def test_number_is_the_mean_over_images_with_its_standard_error() -> None:
    """Errors 3, 5, 10: mean 6, deviation √13, divided by √3."""
    errors = METRIC.inputs["pairs"].statistic.start(ABOUT)
    errors.update((flat(0, 0, 0), flat(3, 5, 10)), torch.arange(3))

    found = METRIC.compute(pairs=finished(METRIC.inputs["pairs"].statistic, ABOUT, errors))["rmse"]

    assert found.value == pytest.approx(6)
    assert found.spread == pytest.approx((13 / 3) ** 0.5)
    assert (found.spread_over, found.n) == ("standard error over images", 3)


def test_one_image_has_no_error_bar() -> None:
    errors = METRIC.inputs["pairs"].statistic.start(ABOUT)
    errors.update((flat(0), flat(3)), torch.arange(1))

    found = METRIC.compute(pairs=finished(METRIC.inputs["pairs"].statistic, ABOUT, errors))["rmse"]

    assert (found.value, found.spread, found.n) == (3, None, 1)


def test_batches_and_their_order_leave_no_trace() -> None:
    """Integers are summed, and images sorted: the same bits."""
    rng = torch.Generator().manual_seed(0)
    a, b = torch.randint(0, 256, (2, 6, 3, 8, 8), generator=rng, dtype=torch.uint8)
    statistic, index = METRIC.inputs["pairs"].statistic, torch.arange(6)
    whole, parts = statistic.start(ABOUT), statistic.start(ABOUT)

    whole.update((a, b), index)
    for rows in (slice(4, 6), slice(0, 3), slice(3, 4)):
        parts.update((a[rows], b[rows]), index[rows])

    assert torch.equal(
        finished(statistic, ABOUT, whole)["mse"], finished(statistic, ABOUT, parts)["mse"]
    )


def test_psnr_shares_the_pass() -> None:
    """Equal statistics are run once."""
    assert plugin("metric", "psnr").load().inputs == METRIC.inputs


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (flat(1).float(), flat(1), "must be uint8 of 0..255, got torch.float32"),
        (flat(1), flat(1, 2), r"one shape .*got \(1, 3, 8, 8\) and \(2, 3, 8, 8\)"),
    ],
)
def test_what_is_not_a_pair_is_refused(a: torch.Tensor, b: torch.Tensor, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        plugin("metric", "rmse").open().rmse(a, b)
