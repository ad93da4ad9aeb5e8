"""When a growing model grows, and what it is shown on the way."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from genbench.errors import BadSetting
from genbench.images import to_bytes, to_floats

growing: Any = import_module("genbench.baselines._parts.progressive_schedule")

EVEN = growing.Schedule(starts=(0, 100, 200), fade=50)


@pytest.mark.parametrize(
    ("seen", "phase", "alpha"),
    [
        (0, 0, 0.0),
        (25, 0, 0.5),
        (50, 0, 1.0),
        (99, 0, 1.0),
        (100, 1, 0.0),
        (110, 1, 0.2),
        (149, 1, 0.98),
        (150, 1, 1.0),
        (200, 2, 0.0),
        (10_000, 2, 1.0),
    ],
)
def test_alpha_rises_over_the_first_half_of_every_phase(
    seen: int, phase: int, alpha: float
) -> None:
    """alpha = min(1, 2 s / S) with S = 100; the last phase goes on for ever."""
    growth = EVEN.growth(seen)

    assert (growth.phase, growth.alpha) == (phase, pytest.approx(alpha))


def test_without_growing_the_last_phase_is_settled_from_the_start() -> None:
    growth = growing.Schedule(starts=(0, 0, 0, 0), fade=0).growth(0)

    assert growth == growing.Growth(3, 1.0)
    assert growth.settled
    assert growth.name == "32x32"


def test_nothing_fades_in_the_first_phase() -> None:
    assert EVEN.growth(10).name == "4x4"
    assert EVEN.growth(110).name == "8x8 fade"
    assert EVEN.growth(160).name == "8x8"


@pytest.mark.parametrize("resolution", [0, 2, 5, 48, 2048])
def test_other_resolutions_are_refused(resolution: int) -> None:
    with pytest.raises(BadSetting, match=f"resolution {resolution}; choose --resolution from 4, 8"):
        growing.last_phase(resolution, "pioneer")


def test_shrinking_is_what_an_image_library_does() -> None:
    """Against PIL's bilinear filter; its fixed-point sums may fall one grey level apart."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(pixels).resize((8, 8), Image.Resampling.BILINEAR))
    images = to_floats(torch.from_numpy(pixels).permute(2, 0, 1)[None])

    ours = to_bytes(growing.shrink(images, 8))[0].permute(1, 2, 0).numpy()

    assert np.abs(ours.astype(int) - expected.astype(int)).max() <= 1


def test_fading_goes_from_doubled_halves_to_the_image() -> None:
    """2x2 squares of one colour at alpha 0, the image itself at alpha 1, between them halfway."""
    pixels = torch.randint(256, (2, 3, 8, 8), generator=torch.Generator().manual_seed(0))
    x = to_floats(pixels)
    start = growing.fade(x, 0.0)

    squares = start.unfold(2, 2, 2).unfold(3, 2, 2).flatten(-2)
    assert (squares == squares[..., :1]).all()
    assert torch.equal(to_bytes(growing.fade(x, 1.0)), to_bytes(x))
    # Rounding to 8 bits moves a value by at most half a step of 2/255.
    assert (growing.fade(x, 0.25) - (0.25 * x + 0.75 * start)).abs().max() <= 1.001 / 255


def test_shown_images_have_the_resolution_of_the_phase_and_fit_a_byte() -> None:
    x = to_floats(torch.randint(256, (2, 3, 16, 16), generator=torch.Generator().manual_seed(0)))
    for growth in (
        growing.Growth(0, 0.3),
        growing.Growth(1, 0.3),
        growing.Growth(1, 1.0),
        growing.Growth(2, 0.7),
    ):
        shown = growing.show(x, growth)
        levels = (shown + 1) * 127.5

        assert shown.shape == (2, 3, growth.resolution, growth.resolution)
        assert torch.allclose(levels, levels.round(), atol=1e-4)
    assert growing.show(x, growing.Growth(2, 1.0)) is x  # nothing to do at the end of the road


def test_what_is_shown_fades_with_the_networks() -> None:
    """In step with alpha, except at 4x4, where there is nothing smaller."""
    x = to_floats(torch.randint(256, (2, 3, 16, 16), generator=torch.Generator().manual_seed(0)))
    small = growing.shrink(x, 8)

    assert torch.equal(growing.show(x, growing.Growth(1, 0.3)), growing.fade(small, 0.3))
    assert torch.equal(growing.show(x, growing.Growth(0, 0.3)), growing.shrink(x, 4))
