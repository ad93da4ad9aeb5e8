"""What a reproduction needs, what of it is there, and what it would cost."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from genbench import features, registry, runs
from genbench.data.dataset import open_source
from genbench.errors import BadInput, GenbenchError, MissingWeights
from genbench.evaluation.collect import networks_needed
from genbench.evaluation.presets import parts
from genbench.evaluation.settings import DEFAULT_IMAGES, Evaluation
from genbench.reproduction.papers import Job, Target
from genbench.runs import Run
from genbench.settings import preset_layer, resolve
from genbench.training.fit import scaled

# Training images a second on one GPU, by resolution: an estimate and no more. From Pioneer's
# trainings: 25.0 million images in 5 days on one Titan V at 64x64, the further 9.9 million in
# 8 days at 128x128, 43.2 million in 10 days on four P100 at 256x256. Others by their pixels.
RATES = {32: 231.0, 64: 57.9, 128: 14.4, 256: 12.5, 512: 3.1, 1024: 0.78}
RATES_FROM = (
    "Pioneer's trainings on one Titan V or P100 of 2018; a newer GPU is several times faster"
)
# Training images, for trainings that count epochs, where the data is not at hand.
SIZES = {
    "celeba": 162_770,
    "celeba-hq": 27_000,
    "celeba-hq:split=introvae": 29_000,
    "lsun-bedroom": 3_033_042,
    "mnist": 60_000,
    "svhn": 73_257,
}
SOURCE = "reproduction"  # of settings that it gives to a run
FEWEST = 16  # images of a smoke test, of any kind


@dataclass(frozen=True, kw_only=True)
class How:
    """Everything that a reproduction may be told."""

    scale: float = 1.0  # share of the training and evaluation images; below 1: a smoke test
    data: Mapping[str, str] = field(default_factory=dict)  # data set -> where it is read from
    instead: str | None = None  # data set taken in place of every other: a smoke test
    data_dir: Path | None = None
    runs_dir: Path = Path("runs")
    table_dir: Path = Path("results")
    weights_dir: Path | None = None
    download: bool = False
    device: str = "auto"
    threads: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)  # of every model: a smoke test

    @property
    def smoke(self) -> str | None:
        """What makes it a smoke test, in words; None for the real thing."""
        parts = []
        if self.scale != 1:
            parts.append(f"{self.scale:g} of the images")
        if self.instead is not None:
            parts.append(f"{self.instead} instead of the paper's data")
        if self.settings:
            changed = ", ".join(f"{name}={value}" for name, value in self.settings.items())
            parts.append(f"other settings: {changed}")
        return f"smoke test, {'; '.join(parts)}" if parts else None

    def spec(self, data: str) -> str:
        """What to open for the data set that presets call *data*, options and all."""
        name, _, options = data.partition(":")
        found = self.instead or self.data.get(name, data)
        if found.partition(":")[0] != name or not options or found == data:
            return found
        return f"{found}{',' if ':' in found else ':'}{options}"


def folder(job: Job, how: How) -> Path:
    """Where the run of a job is; a smoke test never takes the name of a real one."""
    name = f"{job.model}-{job.preset}"
    if job.images is not None:
        name += f"-{job.images}"
    if how.scale != 1:
        name += f"-scale-{how.scale:g}"
    if how.instead is not None:
        name += f"-on-{how.instead}"
    changed = "-".join(f"{key}-{value}" for key, value in how.settings.items())
    name += f"-{changed}" if changed else ""
    return how.runs_dir / "".join(c if c.isalnum() or c in "._-" else "-" for c in name)


def origin(job: Job) -> Job | None:
    """The training that a job starts from, for a model that starts from a trained one.

    Raises:
        BadInput: that model has no preset for the same images.
    """
    wanted = registry.model(job.model).starts_from
    if wanted is None:
        return None
    if job.preset not in registry.model(wanted).presets:
        raise BadInput(f"{job.model} starts from a {wanted}, which has no preset {job.preset}")
    return dataclasses.replace(job, model=wanted)


def settings(job: Job, how: How) -> dict[str, Any]:
    """What of a job's model differs from its preset: nothing but in a smoke test."""
    own = dataclasses.asdict(_preset(job))
    given = {name: value for name, value in how.settings.items() if name in own}
    if how.scale == 1:
        return given
    counts = registry.model(job.model).image_counts
    return {name: scaled(own[name], how.scale) for name in counts} | given


def _preset(job: Job) -> Any:
    """The settings of the model, as its preset has them."""
    declared = registry.model(job.model)
    return resolve(
        declared.settings, [preset_layer(declared, job.preset, job.model)], job.model
    ).values


def images(job: Job, how: How, train_size: int) -> int:
    """Images that the training of a job shows."""
    whole = job.images
    if whole is None:
        whole = runs.outline(job.model, _preset(job), job.resolution).total(train_size)
    return whole if how.scale == 1 else max(FEWEST, round(whole * how.scale))


def hours(job: Job, how: How) -> float:
    """GPU hours of the training, an estimate; see `RATES`."""
    shown = images(job, how, SIZES.get(job.data, SIZES["celeba"]))
    return shown / RATES.get(job.resolution, RATES[64]) / 3600


