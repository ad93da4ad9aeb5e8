"""ALI's networks: their sizes, norms, first weights and dropout."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
import torch
from small_ali import build, published, rng, size
from torch import Tensor, nn

nets: Any = import_module("genbench.baselines._parts.ali_networks")

# --- networks


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        ("celeba-64", (6_794_880, 11_811_392, 6_532_160, 1_310_720, 7_346_177, 15_189_057)),
        ("svhn-32", (3_315_488, 1_767_584, 2_789_632, 393_216, 2_100_225, 5_283_073)),
        ("cifar10-32", (3_118_496, 981_152, 1_396_032, 163_840, 1_051_137, 2_611_009)),
    ],
)
def test_parameters_are_those_of_the_original(preset: str, expected: tuple[int, ...]) -> None:
    model = published(preset)
    pairs = model.discriminator

    parts = (model.encoder, model.decoder, pairs.image, pairs.latent, pairs.joint, pairs)
    assert tuple(map(size, parts)) == expected


def test_tiny_networks_have_the_size_of_the_specification() -> None:
    """The SVHN layout divided by four; confirmed by another implementation."""
    model = build(32)

    assert size(model.encoder) == 200_072
    assert size(model.decoder) == 80_808
    assert size(model.discriminator) == 327_489


def sides(parts: list[nn.Module], start: Tensor, run: Any) -> list[int]:
    """Heights of what each convolution puts out."""
    found: list[int] = []
    hooks = [part.register_forward_hook(lambda *a: found.append(a[2].shape[-1])) for part in parts]
    run(start)
    for hook in hooks:
        hook.remove()
    return found


@pytest.mark.parametrize(
    ("preset", "down", "up"),
    [
        ("celeba-64", [63, 29, 13, 4, 1, 1], [4, 13, 29, 63, 64, 64]),
        ("svhn-32", [28, 13, 10, 4, 1, 1, 1], [4, 10, 13, 28, 32, 32, 32]),
        ("cifar10-32", [28, 13, 10, 4, 1, 1, 1], [4, 10, 13, 28, 32, 32, 32]),
    ],
)
def test_sides_of_the_feature_maps(preset: str, down: list[int], up: list[int]) -> None:
    """No padding anywhere: sizes as the paper's tables imply them."""
    model = published(preset)
    x = torch.empty(2, 3, model.resolution, model.resolution, device="meta")
    z = torch.empty(2, model.settings.latent, device="meta")
    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    convs = {
        name: [part for part in net.modules() if isinstance(part, kinds)]
        for name, net in (("encoder", model.encoder), ("decoder", model.decoder))
    }

    assert sides(convs["encoder"], x, model.encoder) == down
    assert sides(convs["decoder"], z, model.decoder) == up
    assert all(conv.padding == (0, 0) for parts in convs.values() for conv in parts)


def test_norms_have_the_constants_of_the_original() -> None:
    model = build(norm_momentum=0.05)
    norms = [part for part in model.modules() if isinstance(part, nn.BatchNorm2d)]

    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-4, 0.05)}
    quick = (p for p in build(norm_momentum=0.3).modules() if isinstance(p, nn.BatchNorm2d))
    assert {norm.momentum for norm in quick} == {0.3}
    assert all((norm.weight == 1).all() and (norm.bias == 0).all() for norm in norms)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, [False, True, True, True, True]),
        ({"norm_first": True}, [True, True, True, True, True]),
    ],
)
def test_first_layer_of_the_discriminator_has_a_bias_for_a_norm(
    change: dict[str, Any], expected: list[bool]
) -> None:
    """The code; the paper's table norms it too. A norm takes the place of a bias."""
    parts = published("celeba-64", **change).discriminator

    assert [isinstance(layer.norm, nn.BatchNorm2d) for layer in parts.image] == expected
    assert [layer.conv.bias is None for layer in parts.image] == expected
    assert all(layer.conv.bias is None for layer in parts.latent)
    assert all(layer.conv.bias is not None for layer in parts.joint)
    assert not any(isinstance(p, nn.BatchNorm2d) for p in (*parts.latent.modules(),))


def test_maxout_takes_the_larger_of_neighbours() -> None:
    x = torch.tensor([1.0, 2.0, 5.0, -3.0]).view(1, 4, 1, 1)

    assert nets.Maxout()(x).flatten().tolist() == [2, 5]


def test_maxout_feature_maps_are_counted_before_it_or_after() -> None:
    """Code: 512 numbers into D(x, z); the paper's table: 1024."""
    before, after = published("cifar10-32"), published("cifar10-32", maxout_after=True)

    assert before.discriminator.joint[0].conv.in_channels == 512
    assert after.discriminator.joint[0].conv.in_channels == 1024
    assert not any(isinstance(p, nn.BatchNorm2d) for p in before.discriminator.modules())


def test_initial_weights_are_small_noise_without_bias() -> None:
    """Deviation 0.01; 2 % is five errors of 36 864 draws, the fewest here."""
    model = build(32, width=1.0, weight_std=0.01)
    convs = [p for p in model.modules() if isinstance(p, nn.Conv2d | nn.ConvTranspose2d)]

    for conv in convs:
        if conv.weight.numel() > 30_000:
            assert float(conv.weight.detach().std()) == pytest.approx(0.01, rel=0.02)
        assert conv.bias is None or not conv.bias.any()


# --- dropout


def drops(parts: Any) -> list[tuple[float, float]]:
    return [(layer.before, layer.after) for layer in parts]


def test_dropout_stands_before_every_convolution_of_the_discriminator() -> None:
    """CelebA: 0.2 everywhere, the raw image and latent and the last layer included."""
    parts = published("celeba-64").discriminator

    for network in (parts.image, parts.latent, parts.joint):
        assert set(drops(network)) == {(0.2, 0.0)}


@pytest.mark.parametrize(
    ("released", "expected"),
    [
        (False, [(0.2, 0), (0.5, 0), (0.5, 0), (0.5, 0), (0.5, 0)]),
        (True, [(0.2, 0), (0.5, 0), (0, 0.5), (0, 0), (0.5, 0)]),
    ],
)
def test_dropout_on_cifar10(released: bool, expected: list[tuple[float, float]]) -> None:
    """Paper: before every convolution; code: after the third, and not before two others."""
    parts = published("cifar10-32", dropout_as_released=released).discriminator

    assert drops(parts.image) == expected
    assert drops(parts.latent) == [(0.2, 0), (0.5, 0)]
    assert drops(parts.joint) == [(0.5, 0)] * 3


def test_dropout_keeps_the_mean_and_follows_its_generator() -> None:
    """Each number by itself: a share of zeros, the rest larger by 1 / (1 - p)."""
    x = torch.ones(4, 50, 10, 10)
    out = nets.dropped(x, 0.2, rng())

    assert set(out.unique().tolist()) == {0.0, 1.25}
    assert out.mean() == pytest.approx(1, abs=0.02)  # five errors of 20 000 coins
    assert (out.flatten(2).std(2) > 0).all()  # no whole feature map at once
    torch.manual_seed(1)
    assert torch.equal(out, nets.dropped(x, 0.2, rng()))
    assert nets.dropped(x, 0.2, None) is x
