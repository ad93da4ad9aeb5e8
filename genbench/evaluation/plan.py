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
from genbench.evaluation import anchors, candidates
from genbench.evaluation.candidates import Candidate
from genbench.evaluation.collect import networks_needed
from genbench.evaluation.passes import Passes
from genbench.evaluation.settings import DEFAULT_IMAGES, QUANTISE, Evaluation
from genbench.interfaces import Extractor, Input, Metric, Statistic, Stream
from genbench.runtime import devices, paths, provenance


@dataclass(frozen=True)
class Plan:
    """Everything that is settled before the first image is made."""

    metrics: Mapping[str, Metric]  # by the names they were asked for
    candidates: Sequence[Candidate]  # the anchors last
    left_out: Sequence[str]  # one line for each candidate that does not fit the data
    inputs: Sequence[Input]  # each once, and only those whose network is at hand
    missing: Mapping[str, str]  # network -> why it is not
    refused: Mapping[str, str]  # metric -> why images of this size cannot have it
    passes: Passes

    def describe(self) -> list[str]:
        """The passes and what they cost, a line each."""
        sizes, repeats = self.passes.sizes, self.passes.how.repeats
        streams = {input_.stream for input_ in self.inputs}
        lines = [
            f"{stream} images: {sizes[stream]}, once for all models, unless they are cached"
            for stream in (Stream.REAL, Stream.HELD_OUT)
            if stream in streams
        ]
        for candidate in self.candidates:
            parts = []
            if Stream.SAMPLES in streams:
                parts.append(f"{repeats} x {sizes[Stream.SAMPLES]} samples")
            if streams & {Stream.PAIRS, Stream.RECONSTRUCTIONS}:
                parts.append(f"{sizes[Stream.PAIRS]} reconstructions")
            if Stream.TRAINING_PAIRS in streams:
                parts.append(f"{sizes[Stream.TRAINING_PAIRS]} reconstructions of training images")
            if Stream.PATHS in streams:
                steps = len({input_.step for input_ in self.inputs if input_.step})
                parts.append(f"{steps} x {sizes[Stream.PATHS]} steps of a path, two images each")
            lines.append(f"{candidate.name}: {', '.join(parts) or 'nothing'}")
        for network, images in self.forward_passes().items():
            lines.append(f"{network}: {images} images to look at in all")
        lines += [f"{metric}: cannot be had; {reason}" for metric, reason in self.refused.items()]
        lines += [f"{network}: not at hand; {reason}" for network, reason in self.missing.items()]
        return lines

    def forward_passes(self) -> dict[str, int]:
        """Images that go through each network, none of them twice."""
        sizes, repeats = self.passes.sizes, self.passes.how.repeats
        both = dict.fromkeys((Stream.PAIRS, Stream.TRAINING_PAIRS, Stream.PATHS), (0, 1))
        rows: dict[Stream, tuple[int, ...]] = {**both, Stream.RECONSTRUCTIONS: (1,)}
        seen: dict[str, set[tuple[object, ...]]] = {}
        for input_ in self.inputs:
            if input_.statistic.features is None:
                continue
            place = Stream.PAIRS if input_.stream is Stream.RECONSTRUCTIONS else input_.stream
            for row in rows.get(input_.stream, (0,)):
                key = (place, row, input_.face, input_.step)
                seen.setdefault(input_.statistic.features[0], set()).add(key)
        counts = {}
        for network, keys in seen.items():
            counts[network] = sum(
                sizes[Stream(str(key[0]))]
                * (1 if key[0] in (Stream.REAL, Stream.HELD_OUT) else len(self.candidates))
                * (repeats if key[0] is Stream.SAMPLES else 1)
                for key in keys
            )
        return counts


def make_plan(found: Sequence[Candidate], data: Dataset, how: Evaluation, *, strict: bool) -> Plan:
    """Settle what will be measured, and on what.

    Args:
        strict: leave out runs that were trained on other images.

    Raises:
        BadSetting: numbers that make no sense, or nothing that fits.
        NotEnoughData: more real images asked for than there are.
        WrongWeights: a weights file that is not what it should be.
    """
    metrics = find_metrics(how.metrics)
    if how.quantise not in QUANTISE:
        raise BadSetting(
            f"quantise is {how.quantise!r}, wanted {' or '.join(QUANTISE)}; "
            "round is what every metric's original code does"
        )
    sizes = _sizes(how, data)
    kept, left = candidates.fitting(found, data, strict=strict)
    if not kept:
        raise BadSetting("none of the models fits the data: " + "; ".join(left))
    device = devices.choose(how.device)
    refused = _refused(metrics, data.resolution)
    able = [metric for name, metric in metrics.items() if name not in refused]
    inputs = list(dict.fromkeys(input_ for metric in able for input_ in metric.inputs.values()))
    networks, missing = _networks(inputs, how, device)
    passes = Passes(data, how, sizes, networks, device, _pending(kept, data, how))
    if how.anchors:
        before = [c.before_training for c in kept if c.before_training is not None]
        floor = anchors.real_images(passes.reference, sizes[Stream.SAMPLES], how.repeats)
        kept = [*kept, floor, anchors.mean_image(), *before]
    visible = [input_ for input_ in inputs if _visible(input_.statistic, networks)]
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
            for each, plugin in registry.plugins("metric").items():
                metric: Metric = plugin.load()
                found[each] = metric
                found |= {f"{each}:{variant}": m for variant, m in metric.variants.items()}
            continue
        found[name] = registry.metric(name)
    if not found:
        raise BadSetting("no metric was asked for; see: genbench list metric")
    return found


def _sizes(how: Evaluation, data: Dataset) -> dict[Stream, int]:
    """Images of each stream; what was asked for explicitly is never cut."""
    plugin = len(data.train) // (2 if how.anchors else 1)
    images = how.images if how.images is not None else min(DEFAULT_IMAGES, plugin)
    pairs = how.pairs if how.pairs is not None else min(DEFAULT_IMAGES, len(data.test))
    real = how.reference if how.reference is not None else images
    given = [n for n in (images, real, pairs, how.paths, how.repeats, how.batch) if n is not None]
    if min(given) < 1:
        raise BadSetting(
            "--images, --reference, --pairs, --paths, --repeats and --batch must be at least 1"
        )
    if how.fewer:
        real, pairs = min(real, len(data.train)), min(pairs, len(data.test))
    if real > len(data.train):
        option = "images" if how.reference is None else "reference"
        raise NotEnoughData(
            f"--{option} {real} asks for more real images than the training split of "
            f"{data.name} has; lower it to {len(data.train)}"
            + (f", or take --reference {len(data.train)}" if how.reference is None else "")
        )
    if pairs > len(data.test):
        raise NotEnoughData(
            f"--pairs {pairs} asks for more held-out images than {data.name} has; "
            f"lower it to {len(data.test)}"
        )
    return {
        Stream.REAL: real,
        Stream.SAMPLES: images,
        Stream.PATHS: how.paths if how.paths is not None else images,
        Stream.PAIRS: pairs,
        Stream.HELD_OUT: pairs,
        Stream.RECONSTRUCTIONS: pairs,
        Stream.TRAINING_PAIRS: min(pairs, len(data.train)),
    }


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
    facts = [c.identity for c in kept], data.fingerprint, shared, provenance.code_digest()
    key = hashlib.sha256(repr(facts).encode()).hexdigest()[:24]
    return paths.cache_dir() / "pending" / key
