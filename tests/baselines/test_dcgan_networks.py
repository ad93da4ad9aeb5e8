"""DCGAN's generator and its mirror: the sizes that the papers' nets have, and how they start."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from draws import rng
from torch import nn

from genbench.errors import BadSetting

nets: Any = import_module("genbench.baselines._parts.dcgan_networks")
Shape = nets.Shape


def count(net: nn.Module) -> int:
    return sum(weight.numel() for weight in net.parameters())


@pytest.mark.parametrize(
    ("latent", "resolution", "options", "expected"),
    [
        (32, 32, {"channels": 1}, 788_352),
        (64, 32, {}, 921_472),
        (256, 64, {}, 4_854_656),
        (100, 64, {}, 3_576_704),
        (256, 128, {}, 15_342_464),
        (64, 64, {}, 3_281_792),  # this one and those below: AGE
        (128, 64, {}, 3_806_080),
        (512, 64, {}, 6_951_808),
        (512, 128, {}, 19_536_768),
        (512, 128, {"widest": 512}, 11_147_136),
        (32, 32, {"base": 16}, 74_720),
    ],
)
def test_generator_has_the_parameters_of_the_paper(
    latent: int, resolution: int, options: dict[str, int], expected: int
) -> None:
    with torch.device("meta"):
        net = nets.generator(latent, Shape(resolution, **options))

    assert count(net) == expected
    assert net(torch.zeros(2, latent, device="meta")).shape == (
        2,
        options.get("channels", 3),
        resolution,
        resolution,
    )


@pytest.mark.parametrize(
    ("resolution", "options", "expected"),
    [
        (64, {}, 2_765_568),
        (32, {}, 663_296),
        (32, {"channels": 1}, 661_248),
        (128, {}, 11_164_416),
        (32, {"base": 16}, 42_944),
    ],
)
def test_discriminator_has_the_parameters_of_the_paper(
    resolution: int, options: dict[str, int], expected: int
) -> None:
    with torch.device("meta"):
        net = nets.strided_stack(Shape(resolution, **options), 1)

    assert count(net) == expected


@pytest.mark.parametrize(
    ("latent", "resolution", "widest", "expected"),
    [
        (64, 64, None, 3_281_728),
        (128, 64, None, 3_806_080),
        (512, 64, None, 6_952_192),
        (512, 128, None, 19_537_152),
        (512, 128, 512, 11_147_520),
    ],
)
def test_encoder_of_age_is_the_same_stack_with_a_bias_at_its_end(
    latent: int, resolution: int, widest: int | None, expected: int
) -> None:
    with torch.device("meta"):
        net = nets.strided_stack(Shape(resolution, widest=widest), latent, head_bias=True)

    assert count(net) == expected
    assert net(torch.zeros(2, 3, resolution, resolution, device="meta")).shape == (2, latent)


def test_weights_start_as_published() -> None:
    """N(0, 0.02^2), gains N(1, 0.02^2), shifts 0; the deviation to 5 standard errors."""
    torch.manual_seed(0)
    for net in (nets.generator(64, Shape(64)), nets.strided_stack(Shape(64), 1)):
        for layer in net:
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                w = layer.weight
                error = 5 * 0.02 / w.numel() ** 0.5
                assert abs(w.mean()) < error
                assert abs(w.std() - 0.02) < error
            elif isinstance(layer, nn.BatchNorm2d):
                assert abs(layer.weight.mean() - 1) < 5 * 0.02 / len(layer.weight) ** 0.5
                assert not layer.bias.any()
                assert (layer.eps, layer.momentum) == (1e-5, 0.1)


def test_layers_come_in_the_order_of_the_paper() -> None:
    """No norm after the first convolution of the stack, nor at either net's end."""
    generator = nets.generator(8, Shape(16, 4))
    stack = nets.strided_stack(Shape(16, 4), 1)

    assert [type(layer).__name__ for layer in generator] == [
        "LatentTranspose",
        "BatchNorm2d",
        "ReLU",
        "ConvTranspose2d",
        "BatchNorm2d",
        "ReLU",
        "ConvTranspose2d",
        "Tanh",
    ]
    assert [type(layer).__name__ for layer in stack] == [
        "Conv2d",
        "LeakyReLU",
        "Conv2d",
        "BatchNorm2d",
        "LeakyReLU",
        "WholeConv",
        "Flatten",
    ]
    assert all(layer.negative_slope == 0.2 for layer in stack if isinstance(layer, nn.LeakyReLU))


def test_a_critic_may_do_without_norms_and_with_biases() -> None:
    stack = nets.strided_stack(Shape(32, 8), 1, norm=None, bias=True, head_bias=True)

    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in stack)
    assert all(layer.bias is not None for layer in stack if isinstance(layer, nn.Conv2d))


def test_another_norm_is_handed_its_feature_maps() -> None:
    def norm(maps: int) -> nn.Module:
        return nn.GroupNorm(1, maps)

    stack = nets.strided_stack(Shape(32, 8), 1, norm=norm)

    assert [layer.num_channels for layer in stack if isinstance(layer, nn.GroupNorm)] == [16, 32]


def test_first_layer_is_the_transposed_convolution() -> None:
    torch.manual_seed(0)
    first = nets.LatentTranspose(5, 3)
    z = torch.randn(4, 5, generator=rng(1))

    assert torch.allclose(first(z), F.conv_transpose2d(z[:, :, None, None], first.weight))


def test_images_lie_in_range() -> None:
    torch.manual_seed(0)
    images = nets.generator(8, Shape(16, 4))(100 * torch.randn(16, 8, generator=rng(2)))

    assert images.abs().max() <= 1
    assert images.std() > 0.01


def test_grey_images_go_there_and_back() -> None:
    one = torch.rand(2, 1, 4, 4, generator=rng(3))

    assert torch.allclose(nets.grey(nets.coloured(one), 1), one)
    assert nets.coloured(one).shape == (2, 3, 4, 4)
    assert nets.grey(nets.coloured(one), 3).shape == (2, 3, 4, 4)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (Shape(24), "dcgan doubles from 4x4 and has no resolution 24; choose --resolution from 8,"),
        (Shape(4), "no resolution 4; choose"),
        (Shape(32, 0), "at least 1 feature map in a layer, got base 0"),
        (Shape(32, channels=2), "dcgan.channels is 3, or 1 for grey images, got 2"),
    ],
)
def test_shapes_that_cannot_be_built_are_refused(shape: Any, words: str) -> None:
    with pytest.raises(BadSetting, match=words):
        nets.check_shape(shape, "dcgan")
