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
from genbench.interfaces import Extractor, Gather, Look, Metric, View
from genbench.runtime import devices, paths, provenance


@dataclass(frozen=True)
class Plan:
    """Everything that is settled before the first image is made."""

    metrics: Mapping[str, Metric]  # by the names they were asked for
    candidates: Sequence[Candidate]  # the anchors last
    left_out: Sequence[str]  # one line for each candidate that does not fit the data
    looks: Sequence[Look]  # each once, and only those whose network is at hand
    missing: Mapping[str, str]  # network -> why it is not
    refused: Mapping[str, str]  # metric -> why images of this size cannot have it
    passes: Passes

    def describe(self) -> list[str]:
        """The passes and what they cost, a line each."""
        sizes, repeats = self.passes.sizes, self.passes.how.repeats
        views = {look.view for look in self.looks}
        lines = [f"{view} images: {sizes[view]}, once for all models, unless they are cached"
                 for view in (View.REAL, View.HELD_OUT) if view in views]  # fmt: skip
        for candidate in self.candidates:
            parts = []
            if View.SAMPLES in views:
                parts.append(f"{repeats} x {sizes[View.SAMPLES]} samples")
            if views & {View.PAIRS, View.RECONSTRUCTIONS}:
                parts.append(f"{sizes[View.PAIRS]} reconstructions")
            if View.TRAINED in views:
                parts.append(f"{sizes[View.TRAINED]} reconstructions of training images")
            if View.PATHS in views:
                steps = len({look.step for look in self.looks if look.step})
                parts.append(f"{steps} x {sizes[View.PATHS]} steps of a path, two images each")
            lines.append(f"{candidate.name}: {', '.join(parts) or 'nothing'}")
        for network, images in self.forward_passes().items():
            lines.append(f"{network}: {images} images to look at in all")
        lines += [f"{metric}: cannot be had; {reason}" for metric, reason in self.refused.items()]
        lines += [f"{network}: not at hand; {reason}" for network, reason in self.missing.items()]
        return lines

    def forward_passes(self) -> dict[str, int]:
        """Images that go through each network, none of them twice."""
        sizes, repeats = self.passes.sizes, self.passes.how.repeats
        both = dict.fromkeys((View.PAIRS, View.TRAINED, View.PATHS), (0, 1))
        rows: dict[View, tuple[int, ...]] = {**both, View.RECONSTRUCTIONS: (1,)}
        seen: dict[str, set[tuple[object, ...]]] = {}
        for look in self.looks:
            if look.gather.features is None:
                continue
            place = View.PAIRS if look.view is View.RECONSTRUCTIONS else look.view
            for row in rows.get(look.view, (0,)):
                key = (place, row, look.face, look.step)
                seen.setdefault(look.gather.features[0], set()).add(key)
        counts = {}
        for network, keys in seen.items():
            counts[network] = sum(
                sizes[View(str(key[0]))]
                * (1 if key[0] in (View.REAL, View.HELD_OUT) else len(self.candidates))
                * (repeats if key[0] is View.SAMPLES else 1)
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
    looks = list(dict.fromkeys(look for metric in able for look in metric.looks.values()))
    networks, missing = _networks(looks, how, device)
    passes = Passes(data, how, sizes, networks, device, _pending(kept, data, how))
    if how.anchors:
        before = [c.before_training for c in kept if c.before_training is not None]
        floor = anchors.real_images(passes.reference, sizes[View.SAMPLES], how.repeats)
        kept = [*kept, floor, anchors.mean_image(), *before]
    visible = [look for look in looks if _visible(look.gather, networks)]
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
            for each, room in registry.rooms("metric").items():
                metric: Metric = room.load()
                found[each] = metric
                found |= {f"{each}:{variant}": m for variant, m in metric.variants.items()}
            continue
        found[name] = registry.metric(name)
    if not found:
        raise BadSetting("no metric was asked for; see: genbench list metric")
    return found


def _sizes(how: Evaluation, data: Dataset) -> dict[View, int]:
    """Images of each view; what was asked for explicitly is never cut."""
    room = len(data.train) // (2 if how.anchors else 1)
    images = how.images if how.images is not None else min(DEFAULT_IMAGES, room)
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
        View.REAL: real,
        View.SAMPLES: images,
        View.PATHS: how.paths if how.paths is not None else images,
        View.PAIRS: pairs,
        View.HELD_OUT: pairs,
        View.RECONSTRUCTIONS: pairs,
        View.TRAINED: min(pairs, len(data.train)),
    }


def _networks(
    looks: Sequence[Look], how: Evaluation, device: torch.device
) -> tuple[dict[str, Extractor], dict[str, str]]:
    """The feature networks that can be had, and the reasons for those that cannot."""
    networks: dict[str, Extractor] = {}
    missing: dict[str, str] = {}
    for name in networks_needed(looks):
        try:
            networks[name] = features.load(
                name, weights_dir=how.weights_dir, device=device, download=how.download
            )
            if how.compile:
                networks[name].compile()
        except NotMeasurable as error:
            missing[name] = str(error)
    return networks, missing


def _visible(gather: Gather, networks: Mapping[str, Extractor]) -> bool:
    if gather.features is None:
        return True
    network, layer = gather.features
    return network in networks and layer in networks[network].layers


def _pending(kept: Sequence[Candidate], data: Dataset, how: Evaluation) -> Path:
    """Folder for the finished passes of this very evaluation, should it be interrupted."""
    shared = dataclasses.replace(how, device=devices.choose(how.device).type, devices=1)
    facts = [c.identity for c in kept], data.fingerprint, shared, provenance.code_digest()
    key = hashlib.sha256(repr(facts).encode()).hexdigest()[:24]
    return paths.cache_dir() / "pending" / key
