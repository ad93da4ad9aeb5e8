"""Section 17 of the specification, row by row: what is said where there is little to measure.

What the engine says of bad models, of images that cannot be read and of interrupted runs is
tested beside the engine; here are the functions and the metrics.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from genbench.accumulators.merge import finished
from genbench.errors import BadInput, GenbenchError, NotEnoughData, NotMeasurable
from genbench.interfaces import Measured, Metric, Pass, Tensors
from genbench.registry import plugin

CPU = torch.device("cpu")


def function(name: str, metric: str | None = None) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(plugin("metric", metric or name).open(), name)
    return found


def metric(name: str) -> Metric:
    found: Metric = plugin("metric", name).load()
    return found


frechet = function("frechet_distance", "fid")
kernel = function("kernel_distance", "kid")
precision_recall = function("precision_recall")
inception_score = function("inception_score")
swd = function("sliced_wasserstein", "swd")


def features(n: int, d: int = 6, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=rng, dtype=torch.float64).relu()


def images(n: int, side: int = 32, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, 3, side, side), generator=rng, dtype=torch.uint8)


def gathered(name: str, argument: str, rows: Tensor, side: int, batch: int = 4) -> Tensors:
    """What the statistic of a metric makes of rows, batch by batch."""
    statistic = metric(name).inputs[argument].statistic
    about = Pass(CPU, len(rows), rows.shape[-1], side, 0)
    accumulator = statistic.start(about)
    for index in torch.split(torch.arange(len(rows)), batch):
        accumulator.update((rows[index],), index)
    return finished(statistic, about, accumulator)


def measured(name: str, real: Tensor, generated: Tensor) -> dict[str, Measured]:
    sides = {"real": (real, 0), "generated": (generated, 1)}
    arguments = {arg: gathered(name, arg, *sides[arg]) for arg in metric(name).inputs}
    return dict(metric(name)(**arguments))


# --- NaN or inf in features -------------------------------------------------------------


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("name", ["fid", "kid", "precision_recall", "fid_inf"])
@pytest.mark.parametrize(
    ("argument", "side", "word"), [("real", 0, "real"), ("generated", 1, "generated")]
)
def test_features_that_are_not_finite_name_image_and_side(
    bad: float, name: str, argument: str, side: int, word: str
) -> None:
    rows = features(10)
    rows[7, 2] = rows[9, 0] = bad

    with pytest.raises(GenbenchError, match=f"features of {word} image 7 are not finite"):
        gathered(name, argument, rows, side)


def test_functions_name_them_too() -> None:
    good, bad = features(10), features(10)
    bad[3, 1] = torch.nan
    for call in (kernel, precision_recall):
        with pytest.raises(BadInput, match="features of generated image 3 are not finite"):
            call(good, bad)
        with pytest.raises(BadInput, match="features of real image 3 are not finite"):
            call(bad, good)
    with pytest.raises(BadInput, match="covariance of the second side is not finite"):
        frechet(torch.zeros(2), torch.eye(2), torch.zeros(2), torch.eye(2) * torch.inf)
    with pytest.raises(BadInput, match="mean of the first side is not finite"):
        frechet(torch.full((2,), torch.nan), torch.eye(2), torch.zeros(2), torch.eye(2))
    with pytest.raises(BadInput, match="needs finite logits"):
        inception_score(bad)


# --- an empty set, and one image ----------------------------------------------------------


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_images_for_a_set_are_counted(n: int) -> None:
    few, many = features(n), features(9)
    for side, word in ((0, "real"), (1, "generated")):
        with pytest.raises(NotEnoughData, match=f"covariance needs 2 {word} images, got {n}"):
            metric("fid").inputs["real"].statistic.start(Pass(CPU, n, 32, side, 0))
    with pytest.raises(NotEnoughData, match=f"needs 2 images on each side, got {n} real and 9"):
        kernel(few, many)
    with pytest.raises(NotEnoughData, match=f"need 4 images on each side, got 9 real and {n} gen"):
        precision_recall(many, few)
    with pytest.raises(NotEnoughData, match=f"10 splits needs 10 images or more, got {n}"):
        inception_score(few)


def test_no_images_are_no_set_of_patches_and_no_pair() -> None:
    with pytest.raises(NotEnoughData, match="swd needs at least one image on each side"):
        swd(images(2), images(0))
    with pytest.raises(NotEnoughData, match="needs 1 step or more, got 0"):
        function("path_length", "ppl")(torch.zeros(0))
    for name in ("rmse", "psnr", "ssim", "ms_ssim"):
        with pytest.raises(BadInput, match="there is no pair of images to compare"):
            function(name)(images(0), images(0))


def test_one_pair_is_enough_for_what_is_measured_image_by_image() -> None:
    a, b = images(1), images(1, seed=1)

    for name in ("rmse", "psnr", "ssim", "ms_ssim"):
        assert np.isfinite(function(name)(a, b))


# --- fewer images than features -----------------------------------------------------------


def test_fewer_images_than_features_give_a_value_and_the_expected_bias() -> None:
    """Two samples of one distribution: the warning says about what the value is."""
    real, generated = features(20, 40), features(20, 40, seed=1)

    found = measured("fid", real, generated)["fid"]

    assert found.value > 0
    assert found.note is not None
    assert found.note.startswith("no more images than its 40 features: two sets of real images, ")
    assert found.note.endswith(" apart, which is the floor, so raise --images")
    enough = measured("fid", features(99), features(99, seed=1))["fid"].note
    assert enough is not None
    assert "no more images" not in enough


# --- constant and collapsed images --------------------------------------------------------


def test_a_collapsed_generator_is_named_by_every_set_metric() -> None:
    real, one = features(80), features(1, seed=1).expand(80, -1)

    for name in ("fid", "kid", "precision_recall", "fid_inf"):
        for score, number in measured(name, real, one).items():
            assert number.note is not None, score
            assert "all generated images are identical" in number.note
            assert np.isfinite(number.value)
    found = precision_recall(real, real[:1].expand(80, -1))
    assert (found["precision"], found["recall"]) == (1, 1 / 80)


def test_collapse_leaves_the_means_to_compare() -> None:
    """|Δμ|² + tr Σr, but for the root of what rounding leaves of a covariance of 0."""
    real, one = features(30), features(1, seed=1).expand(30, -1)
    wanted = (real.mean(0) - one[0]).square().sum() + real.T.cov().trace()

    assert measured("fid", real, one)["fid"].value == pytest.approx(float(wanted), rel=1e-6)


def test_equal_logits_give_the_least_score() -> None:
    rows = features(1, 1008).float().expand(20, -1)

    found = measured("inception_score", rows, rows)["inception_score"]

    assert found.value == pytest.approx(1)
    assert found.note == "1, the least there is: all generated images are identical to the network"


def test_constant_images_have_numbers_in_pixels_too(caplog: pytest.LogCaptureFixture) -> None:
    flat, real = torch.full((4, 3, 32, 32), 99, dtype=torch.uint8), images(4)

    with caplog.at_level(logging.WARNING):
        found = swd(real, flat)

    assert all(np.isfinite(value) for value in found.values())
    assert set(swd(flat, flat).values()) == {0.0}
    assert "SWD: all generated images are identical; a channel has no contrast" in caplog.text
    note = measured("swd", real, flat)["swd"].note
    assert note is not None
    assert note.startswith("all generated images are identical")
    assert function("ssim")(flat, flat) == 1
    assert function("ms_ssim")(flat, flat) == 1


# --- one feature, and identical sets ------------------------------------------------------


def test_one_feature_has_the_closed_form() -> None:
    """(Δμ)² + (σ1 − σ2)², from numbers, arrays and tensors of any shape with one element."""
    wanted = (3 - 1) ** 2 + (2 - 0.5) ** 2

    assert frechet(3.0, 4.0, 1.0, 0.25) == pytest.approx(wanted)
    assert frechet(np.array([3.0]), np.array([[4.0]]), torch.tensor(1.0), torch.tensor([0.25])) == (
        pytest.approx(wanted)
    )
    rows = features(50, 1), features(70, 1, seed=1)
    found = measured("fid", *rows)["fid"].value
    a, b = rows
    wanted = float((a.mean() - b.mean()) ** 2 + (a.std() - b.std()) ** 2)
    assert found == pytest.approx(wanted, rel=1e-9)


def test_identical_sets_are_no_distance_apart() -> None:
    rows = features(40)

    assert measured("fid", rows, rows)["fid"].value == pytest.approx(0, abs=1e-12)
    assert kernel(rows, rows) < 0  # unbiased, so a little below
    found = precision_recall(rows, rows)
    assert (found["precision"], found["recall"], found["coverage"]) == (1, 1, 1)


# --- versions of SciPy and NumPy ----------------------------------------------------------


def test_no_metric_depends_on_scipy() -> None:
    """Its sqrtm has changed its signature; ours are tested against it, and do without."""
    folder = Path(str(plugin("metric", "fid").file)).parent

    for file in folder.glob("*.py"):
        assert "import scipy" not in file.read_text()
        assert "from scipy" not in file.read_text()


def test_percentiles_use_no_argument_that_numpy_has_dropped() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert function("path_length", "ppl")(torch.arange(300.0))["ppl"] > 0


# --- sizes and counts ----------------------------------------------------------------------


def test_two_sizes_are_named() -> None:
    for name in ("rmse", "psnr", "ssim", "ms_ssim"):
        with pytest.raises(BadInput, match=r"\(2, 3, 32, 32\) and \(2, 3, 16, 16\)"):
            function(name)(images(2), images(2, 16))
    with pytest.raises(BadInput, match=r"of one size.*\(3, 32, 32\) and \(3, 16, 16\); crop or"):
        swd(images(2), images(2, 16))


@pytest.mark.parametrize(
    ("side", "words"),
    [
        (178, "4 levels needs sides divisible by 8, got 178; crop or resize to 176"),
        (218, "4 levels needs sides divisible by 8, got 218; crop or resize to 216"),
        (15, "images of 15x15 have no pyramid, whose smallest level is 16x16"),
    ],
)
def test_sides_without_a_pyramid_say_which_would_do(side: int, words: str) -> None:
    with pytest.raises(NotMeasurable, match=words):
        swd(images(2, side), images(2, side, 1))


def test_sides_too_small_for_the_windows_name_the_least() -> None:
    for name, side, least in (("ssim", 10, 11), ("ms_ssim", 15, 16)):
        with pytest.raises(NotMeasurable, match=f"sides of {least} pixels or more, got {side}"):
            function(name)(images(1, side), images(1, side, 1))


def test_unequal_counts_are_cut_to_the_common_one_or_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        found = swd(images(6), images(4, seed=1))
    assert "SWD compares equal numbers of images: 4 of 6 are drawn" in caplog.text
    assert np.isfinite(found["swd"])
    assert np.isfinite(kernel(features(10), features(17, seed=1)))
    with pytest.raises(BadInput, match="image 4 has no partner"):
        function("rmse")(images(6), images(4))
