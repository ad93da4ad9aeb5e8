"""Perceptual path length: the filter by hand, the length in closed form."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from genbench import features
from genbench.errors import BadSetting, NotEnoughData, NotMeasurable
from genbench.evaluation.collect import Producer, collect
from genbench.evaluation.subjects import from_model
from genbench.features import _lpips
from genbench.images import to_bytes, to_floats
from genbench.interfaces import Extractor, Input, Json, Metric, Pass, Step, Stream
from genbench.registry import plugin

MODULE = plugin("metric", "ppl").open()
METRIC: Metric = MODULE.METRIC
METRICS = {"full": METRIC, **METRIC.variants}
measured = MODULE.lengths
CPU = torch.device("cpu")
N, SIDE = 200, 16
PIXELS = 3 * SIDE * SIDE
GAIN = 0.25  # length of the image of a unit vector, in root mean square


def lengths(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


class Linear:
    """Latents on the unit circle, and a decoder that stretches every vector equally.

    With the mean squared difference for a distance, a step that turns by the angle a is
    (2 sin(a / 2) GAIN)² long.
    """

    def __init__(self) -> None:
        rng = torch.Generator().manual_seed(0)
        frame = torch.linalg.qr(torch.randn(PIXELS, 2, generator=rng, dtype=torch.float64))[0]
        self.frame = frame * GAIN * PIXELS**0.5

    def draw(self, n: int, rng: Generator) -> Tensor:
        angle = 2 * math.pi * torch.rand(n, generator=rng, dtype=torch.float64)
        return torch.stack([angle.cos(), angle.sin()], 1)

    def interpolate(self, a: Tensor, b: Tensor, t: float | Tensor) -> Tensor:
        """Along the shorter arc."""
        share = torch.as_tensor(t, dtype=torch.float64).expand(len(a))
        start = torch.atan2(a[:, 1], a[:, 0])
        turn = torch.remainder(torch.atan2(b[:, 1], b[:, 0]) - start + math.pi, 2 * math.pi)
        angle = start + share * (turn - math.pi)
        return torch.stack([angle.cos(), angle.sin()], 1)

    def decode(self, latents: Tensor) -> Tensor:
        images: Tensor = latents @ self.frame.float().T
        return images.view(-1, 3, SIDE, SIDE)


class Mean:
    """An `Extractor` in whose space distances are mean squared differences of pixels."""

    name = "mean"
    files: Mapping[str, str] = MappingProxyType({})
    layers: tuple[str, ...] = ("all-256",)

    def __init__(self, quantise: bool = False) -> None:
        self.quantise = quantise

    def __call__(self, images: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        if self.quantise:
            images = to_floats(to_bytes(images))
        return {layer: images.flatten(1) / PIXELS**0.5 for layer in layers}

    def describe(self, layer: str) -> dict[str, Json]:
        return {"name": self.name}


def ends(model: Linear, step: Step, start: int = 0, stop: int = N) -> tuple[Tensor, Tensor]:
    """The images that the engine shows."""
    walk = from_model(model, CPU).path
    assert walk is not None
    return walk(start, stop, 0, step)


def distances(model: Linear, step: Step, network: Extractor, n: int = N) -> Tensor:
    """Squared distances of n steps, by way of the engine's own path and pass."""
    input_ = dataclasses.replace(METRIC.inputs["paths"], step=step)
    producer = Producer(
        Pass(CPU, n, SIDE, side=1, seed=0),
        {Stream.PATHS: (0, 1)},
        lambda start, stop: ends(model, step, start, stop),
        batch=64,
    )
    found = collect(producer, [input_], {"lpips_vgg": network}, lambda n: None)
    return found.found[input_]["distance"]


def turns(model: Linear) -> Tensor:
    """Angles between the latents of the N paths: those at t = 0 and at t = 1."""
    a, b = (images.flatten(1).double() for images in ends(model, Step(1.0, ends=True)))
    return torch.cosine_similarity(a, b).clamp(-1, 1).arccos()


