"""Models of the diffusers style are measured like any other."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from draws import rng
from torch import Tensor, nn

import genbench
from genbench.errors import BadInput


class Posterior:
    def __init__(self, mean: Tensor) -> None:
        self.mean = mean

    def mode(self) -> Tensor:
        return self.mean

    def sample(self) -> Tensor:
        return self.mean + torch.randn_like(self.mean)


class Halves(nn.Module):
    """Encodes an image as its half, in the form of AutoencoderKL."""

    def encode(self, images: Tensor) -> SimpleNamespace:
        return SimpleNamespace(latent_dist=Posterior(nn.functional.avg_pool2d(images, 2)))

    def decode(self, latents: Tensor) -> SimpleNamespace:
        return SimpleNamespace(sample=nn.functional.interpolate(latents, scale_factor=2.0))


def test_it_reconstructs_from_the_mean_of_the_posterior() -> None:
    images = (
        torch.rand(3, 3, 8, 8, generator=rng(1)).repeat_interleave(2, 2).repeat_interleave(2, 3) * 2
        - 1
    )
    model = genbench.wrap_diffusers(Halves())

    codes = model.encode(images)

    assert codes.shape == (3, 3 * 8 * 8)
    assert torch.equal(model.decode(codes), images)
    assert torch.equal(model.interpolate(codes, -codes, 0.5), torch.zeros_like(codes))


def test_it_is_measured_like_any_other() -> None:
    frame = genbench.evaluate(
        {"halves": genbench.wrap_diffusers(Halves())},
        data="toyfaces:60",
        resolution=16,
        metrics=["rmse", "swd"],
        pairs=8,
        images=8,
    )
    values = frame.set_index("score")

    assert 0 < values.loc["rmse", "value"] < 128
    assert values.loc["swd", "reason"] == "it has no method sample"


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (nn.Linear(2, 2), "Linear has no method encode"),
        (SimpleNamespace(encode=lambda x: x, decode=lambda z: z), "without latent_dist"),
    ],
)
def test_what_is_not_of_that_style_is_refused(model: object, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        genbench.wrap_diffusers(model).encode(torch.zeros(1, 3, 4, 4))


def test_decoding_needs_to_know_the_shape() -> None:
    with pytest.raises(BadInput, match="give it: wrap_diffusers"):
        genbench.wrap_diffusers(Halves()).decode(torch.zeros(1, 12))

    assert genbench.wrap_diffusers(Halves(), (3, 2, 2)).decode(torch.zeros(1, 12)).shape[-1] == 4
