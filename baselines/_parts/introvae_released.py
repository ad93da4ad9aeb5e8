"""Weights of the released IntroVAE in our networks: its blocks bear the side they work at."""

from __future__ import annotations

from torch import nn

from genbench.errors import BadInput
from genbench.interfaces import Tensors

from .introvae_networks import (
    SIDE,
    Block,
    Encoder,
    Generator,
)
from .released_weights import adopt


def adopt_encoder(net: Encoder, found: Tensors) -> None:
    """Fill E; *found* holds main and fc."""
    adopt(net.first, found, "main.0")
    adopt(net.norm, found, "main.1")
    adopt(net.last, found, "fc")
    for number, block in enumerate(reversed(net.blocks)):
        _adopt_block(block, found, f"main.res_in_{SIDE << number}")


def adopt_generator(net: Generator, found: Tensors) -> None:
    """Fill G; *found* holds fc and main."""
    adopt(net.first, found, "fc.0")
    adopt(net.last, found, "main.predict")
    for number, block in enumerate(net.blocks):
        _adopt_block(block, found, f"main.res_in_{SIDE << number}")


def _adopt_block(block: nn.Module, found: Tensors, name: str) -> None:
    assert isinstance(block, Block)
    projects = f"{name}.conv_expand.weight" in found
    if projects != isinstance(block.shortcut, nn.Conv2d):
        raise BadInput(
            f"{name} has {'a' if projects else 'no'} projection, which the model has "
            f"{'not' if projects else 'one'}; change that with --set released_shortcuts="
            f"{str(projects).lower()}"
        )
    if projects:
        adopt(block.shortcut, found, f"{name}.conv_expand")
    for ours, theirs in (
        (block.conv1, "conv1"),
        (block.norm1, "bn1"),
        (block.conv2, "conv2"),
        (block.norm2, "bn2"),
    ):
        adopt(ours, found, f"{name}.{theirs}")
