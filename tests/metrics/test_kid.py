"""Kernel distance: closed forms, torch-fidelity, subsets, error bars; and how rows are kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch_fidelity.metric_kid import kernel_mmd, kid_features_to_metric

from genbench.accumulators.merge import finished
from genbench.errors import BadInput, GenbenchError, NotEnoughData
from genbench.interfaces import Pass, Stream, Tensors
from genbench.registry import plugin

kid = plugin("metric", "kid").open()
METRIC = plugin("metric", "kid").load()


def features(n: int, d: int = 24, seed: int = 0, scale: float = 1.0) -> Tensor:
    """Like activations after a ReLU, (n, d) float64."""
    rng = torch.Generator().manual_seed(seed)
    return scale * torch.randn(n, d, generator=rng, dtype=torch.float64).relu()


def gathered(rows: Tensor, sizes: list[int], side: int = 0, order: Tensor | None = None) -> Tensors:
    """What the metric's statistic makes of *rows*, which come in *order* in batches of *sizes*."""
    kept = METRIC.inputs["real"].statistic.start(Pass(torch.device("cpu"), len(rows), 64, side, 0))
    for index in torch.split(torch.arange(len(rows)) if order is None else order, sizes):
        kept.update((rows[index],), index)
    return finished(
        METRIC.inputs["real"].statistic, Pass(torch.device("cpu"), len(rows), 64, side, 0), kept
    )


def test_linear_kernel_has_its_closed_form() -> None:
    """k = xᵀy + c: the distance of the means, less what sampling adds to it."""
    a, b = features(70), features(50, seed=1, scale=1.3)
    wanted = (a.mean(0) - b.mean(0)).square().sum() - a.var(0).sum() / 70 - b.var(0).sum() / 50

    found = kid.kernel_distance(a, b, degree=1, gamma=1.0, coef=5.0)

    assert found == pytest.approx(float(wanted), rel=1e-10)


def test_equal_sets_are_a_little_below_zero() -> None:
    """Without the diagonal on one side only: 2/n · (mean of pairs − mean of k(x, x))."""
    a = features(60)
    kernel = (a @ a.T / 24 + 1) ** 3
    diagonal = float(kernel.diagonal().mean())
    pairs = (float(kernel.sum()) - 60 * diagonal) / (60 * 59)

    found = kid.kernel_distance(a, a)

    assert found == pytest.approx(2 / 60 * (pairs - diagonal), rel=1e-10)
    assert found < 0


def test_agrees_with_torch_fidelity_on_equal_sizes() -> None:
    a, b = features(90), features(90, seed=1, scale=1.1)

    wanted = kernel_mmd(a.numpy(), b.numpy())

    assert kid.kernel_distance(a, b) == pytest.approx(wanted, rel=1e-10)


def test_subsets_are_those_of_torch_fidelity() -> None:
    """The same seed draws the same images; torch-fidelity calls the generated set input 1."""
    real, fake = features(300), features(260, seed=1, scale=1.1)
    wanted = kid_features_to_metric(fake, real, kid_subsets=6, kid_subset_size=100, verbose=False)

    found = kid.subset_distances(real, fake, subsets=6, size=100)

    assert float(found.mean()) == pytest.approx(wanted["kernel_inception_distance_mean"], rel=1e-10)
    assert float(found.std(correction=0)) == pytest.approx(
        wanted["kernel_inception_distance_std"], rel=1e-10
    )


def test_all_pairs_are_the_mean_of_all_subsets() -> None:
    """Within three standard errors of the mean of 3000 random subsets."""
    a, b = features(60), features(50, seed=1, scale=1.1)
    found = kid.subset_distances(a, b, subsets=3000, size=20)
    error = float(found.std()) / 3000**0.5

    assert kid.kernel_distance(a, b) == pytest.approx(float(found.mean()), abs=3 * error)


def test_unequal_sizes_agree_with_a_plain_sum() -> None:
    a, b = features(23), features(41, seed=1)

    def mean(x: Tensor, y: Tensor, same: bool) -> float:
        pairs = [
            (float(p @ q) / 24 + 1) ** 3
            for i, p in enumerate(x)
            for j, q in enumerate(y)
            if not (same and i == j)
        ]
        return float(np.mean(pairs))

    wanted = mean(a, a, True) + mean(b, b, True) - 2 * mean(a, b, False)

    assert kid.kernel_distance(a, b) == pytest.approx(wanted, rel=1e-10)


@pytest.mark.parametrize("tile", [1, 7, 64, 1000])
def test_tiles_sides_and_order_of_rows_do_not_count(tile: int) -> None:
    a, b = features(64), features(50, seed=1, scale=1.2)
    wanted, error = kid.kernel_distance_with_error(a, b)
    rows = torch.randperm(64, generator=torch.Generator().manual_seed(0))

    found = kid.kernel_distance_with_error(b, a[rows], tile=tile)

    assert found == pytest.approx((wanted, error), rel=1e-10)


def test_float32_is_near_float64() -> None:
    """Rounding of products, 6e-8 of a kernel of about 1.6, and sums without any."""
    a, b = features(400, 256), features(300, 256, seed=1, scale=1.05)

    found = kid.kernel_distance(a.float(), b.float())

    assert found == pytest.approx(kid.kernel_distance(a, b), abs=1e-7)


