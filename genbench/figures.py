"""Pictures of what a model does, drawn for reports: the same seed and inputs for every model."""

from __future__ import annotations

import torch
from torch import Tensor

from genbench import seeds
from genbench.data import Dataset
from genbench.images import enlarged, grid, pairs, png, to_bytes, to_floats
from genbench.interfaces import Decodes, Encodes, Generates, Interpolates
from genbench.tables import Figure

SIDE = 64  # pixels an image has in a figure, at least
COLUMNS = 8


@torch.inference_mode()
def draw(name: str, model: object, data: Dataset, device: torch.device) -> list[Figure]:
    """Samples, reconstructions and interpolations, as far as *model* can.

    Held-out images are chosen by a fixed seed, never by hand, and are the same for every model.
    """
    zoom = max(1, SIDE // data.resolution)
    figures = []
    if isinstance(model, Generates):
        sampled = model.sample(4 * COLUMNS, seeds.generator(0, "figure", device=device))
        images = _shown(sampled, data.resolution)
        figures.append(
            Figure(
                f"{name}: samples",
                f"{len(images)} samples from one seed, not chosen.",
                png(grid(images, COLUMNS), zoom),
                f"a grid of {len(images)} images sampled from {name}",
            )
        )
    if isinstance(model, Encodes) and isinstance(model, Decodes):
        rows = seeds.permutation(len(data.test), 0, "figure")
        inputs = data.test.take(rows[: 2 * COLUMNS]).to(device)
        latents = model.encode(to_floats(inputs))
        outputs = _shown(model.decode(latents), data.resolution)
        figures.append(_reconstructions(name, inputs, outputs, zoom))
        if isinstance(model, Interpolates):
            figures.append(_interpolations(name, model, model, inputs, latents, zoom))
    return figures


def _shown(images: Tensor, resolution: int) -> Tensor:
    """uint8, and at the size of the data where a model has not grown up yet."""
    return to_bytes(enlarged(images, resolution))


def _reconstructions(name: str, inputs: Tensor, outputs: Tensor, zoom: int) -> Figure:
    return Figure(
        f"{name}: reconstructions",
        "Held-out images above their reconstructions, chosen by a fixed seed.",
        png(pairs(inputs, outputs, COLUMNS), zoom),
        f"pairs of held-out images and their reconstructions by {name}",
    )


def _interpolations(
    name: str, way: Interpolates, decoder: Decodes, inputs: Tensor, latents: Tensor, zoom: int
) -> Figure:
    """Four rows: an input, the way from its latent to the next one's, that input."""
    steps = torch.linspace(0, 1, COLUMNS).tolist()
    rows = []
    for start in range(0, 8, 2):
        a, b = latents[start : start + 1], latents[start + 1 : start + 2]
        between = torch.cat([way.interpolate(a, b, t) for t in steps])
        rows += [inputs[start : start + 1], _shown(decoder.decode(between), inputs.shape[-1])]
        rows.append(inputs[start + 1 : start + 2])
    return Figure(
        f"{name}: interpolations",
        "Held-out images at both ends; between them, decoded latents on the way from one to "
        "the other.",
        png(grid(torch.cat(rows), COLUMNS + 2), zoom),
        f"rows of images changing from one held-out face to another, decoded by {name}",
    )
