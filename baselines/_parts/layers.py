"""Convolutions and norms that several models share.

A convolution stays an ordinary ``nn.Conv2d``; what is special about its weight is a torch
parametrisation. So any part that reads ``conv.weight`` sees the weight in use.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any, TypeVar

import torch
import torch.nn.functional as F  # noqa: N812  # the name torch's own documentation uses
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

Linear = TypeVar("Linear", nn.Conv2d, nn.Linear)  # a layer that sums over weighted numbers


class Scale(nn.Module):
    """Multiplies a stored weight by a constant, as a parametrisation.

    A model without numbers in it is left alone: to multiply them, torch imports its compiler.
    """

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, weight: Tensor) -> Tensor:
        return weight if weight.is_meta else weight * self.factor


def plain(conv: nn.Conv2d) -> nn.Conv2d:
    """Leave *conv* as torch initialises it: uniform in +-1 / sqrt(fan_in), bias included."""
    return conv


def equalised(layer: Linear, gain: float = math.sqrt(2)) -> Linear:
    """Give *layer* an equalised learning rate.

    The stored weight is drawn from N(0, 1) and multiplied by gain / sqrt(fan_in) in use;
    the bias starts at 0 and is not scaled. Adam's steps, which do not depend on the size
    of a gradient, then change every layer by the same share.

    Source: T. Karras et al., "Progressive Growing of GANs", ICLR 2018, section 4.1.
    """
    nn.init.normal_(layer.weight)
    _zero_bias(layer)
    parametrize.register_parametrization(layer, "weight", Scale(gain / math.sqrt(fan_in(layer))))
    return layer


def spectral(conv: nn.Conv2d) -> nn.Conv2d:
    """Draw Kaiming-normal weights (gain sqrt 2), and divide them by their largest singular value.

    One power iteration at every forward pass in training mode, none in evaluation mode; its
    vectors begin converged and are buffers, so a checkpoint holds them.

    Source: T. Miyato et al., "Spectral Normalization for GANs", ICLR 2018.
    """
    nn.init.kaiming_normal_(conv.weight)
    _zero_bias(conv)
    parametrize.register_parametrization(conv, "weight", _SpectralNorm(conv.weight))
    settle(conv)  # torch iterates 15 times, which leaves the largest singular value up to 4 % off
    return conv


class _SpectralNorm(parametrizations._SpectralNorm):
    """As torch's, but for a model without numbers in it: there is nothing to iterate on.

    Torch takes half a minute to see that of all the layers of Balanced Pioneer.
    """

    @torch.no_grad()
    def _power_method(self, weight_mat: Tensor, n_power_iterations: int) -> None:
        if not weight_mat.is_meta:
            super()._power_method(weight_mat, n_power_iterations)

    def forward(self, weight: Tensor) -> Tensor:
        return weight if weight.is_meta else super().forward(weight)


@torch.no_grad()
def settle(network: nn.Module) -> None:
    """Give every spectral norm in *network* the singular vectors of its present weight.

    They follow the weights that are trained, a power iteration at a time. A running average
    of weights has others: left as they are, its largest singular value would not be 1.
    By the eigenvector of W W^T in double precision, exact to the precision of the buffers.
    """
    for norm in network.modules():
        if not isinstance(norm, parametrize.ParametrizationList):
            continue
        for part in norm:
            if not isinstance(part, parametrizations._SpectralNorm) or norm.original.is_meta:
                continue
            weight = norm.original.detach().flatten(1).double().cpu()
            if not weight.isfinite().all() or not weight.any():
                continue  # nothing to save; the engine finds such weights and says so
            left = _leading_eigenvector(weight @ weight.T)
            part.get_buffer("_u").copy_(left)
            part.get_buffer("_v").copy_(F.normalize(weight.T @ left, dim=0))


def _leading_eigenvector(gram: Tensor) -> Tensor:
    """That of the largest eigenvalue: (n, n) symmetric, none below 0, not all 0 -> (n), norm 1.

    Squares the matrix until nothing is left of the other eigenvalues, or they equal the
    largest. An eigenvalue solver stalls for seconds where other processes want the cores.
    """
    power = gram / gram.norm()
    for _ in range(30):  # to the power of 1e9: what is left then differs by 1e-8 at most
        power = power @ power
        power = power / power.norm()
        if power.trace() < 1 + 1e-12:  # sum of all eigenvalues, in units of their norm
            break
    return F.normalize(power[:, power.diagonal().argmax()], dim=0)


def fan_in(layer: nn.Conv2d | nn.Linear) -> int:
    """Numbers that one output of *layer* is a sum over, padding included."""
    return layer.weight[0].numel()


class PixelNorm(nn.Module):
    """x / sqrt(mean over channels of x^2 + 1e-8), at every pixel."""

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) or (n, c) -> the same shape, of mean square 1 over c."""
        # Half precision holds nothing below 6e-8, and not the slope at a vector of zeros.
        least = 1e-4 if x.dtype == torch.float16 else 1e-8
        wide = x.float() if x.dtype.itemsize < 4 else x
        normed: Tensor = _Normed.apply(wide, least)
        return normed.to(x.dtype)


