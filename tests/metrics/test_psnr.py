"""Peak signal-to-noise ratio of pairs of images."""

from __future__ import annotations

import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from genbench.errors import NotMeasurable
from genbench.registry import plugin

psnr = plugin("metric", "psnr").open().psnr_per_pair
rmse = plugin("metric", "rmse").open().rmse_per_pair
METRIC = plugin("metric", "psnr").load()


def noise(seed: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (5, 3, 16, 16), generator=rng, dtype=torch.uint8)


def test_agrees_with_skimage() -> None:
    a, b = noise(0), noise(1)
    wanted = [
        peak_signal_noise_ratio(x.numpy(), y.numpy(), data_range=255)  # type: ignore[no-untyped-call]  # skimage has no types
        for x, y in zip(a, b, strict=True)
    ]

    assert psnr(a, b).tolist() == pytest.approx(wanted, rel=1e-12)


def test_twenty_decibels_are_a_tenth_of_the_range() -> None:
    """20 log10(255 / 25.5) = 20; 25 and 26 stand on either side of it."""
    a = torch.zeros(2, 3, 4, 4, dtype=torch.uint8)
    b = torch.stack([torch.full((3, 4, 4), level, dtype=torch.uint8) for level in (26, 25)])

    above, below = psnr(a, b).tolist()

    assert above < 20 < below


def test_agrees_with_rmse_image_by_image() -> None:
    a, b = noise(0), noise(1)

    torch.testing.assert_close(psnr(a, b), 20 * (255 / rmse(a, b)).log10(), rtol=1e-13, atol=0)


def test_exact_matches_are_left_out_and_counted() -> None:
    """Infinity would swallow the mean; 1 grey level everywhere is 20 log10(255)."""
    mse = torch.tensor([0.0, 1.0, 100.0, 0.0], dtype=torch.float64)

    found = METRIC.compute(pairs={"mse": mse})["psnr"]

    one, ten = psnr_of(1), psnr_of(10)
    assert found.value == pytest.approx((one + ten) / 2)
    assert found.spread == pytest.approx(abs(one - ten) / 2)  # of two numbers
    assert found.n == 2


def psnr_of(root: float) -> float:
    return float(20 * torch.tensor(255 / root, dtype=torch.float64).log10())


def test_perfect_reconstructions_have_no_psnr() -> None:
    mse = torch.zeros(3, dtype=torch.float64)

    with pytest.raises(NotMeasurable, match="all 3 reconstructions equal their images"):
        METRIC.compute(pairs={"mse": mse})
