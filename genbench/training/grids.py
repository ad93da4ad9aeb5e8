"""Grids drawn while a model learns: what it samples, and how it reconstructs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from genbench.data import Split
from genbench.images import enlarged, grid, pairs, save_png, to_bytes, to_floats
from genbench.interfaces import Decodes, Encodes, Learns
from genbench.runtime import seeds

SAMPLES = 64
PAIRS = 16  # columns of input above output, in two bands of eight
SIDE = 64  # pixels an image should have in a grid, at least


@dataclass(frozen=True)
class Pictures:
    """Sheets of images, uint8 (3, h, w) by name, and how much the samples differ."""

    sheets: dict[str, Tensor]
    deviation: float  # over samples, mean of all pixels, of images in [-1, 1]


def make(model: Learns, held_out: Split, seed: int, device: torch.device) -> Pictures:
    """Sheets "samples" and, of a model that both encodes and decodes, "reconstructions".

    The latents and the held-out images are the same every time, chosen by *seed*.
    """
    samples = model.sample(SAMPLES, seeds.generator(seed, "grid", device=device))
    sheets = {"samples": grid(to_bytes(enlarged(samples, model.resolution)), columns=16)}
    if isinstance(model, Encodes) and isinstance(model, Decodes):
        rows = seeds.permutation(len(held_out), seed, "grid")[:PAIRS]
        inputs = held_out.take(rows).to(device)
        outputs = model.decode(model.encode(to_floats(inputs)))
        sheets["reconstructions"] = pairs(inputs, to_bytes(enlarged(outputs, model.resolution)))
    return Pictures(sheets, float(samples.float().std(0).mean()))


def write(pictures: Pictures, folder: Path, model: Learns) -> None:
    """Write samples-N.png and reconstructions-N.png, N being the images seen."""
    zoom = max(1, SIDE // model.resolution)
    for name, sheet in pictures.sheets.items():
        save_png(sheet, folder / f"{name}-{model.seen:010d}.png", zoom)
