"""Sliced Wasserstein distance: a literal second reading of the paper, properties, corner cases."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import convolve
from torch import Tensor

from genbench.accumulators.merge import finished
from genbench.errors import BadInput, NotMeasurable
from genbench.interfaces import Pass, Tensors
from genbench.registry import plugin

swd = plugin("metric", "swd").open()
METRIC = plugin("metric", "swd").load()

KERNEL = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256.0


def noise(n: int, side: int = 32, seed: int = 0, low: int = 0, high: int = 256) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(low, high, (n, 3, side, side), generator=rng, dtype=torch.uint8)


# --- a second implementation, as the paper's section and its published code have it -----


def blurred(x: NDArray[np.float64], kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(convolve(x, kernel[None], mode="mirror"), np.float64)


def pyramid(image: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Levels of one image (3, h, h), finest first."""
    levels = []
    while image.shape[1] >= 32:
        small = blurred(image, KERNEL)[:, ::2, ::2]
        large = np.zeros_like(image)
        large[:, ::2, ::2] = small
        levels.append(image - blurred(large, 4 * KERNEL))
        image = small
    return [*levels, image]


def literal_distance(
    sets: list[Tensor], corners: list[Tensor], directions: Tensor, level: int
) -> float:
    """One level of two sets, patch by patch and direction by direction."""
    normalised = []
    for images, places in zip(sets, corners, strict=True):
        patches = []
        for image, place in zip(images.double().numpy(), places.tolist(), strict=True):
            scale = pyramid(image)[level]
            patches += [scale[:, y : y + 7, x : x + 7] for y, x in place]
        stacked = np.stack(patches)
        stacked -= stacked.mean((0, 2, 3), keepdims=True)
        stacked /= stacked.std((0, 2, 3), keepdims=True)
        normalised.append(stacked.reshape(len(stacked), -1))
    gaps = []
    for direction in directions.double().numpy():
        a, b = (np.sort(patches @ direction) for patches in normalised)
        gaps.append(np.abs(a - b).mean())
    return 1000 * float(np.mean(gaps))


def test_agrees_with_a_literal_reading_of_the_paper() -> None:
    """Same places, same directions; ours sorts in float32, hence 1e-4."""
    real, fake = noise(5, 64, 0), noise(5, 64, 1) // 2
    index = torch.arange(5)

    found = swd.sliced_wasserstein(real, fake, seed=3, repeats=2, directions=8)

    for level, side in enumerate((64, 32, 16)):
        corners = [swd.place_patches(index, side, 3, fake=which) for which in (False, True)]
        directions = swd.draw_directions(16, 3, side)
        wanted = literal_distance([real, fake], corners, directions, level)
        assert found[f"swd_{side}"] == pytest.approx(wanted, rel=1e-4)
    assert found["swd"] == pytest.approx(np.mean([found[f"swd_{side}"] for side in (64, 32, 16)]))


# --- properties -------------------------------------------------------------------------


def test_same_patches_are_no_distance_apart() -> None:
    patches = torch.randn(500, 147, generator=torch.Generator().manual_seed(0))

    assert swd.distance(patches, patches.clone(), swd.draw_directions(32, 0)) == 0


def test_noise_has_the_floor_of_two_random_sets() -> None:
    """1000·√(2/N)·1.288 for N patches, where patches do not overlap much: not the last level."""
    n = 256
    found = swd.sliced_wasserstein(noise(n, seed=1), noise(n, seed=2), directions=32)

    assert found["swd_32"] == pytest.approx(1000 * (2 / (128 * n)) ** 0.5 * 1.288, rel=0.2)


def test_brightness_and_contrast_do_not_count() -> None:
    """Each set is normalised by its own statistics; no pixel is clipped here."""
    real, fake = noise(8, seed=1), noise(8, seed=2, high=100)

    plain = swd.sliced_wasserstein(real, fake, directions=16)
    changed = swd.sliced_wasserstein(real, 2 * fake + 30, directions=16)

    assert changed == pytest.approx(plain, rel=1e-4)  # float32 projections


def test_missing_detail_is_seen_at_the_finest_level() -> None:
    """Far above what two sets of one kind show."""
    real, other = noise(64, seed=1), noise(64, seed=2)
    blunt = torch.nn.functional.avg_pool2d(other.float(), 3, 1, 1).to(torch.uint8)

    against_blunt = swd.sliced_wasserstein(real, blunt, directions=16)
    against_other = swd.sliced_wasserstein(real, other, directions=16)

    assert against_blunt["swd_32"] > 3 * against_other["swd_32"]


def test_one_seed_gives_one_number() -> None:
    a, b = noise(4, seed=1), noise(4, seed=2)

    assert swd.sliced_wasserstein(a, b, seed=5) == swd.sliced_wasserstein(a, b, seed=5)
    assert swd.sliced_wasserstein(a, b, seed=5) != swd.sliced_wasserstein(a, b, seed=6)


def evidence(images: Tensor, sizes: list[int], side: int, order: list[int]) -> Tensors:
    """What the statistic makes of *images* in batches that come in *order*."""
    about = Pass(torch.device("cpu"), len(images), images.shape[-1], side, seed=9)
    kept = METRIC.inputs["real"].statistic.start(about)
    batches = list(
        zip(torch.split(images, sizes), torch.split(torch.arange(len(images)), sizes), strict=True)
    )
    for i in order:
        kept.update((batches[i][0],), batches[i][1])
    return finished(METRIC.inputs["real"].statistic, about, kept)


