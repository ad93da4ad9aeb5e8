"""The tables that can be reproduced: which printed number is measured on which trained model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from genbench import registry
from genbench.errors import BadSetting, nearest
from genbench.evaluation.presets import PRESETS
from genbench.interfaces import Model
from genbench.published import Published, rows
from genbench.published.measures import MEASURES

# As published numbers call a data set -> its source.
DATA = {
    "celeba": "celeba",
    "celeba_hq": "celeba-hq",
    "lsun_bedroom": "lsun-bedroom",
    "mnist": "mnist",
    "svhn": "svhn",
}
SHORT = {"celeba_hq": "celebahq", "lsun_bedroom": "lsun"}  # in the names of presets


@dataclass(frozen=True, kw_only=True)
class Paper:
    """One table of a paper, and what of it is not in the plug-ins: names of presets."""

    title: str
    sources: tuple[str, ...]  # of its published numbers
    evaluation: Mapping[str, str] = field(default_factory=dict)  # data set -> evaluation preset
    preset: str = "{data}-{resolution}"  # of the training
    presets: Mapping[str, str] = field(default_factory=dict)  # of systems that have their own
    images: int | None = None  # shown when the paper measured; None: the whole training
    skipped: Mapping[str, str] = field(default_factory=dict)  # word of metric or protocol -> why


REPORT = {
    "ProgGAN baseline": "report-wasserstein",
    "ProgGAN + ResBlock G": "report-resblock-g",
    "ProgGAN + ResBlock D": "report-resblock-d",
    "ProgGAN + RR": "report-repelling",
    "ProgGAN + RR + ResBlock G": "report-repelling-resblock-g",
    "ProgGAN + RR + ResBlocks G and D": "report-repelling-resblocks",
    "ProgGAN least squares loss": "report-least-squares",
}
NORMS = {"PN": "pn", "EQLR": "eqlr", "EQLR+PN": "eqlr-pn", "SN": "sn"}
ABLATION = {
    f"Balanced PIONEER ablation {name}{said}": f"ablation-{preset}{end}"
    for name, preset in NORMS.items()
    for said, end in (("", ""), ("+margin", "-margin"), ("+margin (ours)", "-margin"))
}
PAPERS: Mapping[str, Paper] = {
    "pioneer-table1": Paper(
        title="Pioneer (ACCV 2018), Table 1",
        sources=("Pioneer (ACCV 2018) Table 1",),
    ),
    "balanced-pioneer-table1": Paper(
        title="Balanced Pioneer (WACV 2020), Table 1 and section 4.3",
        sources=(
            "Balanced Pioneer (WACV 2020) Table 1",
            "Balanced Pioneer (WACV 2020) section 4.3 text",
        ),
        evaluation={"lsun_bedroom": "balanced-pioneer-table1-lsun"},
        skipped={
            "percent": "it is computed from two other numbers of the paper",
            "from the IntroVAE paper": "it is quoted; see introvae-table2",
        },
    ),
    "balanced-pioneer-ablation": Paper(
        title="Balanced Pioneer (WACV 2020), Table 2",
        sources=("Balanced Pioneer (WACV 2020) Table 2",),
        presets=ABLATION,
        skipped={"best": "the best of the whole training is not looked for, only its end"},
    ),
    "introvae-table2": Paper(
        title="IntroVAE (NeurIPS 2018), Table 2",
        sources=("IntroVAE (NeurIPS 2018) Table 2",),
        presets={"IntroVAE": "paper-{resolution}"},
    ),
    "glo-table1": Paper(
        title="GLO (ICML 2018), Table 1",
        sources=("GLO (ICML 2018) Table 1",),
        preset="glo-{data}-{resolution}",
        skipped={
            "minimising Lap1": "codes are searched by the squared error; for those by Lap1 train "
            "with --set search_loss=lap1 (dcgan: search_objective)"
        },
    ),
    "proggan-report-table1": Paper(
        title="report on variants of progressive GANs, Table 1",
        sources=("Columbia report on Progressive GAN variants Table 1",),
        presets=REPORT,
        images=1_462_000,
    ),
}


@dataclass(frozen=True)
class Job:
    """One training and its evaluation, which several printed numbers share."""

    model: str
    preset: str
    data: str
    resolution: int
    evaluation: str  # preset
    images: int | None = None  # shown when it is measured; None: the whole training

    @property
    def title(self) -> str:
        """For messages: "pioneer celeba-64"."""
        return f"{self.model} {self.preset}"


@dataclass(frozen=True)
class Target:
    """One printed number, and what measures it, or why nothing does."""

    published: Published
    job: Job | None = None
    metric: str | None = None  # as asked for: "ppl:face"
    score: str | None = None
    why_not: str | None = None

    @property
    def lower_is_better(self) -> bool:
        """Of the paper's metric."""
        return MEASURES[self.published.metric].lower_is_better


