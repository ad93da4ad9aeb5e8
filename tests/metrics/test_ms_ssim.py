"""MS-SSIM: a literal second reading of the definition, properties, neighbours, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from torch import Tensor

from genbench.accumulators.merge import finished
from genbench.errors import BadInput, NotEnoughData, NotMeasurable
from genbench.interfaces import Pass, Stream, Tensors
from genbench.registry import plugin

ms_ssim = plugin("metric", "ms_ssim").open().ms_ssim_per_pair
DIVERSITY = plugin("metric", "ms_ssim").load()
RECONSTRUCTION = DIVERSITY.variants["reconstruction"]

Plane = NDArray[np.float64]


def noise(n: int, height: int, width: int | None = None, seed: int = 0) -> Tensor:
    """Unrelated pixels."""
    rng = torch.Generator().manual_seed(seed)
    shape = (n, 3, height, width or height)
    return torch.randint(0, 256, shape, generator=rng, dtype=torch.uint8)


def scenes(n: int, height: int, width: int | None = None, seed: int = 0) -> Tensor:
    """Blobs of colour with some grain: alike at no scale, as samples are."""
    rng = torch.Generator().manual_seed(seed)
    coarse = torch.rand(n, 3, 5, 5, generator=rng)
    smooth = torch.nn.functional.interpolate(coarse, (height, width or height), mode="bicubic")
    grain = torch.randn(smooth.shape, generator=rng)
    return (255 * smooth + 5 * grain).clamp(0, 255).to(torch.uint8)


def disturbed(images: Tensor, by: int = 20) -> Tensor:
    rng = torch.Generator().manual_seed(9)
    shift = torch.randint(-by, by + 1, images.shape, generator=rng)
    return (images + shift).clamp(0, 255).to(torch.uint8)


def flat(level: int, side: int) -> Tensor:
    return torch.full((2, 3, side, side), level, dtype=torch.uint8)


# --- a second implementation, word by word ----------------------------------------------


def literal(a: Tensor, b: Tensor) -> list[float]:
    """One number a pair."""
    return [_one_pair(x.double().numpy(), y.double().numpy()) for x, y in zip(a, b, strict=True)]


def _one_pair(a: Plane, b: Plane) -> float:
    product = 1.0
    for scale, weight in enumerate([0.0448, 0.2856, 0.3001, 0.2363, 0.1333]):
        structure, whole = _terms(a, b)
        product *= max(whole if scale == 4 else structure, 0.0) ** weight
        if scale < 4:
            a, b = _box_average(a), _box_average(b)
    return product


def _terms(a: Plane, b: Plane) -> tuple[float, float]:
    """Means over positions and channels of cs and of l · cs, the formulas as printed."""
    size = min(11, a.shape[1], a.shape[2])
    first = -(size // 2) if size % 2 else -(size // 2) + 0.5
    y, x = np.mgrid[0:size, 0:size] + first
    window = np.exp(-(x**2 + y**2) / (2 * (1.5 * size / 11) ** 2))
    window /= window.sum()

    def mean(plane: Plane) -> Plane:
        streams = sliding_window_view(plane, (size, size), axis=(1, 2))
        return np.asarray(np.einsum("cijyx,yx->cij", streams, window))

    mu_a, mu_b = mean(a), mean(b)
    var_a, var_b = mean(a * a) - mu_a**2, mean(b * b) - mu_b**2
    cov = mean(a * b) - mu_a * mu_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    cs = (2 * cov + c2) / (var_a + var_b + c2)
    luminance = (2 * mu_a * mu_b + c1) / (mu_a**2 + mu_b**2 + c1)
    return float(cs.mean()), float((luminance * cs).mean())


def _box_average(x: Plane) -> Plane:
    h, w = x.shape[1] // 2 * 2, x.shape[2] // 2 * 2
    x = x[:, :h, :w]
    return (x[:, ::2, ::2] + x[:, 1::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, 1::2]) / 4


@pytest.mark.parametrize("side", [16, 32, 64, 128])
@pytest.mark.parametrize(
    "kind", ["noise", "unrelated", "similar", "flat", "flat beside a scene", "negative"]
)
def test_agrees_with_a_literal_reading(side: int, kind: str) -> None:
    """Windows of 11, 8, 4, 2 and 1 pixels occur at 16; float64 in both, hence 1e-9."""
    scene = scenes(2, side)
    a, b = {
        "noise": (noise(2, side), noise(2, side, seed=1)),
        "unrelated": (scene, scenes(2, side, seed=1)),
        "similar": (scene, disturbed(scene)),
        "flat": (flat(0, side), flat(255, side)),
        "flat beside a scene": (flat(90, side), scene),
        "negative": (scene, 255 - scene),
    }[kind]

    assert ms_ssim(a, b).tolist() == pytest.approx(literal(a, b), abs=1e-9)


@pytest.mark.parametrize(("height", "width"), [(17, 31), (45, 50), (16, 90), (75, 47)])
def test_odd_sides_lose_their_last_row_or_column(height: int, width: int) -> None:
    a = scenes(2, height, width)
    b = disturbed(a)

    assert ms_ssim(a, b).tolist() == pytest.approx(literal(a, b), abs=1e-9)


@pytest.mark.parametrize("by", [3, 10])
def test_agrees_with_pytorch_msssim_on_similar_images(by: int) -> None:
    """Another order of means and a float32 window: 1e-5 there, a tenth on unrelated images."""
    theirs = pytest.importorskip("pytorch_msssim")
    a = scenes(2, 256)
    b = disturbed(a, by)

    wanted = theirs.ms_ssim(a.double(), b.double(), data_range=255, size_average=False)

    assert ms_ssim(a, b).tolist() == pytest.approx(wanted.tolist(), abs=1e-5)


# --- properties -------------------------------------------------------------------------


def test_equal_images_are_exactly_one() -> None:
    """Flat ones too."""
    for images in (noise(2, 48), scenes(2, 48), flat(0, 48), flat(200, 48)):
        assert ms_ssim(images, images).tolist() == [1, 1]


def test_negative_is_nothing_alike() -> None:
    """Its structure is below zero, which is clipped, where a root would be NaN."""
    images = noise(2, 64)

    assert ms_ssim(images, 255 - images).tolist() == [0, 0]


def test_order_of_the_two_does_not_count() -> None:
    a, b = scenes(3, 64, seed=1), scenes(3, 64, seed=2)

    assert torch.equal(ms_ssim(a, b), ms_ssim(b, a))


def test_more_noise_is_less_alike() -> None:
    a = scenes(3, 64)

    values = [ms_ssim(a, disturbed(a, by)) for by in (5, 20, 80)]

    assert bool(((values[0] > values[1]) & (values[1] > values[2])).all())


# --- between samples --------------------------------------------------------------------


def about(n: int, side: int) -> Pass:
    return Pass(torch.device("cpu"), n, side, 1, 0)


def gathered(images: Tensor, sizes: list[int], order: list[int] | None = None) -> Tensors:
    """What the statistic makes of *images* in batches of *sizes* that come in *order*."""
    couples = DIVERSITY.inputs["samples"].statistic.start(about(len(images), images.shape[-1]))
    rows, index = torch.split(images, sizes), torch.split(torch.arange(len(images)), sizes)
    for i in order or range(len(rows)):
        couples.update((rows[i],), index[i])
    return finished(
        DIVERSITY.inputs["samples"].statistic, about(len(images), images.shape[-1]), couples
    )


@pytest.mark.parametrize(
    ("sizes", "order"),
    [
        ([8], None),
        ([1] * 8, None),
        ([3, 3, 2], None),
        ([1, 6, 1], None),
        ([3, 2, 3], [2, 0, 1]),
    ],
)
def test_neighbours_are_paired_by_row_wherever_batches_end(
    sizes: list[int], order: list[int] | None
) -> None:
    """The last bits depend on how many are multiplied together."""
    images = scenes(8, 32)

    found = gathered(images, sizes, order)

    wanted = ms_ssim(images[0::2], images[1::2])
    torch.testing.assert_close(found["ms_ssim"], wanted, rtol=0, atol=1e-12)
    assert int(found["left_out"]) == 0


def test_diversity_is_the_mean_over_pairs_with_its_standard_error() -> None:
    images = scenes(8, 32)
    values = ms_ssim(images[0::2], images[1::2])

    found = DIVERSITY.compute(samples=gathered(images, [8]))["ms_ssim_diversity"]

    assert found.value == pytest.approx(values.mean().item(), abs=1e-12)
    assert found.spread == pytest.approx(values.std().item() / 2, abs=1e-12)
    assert (found.spread_over, found.n, found.note) == ("standard error over pairs", 4, None)


def test_odd_image_is_left_out_and_said() -> None:
    images = scenes(7, 32)

    evidence = gathered(images, [4, 3])
    found = DIVERSITY.compute(samples=evidence)["ms_ssim_diversity"]

    wanted = ms_ssim(images[0:6:2], images[1:6:2])
    torch.testing.assert_close(evidence["ms_ssim"], wanted, rtol=0, atol=1e-12)
    assert found.n == 3
    assert found.note == "the number of images is odd, so the last one is left out"


def test_collapsed_generator_is_measured_with_a_remark() -> None:
    """1 is the worst there is: the note says what it means."""
    same = scenes(1, 32).expand(6, -1, -1, -1)

    found = DIVERSITY.compute(samples=gathered(same, [4, 2]))["ms_ssim_diversity"]

    assert (found.value, found.spread) == (1, 0)
    assert found.note == "both images of every pair are identical"


def test_variety_is_lower() -> None:
    """Scenes of one kind against six of one scene."""
    variety = scenes(6, 64)
    one = disturbed(variety[:1].expand(6, -1, -1, -1))

    def diversity(images: Tensor) -> float:
        found = DIVERSITY.compute(samples=gathered(images, [6]))
        return float(found["ms_ssim_diversity"].value)

    assert diversity(variety) < diversity(one) - 0.2
    assert DIVERSITY.columns["ms_ssim_diversity"].lower_is_better


# --- of reconstructions -----------------------------------------------------------------


def test_reconstruction_is_the_mean_over_images() -> None:
    a = scenes(5, 32)
    b = disturbed(a, 60)
    pairs = RECONSTRUCTION.inputs["pairs"].statistic.start(about(5, 32))
    for rows in (slice(2, 5), slice(0, 2)):
        pairs.update((a[rows], b[rows]), torch.arange(5)[rows])

    found = RECONSTRUCTION.compute(
        pairs=finished(RECONSTRUCTION.inputs["pairs"].statistic, about(5, 32), pairs)
    )["ms_ssim_reconstruction"]

    values = ms_ssim(a, b)
    assert found.value == pytest.approx(values.mean().item(), abs=1e-12)
    assert found.spread == pytest.approx(values.std().item() / 5**0.5, abs=1e-12)
    assert (found.spread_over, found.n) == ("standard error over images", 5)


def test_two_uses_have_two_names_and_two_directions() -> None:
    """The same function: low is good between samples, high is good of reconstructions."""
    assert {name: c.lower_is_better for name, c in DIVERSITY.columns.items()} == {
        "ms_ssim_diversity": True
    }
    assert {name: c.lower_is_better for name, c in RECONSTRUCTION.columns.items()} == {
        "ms_ssim_reconstruction": False
    }
    assert DIVERSITY.inputs["samples"].stream is Stream.SAMPLES
    assert RECONSTRUCTION.inputs["pairs"].stream is Stream.PAIRS


# --- corner cases -----------------------------------------------------------------------


def test_images_without_five_scales_are_refused() -> None:
    message = "MS-SSIM needs sides of 16 pixels or more, got {}; use a higher resolution"

    with pytest.raises(NotMeasurable, match=message.format("15x32")):
        ms_ssim(noise(1, 15, 32), noise(1, 15, 32))
    for metric in (DIVERSITY, RECONSTRUCTION):
        with pytest.raises(NotMeasurable, match=message.format("8x8")):
            metric.check(8)


def test_one_sample_has_no_neighbour() -> None:
    with pytest.raises(NotEnoughData, match="needs 2 images, got 1; raise --images"):
        DIVERSITY.inputs["samples"].statistic.start(about(1, 32))


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (noise(1, 16) / 255, noise(1, 16), "must be uint8 .* got torch.float32"),
        (noise(1, 16), noise(1, 32), r"one shape .*got \(1, 3, 16, 16\) and \(1, 3, 32, 32\)"),
    ],
)
def test_what_is_not_a_pair_is_refused(a: Tensor, b: Tensor, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        plugin("metric", "ms_ssim").open().ms_ssim(a, b)