@pytest.mark.parametrize("at_ends", [False, True])
def test_linear_decoder_has_the_length_of_the_closed_form(at_ends: bool) -> None:
    """On a circle each step turns by ε times the angle, wherever it starts.

    Latents are float32, which leaves 1e-3 of a step of 1e-4; the mean of 200 is closer.
    """
    model, step = Linear(), Step(1e-4, at_ends)
    wanted = (2 * (step.epsilon * turns(model) / 2).sin() * GAIN / step.epsilon).square()

    found = measured(distances(model, step, Mean()), step.epsilon)

    assert found["ppl_untrimmed"].value == pytest.approx(float(wanted.mean()), rel=1e-3)
    # Independent points on a circle: the angle is uniform in [0, π], its mean square π²/3.
    error = found["ppl_untrimmed"].spread
    assert error is not None
    assert abs(found["ppl_untrimmed"].value - GAIN**2 * math.pi**2 / 3) < 4 * error


def test_half_the_step_gives_the_same_length() -> None:
    """To 1 %: a smooth decoder in float32."""
    model = Linear()
    whole, half = (
        measured(distances(model, Step(epsilon), Mean()), epsilon)["ppl"].value
        for epsilon in (1e-4, 5e-5)
    )

    assert half == pytest.approx(whole, rel=0.01)


@pytest.mark.assets
def test_network_resolves_the_step(weights: Path) -> None:
    """Half of it gives the same length to 1 %, so float32 has digits to spare at 1e-4."""
    model, network = Linear(), features.load("lpips_vgg", weights_dir=weights, device=CPU)

    whole, half = (
        measured(distances(model, Step(epsilon), network, n=32), epsilon)["ppl"].value
        for epsilon in (1e-4, 5e-5)
    )

    assert half == pytest.approx(whole, rel=0.01)


def test_bytes_inflate_the_length() -> None:
    """A step of δ grey levels, δ < 1, moves a share δ of the bytes by a level: δ for δ².

    Within 5 %: some 6000 bytes move here.
    """
    model, step = Linear(), Step(1e-3)
    first, second = ends(model, step)
    delta = 127.5 * (second - first).double()
    wanted = float(delta.abs().mean() / delta.square().mean())
    assert delta.abs().max() < 1
    assert wanted > 10

    floats, whole = (distances(model, step, Mean(quantise)) for quantise in (False, True))

    assert float(whole.mean() / floats.mean()) == pytest.approx(wanted, rel=0.05)


def test_two_of_200_lie_beyond_each_end() -> None:
    """Percentile 1 of 0..199 falls at place 1.99, so 1 is the least; 99 at 197.01, so 198."""
    values = torch.arange(200.0)

    found = measured(values, 1.0)

    assert found["ppl"].n == 198
    assert found["ppl"].value == pytest.approx(float(values[1:199].mean()))
    assert found["ppl_untrimmed"].n == 200
    assert found["ppl_untrimmed"].value == pytest.approx(99.5)


def test_filter_takes_an_outlier_and_nothing_else() -> None:
    """Of 101 the first and the last go; ties with the limits stay."""
    values = torch.ones(101)
    values[50] = 1e9
    values[3] = 0

    found = measured(values, 1.0)

    assert (found["ppl"].n, found["ppl"].value, found["ppl"].spread) == (99, 1.0, 0.0)
    assert found["ppl_untrimmed"].value > 1e6


def test_nothing_is_left_out_of_a_hundred() -> None:
    values = torch.arange(100.0)

    assert measured(values, 1.0)["ppl"].n == 100
    assert measured(values[:1], 1.0)["ppl"].n == 1