def measurements(job: Job, metrics: Iterable[str], how: How) -> list[Evaluation]:
    """The evaluations of a job: those parts of its preset that measure any of *metrics*."""
    wanted = set(metrics)
    common = Evaluation(
        metrics=(), device=how.device, weights_dir=how.weights_dir, download=how.download
    )
    found = []
    for part in parts(job.evaluation, common):
        mine = tuple(metric for metric in part.metrics if metric in wanted)
        if mine:
            found.append(_smaller(dataclasses.replace(part, metrics=mine), how))
    return found


def _smaller(part: Evaluation, how: How) -> Evaluation:
    if how.smoke is None:
        return part
    sizes = part.counts()
    sizes["pairs"] = sizes["pairs"] or DEFAULT_IMAGES
    fewer: dict[str, Any] = {
        name: None if n is None else max(FEWEST, round(n * how.scale)) for name, n in sizes.items()
    }
    return dataclasses.replace(part, **fewer, fewer=True)


def needs(targets: Iterable[Target], how: How) -> Iterator[str]:
    """What is needed, and what of it is there, a line each."""
    jobs = jobs_of(targets)
    total = 0.0
    for spec in dict.fromkeys((how.spec(job.data), job.data) for job in jobs):
        yield _data_line(*spec, how)
    metrics = dict.fromkeys(metric for wanted in jobs.values() for metric in wanted)
    inputs = [input_ for name in metrics for input_ in registry.metric(name).inputs.values()]
    for network in networks_needed(inputs):
        layers = {f[1] for input_ in inputs if (f := input_.statistic.features) and f[0] == network}
        yield f"weights {network}: {_weights(network, layers, how)}"
    for job in _with_origins(jobs):
        cost = hours(job, how)
        total += cost
        yield (
            f"training {job.title}: {images(job, how, SIZES.get(job.data, SIZES['celeba'])):,} "
            f"images, about {cost:.3g} GPU hours; {_state(job, how)}"
        )
    yield f"in all about {total:.3g} GPU hours of training: an estimate, from {RATES_FROM}"


def jobs_of(targets: Iterable[Target]) -> dict[Job, list[str]]:
    """Every job once, with the metrics that its numbers want."""
    found: dict[Job, list[str]] = {}
    for target in targets:
        if target.job is not None and target.metric is not None:
            wanted = found.setdefault(target.job, [])
            if target.metric not in wanted:
                wanted.append(target.metric)
    return found


def _with_origins(jobs: Iterable[Job]) -> list[Job]:
    found: list[Job] = []
    for job in jobs:
        try:
            first = origin(job)
        except BadInput:
            first = None
        found += [each for each in (first, job) if each is not None and each not in found]
    return found


def no_data(data: str, how: How) -> str | None:
    """Why the images cannot be had; None where they can. Nothing is decoded."""
    try:
        open_source(how.spec(data), how.data_dir)
    except GenbenchError as error:
        place = f"--data {data.partition(':')[0]}=folder:PATH"
        hint = f"; say where it is: {place}" if not how.instead else ""
        return f"{error}{hint}"
    return None


def _data_line(spec: str, data: str, how: How) -> str:
    name = f"data {data}" + (f" (read from {spec})" if spec != data else "")
    why = no_data(data, how)
    return f"{name}: {'there' if why is None else f'not there; {why}'}"


def _weights(network: str, layers: set[str], how: How) -> str:
    try:
        found = features.load(network, weights_dir=how.weights_dir, device=torch.device("cpu"))
    except MissingWeights as error:
        return f"not there; {error}"
    except GenbenchError as error:
        return f"cannot be had; {error}"
    if lost := sorted(layers - set(found.layers)):
        return f"there, without layer {', '.join(lost)}; for the whole network add --download"
    return "there"


def _state(job: Job, how: How) -> str:
    try:
        run = existing(job, how)
    except BadInput as error:
        return str(error)
    if run is None:
        return "not begun"
    seen, total = run.facts["seen"], run.facts["total"]
    return "trained" if seen >= total else f"{seen:,} of {total:,} images shown, {run.status}"


def existing(job: Job, how: How) -> Run | None:
    """The run of a job, if it was begun.

    Raises:
        BadInput: the folder holds another training.
    """
    place = folder(job, how)
    if not place.exists():
        return None
    run = runs.read(place)
    check_same(run, job, how)
    return run


def check_same(run: Run, job: Job, how: How) -> None:
    """Raise `BadInput` where a run is not the one that a job asks for, with what differs."""
    allowed = {"default", f"preset {job.preset}", SOURCE if settings(job, how) else "default"}
    strange = [name for name, v in run.settings["model"].items() if v["source"] not in allowed]
    wanted: dict[str, tuple[object, object]] = {
        "model": (run.model, job.model),
        "preset": (run.facts["preset"], job.preset),
        "data": (str(run.facts["data"]).partition(":")[0], how.spec(job.data).partition(":")[0]),
        "settings of its own": (", ".join(strange) or "none", "none"),
    }
    if how.scale == 1:
        limit = run.settings["training"].get("images", {}).get("value")
        wanted["images shown in all"] = (limit, job.images)
    differs = [f"{name} is {a}, wanted {b}" for name, (a, b) in wanted.items() if a != b]
    if differs:
        raise BadInput(
            f"{run.folder} holds another training ({'; '.join(differs)}); rename it, or give --runs"
        )
