"""What the metrics through toynet say of toy faces that are known to be worse, or others.

No download, so this is also where distances of sets are tried from images to number.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor

import genbench
from genbench import features, registry
from genbench.accumulators.merge import finished
from genbench.data import open_dataset
from genbench.data.sources import toyfaces
from genbench.data.toyfaces.renderer import draw
from genbench.evaluation.collect import Producer, collect
from genbench.evaluation.subjects import from_model
from genbench.features._train_toynet import degrade
from genbench.features.toynet import Toynet
from genbench.images import to_bytes, to_floats
from genbench.interfaces import Pass, Stream
from genbench.registry import metric, plugin

CPU = torch.device("cpu")
N = 500
N_PATHS = 100
SHARES = (0.0, 0.25, 0.5, 1.0)
SETS = ("fd_toynet", "kd_toynet")


@functools.cache
def network() -> Toynet:
    found = features.load("toynet", weights_dir=None, device=CPU)
    assert isinstance(found, Toynet)
    return found


@functools.cache
def faces(stream: int, **fixed: float) -> Tensor:
    """500 faces, uint8 at 32x32, with some attributes the same on all."""
    values = toyfaces.attributes(stream, torch.arange(N))
    for name, value in fixed.items():
        values[name] = torch.full_like(values[name], value)
    return draw(values, 32)


def scores(name: str, real: Tensor, generated: Tensor) -> dict[str, float]:
    """What a metric says of images, by way of its own statistics."""
    declared = metric(name)
    given = {}
    for side, (argument, images) in enumerate((("real", real), ("generated", generated))):
        statistic = declared.inputs[argument].statistic
        about = Pass(CPU, len(images), images.shape[-1], side, seed=0)
        accumulator = statistic.start(about)
        accumulator.update((network()(images, ("64",))["64"],), torch.arange(len(images)))
        given[argument] = finished(statistic, about, accumulator)
    return {score: found.value for score, found in declared(**given).items()}


def distance(name: str, generated: Tensor) -> float:
    return scores(name, faces(11), generated)[name]


def blurred(share: float) -> Tensor:
    return made_worse(share, 0)


def noisy(share: float) -> Tensor:
    return made_worse(0, share)


def made_worse(blur: float, noise: float) -> Tensor:
    """The 500 faces with a share of the most blur, 2 pixels, and of the most noise, 0.3."""
    rng = torch.Generator().manual_seed(0)
    blurs, noises = torch.tensor([[blur], [noise]], dtype=torch.float32).expand(2, N)
    return to_bytes(degrade(to_floats(faces(12)), blurs, noises, rng))


def mixed(share: float) -> Tensor:
    """A share of faces in another population: all with glasses, in the same pose."""
    others = round(share * N)
    return torch.cat([faces(13, glasses=1, yaw=0, tilt=0)[:others], faces(12)[others:]])


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("worse", [blurred, noisy, mixed])
def test_worse_is_farther(name: str, worse: Callable[[float], Tensor]) -> None:
    found = [distance(name, worse(share)) for share in SHARES]

    assert found == sorted(found)
    assert found[-1] > 5 * abs(found[0])


def test_two_sets_of_faces_are_as_far_apart_as_their_number_makes_them() -> None:
    """First order in 1/n, for features that are nearly Gaussian."""
    expected_bias = plugin("metric", "fid").open().expected_bias
    cov = torch.cov(network()(faces(11), ("64",))["64"].double().T)

    assert distance("fd_toynet", faces(12)) == pytest.approx(expected_bias(cov, N, N), rel=0.25)


def test_the_kernel_distance_of_two_sets_of_faces_is_none() -> None:
    """It has no bias: over pairs of sets its mean is 0, within what the pairs scatter."""
    found = torch.tensor(
        [scores("kd_toynet", faces(a), faces(a + 1))["kd_toynet"] for a in range(20, 30, 2)]
    )

    assert abs(float(found.mean())) < 3 * float(found.std()) / len(found) ** 0.5
    assert float(found.abs().max()) < distance("kd_toynet", blurred(0.25)) / 3


@pytest.mark.parametrize(
    "fixed", [{"glasses": 1}, {"smile": 1}, {"skin": 0}, {"hat": 1}], ids=lambda f: next(iter(f))
)
def test_one_attribute_that_all_share_is_seen(fixed: Mapping[str, float]) -> None:
    """Beside what 500 faces of all kinds are apart."""
    floor = distance("fd_toynet", faces(12))

    assert distance("fd_toynet", faces(12, **fixed)) > 1.5 * floor


def shares(generated: Tensor) -> dict[str, float]:
    found = scores("precision_recall_toynet", faces(11), generated)
    return {score.removesuffix("_toynet"): value for score, value in found.items()}


def test_noise_costs_precision_and_sameness_costs_recall() -> None:
    good, rough, alike = shares(faces(12)), shares(noisy(1)), shares(faces(12, yaw=1, hat=2))

    assert good["precision"] > 0.8
    assert rough["precision"] < good["precision"] / 2
    assert alike["recall"] < good["recall"] / 2
    assert alike["coverage"] < good["coverage"] / 2


# --- path length -------------------------------------------------------------------------------


class Fade:
    """Latents are numbers; images go from one face to another on a straight line."""

    def __init__(self, slope: float = 1.0) -> None:
        self.first, self.last = to_floats(faces(11)[:2])
        self.slope = slope

    def draw(self, n: int, rng: Generator) -> Tensor:
        return torch.rand(n, 1, generator=rng)

    def interpolate(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        return torch.lerp(a, b, t[:, None].to(a))

    def decode(self, latents: Tensor) -> Tensor:
        return self.first + self.slope * latents.view(-1, 1, 1, 1) * (self.last - self.first)


def path_length(model: Fade, epsilon: float = 1e-4) -> float:
    """Without the filter, by way of the engine's own path and pass."""
    declared = metric("path_length_toynet")
    step = dataclasses.replace(declared.inputs["paths"].step, epsilon=epsilon)
    input_ = dataclasses.replace(declared.inputs["paths"], step=step)
    walk = from_model(model, CPU).path
    producer = Producer(
        Pass(CPU, N_PATHS, 32, side=1, seed=0),
        {Stream.PATHS: (0, 1)},
        lambda start, stop: walk(start, stop, 0, step),
        batch=50,
    )
    found = collect(producer, [input_], {"toynet": network()}, lambda n: None).found[input_]
    return float((found["distance"] / epsilon**2).mean())


