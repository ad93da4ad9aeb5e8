"""What models return is taken where it can be taken in one way, and named where it cannot."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from draws import rng
from PIL import Image
from torch import Tensor
from torch.distributions import Independent, Laplace, Normal

from genbench.adapters.outputs import images, latents
from genbench.errors import BadInput

X = torch.rand(5, 3, 8, 8, generator=rng(0)) * 2 - 1
OTHER = torch.rand(5, 3, 8, 8, generator=rng(1))
MEAN, LOG_VARIANCE = torch.randn(5, 7, generator=rng(2)), torch.randn(5, 7, generator=rng(3))
BYTES = (torch.rand(5, 8, 8, 3, generator=rng(4)) * 255).to(torch.uint8)


@dataclass
class Output:
    reconstruction: Tensor
    residual: Tensor | None = None


class Plain:
    def __init__(self, **parts: Any) -> None:
        self.__dict__.update(parts)


Named = namedtuple("Named", ["x_hat", "loss"])  # as other people write it


@pytest.mark.parametrize(
    "found",
    [
        X,
        X.numpy(),
        X.numpy()[::-1][::-1],
        X.permute(0, 2, 3, 1),
        (X,),
        (X, None),
        (X, MEAN, LOG_VARIANCE),
        [X, torch.tensor(0.5)],
        list(X),
        [image.permute(1, 2, 0).numpy() for image in X],
        {"reconstruction": X, "kl": torch.zeros(5)},
        {"recon_x": X, "input": OTHER},
        OrderedDict(sample=X, commit_loss=None),
        Output(X, OTHER),
        SimpleNamespace(sample=X),
        Plain(images=X, other=OTHER),
        Named(X, torch.tensor(1.0)),
        Independent(Normal(X, 1.0), 3),
        {"images": list(X)},
    ],
    ids=lambda found: type(found).__name__,
)
def test_images_are_found(found: Any) -> None:
    assert torch.equal(images(found, "decode"), X)


def test_images_of_16_bits_are_widened_and_others_kept() -> None:
    """to_bytes of bfloat16 would round twice."""
    for dtype, wanted in [
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
        (torch.uint8, torch.uint8),
    ]:
        assert images(X.to(dtype), "decode").dtype == wanted


def test_pictures_of_pil_are_bytes() -> None:
    pictures = [Image.fromarray(image.numpy()) for image in BYTES]

    for found in (pictures, SimpleNamespace(images=pictures)):
        assert torch.equal(images(found, "sample"), BYTES.permute(0, 3, 1, 2))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (None, "decode gave None"),
        ("x", "decode gave an object of str"),
        ((X, OTHER), r"a tuple of \(Tensor, Tensor\)"),
        ([MEAN, None, LOG_VARIANCE], r"a list of \(Tensor, None, Tensor\)"),
        ({"a": X, "b": OTHER}, r"dict\(a: Tensor, b: Tensor\)"),
        (SimpleNamespace(code=3, name="x"), r"SimpleNamespace\(code: int, name: str\)"),
        ((), r"a tuple of \(\)"),
    ],
)
def test_what_could_be_anything_is_named(found: Any, words: str) -> None:
    wanted = rf"{words}; return the images, \(n, 3, h, w\) in \[-1, 1\]"

    with pytest.raises(BadInput, match=wanted):
        images(found, "decode")


class Gaussian:
    """As diffusers has it: methods, not properties."""

    def mode(self) -> Tensor:
        return MEAN

    def sample(self) -> Tensor:
        return MEAN + torch.randn_like(MEAN)


@pytest.mark.parametrize(
    "found",
    [
        MEAN,
        MEAN.numpy(),
        (MEAN,),
        (MEAN, LOG_VARIANCE),
        [MEAN, LOG_VARIANCE],
        {"mu": MEAN, "logvar": LOG_VARIANCE},
        {"z": LOG_VARIANCE, "mean": MEAN, "std": LOG_VARIANCE.exp()},
        OrderedDict(embedding=MEAN, log_covariance=LOG_VARIANCE),
        OrderedDict(embedding=MEAN),
        SimpleNamespace(latents=MEAN),
        SimpleNamespace(latent_dist=Gaussian()),
        {"latent": MEAN, "indices": LOG_VARIANCE},
        Gaussian(),
        Normal(MEAN, 1.0),
        Independent(Laplace(MEAN, torch.ones(5, 7)), 1),
    ],
    ids=lambda found: type(found).__name__,
)
def test_latents_are_found(found: Any) -> None:
    assert torch.equal(latents(found), MEAN)


def test_what_only_its_decoder_understands_is_left_to_it() -> None:
    pyramid = (torch.zeros(5, 8, 4, 4), torch.zeros(5, 8, 2, 2))

    assert latents(pyramid) is pyramid
    assert latents("anything") == "anything"


@pytest.mark.parametrize(
    "found",
    [
        (MEAN, LOG_VARIANCE),
        {"mu": MEAN, "log_var": LOG_VARIANCE},
        {"loc": MEAN, "scale": (LOG_VARIANCE / 2).exp()},
        Normal(MEAN, (LOG_VARIANCE / 2).exp()),
    ],
)
def test_a_sample_of_the_posterior_has_its_spread(found: Any) -> None:
    torch.manual_seed(0)

    draws = torch.stack([latents(found, "sample") for _ in range(4000)])

    # 4000 draws: 5 standard errors of a mean are 0.08 deviations, of a deviation 0.06.
    deviation = (LOG_VARIANCE / 2).exp()
    assert float(((draws.mean(0) - MEAN) / deviation).abs().max()) < 0.08
    assert float((draws.std(0) / deviation - 1).abs().max()) < 0.06


def test_what_is_no_distribution_has_no_sample() -> None:
    with pytest.raises(BadInput, match=r"a Tensor of shape \(5, 7\), which is no distribution"):
        latents(MEAN, "sample")
