"""Grids drawn while a model learns: what it samples, and how it reconstructs."""

from __future__ import annotations

from pathlib import Path

import torch

from genbench import seeds
from genbench.data import Split
from genbench.images import enlarged, grid, pairs, save_png, to_bytes, to_floats
from genbench.interfaces import Decodes, Encodes, Learns

SAMPLES = 64
PAIRS = 16  # columns of input above output, in two bands of eight
SIDE = 64  # pixels an image should have in a grid, at least


def draw(model: Learns, held_out: Split, folder: Path, seed: int, device: torch.device) -> None:
    """Write samples-N.png and reconstructions-N.png, N being the images seen.

    The latents and the held-out images are the same every time, chosen by *seed*.
    """
    zoom = max(1, SIDE // model.resolution)
    samples = model.sample(SAMPLES, seeds.generator(seed, "grid", device=device))
    sheet = grid(to_bytes(enlarged(samples, model.resolution)), columns=16)
    save_png(sheet, folder / f"samples-{model.seen:010d}.png", zoom)
    if isinstance(model, Encodes) and isinstance(model, Decodes):
        rows = seeds.permutation(len(held_out), seed, "grid")[:PAIRS]
        inputs = held_out.take(rows).to(device)
        outputs = to_bytes(
            enlarged(model.decode(model.encode(to_floats(inputs))), model.resolution)
        )
        save_png(pairs(inputs, outputs), folder / f"reconstructions-{model.seen:010d}.png", zoom)
