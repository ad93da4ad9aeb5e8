"""The plan of an evaluation: what fits, what can be seen, which passes that takes."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from genbench import features, registry
from genbench.data import Dataset
from genbench.errors import BadSetting, NotEnoughData, NotMeasurable
from genbench.evaluation import anchors, candidates, jackknife
from genbench.evaluation.candidates import Candidate
from genbench.evaluation.collect import networks_needed
from genbench.evaluation.passes import Given, Passes
from genbench.evaluation.settings import DEFAULT_IMAGES, Evaluation
from genbench.evaluation.times import Times
from genbench.interfaces import Extractor, Input, Metric, Statistic, Step
from genbench.interfaces.streams import STREAMS, Count, Maker, Stream, StreamInfo, lead
from genbench.runtime import devices, paths, provenance


@dataclass(frozen=True)
class Plan:
    """Everything that is settled before the first image is made."""

    metrics: Mapping[str, Metric]  # by the names they were asked for
    candidates: Sequence[Candidate]  # the anchors last
    left_out: Sequence[str]  # candidates that do not fit the data, and broken metrics, a line each
    inputs: Sequence[Input]  # each once, and only those whose network is at hand
    missing: Mapping[str, str]  # network -> why it is not
    refused: Mapping[str, str]  # metric -> why images of this size cannot have it
    passes: Passes

    def describe(self, times: Times | None = None) -> list[str]:
        """The passes and what they cost, a line each; *times* as `timing.timed` finds them."""
        sizes = self.passes.sizes
        passes = [
            each for each in STREAMS if each in {lead(input_.stream) for input_ in self.inputs}
        ]
        lines = [
            f"{STREAMS[each].words}: {sizes[each]}, once for all models, unless they are cached"
            + ("" if times is None else times.of(each))
            for each in passes
            if not STREAMS[each].generated
        ]
        made = ", ".join(self._made(each) for each in passes if STREAMS[each].generated)
        lines += [
            f"{each.name}: {made or 'nothing'}"
            + ("" if times is None else times.of_model(each.name))
            for each in self.candidates
        ]
        for network, images in self.forward_passes().items():
            lines.append(f"{network}: {images} images to look at in all")
        lines += [f"{metric}: cannot be had; {reason}" for metric, reason in self.refused.items()]
        lines += [f"{network}: not at hand; {reason}" for network, reason in self.missing.items()]
        return lines if times is None else [*lines, times.whole]

    def _made(self, stream: Stream) -> str:
        """What a model makes in the passes of *stream*: "3 x 1000 samples"."""
        info, n = STREAMS[stream], self.passes.sizes[stream]
        steps = {each.step for each in self.inputs if each.stream is stream and each.step}
        times = {Maker.SAMPLER: self.passes.how.repeats, Maker.WALKER: len(steps)}.get(info.maker)
        return f"{n if times is None else f'{times} x {n}'} {info.planned or info.words}"

    def forward_passes(self) -> dict[str, int]:
        """Images that go through each network, none of them twice."""
        seen: dict[str, set[tuple[Stream, int, bool, Step | None]]] = {}
        for each in self.inputs:
            if each.statistic.features is not None:
                mine = seen.setdefault(each.statistic.features[0], set())
                for row in STREAMS[each.stream].rows:
                    mine.add((lead(each.stream), row, each.face, each.step))
        return {
            network: sum(self._images(stream) for stream, *_ in places)
            for network, places in seen.items()
        }

    def _images(self, stream: Stream) -> int:
        """In one row of the passes of *stream*, of all models together."""
        info, n = STREAMS[stream], self.passes.sizes[stream]
        repeats = self.passes.how.repeats if info.maker is Maker.SAMPLER else 1
        return n * repeats * (len(self.candidates) if info.generated else 1)


def make_plan(
    found: Sequence[Candidate],
    data: Dataset,
    how: Evaluation,
    *,
    strict: bool,
    given: Given | None = None,
) -> Plan:
    """Settle what will be measured, and on what.

    Args:
        strict: leave out runs that were trained on other images.
        given: evidence of the data, in the place of its images.

    Raises:
        BadSetting: numbers that make no sense, or nothing that fits.
        NotEnoughData: more real images asked for than there are.
        WrongWeights: a weights file that is not what it should be.
    """
    metrics = find_metrics(how.metrics)
    sizes = stream_sizes(how, data)
    if given is not None:
        sizes[Stream.REAL] = given.n
    kept, left = candidates.fitting(found, data, strict=strict)
    if "all" in how.metrics:
        broken = registry.declarations("metric")[1]
        left += [f"metric {name}: {why}" for name, why in broken.items()]
    if not kept:
        raise BadSetting("none of the models fits the data: " + "; ".join(left))
    device = devices.choose(how.device)
    refused = _refused(metrics, data.resolution)
    able = [metric for name, metric in metrics.items() if name not in refused]
    inputs = list(dict.fromkeys(each for metric in able for each in metric.inputs.values()))
    if how.jackknife:
        inputs = list(dict.fromkeys([*inputs, *jackknife.inputs_for(inputs)]))
    networks, missing = _networks(inputs, how, device)
    passes = Passes(data, how, sizes, networks, device, _pending(kept, data, how), given)
    if how.anchors:
        before = [c.before_training for c in kept if c.before_training and how.untrained]
        reference = passes.producers.rows[Stream.REAL]
        floor = anchors.real_images(reference, sizes[Stream.SAMPLES], how.repeats)
        untrained = {each.run: each for each in reversed(before)}  # one of a run with two names
        kept = [*kept, floor, anchors.mean_image(), *reversed(untrained.values())]
        candidates.check_names(kept)
    visible = [each for each in inputs if _visible(each.statistic, networks)]
    return Plan(metrics, kept, left, visible, missing, refused, passes)


def _refused(metrics: Mapping[str, Metric], resolution: int) -> dict[str, str]:
    """Metrics that images of this size cannot have, with the reason."""
    refused = {}
    for name, metric in metrics.items():
        try:
            if metric.check is not None:
                metric.check(resolution)
        except NotMeasurable as error:
            refused[name] = str(error)
    return refused


def find_metrics(names: Iterable[str]) -> dict[str, Metric]:
    """Metrics by the names users give them: "fid", "fid:768", "all".

    Raises:
        UnknownName: no such metric.
        BadSetting: no such variant of it, or no metric at all.
    """
    found: dict[str, Metric] = {}
    for name in names:
        if name == "all":
            metrics: dict[str, Metric] = registry.declarations("metric")[0]
            for each, metric in metrics.items():
                found[each] = metric
                found |= {f"{each}:{variant}": m for variant, m in metric.variants.items()}
            continue
        found[name] = registry.metric(name)
    if not found:
        raise BadSetting("no metric was asked for; see: genbench list metric")
    return found


def stream_sizes(how: Evaluation, data: Dataset) -> dict[Stream, int]:
    """Images of each stream; what was asked for explicitly is never cut.

    Raises:
        BadSetting: a number below 1.
        NotEnoughData: more images asked for than a split has.
    """
    given = {name: n for name, n in how.counts().items() if n is not None}
    if min([*given.values(), how.repeats, how.batch or 1]) < 1:
        raise BadSetting(
            "--images, --reference, --pairs, --paths, --repeats and --batch must be at least 1"
        )
    room = len(data.train) // (2 if how.anchors else 1)
    counts: dict[Count, int] = {
        "images": min(DEFAULT_IMAGES, room),
        "pairs": min(DEFAULT_IMAGES, len(data.test)),
        **given,
    }
    sizes: dict[Stream, int] = {}
    for stream, info in STREAMS.items():
        size = _size(info, counts, how, data)
        sizes[stream] = size if info.beside is None else min(size, sizes[info.beside])
    return sizes


def _size(info: StreamInfo, counts: Mapping[Count, int], how: Evaluation, data: Dataset) -> int:
    """Images of one stream, for itself."""
    option = next(option for option in info.counts if option in counts)
    size = counts[option]
    if info.split is None:
        return size
    there = len(data.train if info.split == "train" else data.test)
    if size > there and info.too_few and not how.fewer:
        first = info.counts[0]
        raise NotEnoughData(
            f"--{option} {size} asks for {info.too_few.format(data=data.name)}; "
            f"lower it to {there}" + ("" if option == first else f", or take --{first} {there}")
        )
    return min(size, there)


def _networks(
    inputs: Sequence[Input], how: Evaluation, device: torch.device
) -> tuple[dict[str, Extractor], dict[str, str]]:
    """The feature networks that can be had, and the reasons for those that cannot."""
    networks: dict[str, Extractor] = {}
    missing: dict[str, str] = {}
    for name in networks_needed(inputs):
        try:
            networks[name] = features.load(
                name, weights_dir=how.weights_dir, device=device, download=how.download
            )
            if how.compile:
                networks[name].compile()
        except NotMeasurable as error:
            missing[name] = str(error)
    return networks, missing


def _visible(statistic: Statistic, networks: Mapping[str, Extractor]) -> bool:
    if statistic.features is None:
        return True
    network, layer = statistic.features
    return network in networks and layer in networks[network].layers


def _pending(kept: Sequence[Candidate], data: Dataset, how: Evaluation) -> Path:
    """Folder for the finished passes of this very evaluation, should it be interrupted."""
    shared = dataclasses.replace(how, device=devices.choose(how.device).type, devices=1)
    facts = [(c.name, c.run) for c in kept], data.fingerprint, shared, provenance.code_digest()
    key = hashlib.sha256(repr(facts).encode()).hexdigest()[:24]
    return paths.cache_dir() / "pending" / key
