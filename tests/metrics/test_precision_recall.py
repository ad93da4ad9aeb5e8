"""Precision, recall, density, coverage: closed cases, a slow reference, torch-fidelity."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch_fidelity.metric_prc import prc_features_to_metric

from genbench.accumulators.merge import finished
from genbench.errors import BadInput, NotEnoughData
from genbench.interfaces import Pass, Tensors
from genbench.registry import plugin

pr = plugin("metric", "precision_recall").open()
METRIC = plugin("metric", "precision_recall").load()
NAMES = ("precision", "recall", "density", "coverage")


def features(n: int, seed: int = 0, scale: float = 1.0, d: int = 6) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return scale * torch.randn(n, d, generator=rng) + 5


def slow(real: Tensor, fake: Tensor, k: int) -> dict[str, float]:
    """The definitions, point by point, with distances as roots of sums of squared differences."""
    x, y = real.double().numpy(), fake.double().numpy()

    def radius(a: NDArray[np.float64]) -> NDArray[np.float64]:
        others = _apart(a, a)
        np.fill_diagonal(others, np.inf)
        return np.sort(others, 1)[:, k - 1]

    between = _apart(x, y)
    in_real = between <= radius(x)[:, None]
    in_fake = between <= radius(y)[None]
    return {
        "precision": float(in_real.any(0).mean()),
        "recall": float(in_fake.any(1).mean()),
        "density": float(in_real.sum(0).mean() / k),
        "coverage": float(in_real.any(1).mean()),
    }


def _apart(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    distances: NDArray[np.float64] = np.sqrt(((a[:, None] - b[None]) ** 2).sum(-1))
    return distances


def gathered(rows: Tensor) -> Tensors:
    kept = METRIC.inputs["real"].statistic.start(Pass(torch.device("cpu"), len(rows), 64, 0, 0))
    kept.update((rows,), torch.arange(len(rows)))
    return finished(
        METRIC.inputs["real"].statistic, Pass(torch.device("cpu"), len(rows), 64, 0, 0), kept
    )


@pytest.mark.parametrize(("n", "m"), [(80, 80), (37, 90), (90, 37)])
@pytest.mark.parametrize("scale", [0.6, 1.0, 1.5])
@pytest.mark.parametrize("k", [1, 3, 5])
def test_agrees_with_the_definitions(n: int, m: int, scale: float, k: int) -> None:
    real, fake = features(n), features(m, 1, scale)

    found = pr.precision_recall(real=real, fake=fake, k=k, tile=32)

    assert found == pytest.approx(slow(real, fake, k), abs=1e-12)


def test_agrees_with_torch_fidelity() -> None:
    """On sets of which it holds no two points at one place; its input 1 is the generated set."""
    real, fake = features(300, d=16), features(200, 1, 0.9, d=16)
    wanted = prc_features_to_metric(
        fake, real, prc_neighborhood=3, prc_batch_size=64, save_cpu_ram=False, verbose=False
    )

    found = pr.precision_recall(real=real, fake=fake)

    assert found["precision"] == pytest.approx(wanted["precision"], abs=1e-6)
    assert found["recall"] == pytest.approx(wanted["recall"], abs=1e-6)


def test_equal_sets_are_all_covered() -> None:
    """Each ball holds its k neighbours, the rim's one too, and its own centre: (k + 1) / k."""
    rows = features(200, d=64)

    found = pr.precision_recall(real=rows, fake=rows.clone(), k=4, tile=64)

    assert found == pytest.approx(
        {"precision": 1, "recall": 1, "density": 5 / 4, "coverage": 1}, abs=1e-12
    )


def test_one_real_point_repeated_is_precise_and_recalls_itself() -> None:
    """Radius 0 still holds the point, though 1000 away from the origin."""
    real = features(50, d=32) + 1000
    fake = real[7:8].repeat(20, 1)
    balls = slow(real, fake, 3)["density"]

    found = pr.precision_recall(real=real, fake=fake)

    assert found["precision"] == 1
    assert found["recall"] == pytest.approx(1 / 50)
    assert found["density"] == pytest.approx(balls)


