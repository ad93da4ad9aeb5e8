"""Inception score: its two ends, torch-fidelity, streams and splits."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch_fidelity.metric_isc import isc_features_to_metric

from genbench.accumulators.merge import finished
from genbench.errors import BadInput, GenbenchError, NotEnoughData
from genbench.interfaces import Pass, Stream, Tensors
from genbench.registry import plugin

isc = plugin("metric", "inception_score").open()
METRIC = plugin("metric", "inception_score").load()


def logits(n: int, classes: int = 30, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(n, classes, generator=rng)


def gathered(rows: Tensor, sizes: list[int]) -> Tensors:
    sums = METRIC.inputs["generated"].statistic.start(
        Pass(torch.device("cpu"), len(rows), 64, 1, 0)
    )
    for index in torch.split(torch.arange(len(rows)), sizes):
        sums.update((rows[index],), index)
    return finished(
        METRIC.inputs["generated"].statistic, Pass(torch.device("cpu"), len(rows), 64, 1, 0), sums
    )


def test_equal_logits_give_one() -> None:
    """No image says more than the average."""
    assert isc.inception_score(torch.full((40, 7), 3.0)) == pytest.approx((1, 0))


def test_sure_and_equally_many_of_each_class_give_their_number() -> None:
    """E KL = log c; p of the other classes is 0 exactly, and 0 log 0 counts 0."""
    c = 9
    sure = 1e4 * torch.eye(c).repeat(5, 1)

    assert isc.inception_score(sure, splits=1) == pytest.approx((c, 0), rel=1e-12)


@pytest.mark.parametrize(("n", "splits"), [(100, 10), (103, 10), (57, 1), (10, 10)])
def test_agrees_with_torch_fidelity(n: int, splits: int) -> None:
    """For one order of images, also where splits do not divide them evenly."""
    rows = logits(n)
    wanted = isc_features_to_metric(rows, splits, shuffle=False)

    mean, std = isc.inception_score(rows, splits=splits)

    assert mean == pytest.approx(wanted["inception_score_mean"], rel=1e-12)
    assert std == pytest.approx(wanted["inception_score_std"], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("sizes", [[103], [1, 40, 62], [64, 39]])
def test_a_stream_gives_what_stored_logits_give(sizes: list[int]) -> None:
    rows = logits(103, 1008)
    mean, std = isc.inception_score(rows)

    found = METRIC.compute(generated=gathered(rows, sizes))["inception_score"]

    assert found.value == pytest.approx(mean, rel=1e-12)
    assert found.spread == pytest.approx(std, rel=1e-12)
    assert found.spread_over == "std over 10 splits"


def test_order_of_batches_does_not_count() -> None:
    """A split is chosen by the index of an image."""
    rows = logits(50)
    sums = METRIC.inputs["generated"].statistic.start(Pass(torch.device("cpu"), 50, 64, 1, 0))
    for index in torch.split(torch.arange(50), 8)[::-1]:
        sums.update((rows[index],), index)

    torch.testing.assert_close(
        finished(
            METRIC.inputs["generated"].statistic, Pass(torch.device("cpu"), 50, 64, 1, 0), sums
        )["scores"],
        gathered(rows, [50])["scores"],
        rtol=1e-12,
        atol=0,
    )


def test_more_images_in_a_split_score_higher() -> None:
    """The bias of few images: 10 splits of 10 against one of 100."""
    rows = logits(100)

    assert isc.inception_score(rows)[0] < isc.inception_score(rows, splits=1)[0]


def test_fewer_images_than_splits_are_refused() -> None:
    """Others give NaN."""
    words = "of 10 splits needs 10 images or more, got 9; raise --images"

    with pytest.raises(NotEnoughData, match=words):
        isc.inception_score(logits(9))
    with pytest.raises(NotEnoughData, match=words):
        gathered(logits(9), [9])


def test_bad_logits_are_refused() -> None:
    rows = logits(20)
    rows[13, 2] = float("nan")

    with pytest.raises(BadInput, match="needs finite logits"):
        isc.inception_score(rows)
    with pytest.raises(GenbenchError, match="features of generated image 13 are not finite"):
        gathered(rows, [7, 13])


def test_a_remark_says_what_the_number_is_worth() -> None:
    mixed = METRIC.compute(generated=gathered(logits(105), [105]))["inception_score"]
    same = METRIC.compute(generated=gathered(logits(1).expand(30, -1), [30]))["inception_score"]

    assert "images of one kind, such as faces" in str(mixed.note)
    assert "images of a split, here 10" in str(mixed.note)
    assert same.value == pytest.approx(1)
    assert "all generated images are identical to the network" in str(same.note)


def test_looks_at_samples_through_logits_without_bias() -> None:
    input_ = METRIC.inputs["generated"]

    assert input_.stream is Stream.SAMPLES
    assert input_.statistic.features == ("inception", "logits_unbiased")
    assert input_.statistic.describe()["layer"] == "logits_unbiased"
