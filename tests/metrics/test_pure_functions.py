"""What the pure functions take and give: arrays or tensors, floats of a declared range, numbers."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from torch import Tensor
from torch_fidelity.metric_isc import isc_features_to_metric

from genbench.errors import BadInput
from genbench.registry import plugin


def function(name: str, metric: str | None = None) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(plugin("metric", metric or name).open(), name)
    return found


def images(n: int, side: int = 32, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, 3, side, side), generator=rng, dtype=torch.uint8)


def features(n: int, d: int = 12, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=rng, dtype=torch.float64).relu()


NAMES = {
    "frechet_distance": ("fid", ["mean_a", "cov_a", "mean_b", "cov_b"]),
    "kernel_distance": ("kid", ["a", "b"]),
    "precision_recall": ("precision_recall", ["real", "fake"]),
    "inception_score": ("inception_score", ["logits"]),
    "sliced_wasserstein": ("swd", ["real", "fake"]),
    "ms_ssim": ("ms_ssim", ["a", "b"]),
    "ssim": ("ssim", ["a", "b"]),
    "psnr": ("psnr", ["a", "b"]),
    "rmse": ("rmse", ["a", "b"]),
    "path_length": ("ppl", ["distances"]),
}


@pytest.mark.parametrize("name", NAMES)
def test_each_has_its_name_and_needs_no_more_than_its_tensors(name: str) -> None:
    metric, wanted = NAMES[name]

    parameters = inspect.signature(function(name, metric)).parameters.values()

    assert [p.name for p in parameters if p.default is p.empty] == wanted


CALLS: dict[str, tuple[Tensor, ...]] = {
    "frechet_distance": (features(1)[0], torch.eye(12), features(1, seed=1)[0], 2 * torch.eye(12)),
    "kernel_distance": (features(20), features(30, seed=1)),
    "precision_recall": (features(20), features(30, seed=1)),
    "inception_score": (features(40),),
    "sliced_wasserstein": (images(3), images(3, seed=1)),
    "ms_ssim": (images(3), images(3, seed=1)),
    "ssim": (images(3), images(3, seed=1)),
    "psnr": (images(3), images(3, seed=1)),
    "rmse": (images(3), images(3, seed=1)),
    "path_length": (features(30, d=1).flatten(),),
}


def plain(found: object) -> bool:
    if isinstance(found, dict):
        return all(type(value) is float for value in found.values())
    if isinstance(found, tuple):
        return all(type(value) is float for value in found)
    return type(found) is float


@pytest.mark.parametrize("name", CALLS)
def test_arrays_give_the_numbers_of_tensors(name: str) -> None:
    """Also arrays that may not be written to, and streams that run backwards."""
    call, tensors = function(name, NAMES[name][0]), CALLS[name]
    arrays = [tensor.numpy().copy() for tensor in tensors]
    for array in arrays:
        array.flags.writeable = False
    backwards = [array[::-1].copy()[::-1] for array in arrays]

    found = call(*tensors)

    assert plain(found)
    assert call(*arrays) == found
    assert call(*backwards) == found


@pytest.mark.parametrize("name", CALLS)
def test_nothing_that_is_handed_over_is_changed(name: str) -> None:
    tensors = CALLS[name]
    before = [tensor.clone() for tensor in tensors]

    function(name, NAMES[name][0])(*tensors)

    assert all(map(torch.equal, before, tensors))


@pytest.mark.parametrize("name", ["kernel_distance", "precision_recall"])
def test_features_are_widened_before_products(name: str) -> None:
    """float32 rows give the float64 number of the same rows, to the last bits."""
    a, b = features(30).float(), features(40, seed=1).float()
    call = function(name, NAMES[name][0])

    assert call(a, b) == pytest.approx(call(a.double(), b.double()), rel=1e-12)


# --- images: floats of a declared range ---------------------------------------------------

IMAGE_FUNCTIONS = ["sliced_wasserstein", "ms_ssim", "ssim", "psnr", "rmse"]


@pytest.mark.parametrize("name", IMAGE_FUNCTIONS)
@pytest.mark.parametrize("value_range", [(-1, 1), (0, 1), (0, 255)])
def test_a_declared_range_changes_nothing(name: str, value_range: tuple[float, float]) -> None:
    """The same pictures as bytes and as doubles: SWD projects in float32, hence 1e-4."""
    low, high = value_range
    a, b = CALLS[name]
    call = function(name, NAMES[name][0])
    floats = [x.double() / 255 * (high - low) + low for x in (a, b)]

    found, wanted = call(*floats, value_range=value_range), call(a, b)

    assert found == pytest.approx(wanted, rel=1e-4 if name == "sliced_wasserstein" else 1e-9)


@pytest.mark.parametrize("name", IMAGE_FUNCTIONS)
@pytest.mark.parametrize(
    ("a", "value_range", "words"),
    [
        (images(2) / 255, None, r"floats need a range.*got torch.float32.*value_range=\(-1, 1\)"),
        (images(2), (-1, 1), r"uint8 images have values of 0..255, not of \[-1, 1\]"),
        (images(2).long(), None, "uint8 of 0..255 or floats, got torch.int64; convert them"),
        (images(2).double(), (0, 1), r"said to be within \[0, 1\] and go from 0 to 255"),
        (images(2) / 255 - 1.1, (0, 1), r"said to be within \[0, 1\] and go from -1.1 to"),
        (images(2) / 255, (1, 0), r"must rise from black to white, got \[1, 0\]"),
        (torch.full((2, 3, 32, 32), torch.nan), (0, 1), "image 0 has values that are not finite"),
    ],
)
def test_ranges_are_never_guessed(
    name: str, a: Tensor, value_range: tuple[float, float] | None, words: str
) -> None:
    with pytest.raises(BadInput, match=words):
        function(name, NAMES[name][0])(a, a.clone(), value_range=value_range)


def test_rounding_beyond_a_range_is_let_pass_and_clipped() -> None:
    a = torch.full((1, 3, 16, 16), 1.0005, dtype=torch.float64)

    assert function("rmse")(a, torch.ones_like(a), value_range=(-1, 1)) == 0


@pytest.mark.parametrize("name", ["ms_ssim", "ssim", "psnr", "rmse"])
def test_pairs_must_be_pairs(name: str) -> None:
    with pytest.raises(BadInput, match=r"\(3, 3, 32, 32\) and \(5, 3.*: image 3 has no partner"):
        function(name)(images(3), images(5))
    with pytest.raises(BadInput, match="there is no pair of images to compare"):
        function(name)(images(0), images(0))


# --- defaults are those of the originals ----------------------------------------------------


def test_rmse_and_psnr_pool_or_average() -> None:
    """Errors 3 and 5: mean 4 and √17; 255 over each."""
    a = torch.zeros(2, 3, 8, 8, dtype=torch.uint8)
    b = a + torch.tensor([3, 5], dtype=torch.uint8)[:, None, None, None]

    assert function("rmse")(a, b) == pytest.approx(4)
    assert function("rmse")(a, b, pooled=True) == pytest.approx(math.sqrt(17))
    each = [20 * math.log10(255 / error) for error in (3, 5)]
    assert function("psnr")(a, b) == pytest.approx(sum(each) / 2)
    pooled = 20 * math.log10(255 / math.sqrt(17))
    assert function("psnr")(a, b, pooled=True) == pytest.approx(pooled)
    assert function("psnr")(a, a) == math.inf


def test_equal_pairs_are_left_out_of_psnr() -> None:
    a = images(2)
    b = a.clone()
    b[1] = images(1, seed=1)[0]

    assert function("psnr")(a, b) == function("psnr")(a[1:], b[1:])


def test_inception_score_has_ten_splits_in_the_given_order() -> None:
    """torch-fidelity without its shuffle."""
    logits = features(97, d=50)
    theirs = isc_features_to_metric(logits, splits=10, shuffle=False)

    mean, std = function("inception_score")(logits)

    assert mean == pytest.approx(theirs["inception_score_mean"], rel=1e-9)
    assert std == pytest.approx(theirs["inception_score_std"], rel=1e-6)


def test_subsets_of_kid_are_the_classical_ones() -> None:
    """100 subsets of 1000; that they are torch-fidelity's is tested beside the metric."""
    parameters = inspect.signature(function("subset_distances", "kid")).parameters

    defaults = {name: parameters[name].default for name in ("subsets", "size", "seed")}
    assert defaults == {"subsets": 100, "size": 1000, "seed": 2020}