def test_duplicated_points_cover_themselves() -> None:
    """Every real point stands there four times, so all radii are 0."""
    real = features(30, d=200).repeat(4, 1)

    found = pr.precision_recall(real=real, fake=features(30, d=200)[:10], tile=16)

    assert found["precision"] == 1
    assert found["coverage"] == pytest.approx(10 / 30)
    assert found["density"] == pytest.approx(4 / 3)


def test_far_sets_share_nothing() -> None:
    found = pr.precision_recall(real=features(40), fake=features(40, 1) + 100)

    assert found == dict.fromkeys(NAMES, 0.0)


def test_exchange_of_sides_exchanges_precision_and_recall() -> None:
    a, b = features(60), features(90, 1, 0.7)

    straight = pr.precision_recall(real=a, fake=b)
    turned = pr.precision_recall(real=b, fake=a)

    assert straight["precision"] == turned["recall"]
    assert straight["recall"] == turned["precision"]
    assert straight["precision"] > straight["recall"]


@pytest.mark.parametrize("tile", [1, 5, 64, 4096])
def test_tiles_leave_no_trace(tile: int) -> None:
    """A tile may have fewer points than there are neighbours."""
    a, b = features(64), features(43, 1, 0.8)

    assert pr.precision_recall(real=a, fake=b, tile=tile) == slow(a, b, 3)


def test_a_point_on_the_rim_is_inside() -> None:
    """On a line: reals at 0, 1, 3, 7 with k = 1 reach 1, 1, 2, 4; a fake at 11 touches 7's."""
    real = torch.tensor([[0.0], [1.0], [3.0], [7.0]])
    fake = torch.tensor([[11.0], [11.5]])

    found = pr.precision_recall(real=real, fake=fake, k=1)

    assert found == {"precision": 0.5, "recall": 0.0, "density": 0.5, "coverage": 0.25}


def test_real_images_come_first() -> None:
    """Another tool once gave the two numbers exchanged: fakes that repeat one real image."""
    real = features(40)
    fake = real[:1].expand(40, -1)

    found = pr.precision_recall(real, fake)

    assert (found["precision"], found["recall"]) == (1, 1 / 40)
    assert found == pr.precision_recall(real=real, fake=fake)


def test_too_few_neighbours_are_refused() -> None:
    with pytest.raises(NotEnoughData, match=r"3 neighbours need 4 images.*got 3 real and 9 gen"):
        pr.precision_recall(real=features(3), fake=features(9))


def test_bad_features_are_refused() -> None:
    with pytest.raises(BadInput, match="features of real image 0 are not finite"):
        pr.precision_recall(real=features(9) / 0, fake=features(9))


def test_remarks_name_the_features_and_collapse() -> None:
    """Never to be taken for the papers' VGG16."""
    real = gathered(features(30))
    found = METRIC.compute(real=real, generated=gathered(features(30, 1)))
    same = METRIC.compute(real=real, generated=gathered(features(1).repeat(30, 1)))

    assert "balls of 3 neighbours, in features of Inception" in str(found["recall"].note)
    assert same["recall"].note == "all generated images are identical"


def test_each_layer_has_names_of_its_own() -> None:
    assert tuple(METRIC.columns) == NAMES
    assert set(METRIC.variants) == {"768"}
    assert tuple(METRIC.variants["768"].columns) == tuple(f"{name}_768" for name in NAMES)
    for layer, metric in {"2048": METRIC, **METRIC.variants}.items():
        assert metric.inputs["real"].statistic.features == ("inception", layer)
    found = METRIC.variants["768"].compute(
        real=gathered(features(9)), generated=gathered(features(9))
    )
    assert tuple(found) == tuple(METRIC.variants["768"].columns)


def test_features_are_shared_with_kid() -> None:
    """Equal statistics of one stream are kept once."""
    assert METRIC.inputs == plugin("metric", "kid").load().inputs
