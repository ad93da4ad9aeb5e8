"""LPIPS of pairs: distances of features, gathered pair by pair."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType

import pytest
import torch
from torch import Tensor

from genbench.accumulators.merge import finished
from genbench.errors import BadInput, GenbenchError, NotMeasurable
from genbench.evaluation.collect import Producer, collect
from genbench.features import lpips_alex, lpips_squeeze, lpips_vgg
from genbench.interfaces import Input, Json, Metric, Pass, Stream
from genbench.registry import plugin

MODULE = plugin("metric", "lpips").open()
METRIC: Metric = MODULE.METRIC
METRICS = {
    "alex": METRIC,
    **{name: each for name, each in METRIC.variants.items() if not name.endswith("layers")},
}
ABOUT = Pass(torch.device("cpu"), n=6, resolution=64, side=1, seed=0)


def noise(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def input_(metric: Metric) -> Input:
    return metric.inputs["pairs"]


class Pixels:
    """An `Extractor` whose features are the pixels, so that distances are known."""

    name = "pixels"
    files: Mapping[str, str] = MappingProxyType({})
    layers: tuple[str, ...] = ("all",)

    def __call__(self, images: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        return {layer: images.flatten(1).float() for layer in layers}

    def describe(self, layer: str) -> dict[str, Json]:
        return {"name": self.name}


def test_distance_is_the_squared_euclidean_one() -> None:
    """3² + 4² = 25, and 0 for equal rows."""
    a = torch.tensor([[1.0, 2.0], [5.0, 5.0]])
    b = torch.tensor([[4.0, 6.0], [5.0, 5.0]])

    found = MODULE.squared_distance(a, b)

    assert found.tolist() == [25, 0]
    assert found.dtype == torch.float64


def test_distance_does_not_depend_on_its_blocks() -> None:
    """Rows longer than a block and rows of which a block takes several; to 1e-13 of float64."""
    for width in (7, 1 << 17):
        a, b = noise(0, 5, width), noise(1, 5, width)
        wanted = (a - b).double().square().sum(1)
        torch.testing.assert_close(MODULE.squared_distance(a, b), wanted, rtol=1e-13, atol=0)


def test_distance_keeps_the_digits_of_a_small_step() -> None:
    """Features of size 1 that differ by 2^-20: squares of 2^-40 do not vanish beside them."""
    a = torch.ones(1, 1000)

    assert MODULE.squared_distance(a, a + 2**-20).item() == 1000 * 2**-40


def test_features_of_two_layers_are_refused() -> None:
    with pytest.raises(BadInput, match=r"got \(2, 3\) and \(2, 4\); take both from one layer"):
        MODULE.squared_distance(torch.zeros(2, 3), torch.zeros(2, 4))


def test_pairs_are_compared_through_one_pass_in_any_batches() -> None:
    """Levels 1 and 3 of four pixels apart: 4·3·1 and 4·3·9, whatever the batches."""
    inputs = torch.zeros(6, 3, 64, 64, dtype=torch.uint8)
    outputs = inputs.clone()
    outputs[::2, :, :2, :2] = 1
    outputs[1::2, :, :2, :2] = 3
    statistic = input_(METRIC)

    for size in (1, 4, 6):
        producer = Producer(
            ABOUT, {Stream.PAIRS: (0, 1)}, lambda i, j: (inputs[i:j], outputs[i:j]), size
        )
        found = collect(producer, [statistic], {"lpips_alex": Pixels()}, lambda n: None).found[
            statistic
        ]
        assert found["distance"].tolist() == [12, 108, 12, 108, 12, 108]


def test_order_of_batches_leaves_no_trace() -> None:
    straight, shuffled = (input_(METRIC).statistic.start(ABOUT) for _ in range(2))
    a, b = noise(0, 6, 10), noise(1, 6, 10)
    index = torch.arange(6)

    for rows in torch.split(index, 2):
        straight.update((a[rows], b[rows]), rows)
    for rows in torch.split(index.flip(0), 4):
        shuffled.update((a[rows], b[rows]), rows)

    assert torch.equal(
        finished(input_(METRIC).statistic, ABOUT, straight)["distance"],
        finished(input_(METRIC).statistic, ABOUT, shuffled)["distance"],
    )


def test_pair_that_is_not_finite_is_named() -> None:
    pairs = input_(METRIC).statistic.start(ABOUT)
    b = torch.zeros(3, 4)
    b[1, 2] = torch.inf
    pairs.update((torch.zeros(3, 4), b), torch.tensor([7, 8, 9]))

    with pytest.raises(GenbenchError, match="lpips_alex distance of pair 8 is not finite"):
        finished(input_(METRIC).statistic, ABOUT, pairs)


def test_score_is_the_mean_with_its_standard_error() -> None:
    """Of 0.1, 0.2, 0.6: mean 0.3, deviation √0.07, error √(0.07 / 3)."""
    distances = torch.tensor([0.1, 0.2, 0.6], dtype=torch.float64)

    for metric in METRICS.values():
        score, median, std = metric.columns
        everything = metric.compute(pairs={"distance": distances})
        found = everything[score]
        assert everything[median].value == pytest.approx(0.2)
        assert everything[std].value == pytest.approx(0.07**0.5)
        assert found.value == pytest.approx(0.3)
        assert found.spread == pytest.approx((0.07 / 3) ** 0.5)
        assert (found.spread_over, found.n) == ("standard error over images", 3)


def test_each_network_and_crop_has_a_score_of_its_own() -> None:
    scores = {name: next(iter(metric.columns)) for name, metric in METRICS.items()}

    assert scores == {
        "alex": "lpips_alex",
        "vgg": "lpips_vgg",
        "squeeze": "lpips_squeeze",
        "alex-face": "lpips_alex_face",
        "vgg-face": "lpips_vgg_face",
        "squeeze-face": "lpips_squeeze_face",
    }
    for name, metric in METRICS.items():
        assert input_(metric).face == name.endswith("face")
        assert input_(metric).statistic.features == (f"lpips_{name.removesuffix('-face')}", "all")


@pytest.mark.parametrize(
    ("name", "side", "words"),
    [
        ("alex", 30, "sides of 31 pixels or more, the images have 30"),
        ("vgg", 15, "sides of 16 pixels or more, the images have 15"),
        ("alex-face", 56, "sides of 31 pixels or more, the face box has 28"),
        ("vgg-face", 24, "sides of 16 pixels or more, the face box has 12"),
        ("vgg-face", 100, "divisible by 8, got 100x100; crop or resize to 96"),
    ],
)
def test_small_images_are_refused_before_the_pass(name: str, side: int, words: str) -> None:
    """In the middle of it they would take the other metrics of the stream with them."""
    with pytest.raises(NotMeasurable, match=words):
        input_(METRICS[name]).statistic.start(dataclasses.replace(ABOUT, resolution=side))


@pytest.mark.parametrize(("name", "side"), [("alex", 31), ("vgg", 16), ("alex-face", 64)])
def test_smallest_images_are_taken(name: str, side: int) -> None:
    input_(METRICS[name]).statistic.start(dataclasses.replace(ABOUT, resolution=side))


def test_smallest_sides_are_those_of_the_networks() -> None:
    """Plug-ins do not import networks, so the numbers stand in two places."""
    plans = {"alex": lpips_alex.PLAN, "squeeze": lpips_squeeze.PLAN, "vgg": lpips_vgg.PLAN}
    for name, plan in plans.items():
        with pytest.raises(NotMeasurable, match=f"sides of {plan.least} pixels"):
            input_(METRICS[name]).statistic.start(
                dataclasses.replace(ABOUT, resolution=plan.least - 1)
            )


@pytest.mark.parametrize("net", ["alex", "squeeze", "vgg"])
def test_layers_are_those_of_the_network(net: str) -> None:
    """As many as it has, through one forward pass: the looks differ by their layer alone."""
    metric = METRIC.variants[f"{net}-layers"]
    plan = {"alex": lpips_alex.PLAN, "squeeze": lpips_squeeze.PLAN, "vgg": lpips_vgg.PLAN}[net]

    seen = [each.statistic.features for each in metric.inputs.values()]

    assert seen == [(f"lpips_{net}", str(i + 1)) for i in range(len(plan.chains))]
    assert len(metric.columns) == len(plan.chains)


class Halves(Pixels):
    """Layers "1" to "5" are rows of the image, "all" is all five of them."""

    layers: tuple[str, ...] = ("all", "1", "2", "3", "4", "5")

    def __call__(self, images: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        each = {str(i + 1): images[:, :, i].flatten(1).float() for i in range(5)}
        return {"all": torch.cat(list(each.values()), 1), **each}


def test_layers_add_up_to_the_whole() -> None:
    rng = torch.Generator().manual_seed(0)
    a, b = torch.randint(0, 256, (2, 6, 3, 64, 64), generator=rng, dtype=torch.uint8)
    parts = METRIC.variants["alex-layers"]
    inputs = [input_(METRIC), *parts.inputs.values()]
    producer = Producer(ABOUT, {Stream.PAIRS: (0, 1)}, lambda i, j: (a[i:j], b[i:j]), 4)

    found = collect(producer, inputs, {"lpips_alex": Halves()}, lambda n: None).found

    whole = METRIC.compute(pairs=found[input_(METRIC)])["lpips_alex"].value
    layers = parts.compute(**{name: found[each] for name, each in parts.inputs.items()})
    assert sum(each.value for each in layers.values()) == pytest.approx(whole, rel=1e-12)
    assert list(layers) == [f"lpips_alex_layer{i}" for i in range(1, 6)]
