"""ProgGAN's networks: sizes of the original, order of the parts, scale of the weights, fade."""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from draws import rng
from small_proggan import ProgGAN, build, size
from torch import Tensor, nn

nets: Any = import_module("genbench.baselines._parts.proggan_networks")
layers: Any = import_module("genbench.baselines._parts.layers")

ORDER = (nn.Conv2d, nn.LeakyReLU, layers.PixelNorm)
ABLATION = {"fmap_base": 2048}
CIFAR = {"fmap_base": 4096, "fmap_max": 128, "latent": 128}
CPU = {"fmap_base": 512, "fmap_max": 64, "latent": 64}
SMALLER = {"fmap_base": 256, "fmap_max": 32, "latent": 32}


def shape(**changes: Any) -> Any:
    return nets.Shape(**{"latent": 8, "fmap_base": 64, "fmap_max": 8, **changes})


def pair(last: int, **changes: Any) -> tuple[Any, Any]:
    torch.manual_seed(0)
    here = shape(**changes)
    return nets.Generator(here, last), nets.Discriminator(here, last)


def noise(*wanted: int) -> Tensor:
    return torch.randn(wanted, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("settings", "wide"),
    [
        ({}, [512, 512, 512, 512, 256, 128, 64, 32, 16]),
        (ABLATION, [512, 512, 256, 128, 64, 32]),
        (CIFAR, [128, 128, 128, 128]),
        (CPU, [64, 64, 64, 32]),
        (SMALLER, [32, 32, 32, 16]),
    ],
)
def test_feature_maps_are_those_of_the_paper(settings: dict[str, int], wide: list[int]) -> None:
    """nf(r - 1) at 4x4, 8x8, ...; nf(0) is the width of the dense layer."""
    here = nets.Shape(**settings)

    assert [nets.channels(here, phase + 1) for phase in range(len(wide))] == wide
    assert nets.channels(here, 0) == here.latent


@pytest.mark.parametrize(
    ("resolution", "settings", "generator", "discriminator"),
    [
        (32, {}, 20_719_628, 20_726_785),
        (64, {}, 22_490_383, 22_498_049),
        (128, {}, 22_933_394, 22_941_313),
        (256, {}, 23_044_309, 23_052_353),
        (1024, {}, 23_079_115, 23_087_249),
        (128, ABLATION, 13_629_810, 13_636_897),
        (32, CIFAR, 1_296_908, 1_298_689),
        (32, CPU, 278_636, 279_521),
        (32, SMALLER, 69_948, 70_385),
        (128, {"res_block_g": True}, 30_750_482, 22_941_313),
        (128, {"res_block_d": True}, 22_933_394, 30_758_401),
        (128, {"statistics": ("std", "kurtosis", "skewness")}, 22_933_394, 22_950_529),
    ],
)
def test_networks_have_the_size_of_the_original(
    resolution: int, settings: dict[str, Any], generator: int, discriminator: int
) -> None:
    with torch.device("meta"):
        model = ProgGAN.build(ProgGAN.settings(**settings), resolution)

    assert (size(model.generator), size(model.discriminator)) == (generator, discriminator)


@pytest.mark.parametrize(
    ("resolution", "generator", "discriminator"),
    [
        (32, 20_715_011, 20_720_641),
        (64, 22_484_227, 22_489_857),
        (128, 22_926_467, 22_932_097),
        (256, 23_036_995, 23_042_625),
        (1024, 23_071_507, 23_077_137),
    ],
)
def test_networks_have_that_size_with_the_last_heads_only(
    resolution: int, generator: int, discriminator: int
) -> None:
    with torch.device("meta"):
        model = ProgGAN.build(ProgGAN.settings(), resolution)
    g, d = model.generator, model.discriminator

    assert size(g) - size(*g.to_rgb[:-1]) == generator
    assert size(d) - size(*d.from_rgb[:-1]) == discriminator


@pytest.mark.parametrize("settings", [{}, {"res_block_g": True, "res_block_d": True}])
def test_used_weights_have_the_published_scale(settings: dict[str, Any]) -> None:
    """gain / sqrt(fan_in), sqrt(2) in general; 1 for toRGB and the scores; biases at 0.

    G's dense layer of d inputs has gain sqrt(2) / 4.
    """
    generator, discriminator = pair(2, latent=64, fmap_base=1024, fmap_max=64, **settings)
    last_layers = [*generator.to_rgb, discriminator.score]
    modules = [*generator.modules(), *discriminator.modules()]
    found = [m for m in modules if isinstance(m, nn.Conv2d | nn.Linear)]
    for module in found:
        gain = 1 if module in last_layers else math.sqrt(2)
        fan_in = module.weight[0].numel()
        if isinstance(module, layers.LatentConv):
            gain, fan_in = math.sqrt(2) / 4, 64
        stored = module.get_parameter("parametrizations.weight.original")
        # Of n draws the deviation has a relative error of 1 / sqrt(2 n); five of them are allowed.
        assert float(stored.detach().std()) == pytest.approx(
            1, abs=5 / math.sqrt(2 * stored.numel())
        )
        assert torch.allclose(module.weight, stored * gain / math.sqrt(fan_in), rtol=1e-6)
        assert module.bias is not None
        assert not module.bias.any()
    # G: 2 a block and 3 heads; D: 3 heads, 2 in each of 2 blocks, 3 at the end
    assert len(found) == 9 + 10 + (4 if settings else 0)


