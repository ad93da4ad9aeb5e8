"""What is measured, opened: the images that it can make, and why not the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Generator, Tensor

from genbench.adapters.outputs import POSTERIORS, Posterior
from genbench.adapters.wrap import wrap
from genbench.data import Split
from genbench.data.image_sets.image_set import ImageSet
from genbench.evaluation.own_draws import Asked, OwnDraws, Rows, drawing
from genbench.evaluation.stored_images import NO_LATENTS, NO_PAIRS, StoredImages
from genbench.images import to_floats
from genbench.interfaces import Maker, Step
from genbench.runtime import seeds
from genbench.runtime.global_random import seeded

Sampler = Callable[[int, int, int, int], Tensor]  # (start, stop, seed, repeat) -> images
Walker = Callable[[int, int, int, Step], tuple[Tensor, Tensor]]  # (start, stop, seed, step)
Reconstructor = Callable[[Asked[Tensor], Posterior], Tensor]  # of rows of uint8 images
Call = Callable[..., Any]  # of a `Wrapped`
ENDLESS = 2**62  # rows that can be drawn
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
    digest: str | None = None  # of its weights, pixels or state: what it is known by
    stored: StoredImages | None = None  # in the place of what makes them
    facts: Mapping[str, Any] = field(default_factory=dict)  # of its own, for the provenance

    def reasons(self) -> dict[Maker, str]:
        """Why it cannot do what it cannot."""
        return ({Maker.WALKER: NO_PATH} if self.path is None else {}) | dict(self.missing)


def rows_of(split: Split) -> Callable[[int, int], Tensor]:
    """Images of *split* by their first row and the row behind the last."""
    return lambda start, stop: split.take(slice(start, stop))


def from_model(model: Any, device: torch.device) -> Subject:
    """Any object that `genbench.wrap` understands; networks in evaluation mode.

    Raises:
        BadInput: it is a class.
    """
    wrapped = wrap(model)
    modules = list(wrapped.modules())
    note = None
    if any(part.training for module in modules for part in module.modules()):
        note = "the model was handed over in training mode and put in evaluation mode"
    for module in modules:
        module.eval()
    parameters = (parameter for module in modules for parameter in module.parameters())
    device = next((parameter.device for parameter in parameters), device)
    missing, samples, path, reconstruct = {}, None, None, None
    if wrapped.draw and wrapped.decode:
        samples = _latent_sampler(wrapped.draw, wrapped.decode, device)
    elif wrapped.sample:
        samples = _block_sampler(wrapped.sample)
    else:
        missing[Maker.SAMPLER] = "it has no method sample"
    if wrapped.reconstruct:
        reconstruct = _reconstructor(wrapped.reconstruct, device)
    else:
        missing[Maker.RECONSTRUCTOR] = "it does not both encode and decode"
    if wrapped.draw and wrapped.decode and wrapped.interpolate:
        path = _walker(wrapped.draw, wrapped.interpolate, wrapped.decode, device)
    return Subject(samples, reconstruct, path, missing, note)


def _reconstructor(call: Call, device: torch.device) -> Reconstructor:
    def rebuilt(posterior: Posterior) -> OwnDraws[Tensor]:
        return OwnDraws(lambda images: (call(to_floats(images.to(device)), posterior),))

    each = {posterior: rebuilt(posterior) for posterior in POSTERIORS}

    def reconstruct(asked: Asked[Tensor], posterior: Posterior) -> Tensor:
        return each[posterior].rows(asked)[0]

    return reconstruct


def _walker(draw: Call, interpolate: Call, decode: Call, device: torch.device) -> Walker:
    """Both ends of small steps between latents of the prior.

    Latents and their interpolation are float64: in float32 a step of 1e-4 is off by 1e-3 of
    its length. Both ends are decoded in one batch, so that the same kernels run; a decoder that
    draws by itself draws the same for both.
    """
    prior = drawing(draw)

    def both(ends: tuple[Tensor, Tensor]) -> Rows:
        if not own.draws:
            images = decode(torch.cat(ends).float().to(device)).float()
            return tuple(torch.split(images, len(ends[0])))
        found, seed = [], torch.initial_seed()
        for latents in ends:
            with seeded(seed):
                found.append(decode(latents.float().to(device)).float())
        return tuple(found)

    own = OwnDraws[tuple[Tensor, Tensor]](both)

    def path(start: int, stop: int, seed: int, step: Step) -> tuple[Tensor, Tensor]:
        def ends(start: int, stop: int) -> tuple[Tensor, Tensor]:
            def rows(draw: Callable[[int, Generator], Tensor], end: str) -> Tensor:
                return torch.cat(list(seeds.blocks(draw, start, stop, seed, "path", end)))

            a, b = rows(prior, "from").double(), rows(prior, "to").double()
            t = torch.zeros(stop - start) if step.ends else rows(_uniform, "t")
            t = t.double()
            return interpolate(a, b, t), interpolate(a, b, t + step.epsilon)

        first, second = own.rows(Asked(ends, start, stop, ENDLESS, (seed, "path", step)))
        return first, second

    return path


def _uniform(n: int, rng: Generator) -> Tensor:
    return torch.rand(n, generator=rng, dtype=torch.float64)


def _latent_sampler(draw: Call, decode: Call, device: torch.device) -> Sampler:
    """Latents in blocks, decoded in whatever batch comes: images do not depend on it."""
    prior = drawing(draw)
    own = OwnDraws[Tensor](lambda latents: (decode(latents.to(device)),))

    def samples(start: int, stop: int, seed: int, repeat: int) -> Tensor:
        def take(start: int, stop: int) -> Tensor:
            return torch.cat(list(seeds.blocks(prior, start, stop, seed, "samples", repeat)))

        return own.rows(Asked(take, start, stop, ENDLESS, (seed, "decoded", repeat)))[0]

    return samples


def _block_sampler(sample: Call) -> Sampler:
    draw = drawing(sample)

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
