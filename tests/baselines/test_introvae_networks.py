"""IntroVAE's networks: sizes, order of layers, shortcuts, norms."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from draws import rng
from torch import Tensor, nn

nets: Any = import_module("genbench.baselines._parts.introvae_networks")

K1024 = (16, 32, 64, 128, 256, 512, 512, 512)
SCRIPT = (32, 64, 128, 256, 512, 512)
WIDE = (64, 128, 256, 512, 512, 512)
# Measured on the classes of the release: channels, d, encoder and generator without and with
# its needless projections.
SIZES = [
    (K1024, 512, 27_445_328, 20_903_859, 27_969_616, 21_428_147),
    (SCRIPT, 512, 22_711_456, 16_190_819, 22_973_600, 16_452_963),
    (WIDE, 512, 27_376_960, 20_939_459, 27_901_248, 21_463_747),
    (WIDE[:5], 256, 18_461_504, 14_121_667, 18_723_648, 14_383_811),
    (SCRIPT[:5], 256, 13_796_000, 9_373_027, 13_796_000, 9_373_027),
    (WIDE[:4], 128, 11_643_456, 8_352_451, 11_643_456, 8_352_451),
    (WIDE[:3], 64, 2_858_432, 2_120_387, 2_858_432, 2_120_387),
    ((16, 32, 64), 32, 212_880, 150_963, 212_880, 150_963),
]


def size(net: nn.Module) -> int:
    return sum(weight.numel() for weight in net.parameters())


@pytest.mark.parametrize(("channels", "latent", "e", "g", "e_released", "g_released"), SIZES)
def test_sizes_are_the_published_ones(
    channels: tuple[int, ...], latent: int, e: int, g: int, e_released: int, g_released: int
) -> None:
    with torch.device("meta"):
        for as_released, wanted in ((False, (e, g)), (True, (e_released, g_released))):
            built = [
                kind(channels, latent, nets.batch_norm, as_released=as_released)
                for kind in (nets.Encoder, nets.Generator)
            ]
            assert tuple(map(size, built)) == wanted


def test_norm_of_a_block_comes_after_the_sum() -> None:
    """With the inner path off, a block of equal width gives the normalised input itself."""
    block = nets.Block(3, 3, nets.batch_norm)
    nn.init.zeros_(block.conv2.weight)
    x = 5 * torch.randn(4, 3, 6, 6, generator=torch.Generator().manual_seed(0)) + 2
    expected = (x - x.mean((0, 2, 3), keepdim=True)) / x.var(
        (0, 2, 3), correction=0, keepdim=True
    ).sqrt()

    assert torch.allclose(block(x), F.leaky_relu(expected, 0.2), atol=1e-5)


def test_shortcut_is_a_bare_projection_where_widths_differ() -> None:
    assert isinstance(nets.Block(4, 4, nets.batch_norm).shortcut, nn.Identity)
    shortcut = nets.Block(4, 6, nets.batch_norm).shortcut
    assert (shortcut.kernel_size, shortcut.bias) == ((1, 1), None)


def test_encoder_is_the_release_layer_by_layer() -> None:
    """5x5 stem, pool, blocks with a pool between them, the last at 4x4, rows channel by channel."""
    torch.manual_seed(0)
    encoder = nets.Encoder((8, 16), 5, nets.batch_norm).to(memory_format=torch.channels_last)
    x = torch.rand(3, 3, 16, 16, generator=rng(1))
    y = F.leaky_relu(encoder.norm(F.conv2d(x, encoder.first.weight, padding=2)), 0.2)
    y = encoder.blocks[0](F.avg_pool2d(y, 2))
    y = encoder.blocks[1](F.avg_pool2d(y, 2))
    rows = y.contiguous().view(3, 16 * 16)

    assert y.shape == (3, 16, 4, 4)
    expected = rows @ encoder.last.weight.T + encoder.last.bias
    assert torch.allclose(encoder(x), expected, atol=1e-5)


def test_generator_is_the_release_layer_by_layer() -> None:
    """Blocks work before each doubling; the first at 4x4, one more at the full size."""
    torch.manual_seed(0)
    generator = nets.Generator((8, 16), 5, nets.batch_norm)
    z = torch.randn(3, 5, generator=rng(2))
    y = F.relu(F.linear(z, generator.first.weight, generator.first.bias)).view(3, 16, 4, 4)
    for block in (generator.blocks[0], generator.blocks[1]):
        y = block(y).repeat_interleave(2, 2).repeat_interleave(2, 3)
    y = generator.blocks[2](y)
    expected = F.conv2d(y, generator.last.weight, generator.last.bias, padding=2)

    assert expected.shape == (3, 3, 16, 16)
    assert [block.conv1.in_channels for block in generator.blocks] == [16, 16, 8]
    assert torch.allclose(generator(z), expected, atol=1e-5)


def test_output_is_linear() -> None:
    """No tanh, no sigmoid: a bias of 7 is found again in the image."""
    generator = nets.Generator((8, 16), 5, nets.batch_norm)
    nn.init.zeros_(generator.last.weight)
    nn.init.constant_(generator.last.bias, 7.0)

    assert torch.equal(generator(torch.zeros(2, 5)), torch.full((2, 3, 16, 16), 7.0))


@pytest.mark.parametrize(("channels", "groups"), [(512, 32), (128, 32), (64, 16), (16, 4), (3, 1)])
def test_groups_divide_the_channels(channels: int, groups: int) -> None:
    norm = nets.group_norm(channels)

    assert norm.num_groups == groups
    assert norm(torch.zeros(1, channels, 2, 2)).shape == (1, channels, 2, 2)


def test_group_norm_needs_no_batch() -> None:
    """Training mode gives an image the same whoever stands beside it; batch norm does not."""
    x = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))

    def spread(norm: Any) -> Tensor:
        torch.manual_seed(0)
        encoder = nets.Encoder((8, 16), 5, norm).train()
        apart: Tensor = (encoder(x)[:2] - encoder(x[:2])).abs().max()
        return apart

    assert spread(nets.group_norm) < 1e-5
    assert spread(nets.batch_norm) > 1e-3