def test_norm_comes_after_the_activation() -> None:
    """The ports norm first: features would then not have mean square 1."""
    generator, _ = pair(2)
    z = noise(5, 8)
    features = generator.blocks[0](generator.norm(z))
    for block in (None, generator.blocks[1], generator.blocks[2]):
        features = features if block is None else block(features)
        mean = features.square().mean(1)
        assert torch.allclose(mean, torch.ones_like(mean), atol=1e-4)
    kinds = [m for m in generator.blocks[1].modules() if isinstance(m, ORDER)]
    assert [ORDER.index(base) for m in kinds for base in ORDER if isinstance(m, base)] == [
        0,
        1,
        2,
    ] * 2


def test_images_depend_on_the_direction_of_a_latent_only() -> None:
    generator, _ = pair(1)
    z = noise(4, 8)

    assert torch.allclose(generator(z, 1), generator(7 * z, 1), atol=1e-5)
    assert not torch.allclose(generator(z, 1), generator(-z, 1), atol=1e-2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_vector_of_zeros_survives_the_pixel_norm(dtype: torch.dtype) -> None:
    """In value and in gradient; 1e-8 is nothing in half precision, where 1e-4 takes its place."""
    x = torch.zeros(2, 3, 1, 1, dtype=dtype, requires_grad=True)
    out = layers.PixelNorm()(x)
    (slope,) = torch.autograd.grad(out.sum(), x, create_graph=True)
    (curve,) = torch.autograd.grad(slope.sum(), x)

    assert out.isfinite().all()
    assert slope.isfinite().all()
    assert curve.isfinite().all()
    assert layers.PixelNorm()(torch.full((1, 3), 0.01, dtype=torch.float16))[0, 0] == pytest.approx(
        0.01 / math.sqrt(1e-4 + 1e-4), rel=1e-2
    )


def test_a_discriminator_can_be_differentiated_twice() -> None:
    """Against finite differences, in float64, through the statistics and a fade.

    An activation in place would overwrite what the second derivative needs.
    """
    _, discriminator = pair(1)
    discriminator.double()
    x = noise(4, 3, 8, 8).double().requires_grad_()

    def scores(images: Tensor) -> Any:
        return discriminator.judge(images, 1, 0.4)[0]

    assert torch.autograd.gradgradcheck(scores, (x,), fast_mode=True)
    assert not any(getattr(module, "inplace", False) for module in discriminator.modules())


@pytest.mark.parametrize("settings", [{}, {"res_block_g": True, "res_block_d": True}])
def test_a_fade_goes_from_the_smaller_networks_to_the_larger(settings: dict[str, Any]) -> None:
    """t = 1 - alpha: the doubled old image at alpha 0, the new one at 1, their mean between."""
    generator, discriminator = pair(2, **settings)
    z, x = noise(4, 8), noise(4, 3, 16, 16)
    old = F.interpolate(generator(z, 1), scale_factor=2, mode="nearest")
    new = generator(z, 2)
    scores_old = discriminator(F.avg_pool2d(x, 2), 1)

    assert torch.allclose(generator(z, 2, 0.0), old, atol=1e-6)
    assert torch.allclose(generator(z, 2, 1.0), new)
    assert torch.allclose(generator(z, 2, 0.3), 0.7 * old + 0.3 * new, atol=1e-6)
    assert torch.allclose(discriminator(x, 2, 0.0), scores_old, atol=1e-5)
    before = discriminator(x, 2, 1.0)
    nn.init.normal_(discriminator.from_rgb[1][0].bias, generator=rng(1))
    assert torch.equal(discriminator(x, 2, 1.0), before)
    assert not torch.equal(discriminator(x, 2, 0.9), before)


def test_mean_of_pixels_comes_before_the_activation_or_after() -> None:
    """LeakyReLU(pool(conv + b)) of the second version, pool(LeakyReLU(conv + b)) of the first."""
    for first in (True, False):
        _, discriminator = pair(1, pool_first=first)
        inner, down = discriminator.blocks[0]
        x = noise(2, 8, 8, 8)
        conv = next(m for m in down.modules() if isinstance(m, nn.Conv2d))
        nn.init.normal_(conv.bias, generator=rng(2))
        sums = conv(inner(x))
        other = F.leaky_relu(F.avg_pool2d(sums, 2), 0.2)
        if not first:
            other = F.avg_pool2d(F.leaky_relu(sums, 0.2), 2)
        assert torch.allclose(discriminator.blocks[0](x), other, atol=1e-6)


def test_residual_blocks_add_their_input() -> None:
    """With the pair's weights at 0 a block of G is its upsampling unit, a block of D its last."""
    generator, discriminator = pair(1, res_block_g=True, res_block_d=True)
    for residual in (generator.blocks[1][2], discriminator.blocks[0][0]):
        for weight in residual.parameters():
            nn.init.zeros_(weight)
    x = noise(2, 8, 4, 4)
    up, unit, _ = generator.blocks[1]
    assert torch.equal(generator.blocks[1](x), unit(up(x)))
    assert torch.equal(discriminator.blocks[0](x), discriminator.blocks[0][1](x))


def test_statistics_can_be_left_out_of_the_features() -> None:
    """Then no image sees its batch; else each of them does."""
    _, discriminator = pair(1)
    x = noise(8, 3, 8, 8)
    alone = torch.cat([discriminator(row[None], 1, mates=False) for row in x])

    assert torch.allclose(discriminator(x, 1, mates=False), alone, atol=1e-5)
    assert not torch.allclose(discriminator(x, 1), alone, atol=1e-3)


def test_layout_for_gpus_changes_no_number() -> None:
    model = build(16)
    g, _ = pair(2)
    z = noise(3, 8)
    before = g(z, 2)

    assert torch.allclose(g.to(memory_format=torch.channels_last)(z, 2), before, atol=1e-5)
    conv = model.discriminator.blocks[0][0][0]
    assert conv.weight.is_contiguous(memory_format=torch.channels_last)
