"""What is measured, opened: the images that it can make, and why not the rest."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Generator, Tensor

from genbench.data import Dataset
from genbench.data.image_sets.image_set import ImageSet
from genbench.errors import GenbenchError
from genbench.evaluation.stored_images import NO_LATENTS, NO_PAIRS, StoredImages
from genbench.images import to_floats
from genbench.interfaces import Decodes, Draws, Encodes, Generates, Interpolates, Maker, Step
from genbench.runtime import seeds, tensor_digest

Sampler = Callable[[int, int, int, int], Tensor]  # (start, stop, seed, repeat) -> images
Walker = Callable[[int, int, int, Step], tuple[Tensor, Tensor]]  # (start, stop, seed, step)
Reconstructor = Callable[[Tensor], Tensor]  # uint8 images -> images of any range to_bytes takes
FEW = 16  # images that tell one object from another
NO_PATH = "it has not all of draw, decode and interpolate"


@dataclass(frozen=True)
class Subject:
    """Something opened for measuring: what it can do, and why not the rest."""

    samples: Sampler | None = None
    reconstruct: Reconstructor | None = None
    path: Walker | None = None
    missing: Mapping[Maker, str] = field(default_factory=dict)  # why it cannot do the rest
    note: str | None = None  # for all its records
    sets: int | None = None  # separate sets of samples that it has; None: any number
    digest: str | None = None  # of all images that it has, where these are a finite number
    stored: StoredImages | None = None  # in the place of what makes them

    def reasons(self) -> dict[Maker, str]:
        """Why it cannot do what it cannot."""
        return ({Maker.WALKER: NO_PATH} if self.path is None else {}) | dict(self.missing)


def content(subject: Subject, data: Dataset, seed: int) -> str | None:
    """Digest of what a subject shows: two that differ in it are two, whatever they are called.

    Of an object these are the first few images that it really makes, since nothing else says
    what its code does. None where it makes none, or none that can be known again.

    Args:
        data: what it reconstructs a few images of.
        seed: of its samples.
    """
    if subject.digest is not None:
        return subject.digest
    shown: list[Tensor] = []
    try:
        if subject.samples is not None:
            shown.append(subject.samples(0, FEW, seed, 0))
        if subject.reconstruct is not None:
            shown.append(subject.reconstruct(data.test.take(slice(0, FEW))))
        if subject.path is not None:
            shown += subject.path(0, FEW, seed, Step())
    except GenbenchError:
        return None
    named = ((str(place), images) for place, images in enumerate(shown))
    return tensor_digest.digest(named) if shown else None


def from_model(model: Any, device: torch.device) -> Subject:
    """Any object with some of `sample`, `draw`, `encode`, `decode`; torch modules in eval mode."""
    note = None
    if isinstance(model, torch.nn.Module):
        if any(part.training for part in model.modules()):
            note = "the model was handed over in training mode and put in evaluation mode"
        model.eval()
        device = next((p.device for p in model.parameters()), device)
    missing, samples, reconstruct = {}, None, None
    if isinstance(model, Draws) and isinstance(model, Decodes):
        samples = _latent_sampler(model, model, device)
    elif isinstance(model, Generates):
        samples = _block_sampler(model)
    else:
        missing[Maker.SAMPLER] = "it has no method sample"
    if isinstance(model, Encodes) and isinstance(model, Decodes):
        encode, decode = model.encode, model.decode

        def reconstruct(images: Tensor) -> Tensor:
            return decode(encode(to_floats(images.to(device))))

    else:
        missing[Maker.RECONSTRUCTOR] = "it does not both encode and decode"
    path = None
    if isinstance(model, Draws) and isinstance(model, Decodes) and isinstance(model, Interpolates):
        path = _walker(model, model, model, device)
    return Subject(samples, reconstruct, path, missing, note)


def _walker(prior: Draws, way: Interpolates, decoder: Decodes, device: torch.device) -> Walker:
    """Both ends of small steps between latents of the prior.

    Latents and their interpolation are float64: in float32 a step of 1e-4 is off by 1e-3 of
    its length. Both ends are decoded in one batch, so that the same kernels run.
    """

    def path(start: int, stop: int, seed: int, step: Step) -> tuple[Tensor, Tensor]:
        def rows(draw: Callable[[int, Generator], Tensor], end: str) -> Tensor:
            return torch.cat(list(seeds.blocks(draw, start, stop, seed, "path", end)))

        a, b = rows(prior.draw, "from").double(), rows(prior.draw, "to").double()
        t = torch.zeros(stop - start) if step.ends else rows(_uniform, "t")
        t = t.double()
        ends = [way.interpolate(a, b, at) for at in (t, t + step.epsilon)]
        latents = torch.cat(ends).float().to(device)
        first, second = torch.split(decoder.decode(latents).float(), stop - start)
        return first, second

    return path


def _uniform(n: int, rng: Generator) -> Tensor:
    return torch.rand(n, generator=rng, dtype=torch.float64)


def _latent_sampler(prior: Draws, decoder: Decodes, device: torch.device) -> Sampler:
    """Latents in blocks, decoded in whatever batch comes: images do not depend on it."""

    def samples(start: int, stop: int, seed: int, repeat: int) -> Tensor:
        latents = torch.cat(list(seeds.blocks(prior.draw, start, stop, seed, "samples", repeat)))
        return decoder.decode(latents.to(device))

    return samples


def _block_sampler(model: Generates) -> Sampler:
    takes_generator = len(inspect.signature(model.sample).parameters) > 1

    def draw(n: int, rng: Generator) -> Tensor:
        if takes_generator:
            return model.sample(n, rng)
        # Without a generator of its own the model draws from torch's, which is set and put back.
        with torch.random.fork_rng():
            torch.manual_seed(rng.initial_seed())
            return model.sample(n)

    def samples(start: int, stop: int, seed: int, repeat: int) -> Tensor:
        return torch.cat(list(seeds.blocks(draw, start, stop, seed, "samples", repeat)))

    return samples


def from_images(images: ImageSet, resolution: int) -> Subject:
    """Images that another program has sampled.

    Raises:
        BadInput: images of another size than *resolution*.
    """
    return Subject(
        missing={Maker.RECONSTRUCTOR: NO_PAIRS, Maker.WALKER: NO_LATENTS},
        digest=images.of_resolution(resolution).digest,
        stored=StoredImages(images),
    )
