"""Takes over weights that other code has saved, layer by layer, under the names it gave them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from genbench.errors import BadInput
from genbench.interfaces import Tensors


def part(found: Tensors, *prefixes: str) -> dict[str, Tensor]:
    """The tensors below the first of *prefixes* that has any, without it."""
    for prefix in prefixes:
        below = {
            name.removeprefix(f"{prefix}."): value
            for name, value in found.items()
            if name.startswith(f"{prefix}.")
        }
        if below:
            return below
    return {}


@torch.no_grad()
def adopt(layer: nn.Module, found: Tensors, name: str, like: str = "") -> None:
    """Fill a layer: its weight, and bias and running statistics where it has them.

    Wrappers that the other code has put around a convolution, and the names that its own
    spectral norm and equalised learning rate give to a stored weight, are looked through.

    Args:
        layer: ours; where its weight is parametrised, the stored one is filled.
        found: every tensor of the file.
        name: of the other code's layer.
        like: for the message: what shape or preset the names belong to.

    Raises:
        BadInput: nothing has that name, or it has another shape.
    """
    for key, own in stored(layer).items():
        value = _find(found, name, key)
        if value is None:
            raise BadInput(f"the weights have no {name}.{key}; {like or 'is it the right model?'}")
        if value.shape != own.shape and value.numel() != own.numel():
            raise BadInput(
                f"{name}.{key} is {tuple(value.shape)}, the model wants {tuple(own.shape)}; "
                "choose the --preset or --set that the weights were made with"
            )
        own.copy_(value.reshape(own.shape))


def stored(layer: nn.Module) -> dict[str, Tensor]:
    """What a checkpoint holds of one layer, without the vectors of a spectral norm."""
    tensors: dict[str, Tensor] = {}
    if parametrize.is_parametrized(layer):
        parametrizations: Mapping[str, nn.Module] = layer.parametrizations  # type: ignore[assignment]  # torch's
        original = parametrizations["weight"].original
        assert isinstance(original, Tensor)
        tensors["weight"] = original
    names = ("weight", "bias", "running_mean", "running_var")
    own = {
        **dict(layer.named_parameters(recurse=False)),
        **dict(layer.named_buffers(recurse=False)),
    }
    return tensors | {name: own[name] for name in names if name in own}


def layers(network: nn.Module) -> list[nn.Module]:
    """The parts of a network that hold weights, in the order in which they were made."""
    return [found for found in network.modules() if stored(found)]


def _find(found: Tensors, name: str, key: str) -> Tensor | None:
    for wrapped in (name, f"{name}.conv", f"{name}.module"):
        for spelled in (f"{wrapped}.{key}_orig", f"{wrapped}.{key}"):
            if spelled in found:
                return found[spelled]
    return None