def test_filter_by_other_percentiles() -> None:
    """25 and 75 of 1..6: places 1.25 and 3.75, so from 2 to 5."""
    found = measured(lengths(6, 1, 5, 2, 4, 3), 1.0, low=25, high=75)

    assert (found["ppl"].n, found["ppl"].value) == (4, 3.5)


def test_filter_agrees_with_sorted_places() -> None:
    """Where a percentile falls between two lengths: down at the low end, up at the high one."""
    rng = torch.Generator().manual_seed(0)
    for n in (2, 150, 777, 1000):
        values = torch.rand(n, generator=rng, dtype=torch.float64).square()
        ordered = np.sort(values.numpy())
        low, high = (n - 1) // 100, -(-(n - 1) * 99 // 100)
        found = measured(values, 1.0)["ppl"]
        assert found.n == high - low + 1
        assert found.value == pytest.approx(float(ordered[low : high + 1].mean()), rel=1e-12)


def test_length_is_per_squared_step_with_its_standard_error() -> None:
    """Of 1, 2, 6 over 0.01: mean 300, deviation √7, error √(7 / 3)."""
    found = measured(lengths(1, 2, 6), 0.1)["ppl"]

    assert found.value == pytest.approx(300)
    assert found.spread == pytest.approx(100 * (7 / 3) ** 0.5)
    assert (found.spread_over, found.n) == ("standard error over steps", 3)


def test_one_step_has_no_error_bar() -> None:
    found = measured(lengths(1), 1.0)

    assert found["ppl"].spread is None


def test_no_step_is_not_enough() -> None:
    with pytest.raises(NotEnoughData, match="needs 1 step or more, got 0; raise --paths"):
        measured(lengths(), 1e-4)


@pytest.mark.parametrize(("epsilon", "low", "high"), [(0, 1, 99), (1e-4, 60, 40), (1, -1, 99)])
def test_settings_without_sense_are_refused(epsilon: float, low: float, high: float) -> None:
    with pytest.raises(BadSetting, match="epsilon > 0 and 0 <= low <= high <= 100"):
        measured(lengths(1), epsilon, low=low, high=high)


def test_each_kind_of_step_has_scores_of_its_own() -> None:
    found = {
        name: metric.compute(paths={"distance": lengths(1e-8)}) for name, metric in METRICS.items()
    }

    assert {name: list(scores) for name, scores in found.items()} == {
        "full": ["ppl", "ppl_untrimmed"],
        "end": ["ppl_end", "ppl_end_untrimmed"],
        "face": ["ppl_face", "ppl_face_untrimmed"],
        "end-face": ["ppl_end_face", "ppl_end_face_untrimmed"],
    }
    for name, metric in METRICS.items():
        assert list(metric.columns) == list(found[name])
        assert next(iter(found[name].values())).value == pytest.approx(1.0)
        assert metric.inputs["paths"] == Input(
            Stream.PATHS,
            metric.inputs["paths"].statistic,
            face="face" in name,
            step=Step(1e-4, ends="end" in name),
        )
        assert metric.inputs["paths"].statistic.features == ("lpips_vgg", "all-256")


@pytest.mark.parametrize(
    ("name", "side", "words"),
    [
        ("full", 8, "sides of 16 pixels or more, the images have 8"),
        ("face", 24, "the face box has 12"),
        ("full", 515, r"down by 2, which does not divide .* \(515\); crop or resize to 514"),
    ],
)
def test_sizes_that_cannot_be_looked_at_are_refused(name: str, side: int, words: str) -> None:
    with pytest.raises(NotMeasurable, match=words):
        METRICS[name].inputs["paths"].statistic.start(Pass(CPU, N, side, side=1, seed=0))


def test_layer_and_its_size_are_those_of_the_network() -> None:
    """Plug-ins do not import networks, so the names stand in two places."""
    looked = METRIC.inputs["paths"].statistic.features

    assert looked == ("lpips_vgg", _lpips.SMALL)
    assert f"all-{_lpips.LARGEST}" == _lpips.SMALL
