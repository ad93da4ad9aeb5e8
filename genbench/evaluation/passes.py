"""The passes of one evaluation: real images once, then every subject's own streams."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from genbench import places, progress, seeds
from genbench.data import Dataset
from genbench.errors import GenbenchError
from genbench.evaluation.subjects import Subject
from genbench.evidence import Advance, Cache, Evidence, Rows, Stream, batches_of, collect, quantised
from genbench.interfaces import Extractor, Gather, Look, Pass, Tensors, View

if TYPE_CHECKING:
    from collections.abc import Callable

    Producer = Callable[[int, int], Rows]
    from genbench.evaluation.request import Evaluation


@dataclass(frozen=True)
class Gathered:
    """Everything one subject's passes brought."""

    samples: Sequence[Evidence] = ()  # one per repeat
    pairs: Evidence | None = None
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

    def real(self, gathers: Sequence[Gather]) -> Evidence:
        """Evidence of the reference images, from the cache where it is there."""
        cache = Cache(
            places.cache_dir() / "evidence",
            {
                "fingerprint": self.data.fingerprint,
                "split": "train",
                "rows": "permutation(0, reference)",
                "n": self.sizes[View.REAL],
            },
        )
        found: dict[Gather, Tensors] = {}
        for gather in gathers:
            kept = cache.load(gather, self._network(gather))
            if kept is not None:
                found[gather] = kept
        wanted = [gather for gather in gathers if gather not in found]
        if not wanted:
            return Evidence(found, {})

        def produce(start: int, stop: int) -> Rows:
            return (self.data.train.take(self.reference[start:stop]).to(self.device),)

        with progress.bar("real images", self.sizes[View.REAL]) as advance:
            fresh = collect(self._stream(View.REAL, 0, 0, produce), wanted, self.networks, advance)
        for gather, tensors in fresh.found.items():
            cache.save(gather, self._network(gather), tensors)
        return Evidence(found | dict(fresh.found), fresh.failed)

    def subject(self, name: str, subject: Subject, looks: Sequence[Look]) -> Gathered:
        """Evidence of everything *subject* can do that somebody looks at."""
        missing = dict(subject.missing)
        sampled = [look.gather for look in looks if look.view is View.SAMPLES]
        paired = [look.gather for look in looks if look.view is View.PAIRS]
        repeats = self.how.repeats if sampled and subject.samples else 0
        total = repeats * self.sizes[View.SAMPLES]
        total += self.sizes[View.PAIRS] if paired and subject.reconstruct else 0
        samples: list[Evidence] = []
        pairs = None
        with progress.bar(name, total) as advance:
            try:
                samples = [
                    self._samples(name, subject, repeat, sampled, advance)
                    for repeat in range(repeats)
                ]
            except GenbenchError as error:
                missing[View.SAMPLES] = str(error)
            try:
                if paired and subject.reconstruct:
                    pairs = self._pairs(name, subject, paired, advance)
            except GenbenchError as error:
                missing[View.PAIRS] = str(error)
        return Gathered(samples, pairs, missing)

    def _samples(
        self, who: str, subject: Subject, repeat: int, gathers: Sequence[Gather], advance: Advance
    ) -> Evidence:
        sampler = subject.samples
        assert sampler is not None

        def produce(start: int, stop: int) -> Rows:
            images = sampler(start, stop, self.how.seed, repeat)
            return (quantised(images, start, self.data.resolution, who).to(self.device),)

        stream = self._stream(View.SAMPLES, 1, repeat, produce)
        return collect(stream, gathers, self.networks, advance)

    def _pairs(
        self, who: str, subject: Subject, gathers: Sequence[Gather], advance: Advance
    ) -> Evidence:
        reconstruct = subject.reconstruct
        assert reconstruct is not None

        def produce(start: int, stop: int) -> Rows:
            inputs = self.data.test.take(self.held_out[start:stop]).to(self.device)
            outputs = quantised(reconstruct(inputs), start, self.data.resolution, who)
            return inputs, outputs.to(self.device)

        return collect(self._stream(View.PAIRS, 1, 0, produce), gathers, self.networks, advance)

    def _stream(self, view: View, side: int, repeat: int, produce: Producer) -> Stream:
        about = Pass(
            device=self.device,
            n=self.sizes[view],
            resolution=self.data.resolution,
            side=side,
            seed=seeds.derive(0 if view is View.REAL else self.how.seed, view, repeat),
        )

        def batches() -> Iterator[tuple[Rows, Tensor]]:
            return batches_of(produce, self.sizes[view], self.how.batch)

        return Stream(view, about, batches)

    def _network(self, gather: Gather) -> Extractor | None:
        return None if gather.features is None else self.networks[gather.features[0]]