def test_one_distribution_gives_zero_on_average() -> None:
    """Unbiased: within three standard errors over 300 pairs of sets, some below zero."""
    found = torch.tensor(
        [kid.kernel_distance(features(20, 8, s), features(30, 8, s + 1000)) for s in range(300)]
    )

    assert abs(float(found.mean())) < 3 * float(found.std()) / 300**0.5
    assert 0.3 < float((found < 0).double().mean()) < 0.9


@pytest.mark.parametrize(
    ("shift", "least", "most"),
    [
        pytest.param(1.0, 0.9, 1.15, id="far apart: right"),
        pytest.param(0.0, 1.0, 1.6, id="one distribution: up to √2 too large"),
    ],
)
def test_error_is_what_other_images_would_show(shift: float, least: float, most: float) -> None:
    """Deviation over 400 pairs of sets, itself known to 3.5 %."""
    found = torch.tensor(
        [
            kid.kernel_distance_with_error(features(60, 8, s), features(50, 8, s + 999) + shift)
            for s in range(400)
        ]
    )
    values, errors = found.unbind(1)

    assert least < float(errors.square().mean().sqrt() / values.std()) < most


def test_error_is_that_of_leaving_rows_out() -> None:
    """The formula with sums against the plain one."""
    a, b = features(9), features(7, seed=1, scale=1.2)
    every = [
        torch.tensor([kid.kernel_distance(x[torch.arange(len(x)) != i], y) for i in range(len(x))])
        for x, y in ((a, b), (b, a))
    ]
    wanted = sum((len(v) - 1) * float(v.double().var(correction=0)) for v in every) ** 0.5

    assert kid.kernel_distance_with_error(a, b)[1] == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ((40, 90), "got 40 real and 90 generated, so there are too few real images"),
        ((90, 40), "so there are too few generated images; raise --images to 50"),
        ((40, 40), "too few real and generated images"),
    ],
)
def test_too_few_images_for_a_subset_are_named(counts: tuple[int, int], words: str) -> None:
    real, fake = features(counts[0]), features(counts[1])

    with pytest.raises(NotEnoughData, match=words):
        kid.subset_distances(real, fake, size=50)


@pytest.mark.parametrize(
    ("a", "b", "error", "words"),
    [
        (features(1), features(5), NotEnoughData, "2 images on each side, got 1 real and 5 gen"),
        (features(4), features(5, 23), BadInput, "real images have 24 features.*ones 23"),
        (features(4)[0], features(5), BadInput, r"the real features.*shape \(24,\)"),
        (features(4), features(5).long(), BadInput, "the generated features.*torch.int64"),
        (features(4), features(5) / 0, BadInput, "features of generated image 0 are not finite"),
    ],
)
def test_input_that_does_not_fit_is_refused(
    a: Tensor, b: Tensor, error: type[GenbenchError], words: str
) -> None:
    with pytest.raises(error, match=words):
        kid.kernel_distance(a, b)


def test_rows_are_kept_in_the_order_of_the_images() -> None:
    """Whatever batches they came in, and in whatever order."""
    rows = features(40).float()
    order = torch.randperm(40, generator=torch.Generator().manual_seed(0))

    found = gathered(rows, [1, 19, 20], order=order)["features"]

    assert found.dtype == torch.float32
    assert torch.equal(found, rows)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_first_bad_image_is_named(bad: float) -> None:
    rows = features(40).float()
    rows[17, 3] = rows[31, 0] = bad

    with pytest.raises(GenbenchError, match="features of generated image 17 are not finite"):
        gathered(rows, [8] * 5, side=1)


def test_number_has_an_error_bar_and_collapse_a_remark() -> None:
    real, same = features(30).float(), features(1, seed=3).float().expand(30, -1)
    fine = METRIC.compute(real=gathered(real, [30]), generated=gathered(real + 0.1, [30]))["kid"]

    found = METRIC.compute(real=gathered(real, [30]), generated=gathered(same, [30]))["kid"]

    assert found.note == "all generated images are identical"
    assert found.value == pytest.approx(kid.kernel_distance(real, same))
    assert fine.note is None
    assert fine.spread_over == "jackknife standard error over images"
    assert fine.spread > 0


def test_two_images_have_a_number_without_an_error_bar() -> None:
    found = METRIC.compute(real=gathered(features(2), [2]), generated=gathered(features(3), [3]))

    assert found["kid"].spread is None


def test_each_variant_has_a_name_of_its_own() -> None:
    """Another layer or estimator has another scale or error, and must not share the name."""
    assert list(METRIC.columns) == ["kid"]
    assert {name: list(metric.columns) for name, metric in METRIC.variants.items()} == {
        "64": ["kid_64"],
        "192": ["kid_192"],
        "768": ["kid_768"],
        "subsets": ["kid_subsets"],
    }
    for name, metric in {"2048": METRIC, **METRIC.variants}.items():
        layer = "2048" if name == "subsets" else name
        assert metric.inputs["real"].statistic.features == ("inception", layer)
        assert metric.inputs["generated"].stream is Stream.SAMPLES


def test_subsets_need_a_thousand_images() -> None:
    few = gathered(features(30), [30])

    with pytest.raises(NotEnoughData, match=r"draws 1000 images of each side.*or take kid"):
        METRIC.variants["subsets"].compute(real=few, generated=few)
