"""What can be evaluated: runs, any object with the right methods, folders of images, anchors."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor

from genbench import runs
from genbench.data import Dataset, read_images
from genbench.distributed import group
from genbench.errors import BadInput, GenbenchError
from genbench.images import to_floats
from genbench.interfaces import Decodes, Draws, Encodes, Generates, Interpolates, Step, Stream
from genbench.runs import checkpoints
from genbench.runs.checkpoints import BEST, LATEST
from genbench.runtime import seeds

Sampler = Callable[[int, int, int, int], Tensor]  # (start, stop, seed, repeat) -> images
Walker = Callable[[int, int, int, Step], tuple[Tensor, Tensor]]  # (start, stop, seed, step)
Reconstructor = Callable[[Tensor], Tensor]  # uint8 images -> images of any range to_bytes takes


@dataclass(frozen=True)
class Subject:
    """Something opened for measuring: what it can do, and why not the rest."""

    samples: Sampler | None = None
    reconstruct: Reconstructor | None = None
    path: Walker | None = None
    missing: Mapping[Stream, str] = field(default_factory=dict)  # reasons
    note: str | None = None  # for all its records
    sets: int | None = None  # separate sets of samples that it has; None: any number


@dataclass(frozen=True)
class Candidate:
    """Something that could be measured; weights are loaded only when its turn comes."""

    name: str  # row of the table
    run: str  # id of the run, or what stands for it
    open: Callable[[Dataset, torch.device], Subject]
    resolution: int | None = None  # None: unknown before it is tried
    fingerprint: str | None = None  # of the data it was trained on
    data: Callable[[], Dataset] | None = None  # opens what it was trained on
    anchor: bool = False
    before_training: Candidate | None = None  # the same model, untrained
    identity: str | None = None  # of its weights, where that is known before loading them
    checkpoint: str = LATEST  # the rule by which the weights were chosen, for the protocol
    facts: Mapping[str, Any] = field(default_factory=dict)  # for the provenance


def find_candidates(models: Any, runs_dir: Path, checkpoint: str = LATEST) -> list[Candidate]:
    """Everything *models* names.

    Args:
        models: "all" (every run in *runs_dir*), a run folder or its name, a folder of
            images, an object with `sample`, `encode`, `decode`, a list of these, or a
            mapping from the name for the table to one of these.
        checkpoint: of runs, "latest", or "best" for the weights that training has kept.

    Raises:
        BadInput: a path is neither a run nor a folder of images, or nothing is left.
    """
    if isinstance(models, Mapping):
        named = [(str(name), model) for name, model in models.items()]
        found = [_renamed(_one(model, runs_dir, checkpoint), name) for name, model in named]
    elif isinstance(models, list | tuple):
        found = [each for model in models for each in find_candidates(model, runs_dir, checkpoint)]
    elif models == "all":
        found = [from_run(run, checkpoint) for run in runs.list_all(runs_dir)]
        if not found:
            raise BadInput(
                f"no trained runs in {runs_dir}; "
                "train one with: genbench train pioneer --preset tiny"
            )
    else:
        found = [_one(models, runs_dir, checkpoint)]
    return _distinct(found)


def from_run(run: runs.Run, checkpoint: str = LATEST) -> Candidate:
    """A run folder.

    Raises:
        BadInput: its best weights are asked for, and it has kept none.
    """
    rule = LATEST

    def load(data: Dataset, device: torch.device) -> Subject:
        model = runs.load(run.folder, device=str(device), checkpoint=checkpoint)
        return from_model(model, device)

    newest = checkpoints.newest(run.checkpoints)
    if checkpoint == BEST:
        newest, about = checkpoints.best(run.folder)
        rule = str(about["rule"])
    weights = checkpoints.weights_digest(newest) if newest else None
    return Candidate(
        run.name,
        run.id,
        load,
        run.resolution,
        run.facts["fingerprint"],
        None if run.facts["fingerprint"] is None else lambda: runs.data_of(run),
        before_training=_untrained(run),
        identity=f"{run.id} {weights}" if weights else None,
        checkpoint=rule,
        facts={"model": run.model, "folder": run.name, "weights": weights},
    )


def _untrained(run: runs.Run) -> Candidate:
    """The model of a run before its first step: what a number is worth without learning."""

    def load(data: Dataset, device: torch.device) -> Subject:
        return from_model(runs.untrained(run, data, device=str(device)), device)

    return Candidate(
        f"{run.name} (untrained)",
        f"{run.id}-untrained",
        load,
        run.resolution,
        run.facts["fingerprint"],
        anchor=True,
        identity=f"{run.id} untrained",
    )


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
        missing[Stream.SAMPLES] = "it has no method sample"
    if isinstance(model, Encodes) and isinstance(model, Decodes):
        encode, decode = model.encode, model.decode

        def reconstruct(images: Tensor) -> Tensor:
            return decode(encode(to_floats(images.to(device))))

    else:
        missing[Stream.PAIRS] = "it does not both encode and decode"
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


def _from_folder(folder: Path) -> Candidate:
    """A folder of images, as another program has sampled them."""

    def load(data: Dataset, device: torch.device) -> Subject:
        images = read_images(folder, data.resolution)

        def samples(start: int, stop: int, seed: int, repeat: int) -> Tensor:
            if stop > len(images) or repeat:
                raise BadInput(
                    f"{folder} holds {len(images)} images, {stop} x {repeat + 1} were asked for; "
                    f"use --images {len(images)} --repeats 1"
                )
            return images[start:stop]

        return Subject(samples, missing={Stream.PAIRS: "a folder of images reconstructs nothing"})

    return Candidate(folder.name, f"folder:{folder.name}", load)


def _one(model: Any, runs_dir: Path, checkpoint: str) -> Candidate:
    if isinstance(model, Candidate):
        return model
    if isinstance(model, str | Path):
        return _from_path(model, runs_dir, checkpoint)
    if not isinstance(model, Generates | Encodes | Draws):
        raise BadInput(
            f"{type(model).__name__} cannot be measured: it has none of sample, draw, encode"
        )
    name = type(model).__name__
    return Candidate(name, f"object:{name}", lambda data, device: from_model(model, device))


def _from_path(path: str | Path, runs_dir: Path, checkpoint: str) -> Candidate:
    run = runs.find_if_any(path, runs_dir)
    if run is not None:
        return from_run(run, checkpoint)
    if Path(path).is_dir():
        return _from_folder(Path(path))
    known = [run.name for run in runs.list_all(runs_dir)]
    raise BadInput(
        f"{path} is neither a run in {runs_dir} nor a folder of images; "
        f"runs there: {', '.join(known) or 'none'}"
    )


def _renamed(candidate: Candidate, name: str) -> Candidate:
    return Candidate(**{**candidate.__dict__, "name": name})


def _distinct(found: Sequence[Candidate]) -> list[Candidate]:
    """Each run once; two different things may not share a name in one table."""
    unique = list({candidate.run + candidate.name: candidate for candidate in found}.values())
    names = [candidate.name for candidate in unique]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadInput(
            f"two models are called {', '.join(twice)}; pass a mapping from names to models"
        )
    return unique


def fitting(
    found: Iterable[Candidate], data: Dataset, *, strict: bool
) -> tuple[list[Candidate], list[str]]:
    """Those that fit the data set, and one line for each that does not.

    Args:
        strict: a run must have been trained on these very images ("all" means those).
    """
    kept, left = [], []
    for candidate in found:
        if candidate.resolution not in (None, data.resolution):
            left.append(
                f"{candidate.name}: trained at {candidate.resolution}x{candidate.resolution}, "
                f"the data are {data.resolution}x{data.resolution}"
            )
        elif strict and candidate.fingerprint not in (None, data.fingerprint):
            left.append(f"{candidate.name}: trained on other images than {data.name}")
        else:
            kept.append(candidate)
    return kept, left


def opened(candidate: Candidate, data: Dataset, device: torch.device) -> Subject:
    """The subject, or one that has nothing, with the reason: the same in every process."""
    try:
        with group.agreed():
            return candidate.open(data, device)
    except GenbenchError as error:
        reasons = dict.fromkeys((Stream.SAMPLES, Stream.PAIRS, Stream.PATHS), str(error))
        return Subject(missing=reasons)
