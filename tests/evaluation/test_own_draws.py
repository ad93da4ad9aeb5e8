"""Models that draw by themselves give one number at one seed, however rows are cut."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

import genbench
from genbench.data import Dataset, open_dataset
from genbench.errors import BadSetting
from genbench.interfaces import Step

SMALL: dict[str, Any] = {"images": 80, "pairs": 50, "repeats": 2, "paths": 20}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        return open_dataset("toyfaces:400", 16)


class Noisy:
    """Encoder, decoder and samples are noisy, each by another library's global generator."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def sample(self, n: int, labels: Any = None) -> Tensor:
        return torch.from_numpy(np.random.uniform(-1, 1, (n, 3, 16, 16)))

    def encode(self, images: Tensor) -> Tensor:
        self.calls.append(len(images))
        return images + 0.1 * torch.randn_like(images)

    def decode(self, latents: Tensor) -> Tensor:
        return latents + 0.1 * random.gauss(0, 1)


def values(model: Any, data: Dataset, **changes: Any) -> list[float]:
    how = {"metrics": ["rmse", "swd", "psnr"], **SMALL, **changes}
    return list(genbench.evaluate({"m": model}, data=data, **how).value)


def test_one_seed_is_one_number_whatever_the_batch(data: Dataset) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first = values(Noisy(), data)

    assert first == values(Noisy(), data)
    assert first == values(Noisy(), data, batch=7)
    assert first == values(Noisy(), data, batch=64)
    assert first != values(Noisy(), data, seed=1)
    assert torch.equal(torch.get_rng_state(), before)


class Steady(Noisy):
    """Draws nothing: its batches are as long as they were asked for."""

    def encode(self, images: Tensor) -> Tensor:
        self.calls.append(len(images))
        return images

    def decode(self, latents: Tensor) -> Tensor:
        return latents * 0.9


def test_blocks_are_only_for_models_that_draw(data: Dataset) -> None:
    steady, noisy = Steady(), Noisy()

    values(steady, data, batch=20, metrics=["rmse"])
    values(noisy, data, batch=20, metrics=["rmse"])

    # Before them come the few images by which an object is known.
    assert steady.calls[-3:] == [20, 20, 10]
    assert noisy.calls[-2:] == [20, 50]  # the first batch has shown that it draws


class Gaussian:
    """Its posterior has a deviation of 0.2 at every pixel."""

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return images * 0.5, torch.full_like(images, 2 * np.log(0.2))

    def decode(self, latents: Tensor) -> Tensor:
        return latents


def test_the_choice_of_the_posterior_is_in_the_protocol(data: Dataset) -> None:
    """Mean square error grows by the variance of the draw, 0.04 (127.5 grey levels)^2."""
    both = [
        genbench.evaluate(
            {"m": Gaussian()}, data=data, metrics=["rmse", "swd"], posterior=posterior, **SMALL
        )
        for posterior in ("mode", "sample")
    ]

    mode, sample = (frame.set_index("metric").loc["rmse"] for frame in both)
    assert '"posterior"' not in mode.protocol
    assert '"posterior":"sample"' in sample.protocol
    assert mode.protocol_id != sample.protocol_id
    # The mean over images of a root is below the root of the mean, by little: images are alike.
    assert sample.value**2 - mode.value**2 == pytest.approx((0.2 * 127.5) ** 2, rel=0.05)
    with pytest.raises(BadSetting, match="posterior is 'mean', wanted mode or sample"):
        genbench.evaluate({"m": Gaussian()}, data=data, posterior="mean")


class Walks:
    """Adds noise of its own to what it decodes."""

    def draw(self, n: int, rng: Generator) -> Tensor:
        return torch.randn(n, 3 * 16 * 16, generator=rng)

    def decode(self, latents: Tensor) -> Tensor:
        images = latents.view(-1, 3, 16, 16)
        return images + torch.randn_like(images)

    def interpolate(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        return torch.lerp(a, b, t[:, None])


def test_both_ends_of_a_step_have_the_same_noise() -> None:
    """Else a path would be as long as its noise, whatever the step."""
    from genbench.evaluation.subjects import from_model

    path = from_model(Walks(), torch.device("cpu")).path
    assert path is not None

    first, second = path(0, 70, 0, Step(epsilon=1e-3))
    parts = [path(start, start + 10, 0, Step(epsilon=1e-3)) for start in range(0, 70, 10)]

    assert float((first - second).abs().max()) < 0.02  # 1e-3 of the distance of two normal numbers
    assert torch.equal(torch.cat([b for _, b in parts]), second)
