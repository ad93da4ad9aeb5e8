"""One wrap says how any model is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from draws import rng
from torch import Generator, Tensor, nn

import genbench
from genbench.adapters.calls import ModelFailed
from genbench.errors import BadInput

X = torch.rand(4, 3, 8, 8, generator=rng(0)) * 2 - 1


def noise(n: int, generator: Generator | None = None) -> Tensor:
    return torch.rand(n, 3, 8, 8, generator=generator) * 2 - 1


def positional(n: int, rng: Generator) -> Tensor:
    return noise(n, rng)


def keyword(n: int, *, generator: Generator | None = None) -> Tensor:
    assert generator is not None
    return noise(n, generator)


def seed_only(n: int, seed: int = 0) -> Tensor:
    return noise(n, Generator().manual_seed(seed))


def by_numpy(n: int, rng: np.random.Generator) -> Tensor:
    return torch.from_numpy(rng.uniform(-1, 1, (n, 3, 8, 8)))


@pytest.mark.parametrize("sample", [positional, keyword, seed_only, by_numpy])
def test_a_generator_goes_to_whoever_names_it(sample: Callable[..., Any]) -> None:
    wrapped = genbench.wrap(object(), sample=sample)
    assert wrapped.sample is not None

    first, second, other = (wrapped.sample(6, rng(seed)) for seed in (1, 1, 2))

    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def class_idx(n: int, class_idx: Any = None) -> Tensor:
    assert class_idx is None
    return noise(n)


def labels(n: int, labels: Any = None, **more: Any) -> Tensor:
    assert labels is None
    assert not more
    return noise(n)


def pythae_like(num_samples: int, batch_size: int) -> Tensor:
    return noise(min(num_samples, batch_size))


def antixk_like(num_samples: int, current_device: int, **kwargs: Any) -> Tensor:
    assert not kwargs
    return noise(num_samples).to(current_device)


def anything(*arguments: Any, **more: Any) -> Tensor:
    (n,) = arguments
    assert not more
    return noise(n)


@pytest.mark.parametrize("sample", [class_idx, labels, pythae_like, antixk_like, anything])
def test_other_parameters_keep_their_defaults(sample: Callable[..., Any]) -> None:
    wrapped = genbench.wrap(object(), sample=sample)

    assert wrapped.sample is not None
    assert wrapped.sample(6, rng(0)).shape == (6, 3, 8, 8)


def test_a_gan_with_labels_is_wrapped_in_a_line() -> None:
    class Gan(nn.Module):
        def forward(self, z: Tensor, labels: Tensor) -> Tensor:
            return (z[:, :1, None, None] + labels[:, None, None, None]).expand(-1, 3, 8, 8)

    gan = Gan()
    wrapped = genbench.wrap(
        gan, sample=lambda n, rng: gan(torch.randn(n, 9, generator=rng), torch.arange(n) % 10)
    )

    assert wrapped.sample is not None
    assert wrapped.sample(12, rng(0)).shape == (12, 3, 8, 8)
    assert wrapped.reconstruct is None


class Half(nn.Module):
    """Takes images in [0, 1], in bfloat16, and gives them back."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones((), dtype=torch.bfloat16))
        self.seen: Tensor | None = None

    def encode(self, images: Tensor) -> Tensor:
        assert images.dtype == torch.bfloat16
        self.seen = images
        return images * self.scale

    def decode(self, latents: Tensor) -> tuple[Tensor, None]:
        return latents.permute(0, 2, 3, 1), None


def test_range_and_precision_are_the_models() -> None:
    model = Half()
    wrapped = genbench.wrap(model, value_range=(0, 1))
    assert wrapped.reconstruct is not None

    found = wrapped.reconstruct(X).detach()

    assert model.seen is not None
    assert float(model.seen.min()) >= 0
    assert found.dtype == torch.float32
    assert found.shape == X.shape
    assert float((found - X).abs().max()) <= 2 * 2**-9  # half a step of bfloat16 below 1, twice


def test_a_model_without_latents_reconstructs() -> None:
    wrapped = genbench.wrap(nn.Identity(), reconstruct=lambda x: {"out": x * 0.5, "loss": 0.0})

    assert wrapped.reconstruct is not None
    assert torch.equal(wrapped.reconstruct(X), X * 0.5)
    with pytest.raises(BadInput, match="reconstruct shows none"):
        wrapped.reconstruct(X, "sample")


class Broken:
    def sample(self, n: int) -> Tensor:
        return noise(n // 2)

    def encode(self, images: Tensor) -> Tensor:
        return images

    def decode(self, latents: Tensor) -> Tensor:
        raise ValueError("out of\n  luck")


def test_errors_of_a_model_are_one_line_with_the_place() -> None:
    wrapped = genbench.wrap(Broken())
    assert wrapped.reconstruct is not None
    assert wrapped.sample is not None

    with pytest.raises(ModelFailed) as failed:
        wrapped.reconstruct(X)
    assert str(failed.value).startswith("decode raised ValueError: out of luck (test_wrap.py:")
    with pytest.raises(BadInput, match="sample gave 3 images where 6 were asked for"):
        wrapped.sample(6, rng(0))


def needs_labels(n: int, labels: Tensor) -> Tensor:
    return noise(n)


def test_a_parameter_that_nobody_can_know_is_asked_for() -> None:
    wrapped = genbench.wrap(object(), sample=needs_labels)
    assert wrapped.sample is not None

    with pytest.raises(ModelFailed, match=r"argument: 'labels'; genbench.wrap\(model, sample="):
        wrapped.sample(6, rng(0))


def test_a_class_is_not_a_model() -> None:
    with pytest.raises(BadInput, match=r"Half is a class, not a model made of it; give Half\("):
        genbench.wrap(Half)
    with pytest.raises(BadInput, match="must rise from black to white"):
        genbench.wrap(Half(), value_range=(1, 0))