def test_kid_is_the_unbiased_estimate_over_all_pairs() -> None:
    """Written out, for the cubic kernel."""
    a, b = features(21).numpy(), features(34, seed=1).numpy()
    aa, bb, ab = ((x @ y.T / 12 + 1) ** 3 for x, y in ((a, a), (b, b), (a, b)))
    within = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in (aa, bb)]

    found = function("kernel_distance", "kid")(a, b)

    assert found == pytest.approx(sum(within) - 2 * ab.mean(), rel=1e-9)


def test_precision_and_recall_take_three_neighbours() -> None:
    """Distances by scipy, one by one; a point is not its own neighbour."""
    real, fake = features(40), features(50, seed=1)
    apart = cdist(real, fake)
    radii = [np.sort(cdist(x, x), axis=1)[:, 3] for x in (real, fake)]

    found = function("precision_recall")(real, fake)

    assert found["precision"] == (apart <= radii[0][:, None]).any(0).mean()
    assert found["recall"] == (apart <= radii[1]).any(1).mean()


def test_path_length_trims_a_hundredth_at_each_end() -> None:
    """Epsilon of 1e-4: a distance of 1e-8 is a length of 1."""
    distances = torch.arange(200, dtype=torch.float64) * 1e-8

    found = function("path_length", "ppl")(distances)

    assert found["ppl"] == pytest.approx(sum(range(1, 199)) / 198)
    assert found["ppl_untrimmed"] == pytest.approx(99.5)
    with pytest.raises(BadInput, match="distance over step 7 is not finite; look at its two"):
        function("path_length", "ppl")(distances.index_fill(0, torch.tensor([7]), torch.nan))
