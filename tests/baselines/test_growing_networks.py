"""The networks that grow: sizes of the original, and the fade."""

from __future__ import annotations

from importlib import import_module
from typing import Any, TypeAlias

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from draws import rng
from torch import Tensor, nn

layers: Any = import_module("genbench.baselines._parts.layers")
nets: Any = import_module("genbench.baselines._parts.growing_networks")
Pair: TypeAlias = tuple[Any, Any]  # generator, encoder

# phase, generator block, generator in use, encoder block, encoder in use, extra while fading
COUNTS = [
    (0, 6_554_624, 6_556_163, 6_554_624, 6_556_672, 0, 0),
    (1, 4_719_616, 11_275_779, 4_719_616, 11_276_288, 1_539, 2_048),
    (2, 4_719_616, 15_995_395, 4_719_616, 15_995_904, 1_539, 2_048),
    (3, 4_719_616, 20_715_011, 4_719_616, 20_715_520, 1_539, 2_048),
    (4, 1_769_984, 22_484_227, 3_539_968, 24_254_464, 1_539, 2_048),
    (5, 442_624, 22_926_467, 885_248, 25_139_200, 771, 1_024),
    (6, 110_720, 23_036_995, 221_440, 25_360_384, 387, 512),
]


def pair(latent: int, last: int, *, last_activation: bool = True) -> Pair:
    torch.manual_seed(0)
    return (
        nets.Generator(latent, last, layers.equalised, layers.PixelNorm),
        nets.Encoder(latent, last, layers.spectral, last_activation=last_activation),
    )


def size(*modules: nn.Module) -> int:
    return sum(weight.numel() for module in modules for weight in module.parameters())


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def published() -> Pair:
    """All nine blocks at d = 512, without memory."""
    with torch.device("meta"):
        return pair(512, 8)


@pytest.mark.parametrize("row", COUNTS, ids=lambda row: f"{4 << row[0]}px")
def test_parameters_are_those_of_the_original(row: tuple[int, ...], published: Pair) -> None:
    """Counted on the released code; fading from the last phase on adds its RGB layers."""
    generator, encoder = published
    phase, *expected = row
    up_to = slice(0, phase + 1)

    assert [
        size(generator.blocks[phase]),
        size(*generator.blocks[up_to], generator.to_rgb[phase]),
        size(encoder.blocks[phase]),
        size(*encoder.blocks[up_to], encoder.from_rgb[phase]),
        size(generator.to_rgb[phase - 1]) if phase else 0,
        size(encoder.from_rgb[phase - 1]) if phase else 0,
    ] == expected


def test_whole_networks_have_the_size_of_the_original(
    published: Pair,
) -> None:
    """Less the one scalar of an embedding that the released generator never uses."""
    assert size(published[0]) == 23_079_116 - 1
    assert size(published[1]) == 25_439_616


@pytest.mark.parametrize(
    ("phase", "wide"), [(0, 102_723), (1, 176_579), (2, 250_435), (3, 324_291)]
)
def test_small_networks_have_the_size_of_the_specification(phase: int, wide: int) -> None:
    """d = 64: 64 feature maps from 4x4 to 32x32; the encoder has 61 numbers more."""
    generator, encoder = pair(64, 3)

    assert size(*generator.blocks[: phase + 1], generator.to_rgb[phase]) == wide
    assert size(*encoder.blocks[: phase + 1], encoder.from_rgb[phase]) == wide + 61


def test_at_alpha_0_the_generator_is_that_of_the_smaller_phase() -> None:
    """The new block is there, and has no say."""
    generator, _ = pair(16, 2)
    z = noise(3, 16)
    small = F.interpolate(generator(z, 1, 1.0), scale_factor=2, mode="nearest")

    assert torch.allclose(generator(z, 2, 0.0), small, atol=1e-6)


def test_at_alpha_0_the_encoder_is_that_of_the_smaller_phase() -> None:
    _, encoder = pair(16, 2)
    encoder.eval()  # or every look at a weight would move the spectral norm
    x = noise(3, 3, 16, 16)
    small = encoder(F.avg_pool2d(x, 2), 1, 1.0)

    assert torch.allclose(encoder(x, 2, 0.0), small, atol=1e-6)


def test_at_alpha_1_the_smaller_rgb_layers_have_no_say() -> None:
    generator, encoder = pair(16, 2)
    encoder.eval()
    z, x = noise(3, 16), noise(3, 3, 16, 16)
    before = generator(z, 2, 1.0), encoder(x, 2, 1.0)
    for layer in (generator.to_rgb[1], encoder.from_rgb[1]):
        nn.init.normal_(layer.weight, generator=rng(1))

    assert torch.equal(generator(z, 2, 1.0), before[0])
    assert torch.equal(encoder(x, 2, 1.0), before[1])


def test_between_them_the_image_is_the_weighted_mean() -> None:
    """With toRGB before the doubling where the paper has it after: the same, a quarter the work."""
    generator, _ = pair(16, 2)
    z = noise(3, 16)
    features = generator.blocks[1](generator.blocks[0](z))
    old = generator.to_rgb[1](F.interpolate(features, scale_factor=2, mode="nearest"))
    new = generator(z, 2, 1.0)

    assert torch.allclose(generator(z, 2, 0.3), 0.7 * old + 0.3 * new, atol=1e-6)


def test_codes_have_norm_one() -> None:
    _, encoder = pair(16, 2)

    assert torch.allclose(encoder(noise(5, 3, 16, 16), 2, 0.5).norm(dim=1), torch.ones(5))


def test_the_last_activation_leaves_codes_mostly_positive() -> None:
    """LeakyReLU(0.2) keeps a fifth of every negative number; signs stay."""
    x = noise(64, 3, 8, 8)
    on, off = (pair(16, 1, last_activation=active)[1](x, 1) for active in (True, False))

    assert torch.equal(on > 0, off > 0)
    assert on.clamp_max(0).norm() < 0.5 * off.clamp_max(0).norm()
