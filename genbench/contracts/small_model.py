"""Small models and batches that the contract of models is tried on."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from genbench import registry, runs
from genbench.images import to_bytes
from genbench.interfaces import (
    Batch,
    Continues,
    Learns,
    Model,
    Prepares,
)
from genbench.runtime import seeds
from genbench.settings import preset_layer, resolve

RESOLUTION = 16
ROWS = 12


class Images:
    """A training split of a few images."""

    def __len__(self) -> int:
        return ROWS

    def take(self, rows: Tensor) -> Tensor:
        """uint8 (n, 3, h, w)."""
        return to_bytes(batch().images)[rows]


def fresh(name: str, declared: Model[Any], seed: int = 0) -> Learns:
    """A small new model at its full resolution, ready for its first step."""
    model = built(name, declared, seed)
    if isinstance(model, Continues) and declared.starts_from is not None:
        other = built(declared.starts_from, registry.model(declared.starts_from), seed)
        model.start_from(other.eval())
    if isinstance(model, Prepares):
        model.prepare(Images(), seeds.generator(seed, "prepare"))
    model.seen = model.total(ROWS)
    return model


def built(name: str, declared: Model[Any], seed: int = 0) -> Learns:
    """A small new model as its constructor leaves it, counter at the end."""
    model = as_built(name, declared, seed)
    model.seen = model.total(ROWS)
    return model


def as_built(name: str, declared: Model[Any], seed: int = 0) -> Learns:
    """A small new model of which nothing has been asked yet."""
    layers = [preset_layer(declared, "tiny", name)] if "tiny" in declared.presets else []
    settings = resolve(declared.settings, layers, name).values
    return runs.build(name, settings, RESOLUTION, seed)


def batch(seed: int = 0) -> Batch:
    """Smooth random images, as a training batch."""
    noise = torch.randn(ROWS, 3, 4, 4, generator=seeds.generator(seed, "contract"))
    images = torch.nn.functional.interpolate(noise, (RESOLUTION, RESOLUTION), mode="bilinear")
    return Batch(images.tanh(), torch.arange(ROWS))
