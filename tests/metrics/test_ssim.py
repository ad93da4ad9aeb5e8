"""SSIM: another implementation, properties, and what it refuses."""

from __future__ import annotations

import pytest
import torch
from skimage.metrics import structural_similarity
from torch import Tensor

from genbench.accumulators.merge import finished
from genbench.errors import BadInput, NotMeasurable
from genbench.interfaces import Pass
from genbench.registry import plugin

ssim = plugin("metric", "ssim").open().ssim_per_pair
METRIC = plugin("metric", "ssim").load()


def noise(n: int, height: int, width: int, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, 3, height, width), generator=rng, dtype=torch.uint8)


def disturbed(images: Tensor, by: int, seed: int = 1) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    shift = torch.randint(-by, by + 1, images.shape, generator=rng)
    return (images + shift).clamp(0, 255).to(torch.uint8)


def about(n: int, side: int) -> Pass:
    return Pass(torch.device("cpu"), n, side, 1, 0)


@pytest.mark.parametrize(
    ("height", "width"), [(11, 11), (12, 30), (42, 43), (64, 64), (75, 74), (128, 96)]
)
@pytest.mark.parametrize("by", [5, 60, 255])
def test_agrees_with_skimage(height: int, width: int, by: int) -> None:
    """Sides of 42 and 74 fill one and two tiles of windows, 43 and 75 begin another."""
    a = noise(3, height, width)
    b = disturbed(a, by)
    wanted = [
        structural_similarity(  # type: ignore[no-untyped-call]  # skimage has no types
            x.numpy(),
            y.numpy(),
            channel_axis=0,
            data_range=255,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        for x, y in zip(a, b, strict=True)
    ]

    assert ssim(a, b).tolist() == pytest.approx(wanted, abs=1e-9)


def test_many_images_are_compared_one_by_one() -> None:
    """More than are held at a time; the last bits depend on how many are multiplied together."""
    a = noise(70, 64, 64)
    b = disturbed(a, 90)

    alone = torch.cat([ssim(a[i : i + 1], b[i : i + 1]) for i in range(70)])

    torch.testing.assert_close(ssim(a, b), alone, rtol=0, atol=1e-12)


def test_equal_images_are_exactly_one() -> None:
    a = torch.cat([noise(2, 32, 32), torch.full((1, 3, 32, 32), 255, dtype=torch.uint8)])

    assert ssim(a, a).tolist() == [1, 1, 1]


def test_flat_images_have_luminance_alone() -> None:
    """No variance: (2ab + c1) / (a² + b² + c1)."""
    a, b = (torch.full((1, 3, 16, 16), level, dtype=torch.uint8) for level in (50, 200))
    c = (0.01 * 255) ** 2

    assert ssim(a, b).item() == pytest.approx((2 * 50 * 200 + c) / (50**2 + 200**2 + c), rel=1e-9)


def test_order_of_the_two_does_not_count() -> None:
    a, b = noise(2, 40, 40, 1), noise(2, 40, 40, 2)

    assert torch.equal(ssim(a, b), ssim(b, a))


def test_negative_of_noise_is_below_zero_and_is_not_clipped() -> None:
    a = noise(1, 32, 32)

    assert -1 <= ssim(a, 255 - a).item() < -0.9


def test_number_is_the_mean_over_images_with_its_standard_error() -> None:
    """Whatever the batches and their order."""
    a = noise(5, 32, 32)
    b = disturbed(a, 80)
    pairs = METRIC.inputs["pairs"].statistic.start(about(5, 32))
    for rows in (slice(3, 5), slice(0, 3)):
        pairs.update((a[rows], b[rows]), torch.arange(5)[rows])

    evidence = finished(METRIC.inputs["pairs"].statistic, about(5, 32), pairs)
    found = METRIC.compute(pairs=evidence)["ssim"]

    values = ssim(a, b)
    torch.testing.assert_close(evidence["ssim"], values, rtol=0, atol=1e-12)
    assert found.value == pytest.approx(values.mean().item(), abs=1e-12)
    assert found.spread == pytest.approx(values.std().item() / 5**0.5, abs=1e-12)
    assert (found.spread_over, found.n) == ("standard error over images", 5)


def test_protocol_tells_it_from_other_readings() -> None:
    said = METRIC.parameters

    assert (said["window"], said["side"], said["sigma"]) == ("gaussian", 11, 1.5)
    assert said["variance"] == "population"


def test_images_without_room_for_the_window_are_refused() -> None:
    message = "SSIM needs sides of 11 pixels or more, got {}; use a higher resolution"

    with pytest.raises(NotMeasurable, match=message.format("32x10")):
        ssim(noise(1, 32, 10), noise(1, 32, 10))
    with pytest.raises(NotMeasurable, match=message.format("8x8")):
        METRIC.check(8)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (noise(1, 16, 16) / 255, noise(1, 16, 16), "must be uint8 .* got torch.float32"),
        (noise(1, 16, 16), noise(2, 16, 16), "must have one shape"),
    ],
)
def test_what_is_not_a_pair_is_refused(a: Tensor, b: Tensor, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        plugin("metric", "ssim").open().ssim(a, b)
