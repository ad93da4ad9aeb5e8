"""Weights of pytorch_GAN_zoo's progressive GAN in our networks.

There every layer, the first and the last ones too, multiplies what comes out, bias included,
by sqrt(2 / fan_in). Here each layer has its own gain and a bias that is not scaled. What is
stored is converted, so that both networks are the same function.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from genbench.errors import BadInput
from genbench.interfaces import Tensors

from .layers import LatentConv, Scale
from .proggan_networks import Discriminator, Generator
from .released_weights import adopt, layers


def adopt_generator(net: Generator, found: Tensors) -> None:
    """Fill G; *found* holds formatLayer, groupScale0, scaleLayers and toRGBLayers."""
    first, *rest = [layers(block) for block in net.blocks]
    _first(first[0], found)
    _layer(first[1], found, "groupScale0.0")
    for scale, block in enumerate(rest):
        for number, layer in enumerate(block):
            _layer(layer, found, f"scaleLayers.{scale}.{number}")
    for phase, layer in enumerate(net.to_rgb):
        _layer(layer, found, f"toRGBLayers.{phase}")


def adopt_discriminator(net: Discriminator, found: Tensors) -> None:
    """Fill D; *found* holds fromRGBLayers, scaleLayers, groupScaleZero and decisionLayer."""
    for phase, unit in enumerate(net.from_rgb):
        _layer(layers(unit)[0], found, f"fromRGBLayers.{phase}")
    for scale, block in enumerate(net.blocks):
        for number, layer in enumerate(layers(block)):
            _layer(layer, found, f"scaleLayers.{scale}.{number}")
    _layer(layers(net.head)[0], found, "groupScaleZero.0")
    _layer(net.dense, found, "groupScaleZero.1")
    _layer(net.score, found, "decisionLayer")


def _layer(layer: nn.Module, found: Tensors, name: str) -> None:
    adopt(layer, found, name, "is it a progressive GAN of pytorch_GAN_zoo, of this --resolution?")
    _convert(layer, math.sqrt(2 / _stored(layer)[0][0].numel()))


@torch.no_grad()
def _first(layer: nn.Module, found: Tensors) -> None:
    """The dense layer: a row of weights for each feature map and pixel, as is its bias."""
    assert isinstance(layer, LatentConv)
    if layer.bias is None or layer.bias.dim() != 3:
        raise BadInput(
            "pytorch_GAN_zoo's first layer has a bias for each pixel; add --set untied_bias=true "
            "--set pool_first=false"
        )
    wide, latent = layer.out_channels, layer.in_channels
    rows = found.get("formatLayer.weight")
    if rows is None or rows.shape != (wide * 16, latent):
        raise BadInput(
            f"formatLayer.weight is {None if rows is None else tuple(rows.shape)}, the model wants "
            f"{(wide * 16, latent)}; choose the --preset or --set that the weights were made with"
        )
    # As a convolution with padding 3 the kernel is read backwards.
    taps = rows.view(wide, 4, 4, latent).flip(1, 2).permute(0, 3, 1, 2)
    adopt(layer, {"x.weight": taps, "x.bias": found["formatLayer.bias"]}, "x")
    _convert(layer, math.sqrt(2 / latent))


@torch.no_grad()
def _convert(layer: nn.Module, scale: float) -> None:
    """From "all that comes out, times *scale*" to our gain of the weight alone."""
    assert parametrize.is_parametrized(layer)
    own = layer.get_submodule("parametrizations.weight.0")
    assert isinstance(own, Scale)
    weight, bias = _stored(layer)
    weight.mul_(scale / own.factor)
    bias.mul_(scale)


def _stored(layer: nn.Module) -> tuple[Tensor, Tensor]:
    return layer.get_parameter("parametrizations.weight.original"), layer.get_parameter("bias")
