"""Lap1: hand values, a second implementation, and the traps of precision and inference mode."""

from __future__ import annotations

import importlib

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

module = importlib.import_module("genbench.baselines._parts.laplacian_loss")
lap1, pyramid = module.lap1, module.pyramid


def noise(seed: int, side: int = 32, n: int = 2) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(n, 3, side, side, generator=rng, dtype=torch.float64)


def convolved(images: Tensor) -> list[Tensor]:
    """The pyramid by padded convolutions instead of matrices."""
    line = torch.tensor([1, 4, 6, 4, 1], dtype=images.dtype) / 16
    kernel = torch.outer(line, line).expand(3, 1, 5, 5)
    levels = []
    while images.shape[-1] > 4:
        padded = F.pad(images, (2, 2, 2, 2), mode="reflect")
        down = F.conv2d(padded, kernel, groups=3)[:, :, ::2, ::2]
        sparse = torch.zeros_like(images)
        sparse[:, :, ::2, ::2] = down
        up = F.conv2d(F.pad(sparse, (2, 2, 2, 2), mode="reflect"), 4 * kernel, groups=3)
        levels.append(images - up)
        images = down
    return [*levels, images]


@pytest.mark.parametrize(("side", "bands"), [(16, 2), (32, 3), (64, 4), (128, 5)])
def test_levels_go_down_to_four_pixels(side: int, bands: int) -> None:
    levels = pyramid(noise(0, side))

    assert [level.shape[-1] for level in levels] == [side >> j for j in range(bands + 1)]


def test_pyramid_is_that_of_padded_convolutions() -> None:
    for ours, theirs in zip(pyramid(noise(1)), convolved(noise(1)), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_pyramid_makes_the_image_again() -> None:
    """Up from the coarsest level, by matrices written here from zeros and the kernel."""
    image = noise(2)
    levels = pyramid(image)
    rebuilt = levels[-1]
    for band in levels[-2::-1]:
        sparse = torch.zeros_like(band)
        sparse[:, :, ::2, ::2] = rebuilt
        line = torch.tensor([1.0, 4, 6, 4, 1], dtype=image.dtype) / 8
        kernel = torch.outer(line, line).expand(3, 1, 5, 5)
        rebuilt = band + F.conv2d(F.pad(sparse, (2, 2, 2, 2), mode="reflect"), kernel, groups=3)

    torch.testing.assert_close(rebuilt, image, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("name", "flat"), [("equal_mean", 1), ("4^j", 64), ("4^-j", 1 / 64)])
def test_what_is_flat_counts_at_the_coarsest_level_alone(name: str, flat: float) -> None:
    """Flat 0.3 has no bands, and its rest is level 3 at 32x32: 0.3 * 4^3 or 0.3 / 4^3."""
    a = torch.zeros(2, 3, 32, 32)

    assert lap1(a, a + 0.3, name).tolist() == pytest.approx([0.3 * flat] * 2, rel=1e-5)


@pytest.mark.parametrize("name", ["equal_mean", "4^j", "4^-j"])
def test_a_chessboard_counts_at_the_finest_level_alone(name: str) -> None:
    """1 - 4 + 6 - 4 + 1 = 0: nothing passes the blur, and the band is the board itself."""
    place = torch.arange(32)
    board = 1.0 - 2 * ((place[:, None] + place) % 2)

    images = 0.5 * board.expand(1, 3, 32, 32)

    assert lap1(images, torch.zeros(1, 3, 32, 32), name).item() == pytest.approx(0.5)


def test_zero_for_equal_images_symmetric_and_positive() -> None:
    a, b = noise(3), noise(4)

    assert lap1(a, a).tolist() == [0, 0]
    assert torch.equal(lap1(a, b), lap1(b, a))
    assert (lap1(a, b) > 0).all()


def test_each_image_has_its_own_value() -> None:
    a, b = noise(5, n=3), noise(6, n=3)

    alone = torch.cat([lap1(a[k : k + 1], b[k : k + 1]) for k in range(3)])

    torch.testing.assert_close(lap1(a, b), alone, rtol=1e-12, atol=0)


def test_shapes_that_would_broadcast_are_refused() -> None:
    with pytest.raises(AssertionError, match="against"):
        lap1(noise(0), noise(0)[:1])


def test_precision_of_an_enclosing_autocast_does_not_reach_it() -> None:
    a, b = noise(7).float(), noise(8).float()

    with torch.autocast("cpu", torch.bfloat16):
        inside = lap1(a, b)

    assert torch.equal(inside, lap1(a, b))


def test_first_use_in_inference_mode_leaves_training_possible() -> None:
    """The matrices are kept; made in inference mode they could not be saved for backward."""
    module._matrices.cache_clear()
    with torch.inference_mode():
        lap1(noise(9), noise(10))
    images = noise(9).requires_grad_()

    lap1(images, noise(10)).sum().backward()

    assert images.grad is not None
    assert images.grad.any()