def paper(name: str) -> Paper:
    """The table of that name.

    Raises:
        BadSetting: there is none.
    """
    if name not in PAPERS:
        raise BadSetting(
            f"no table is called {name!r}.{nearest(name, PAPERS)} Known: {', '.join(PAPERS)}"
        )
    return PAPERS[name]


def targets(name: str) -> list[Target]:
    """Every number of a table, in the order in which the paper prints them."""
    about = paper(name)
    systems = _systems()
    return [
        target
        for number in rows()
        if number.source in about.sources
        for target in _targets(name, about, number, systems)
    ]


def _systems() -> dict[str, str]:
    """Name under which papers print a model -> the model."""
    return {
        system: model
        for model, declared in registry.models().items()
        for system in declared.published_as
    }


def _targets(
    name: str, about: Paper, number: Published, systems: Mapping[str, str]
) -> Iterator[Target]:
    why = _why_not(about, number, systems)
    if why is not None:
        yield Target(number, why_not=why)
        return
    model = systems[number.system]
    preset = about.presets.get(number.system, about.preset)
    short = SHORT.get(number.dataset, number.dataset)
    preset = preset.format(data=short, resolution=number.resolution)
    declared = registry.model(model)
    why = _no_preset(declared, model, preset, number)
    if why is not None:
        yield Target(number, why_not=why)
        return
    # A preset says more than the name: which split the paper trained on.
    data = declared.presets[preset].data or DATA[number.dataset]
    evaluation = about.evaluation.get(number.dataset, name)
    job = Job(model, preset, data, number.resolution, evaluation, about.images)
    found = list(_metrics(evaluation, number))
    if not found:
        yield Target(number, why_not=f"the preset {evaluation} does not measure {number.metric}")
    for metric, score in found:
        yield Target(number, job, metric, score)


def _why_not(about: Paper, number: Published, systems: Mapping[str, str]) -> str | None:
    for word, why in about.skipped.items():
        if word in number.metric or word in number.protocol:
            return why
    if number.system.startswith("real_images"):
        return "real images are no model; genbench evaluate --anchors measures them"
    if number.system not in systems:
        return f"no model of genbench is printed as {number.system}"
    if number.value is None:
        return "the paper prints no value"
    measure = MEASURES.get(number.metric)
    if measure is None:
        return f"{number.metric} is no metric of genbench"
    if number.split not in measure.splits:
        return f"it is of {number.split} images, the preset measures {', '.join(measure.splits)}"
    return None


def _no_preset(declared: Model[Any], model: str, preset: str, number: Published) -> str | None:
    if preset not in declared.presets:
        return (
            f"{model} has no published settings for {number.dataset} at "
            f"{number.resolution}x{number.resolution}"
        )
    about = declared.presets[preset]
    if about.resolution != number.resolution:
        return f"{model}'s preset {preset} is for {about.resolution}x{about.resolution}"
    if about.data is not None and about.data.partition(":")[0] != DATA[number.dataset]:
        return f"{model}'s preset {preset} is for {about.data}, not for {number.dataset}"
    return None


def _metrics(evaluation: str, number: Published) -> Iterator[tuple[str, str]]:
    """Metrics of an evaluation preset that stand beside a printed number, with their scores."""
    measure = MEASURES[number.metric]
    for part in PRESETS[evaluation].parts:
        for metric in part.metrics:
            score = next(iter(registry.metric(metric).columns))
            if measure.beside(score):
                yield metric, score