def test_a_path_is_as_long_as_the_derivative_of_the_features() -> None:
    """|J v|² for the v by which images move, J by automatic differentiation; float32 to 2 %."""
    model, step = Fade(), metric("path_length_toynet").inputs["paths"].step
    walk = from_model(model, CPU).path
    start, end = walk(0, N_PATHS, 0, step)
    speed = (end - start) / step.epsilon
    moved = torch.autograd.functional.jvp(network().trunk, start, speed)[1]

    assert path_length(model) == pytest.approx(float(moved.square().sum(1).mean()), rel=0.02)


def test_half_the_step_gives_the_same_length() -> None:
    """So float32 has digits to spare at 1e-4."""
    assert path_length(Fade(), 5e-5) == pytest.approx(path_length(Fade()), rel=0.02)


# --- all of it, as users do it -----------------------------------------------------------------


class Noisy(Fade):
    """Can do everything, badly."""

    def encode(self, images: Tensor) -> Tensor:
        return images.mean((1, 2, 3))[:, None]


def test_no_weights_are_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every metric through toynet gives every column, in an empty house without a network."""
    monkeypatch.delenv("GENBENCH_WEIGHTS", raising=False)
    names = [name for name in registry.plugins("metric") if name.endswith("_toynet")]

    frame = genbench.evaluate(
        Noisy(),
        data=open_dataset("toyfaces:300", 32),
        metrics=names,
        images=100,
        paths=50,
        weights_dir=tmp_path,
    )

    wanted = {score for name in names for score in metric(name).columns}
    assert len(names) == 4
    assert wanted == set(frame[frame.value.notna()].score)
