"""Fréchet distance of reconstructions: which images it compares, and its remarks."""

from __future__ import annotations

import pytest
import torch
from draws import rng
from torch import Tensor

from genbench.accumulators.merge import finished
from genbench.errors import NotEnoughData
from genbench.interfaces import Measured, Pass, Stream, Tensors
from genbench.registry import plugin

METRIC = plugin("metric", "rfid").load()


def features(n: int, d: int) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(0)).double()


def gathered(rows: Tensor, side: int = 0) -> Tensors:
    input_ = METRIC.inputs["generated" if side else "real"]
    sums = input_.statistic.start(Pass(torch.device("cpu"), len(rows), 64, side, 0))
    sums.update((rows,), torch.arange(len(rows)))
    return finished(input_.statistic, Pass(torch.device("cpu"), len(rows), 64, side, 0), sums)


def score(real: Tensor, reconstructed: Tensor) -> Measured:
    found: Measured = METRIC.compute(real=gathered(real), generated=gathered(reconstructed, 1))[
        "rfid"
    ]
    return found


@pytest.mark.parametrize("n", [8, 200])
def test_exact_reconstructions_are_at_distance_zero(n: int) -> None:
    """Even with fewer images than features, unlike FID, whose sides are independent."""
    rows = features(n, 20)

    assert score(rows, rows.clone()).value == pytest.approx(0, abs=1e-10)


def test_a_shift_of_all_features_costs_its_squared_length() -> None:
    rows, c = features(200, 20), torch.linspace(-1, 2, 20)

    found = score(rows, rows + c)

    assert found.value == pytest.approx(float(c.square().sum()), rel=1e-6)  # c is float32
    assert found.note is None


def test_few_images_and_equal_ones_have_a_remark() -> None:
    """What helps is more pairs: --images would not change a thing."""
    few = score(features(20, 30), features(20, 30) + 1)
    same = score(features(40, 30), torch.ones(40, 30))

    assert "20 images are no more than its 30 features" in str(few.note)
    assert "raise --pairs" in str(few.note)
    assert "all generated images are identical" in str(same.note)


def test_one_pair_has_no_covariance() -> None:
    with pytest.raises(NotEnoughData, match=r"needs 2 generated images, got 1.*--pairs"):
        gathered(torch.rand(1, 5, generator=rng(1)), 1)


def test_compares_reconstructions_with_the_images_they_are_of() -> None:
    """Not with the training set, which is FID's reference; names tell the two apart."""
    names = {"": METRIC, **METRIC.variants}
    assert {layer: list(metric.columns) for layer, metric in names.items()} == {
        "": ["rfid"],
        "64": ["rfid_64"],
        "192": ["rfid_192"],
        "768": ["rfid_768"],
    }
    for layer, metric in names.items():
        assert metric.inputs["real"].stream is Stream.HELD_OUT
        assert metric.inputs["generated"].stream is Stream.RECONSTRUCTIONS
        assert metric.inputs["real"].statistic.features == ("inception", layer or "2048")