def test_batches_and_their_order_leave_no_trace() -> None:
    """Places are a function of the image, not of the batch."""
    real, fake = noise(6, seed=1), noise(6, seed=2)
    generated = evidence(fake, [6], 1, [0])

    whole = METRIC.compute(real=evidence(real, [6], 0, [0]), generated=generated)
    parts = METRIC.compute(real=evidence(real, [1, 3, 2], 0, [2, 0, 1]), generated=generated)

    assert whole == parts
    assert whole["swd"].value == swd.sliced_wasserstein(real, fake, seed=9)["swd"]


def test_places_are_uniform_and_everywhere_a_patch_fits() -> None:
    """Mean of 0..25 is 12.5; 256 000 draws of deviation 7.5 are within 0.06 of it."""
    places = swd.place_patches(torch.arange(1000), 32, 0, fake=False)

    assert places.shape == (1000, 128, 2)
    assert (int(places.min()), int(places.max())) == (0, 25)
    counts = places.flatten().bincount()
    assert counts.double().std() / counts.double().mean() < 0.02  # 1 % expected
    assert places.double().mean((0, 1)).tolist() == pytest.approx([12.5, 12.5], abs=0.1)


def test_sides_levels_and_axes_have_independent_places() -> None:
    """Correlation of 25 600 pairs: 0.00625 expected."""
    index = torch.arange(200)
    draws = [
        swd.place_patches(index, side, seed, fake=fake).double()
        for side, seed, fake in ((32, 0, False), (32, 0, True), (64, 0, False), (32, 1, False))
    ]
    rows = torch.stack([axis.flatten() for draw in draws for axis in draw.unbind(-1)])

    assert (rows.corrcoef() - torch.eye(8)).abs().max() < 0.03


def test_places_of_an_image_do_not_depend_on_its_neighbours() -> None:
    all_of_them = swd.place_patches(torch.arange(10), 32, 0, fake=True)

    assert torch.equal(swd.place_patches(torch.tensor([7]), 32, 0, fake=True)[0], all_of_them[7])


# --- corner cases -----------------------------------------------------------------------


def test_channel_flat_on_both_sides_counts_as_nothing() -> None:
    """0, where the paper's code has NaN for every score."""
    real, fake = noise(6, seed=1), noise(6, seed=2)
    real[:, 2], fake[:, 2] = 40, 90
    brighter = fake.clone()
    brighter[:, 2] = 200

    found = swd.sliced_wasserstein(real, fake, directions=16)

    assert all(np.isfinite(value) for value in found.values())
    assert swd.sliced_wasserstein(real, brighter, directions=16) == found


def test_channel_flat_on_one_side_is_measured_with_a_remark(
    caplog: pytest.LogCaptureFixture,
) -> None:
    real, fake = noise(6, seed=1), noise(6, seed=2)
    fake[:, 0] = 7

    with caplog.at_level(logging.WARNING):
        found = swd.sliced_wasserstein(real, fake, directions=16)

    assert all(np.isfinite(value) for value in found.values())
    assert "a channel has no contrast at all on one side" in caplog.text


def test_collapsed_generator_is_far_away(caplog: pytest.LogCaptureFixture) -> None:
    """All images one colour: a unit Gaussian against a point, √(2/π) a direction or so."""
    found = swd.sliced_wasserstein(noise(6), torch.full((6, 3, 32, 32), 9, dtype=torch.uint8))

    assert 400 < found["swd_32"] < 1200
    assert "no contrast" in caplog.text


def test_unequal_counts_are_cut_to_the_smaller(caplog: pytest.LogCaptureFixture) -> None:
    """By a seeded draw, and it says so."""
    real, fake = noise(10, seed=1), noise(6, seed=2)

    with caplog.at_level(logging.WARNING):
        first = swd.sliced_wasserstein(real, fake, directions=16)

    assert first == swd.sliced_wasserstein(real, fake, directions=16)
    assert "6 of 10 are drawn" in caplog.text
    measured = METRIC.compute(
        real=evidence(real, [10], 0, [0]), generated=evidence(fake, [6], 1, [0])
    )
    assert measured["swd"].n == 6


@pytest.mark.parametrize(
    ("side", "message"),
    [
        (8, "images of 8x8 have no pyramid, whose smallest level is 16x16"),
        (178, "a pyramid of 4 levels needs sides divisible by 8, got 178; crop or resize to 176"),
    ],
)
def test_sides_that_do_not_halve_are_refused_before_the_pass(side: int, message: str) -> None:
    with pytest.raises(NotMeasurable, match=message):
        METRIC.check(side)


def test_sides_that_halve_need_not_be_powers_of_two() -> None:
    """48 has the levels 48 and 24, which the table has no column for: the mean stands there."""
    images = noise(4, 48, 1), noise(4, 48, 2)

    assert list(swd.sliced_wasserstein(*images, directions=4)) == ["swd_48", "swd_24", "swd"]
    measured = METRIC.compute(
        real=evidence(images[0], [4], 0, [0]), generated=evidence(images[1], [4], 1, [0])
    )
    assert list(measured) == ["swd"]


@pytest.mark.parametrize(
    ("real", "fake", "message"),
    [
        (noise(2).float(), noise(2), "must be uint8 of 0..255, got torch.float32"),
        (noise(2, 32), noise(2, 16), r"of one size.*got \(3, 32, 32\) and \(3, 16, 16\)"),
        (noise(2)[..., :16], noise(2)[..., :16], "needs square images"),
    ],
)
def test_images_of_another_kind_are_refused(real: Tensor, fake: Tensor, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        swd.sliced_wasserstein(real, fake)
