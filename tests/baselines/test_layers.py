"""Convolutions, norms and freezing that the models share."""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from draws import rng
from torch import nn

from genbench import registry

layers: Any = import_module("genbench.baselines._parts.layers")


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_latent_conv_is_the_convolution_it_stands_for(layout: torch.memory_format) -> None:
    """Value and gradients against conv2d with padding 3 on a 1x1 image, in float64."""
    torch.manual_seed(0)
    conv = layers.equalised(layers.LatentConv(5, 7)).double().to(memory_format=layout)
    nn.init.normal_(conv.bias, generator=rng(1))
    z = torch.randn(3, 5, dtype=torch.float64, requires_grad=True, generator=rng(2))

    fast = conv(z)
    slow = F.conv2d(z[:, :, None, None], conv.weight, conv.bias, padding=3)

    assert fast.shape == (3, 7, 4, 4)
    assert torch.allclose(fast, slow, rtol=1e-12)
    push = torch.randn(fast.shape, dtype=fast.dtype, generator=rng(3))
    wanted = [z, *conv.parameters()]
    ours, theirs = (torch.autograd.grad(y, wanted, push, retain_graph=True) for y in (fast, slow))
    for a, b in zip(ours, theirs, strict=True):
        assert torch.allclose(a, b, rtol=1e-10)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_doubling_conv_is_the_convolution_of_the_doubled_image(layout: torch.memory_format) -> None:
    """Value and gradients, borders included, against nearest doubling and conv2d, in float64."""
    torch.manual_seed(0)
    conv = layers.equalised(layers.DoublingConv(5, 7)).double().to(memory_format=layout)
    nn.init.normal_(conv.bias, generator=rng(4))
    x = torch.randn(3, 5, 3, 4, dtype=torch.float64, requires_grad=True, generator=rng(5))

    fast = conv(x)
    slow = F.conv2d(F.interpolate(x, scale_factor=2.0), conv.weight, conv.bias, padding=1)

    assert_equal_with_gradients(fast, slow, [x, *conv.parameters()])


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_whole_conv_is_the_convolution_it_stands_for(layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    conv = layers.equalised(layers.WholeConv(5, 7, 4)).double().to(memory_format=layout)
    nn.init.normal_(conv.bias, generator=rng(6))
    x = (
        torch.randn(3, 5, 4, 4, dtype=torch.float64, generator=rng(7))
        .to(memory_format=layout)
        .requires_grad_()
    )

    slow = F.conv2d(x, conv.weight, conv.bias)

    assert_equal_with_gradients(conv(x), slow, [x, *conv.parameters()])


@pytest.mark.parametrize("padding", [0, 1])
def test_from_colours_is_both_convolutions_one_after_the_other(padding: int) -> None:
    """Value and gradients in float64; the border tells whether the padding sees a bias."""
    torch.manual_seed(0)
    colour = nn.Conv2d(3, 5, 1).double()
    conv = layers.equalised(nn.Conv2d(5, 7, 3, padding=padding)).double()
    nn.init.normal_(conv.bias, generator=rng(8))
    images = torch.randn(2, 3, 4, 6, dtype=torch.float64, requires_grad=True, generator=rng(9))

    fast, slow = layers.from_colours(images, colour, conv), conv(colour(images))

    assert_equal_with_gradients(fast, slow, [images, *colour.parameters(), *conv.parameters()])


def assert_equal_with_gradients(
    fast: torch.Tensor, slow: torch.Tensor, wanted: list[torch.Tensor]
) -> None:
    assert fast.shape == slow.shape
    assert torch.allclose(fast, slow, rtol=1e-10, atol=1e-12)
    push = torch.randn(fast.shape, dtype=fast.dtype, generator=rng(10))
    ours, theirs = (torch.autograd.grad(y, wanted, push, retain_graph=True) for y in (fast, slow))
    for a, b in zip(ours, theirs, strict=True):
        assert torch.allclose(a, b, rtol=1e-10, atol=1e-12)


def test_equalised_weight_is_stored_as_unit_noise_and_used_at_he_scale() -> None:
    """He et al. 2015: deviation sqrt(2 / fan_in); 1 % is four errors of 73 728 draws."""
    torch.manual_seed(0)
    conv = layers.equalised(nn.Conv2d(128, 64, 3))
    stored = conv.get_parameter("parametrizations.weight.original").detach()

    assert stored.std() == pytest.approx(1, rel=0.01)
    assert torch.allclose(conv.weight, stored * math.sqrt(2 / (128 * 9)))
    assert not conv.bias.any()


def test_equalised_bias_is_not_scaled() -> None:
    conv = layers.equalised(nn.Conv2d(3, 2, 1))
    nn.init.constant_(conv.bias, 5.0)

    assert (conv(torch.zeros(1, 3, 2, 2)) == 5).all()


def test_spectral_weight_has_largest_singular_value_one() -> None:
    """Against an exact SVD, from the start and after 100 rounds of the power iteration."""
    torch.manual_seed(0)
    conv = layers.spectral(nn.Conv2d(16, 32, 3))
    for _ in range(2):
        largest = torch.linalg.matrix_norm(conv.weight.detach().flatten(1), 2)
        assert largest == pytest.approx(1, abs=1e-5)
        for _ in range(100):
            conv(torch.zeros(1, 16, 3, 3))


def tiny(name: str) -> Any:
    """The model in its preset for a CPU, as it is before training."""
    model = registry.model(name)
    preset = model.presets["tiny"]
    torch.manual_seed(0)
    return model.build(model.settings(**preset.settings), preset.resolution).eval()


@pytest.mark.parametrize("name", ["pioneer", "balanced_pioneer"])
def test_spectral_norms_of_a_fresh_model_are_one(name: str) -> None:
    """By an exact SVD; after the 15 power iterations of torch they are up to 1.038."""
    normed = [
        part.weight.detach().double().flatten(1)
        for part in tiny(name).modules()
        if isinstance(part, nn.Conv2d) and spectral_norm(part)
    ]
    largest = [float(torch.linalg.svdvals(weight)[0]) for weight in normed]

    assert len(largest) == {"pioneer": 8, "balanced_pioneer": 16}[name]
    assert largest == pytest.approx([1.0] * len(largest), abs=1e-5)


def spectral_norm(conv: nn.Conv2d) -> bool:
    return "parametrizations.weight.0._u" in dict(conv.named_buffers())


@pytest.mark.parametrize("name", ["pioneer", "balanced_pioneer"])
def test_converged_vectors_take_no_draws(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Initial weights and all that is drawn after them are as without."""
    with_vectors, state = tiny(name), torch.get_rng_state()
    monkeypatch.setattr(layers, "settle", lambda network: None)
    without = dict(tiny(name).named_parameters())

    assert torch.equal(torch.get_rng_state(), state)
    for key, value in with_vectors.named_parameters():
        assert torch.equal(value, without[key])


@pytest.mark.parametrize("gap", [1.0, 1e-2, 1e-4, 0.0])
def test_settled_vectors_are_those_of_the_largest_singular_value(gap: float) -> None:
    """A weight made of known vectors; two equal values leave any vector of their plane."""
    left, right = (
        torch.linalg.qr(torch.randn(n, 8, dtype=torch.float64, generator=rng(n)))[0]
        for n in (8, 36)
    )
    values = torch.tensor([1 + gap, *[1.0] * 2, *[0.5] * 5], dtype=torch.float64)
    conv = layers.spectral(nn.Conv2d(4, 8, 3)).double().eval()
    stored = conv.get_parameter("parametrizations.weight.original")
    stored.data = (3 * left * values @ right.T).view_as(stored)
    layers.settle(conv)
    vector = conv.get_buffer("parametrizations.weight.0._u")

    assert float(torch.linalg.svdvals(conv.weight.detach().flatten(1))[0]) == pytest.approx(1)
    assert float(vector.norm()) == pytest.approx(1)
    if gap:
        assert abs(float(vector @ left[:, 0])) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("value", [0.0, math.nan])
def test_weights_without_singular_vectors_keep_theirs(value: float) -> None:
    conv = layers.spectral(nn.Conv2d(4, 8, 3))
    vector = conv.get_buffer("parametrizations.weight.0._u")
    before = vector.clone()
    conv.get_parameter("parametrizations.weight.original").data.fill_(value)
    layers.settle(conv)

    assert torch.equal(vector, before)


def test_spectral_vectors_move_in_training_and_rest_in_evaluation() -> None:
    """One power iteration a forward pass while training, frozen or not; none after that."""
    torch.manual_seed(0)
    conv = layers.spectral(nn.Conv2d(16, 32, 3))
    vector = conv.get_buffer("parametrizations.weight.0._u")
    vector.copy_(torch.randn(32, generator=rng(1)))  # converged vectors would stay
    start = vector.clone()
    with layers.frozen(conv):
        conv(torch.zeros(1, 16, 3, 3))
    moved = vector.clone()
    conv.eval()
    conv(torch.zeros(1, 16, 3, 3))

    assert not torch.equal(start, moved)
    assert torch.equal(moved, vector)


def test_pixel_norm_gives_every_pixel_mean_square_one() -> None:
    torch.manual_seed(0)
    x = 7 * torch.randn(2, 5, 3, 3, generator=rng(11))

    assert torch.allclose(layers.PixelNorm()(x).square().mean(1), torch.ones(2, 3, 3), rtol=1e-5)
    assert not layers.PixelNorm()(torch.zeros(1, 5, 1, 1)).any()


def test_pixel_norm_can_be_differentiated_twice() -> None:
    """Against finite differences, near zero too, where the 1e-8 matters."""
    torch.manual_seed(0)
    for scale in (1.0, 1e-4):
        x = (
            scale * torch.randn(2, 5, 2, 1, dtype=torch.float64, generator=rng(12))
        ).requires_grad_()
        step = 1e-6 * scale
        assert torch.autograd.gradcheck(layers.PixelNorm(), x, eps=step, rtol=1e-4)
        assert torch.autograd.gradgradcheck(layers.PixelNorm(), x, eps=step, rtol=1e-3)


def test_frozen_lets_gradients_through_but_not_in() -> None:
    """The encoder learns through a frozen generator; its weights are free again afterwards."""
    layer = nn.Linear(3, 2)
    layer.bias.requires_grad_(False)
    x = torch.ones(1, 3, requires_grad=True)
    with layers.frozen(layer):
        layer(x).sum().backward()

    assert x.grad is not None
    assert layer.weight.grad is None
    assert layer.weight.requires_grad
    assert not layer.bias.requires_grad  # was frozen before


def test_batch_statistics_leave_the_running_ones_alone() -> None:
    """Same numbers as training mode gives, in either mode, and nothing is remembered."""
    norm = nn.BatchNorm2d(3)
    x = torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(0)) * 3 + 1
    expected = nn.BatchNorm2d(3)(x)
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    for mode in (True, False):
        norm.train(mode)
        with layers.batch_statistics(nn.Sequential(norm)):
            assert torch.equal(norm(x), expected)

        assert norm.training is mode
        assert norm.track_running_stats
        assert all(torch.equal(value, before[name]) for name, value in norm.state_dict().items())
    norm.train()(x)
    assert norm.num_batches_tracked == 1


def test_a_norm_without_running_statistics_keeps_having_none() -> None:
    norm = nn.BatchNorm2d(3, track_running_stats=False)
    with layers.batch_statistics(norm):
        pass

    assert not norm.track_running_stats