class _Normed(torch.autograd.Function):
    """x r with r = 1 / sqrt(mean of x^2 + least), over dimension 1.

    The gradient r (g - x r^2 mean(g x)) takes half the passes over memory that a chain of
    products takes: a tenth of Pioneer's whole step at 32x32.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, least: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.least = least
        return x * _inverse_size(x, least)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (x,), (g,) = ctx.saved_tensors, grads
        r = _inverse_size(x, ctx.least)  # once more, so that it can be differentiated again
        along = (g * x).mean(1, keepdim=True) * r**3
        return torch.addcmul(g * r, x, along, value=-1), None


def _inverse_size(x: Tensor, least: float) -> Tensor:
    return torch.rsqrt(x.square().mean(1, keepdim=True) + least)


class LatentConv(nn.Conv2d):
    """The 4x4 convolution with padding 3 that makes a 4x4 image out of one pixel.

    Each output pixel sees the one input pixel through one tap, so it is a linear map with
    the kernel read backwards; as a convolution it would multiply 15 zeros in 16.
    """

    def __init__(self, latent: int, channels: int) -> None:
        """Weight (channels, latent, 4, 4), as the convolution has it."""
        super().__init__(latent, channels, 4, padding=3)

    def untie(self) -> LatentConv:
        """Give every pixel of the output a bias of its own: (channels, 4, 4)."""
        self.bias = nn.Parameter(torch.zeros(self.out_channels, 4, 4))
        return self

    def forward(self, z: Tensor) -> Tensor:
        """(n, latent) -> (n, channels, 4, 4)."""
        taps = self.weight.permute(0, 2, 3, 1).reshape(-1, self.in_channels)
        seen = F.linear(z, taps).view(-1, self.out_channels, 4, 4).flip(2, 3)
        if self.bias is None:
            return seen
        return seen + self.bias.view(len(self.bias), *self.bias.shape[1:] or (1, 1))


class WholeConv(nn.Conv2d):
    """A convolution whose kernel covers its whole input: one linear map, and taken as one.

    At 4x4 and 512 feature maps a CPU spends a fifth of the time on it, gradients included.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, k, k) -> (n, feature maps, 1, 1), k the size of the kernel."""
        assert x.shape[-2:] == self.kernel_size
        # In this order both are streams where the layout is channels-last.
        pixels, taps = (t.permute(0, 2, 3, 1).flatten(1) for t in (x, self.weight))
        return F.linear(pixels, taps, self.bias)[:, :, None, None]


class DoublingConv(nn.Conv2d):
    """A 3x3 convolution of an image that was doubled by nearest neighbour, padding 1.

    The doubled image has four equal pixels wherever the small one has one, so taps that meet
    equal pixels are added up beforehand: a transposed convolution of the small image with 4x4
    taps and stride 2, which multiplies 16 times where the plain way does 36 times.

    Source: T. Karras et al., "Progressive Growing of GANs", ICLR 2018, released code.
    """

    def __init__(self, channels: int, wider: int) -> None:
        """Weight (wider, channels, 3, 3), as the convolution has it."""
        super().__init__(channels, wider, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, h, w) -> (n, wider, 2h, 2w)."""
        taps = F.pad(self.weight.transpose(0, 1).flip(2, 3), (1, 1, 1, 1))
        taps = taps[..., 1:] + taps[..., :-1]
        taps = taps[..., 1:, :] + taps[..., :-1, :]
        return F.conv_transpose2d(x, taps, self.bias, stride=2, padding=1)


def from_colours(images: Tensor, colour: nn.Conv2d, conv: nn.Conv2d) -> Tensor:
    """conv(colour(images)): a 1x1 convolution of colours, and the next one right after it.

    With nothing between them they are one linear map, of 3 colours instead of as many feature
    maps as *colour* makes: a fifth of the time. A fourth colour, 1 everywhere but in
    the padding, carries the bias of *colour*, which the padding of *conv* does not see either.

    Args:
        images: (n, 3, h, w).
        colour: 1x1, with a bias.
        conv: of any size and padding; stride 1.

    Returns:
        (n, feature maps of *conv*, h, w) if *conv* keeps the size.
    """
    assert colour.bias is not None
    with torch.autocast(images.device.type, enabled=False):
        ways = torch.cat([colour.weight.flatten(1), colour.bias[:, None]], 1)
        taps = torch.einsum("oikl,ic->ockl", conv.weight, ways)
    four = F.pad(images, (0, 0, 0, 0, 0, 1), value=1.0)
    return F.conv2d(four, taps, conv.bias, padding=conv.padding)


@contextlib.contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """No gradient reaches the parameters of *network*; gradients still pass through it."""
    trained = [weight for weight in network.parameters() if weight.requires_grad]
    for weight in trained:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in trained:
            weight.requires_grad_(True)


@contextlib.contextmanager
def batch_statistics(network: nn.Module) -> Iterator[None]:
    """Batch norms of *network* go by the batch at hand, and their running statistics rest.

    For passes over images that the network will not be evaluated on. In evaluation mode too:
    there the running statistics would otherwise be used.
    """
    norms = [
        part
        for part in network.modules()
        if isinstance(part, nn.modules.batchnorm._BatchNorm) and part.track_running_stats
    ]
    modes = [norm.training for norm in norms]
    for norm in norms:
        norm.track_running_stats, norm.training = False, True
    try:
        yield
    finally:
        for norm, mode in zip(norms, modes, strict=True):
            norm.track_running_stats, norm.training = True, mode


def _zero_bias(layer: nn.Conv2d | nn.Linear) -> None:
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
