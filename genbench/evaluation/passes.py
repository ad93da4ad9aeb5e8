"""The passes of one evaluation: the data once, then every subject's own streams."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from genbench import places, progress, seeds
from genbench.data import Dataset
from genbench.errors import GenbenchError
from genbench.evaluation.subjects import Subject
from genbench.evidence import (
    Advance,
    Cache,
    Evidence,
    Rows,
    Stream,
    batches_of,
    collect,
    finite,
    quantised,
)
from genbench.interfaces import Extractor, Look, Pass, Step, Tensors, View

if TYPE_CHECKING:
    from genbench.evaluation.request import Evaluation

Producer = Callable[[int, int], Rows]
Work = Callable[[Advance], Evidence]

# What one pass shows: a single stream can be several views.
ONE = (0,)
PAIR_VIEWS = {View.PAIRS: (0, 1), View.RECONSTRUCTIONS: (1,)}


@dataclass(frozen=True)
class Gathered:
    """Everything one subject's passes brought."""

    samples: Sequence[Evidence] = ()  # one per repeat
    once: Evidence = field(default_factory=Evidence)  # pairs, reconstructions, paths
    missing: Mapping[View, str] = field(default_factory=dict)  # views that could not be had


class Passes:
    """Produces streams of one data set under one seed, and collects evidence from them."""

    def __init__(
        self,
        data: Dataset,
        how: Evaluation,
        sizes: Mapping[View, int],
        networks: Mapping[str, Extractor],
        device: torch.device,
    ) -> None:
        """Chooses the reference rows and the held-out rows; nothing is read yet."""
        self.data, self.how, self.sizes = data, how, sizes
        self.networks, self.device = networks, device
        # The reference must not change with the seed of the samples: it is part of the recipe.
        self.reference = seeds.permutation(len(data.train), 0, "reference")[: sizes[View.REAL]]
        self.held_out = seeds.permutation(len(data.test), 0, "held out")[: sizes[View.PAIRS]]

    def real(self, looks: Sequence[Look]) -> Evidence:
        """Evidence of the data's own images, from the cache where it is there."""
        train, test = self.data.train, self.data.test
        return self._data(View.REAL, train.take, self.reference, looks) | self._data(
            View.HELD_OUT, test.take, self.held_out, looks
        )

    def subject(self, name: str, subject: Subject, looks: Sequence[Look]) -> Gathered:
        """Evidence of everything *subject* can do that somebody looks at."""
        missing = dict(subject.missing)
        if subject.path is None:
            missing.setdefault(View.PATHS, "it has not all of draw, decode and interpolate")
        sampled = [look for look in looks if look.view is View.SAMPLES]
        work: list[tuple[View, int, Work]] = []
        for repeat in range(self.how.repeats if sampled and subject.samples else 0):
            task = self._samples(name, subject, repeat, sampled)
            work.append((View.SAMPLES, self.sizes[View.SAMPLES], task))
        if paired := [look for look in looks if look.view in PAIR_VIEWS and subject.reconstruct]:
            work.append((View.PAIRS, self.sizes[View.PAIRS], self._pairs(name, subject, paired)))
        for step in dict.fromkeys(look.step for look in looks if look.step and subject.path):
            walked = [look for look in looks if look.step == step]
            task = self._paths(name, subject, step, walked)
            work.append((View.PATHS, self.sizes[View.PATHS], task))
        found: dict[View, list[Evidence]] = {}
        with progress.bar(name, sum(size for _, size, _ in work)) as advance:
            for view, _, task in work:
                if view in missing:
                    continue  # an earlier repeat has failed
                try:
                    found.setdefault(view, []).append(task(advance))
                except GenbenchError as error:
                    missing[view] = str(error)
        samples = [] if View.SAMPLES in missing else found.pop(View.SAMPLES, [])
        once = Evidence()
        for view in (View.PAIRS, View.PATHS):
            for evidence in found.get(view, []):
                once |= evidence
        if View.PAIRS in missing:
            missing[View.RECONSTRUCTIONS] = missing[View.PAIRS]
        return Gathered(samples, once, missing)

    def _data(
        self,
        view: View,
        take: Callable[[Tensor], Tensor],
        rows: Tensor,
        looks: Sequence[Look],
    ) -> Evidence:
        """One pass over rows of the data for what the cache does not know."""
        cache = self._cache(view)
        mine = [look for look in looks if look.view is view]
        kept = {look: cache.load(look, self._network(look)) for look in mine}
        found: dict[Look, Tensors] = {k: v for k, v in kept.items() if v is not None}
        wanted = [look for look in mine if look not in found]
        if not wanted:
            return Evidence(found)

        def produce(start: int, stop: int) -> Rows:
            return (take(rows[start:stop]).to(self.device),)

        stream = self._stream({view: ONE}, view, 0, produce)
        with progress.bar(f"{view} images", self.sizes[view]) as advance:
            fresh = collect(stream, wanted, self.networks, advance)
        for look, tensors in fresh.found.items():
            cache.save(look, self._network(look), tensors)
        return Evidence(found) | fresh

    def _samples(self, who: str, subject: Subject, repeat: int, looks: Sequence[Look]) -> Work:
        sampler = subject.samples
        assert sampler is not None

        def produce(start: int, stop: int) -> Rows:
            images = sampler(start, stop, self.how.seed, repeat)
            return (quantised(images, start, self.data.resolution, who).to(self.device),)

        stream = self._stream({View.SAMPLES: ONE}, View.SAMPLES, repeat, produce)
        return lambda advance: collect(stream, looks, self.networks, advance)

    def _pairs(self, who: str, subject: Subject, looks: Sequence[Look]) -> Work:
        reconstruct = subject.reconstruct
        assert reconstruct is not None

        def produce(start: int, stop: int) -> Rows:
            inputs = self.data.test.take(self.held_out[start:stop]).to(self.device)
            outputs = quantised(reconstruct(inputs), start, self.data.resolution, who)
            return inputs, outputs.to(self.device)

        stream = self._stream(PAIR_VIEWS, View.PAIRS, 0, produce)
        return lambda advance: collect(stream, looks, self.networks, advance)

    def _paths(self, who: str, subject: Subject, step: Step, looks: Sequence[Look]) -> Work:
        path = subject.path
        assert path is not None

        def produce(start: int, stop: int) -> Rows:
            ends = path(start, stop, self.how.seed, step)
            for images in ends:
                finite(images, start, self.data.resolution, who)
            return ends

        stream = self._stream({View.PATHS: (0, 1)}, View.PATHS, 0, produce)
        return lambda advance: collect(stream, looks, self.networks, advance)

    def _stream(
        self, views: Mapping[View, tuple[int, ...]], main: View, repeat: int, produce: Producer
    ) -> Stream:
        data = main in (View.REAL, View.HELD_OUT)
        about = Pass(
            device=self.device,
            n=self.sizes[main],
            resolution=self.data.resolution,
            side=0 if data else 1,
            seed=seeds.derive(0 if data else self.how.seed, main, repeat),
        )

        def batches() -> Iterator[tuple[Rows, Tensor]]:
            return batches_of(produce, self.sizes[main], self.how.batch)

        return Stream(about, views, batches)

    def _cache(self, view: View) -> Cache:
        facts = {
            "fingerprint": self.data.fingerprint,
            "rows": f"{view}, permutation of seed 0",
            "n": self.sizes[view],
        }
        return Cache(places.cache_dir() / "evidence", facts)

    def _network(self, look: Look) -> Extractor | None:
        features = look.gather.features
        return None if features is None else self.networks[features[0]]
