"""Laplacian pyramid: exact on 8-bit images."""

from __future__ import annotations

import importlib

import pytest
import torch

pyramid = importlib.import_module("genbench.metrics._parts.laplacian_pyramid")


@pytest.mark.parametrize(
    ("side", "levels"),
    [(16, (16,)), (31, (31,)), (32, (32, 16)), (48, (48, 24)), (128, (128, 64, 32, 16))],
)
def test_sides_halve_down_to_sixteen(side: int, levels: tuple[int, ...]) -> None:
    assert pyramid.sides(side) == levels


def test_levels_add_up_to_the_image_exactly() -> None:
    """All kernel weights are sixteenths: float32 rounds nothing in the first three levels."""
    rng = torch.Generator().manual_seed(0)
    image = torch.randint(0, 256, (3, 3, 64, 64), generator=rng).float()

    fine, middle, coarse = (pyramid.band(image, level, 3) for level in range(3))

    assert torch.equal(fine + pyramid.doubled(middle + pyramid.doubled(coarse)), image)


def test_flat_image_has_no_detail() -> None:
    """Weights add up to one at the border too."""
    image = torch.full((1, 3, 64, 64), 77.0)

    assert not pyramid.band(image, 0, 3).any()
    assert not pyramid.band(image, 1, 3).any()
    assert torch.equal(pyramid.band(image, 2, 3), torch.full((1, 3, 16, 16), 77.0))


def test_level_is_linear_in_the_image() -> None:
    rng = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 1, 3, 32, 32, generator=rng, dtype=torch.float64)

    apart = pyramid.band(a, 0, 2) - 3 * pyramid.band(b, 0, 2)

    torch.testing.assert_close(pyramid.band(a - 3 * b, 0, 2), apart, rtol=1e-12, atol=1e-12)
