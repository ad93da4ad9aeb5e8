"""The passes of one evaluation: the data once, then every subject's own streams."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from genbench.data import Dataset
from genbench.distributed import group
from genbench.errors import GenbenchError
from genbench.evaluation.candidates import (
    Reconstructor,
    Sampler,
    Subject,
    Walker,
)
from genbench.evaluation.collect import (
    Advance,
    Evidence,
    Producer,
    Rows,
    collect,
)
from genbench.evaluation.evidence_cache import Cache
from genbench.evaluation.image_checks import Watch
from genbench.evaluation.settings import Evaluation
from genbench.images import to_bytes, to_bytes_truncated, to_floats
from genbench.interfaces import Extractor, Input, Pass, Step, Stream, Tensors
from genbench.runtime import (
    paths,
    progress,
    provenance,
    seeds,
)
from genbench.runtime.devices import upload

# Pixels at once, unless told: features of VGG16 take 0.5 kB a pixel. A GPU halves what does not
# fit; a CPU would be stopped by the system before it could.
PIXELS = {"cpu": 1 << 18, "cuda": 1 << 22}
MOST = 2048  # images at once on a GPU, to which batches grow while they fit
PENDING_LIMIT = 8 << 30  # bytes of one pass's evidence that are kept for a resume

# What one pass shows: a single stream can be several streams.
ONE = (0,)
PAIR_VIEWS = {Stream.PAIRS: (0, 1), Stream.RECONSTRUCTIONS: (1,)}
TRAINED_VIEWS = {Stream.TRAINING_PAIRS: (0, 1)}


@dataclass(frozen=True)
class Task:
    """One pass over one of a subject's streams."""

    stream: Stream
    producer: Producer
    inputs: Sequence[Input]
    repeat: int = 0


@dataclass(frozen=True)
class SubjectEvidence:
    """Everything one subject's passes brought."""

    samples: Sequence[Evidence] = ()  # one per repeat
    once: Evidence = field(default_factory=Evidence)  # pairs, reconstructions, paths
    missing: Mapping[Stream, str] = field(default_factory=dict)  # streams that could not be had
    note: str | None = None  # about the subject


class Passes:
    """Produces streams of one data set under one seed, and collects evidence from them."""

    def __init__(
        self,
        data: Dataset,
        how: Evaluation,
        sizes: Mapping[Stream, int],
        networks: Mapping[str, Extractor],
        device: torch.device,
        pending: Path,
    ) -> None:
        """Chooses the reference rows and the held-out rows; nothing is read yet.

        Args:
            pending: folder for what is finished, in case the evaluation is interrupted.
        """
        self.data, self.how, self.sizes = data, how, sizes
        self.networks, self.device = networks, device
        # The reference must not change with the seed of the samples: it is part of the recipe.
        self.reference = seeds.permutation(len(data.train), 0, "reference")[: sizes[Stream.REAL]]
        self.held_out = seeds.permutation(len(data.test), 0, "held out")[: sizes[Stream.PAIRS]]
        # Training images to reconstruct beside them, as many; a part of what was trained on.
        self.trained = seeds.permutation(len(data.train), 0, "trained")[
            : sizes[Stream.TRAINING_PAIRS]
        ]
        self.pending = pending

    def real(self, inputs: Sequence[Input]) -> Evidence:
        """Evidence of the data's own images, from the cache where it is there."""
        train, test = self.data.train, self.data.test
        return self._data(Stream.REAL, train.take, self.reference, inputs) | self._data(
            Stream.HELD_OUT, test.take, self.held_out, inputs
        )

    def subject(
        self, name: str, subject: Subject, inputs: Sequence[Input], identity: str | None
    ) -> SubjectEvidence:
        """Evidence of everything *subject* can do that somebody looks at.

        Args:
            name: for messages and the progress bar.
            identity: what its images depend on, if that is known; passes of an evaluation that
                was interrupted are then not repeated.
        """
        missing = dict(subject.missing)
        if subject.path is None:
            missing.setdefault(Stream.PATHS, "it has not all of draw, decode and interpolate")
        found: dict[Stream, list[Evidence]] = {}
        work = self._work(name, subject, inputs)
        total = sum(task.producer.about.n for task in work)
        with progress.bar(name, total, shown=group.rank() == 0) as advance:
            for task in work:
                if task.stream in missing:
                    continue  # an earlier repeat has failed
                cache = None if identity is None else self._pending(identity, task)
                try:
                    evidence = self._pass(task.producer, task.inputs, cache, advance)
                    found.setdefault(task.stream, []).append(evidence)
                except GenbenchError as error:
                    missing[task.stream] = str(error)
        samples = [] if Stream.SAMPLES in missing else found.get(Stream.SAMPLES, [])
        once = Evidence()
        for stream in (Stream.PAIRS, Stream.TRAINING_PAIRS, Stream.PATHS):
            for evidence in found.get(stream, []):
                once |= evidence
        if Stream.PAIRS in missing:
            for stream in (Stream.RECONSTRUCTIONS, Stream.TRAINING_PAIRS):
                missing[stream] = missing[Stream.PAIRS]
        return SubjectEvidence(samples, once, missing, subject.note)

    def _work(self, who: str, subject: Subject, inputs: Sequence[Input]) -> list[Task]:
        """One task for each set of samples, for the pairs, and for each kind of path."""
        sampled = [input_ for input_ in inputs if input_.stream is Stream.SAMPLES]
        paired = [input_ for input_ in inputs if input_.stream in PAIR_VIEWS]
        work = []
        if sampled and subject.samples:
            for repeat in range(min(self.how.repeats, subject.sets or self.how.repeats)):
                producer = self._samples(who, subject.samples, repeat)
                work.append(Task(Stream.SAMPLES, producer, sampled, repeat))
        if paired and subject.reconstruct:
            work.append(Task(Stream.PAIRS, self._pairs(who, subject.reconstruct), paired))
        trained = [input_ for input_ in inputs if input_.stream is Stream.TRAINING_PAIRS]
        if trained and subject.reconstruct:
            work.append(
                Task(Stream.TRAINING_PAIRS, self._trained(who, subject.reconstruct), trained)
            )
        for step in dict.fromkeys(input_.step for input_ in inputs if input_.step):
            if subject.path:
                walked = [input_ for input_ in inputs if input_.step == step]
                work.append(Task(Stream.PATHS, self._paths(who, subject.path, step), walked))
        return work

    def _pass(
        self, producer: Producer, inputs: Sequence[Input], cache: Cache | None, advance: Advance
    ) -> Evidence:
        """One pass for what *cache* does not know yet, which it then learns.

        Only the first process looks into the cache, keeps it and gets the evidence.
        """
        known = self._known(inputs, cache) if group.rank() == 0 else {}
        at_hand = group.everyone([input_ in known for input_ in inputs])[0]
        wanted = [input_ for input_, there in zip(inputs, at_hand, strict=True) if not there]
        if not wanted:
            advance(producer.about.n)
            return Evidence(known)
        fresh = collect(producer, wanted, self.networks, advance)
        for input_, tensors in fresh.found.items():
            if cache is not None:
                cache.save(input_, self._network(input_), tensors)
        return Evidence(known) | fresh

    def _known(self, inputs: Sequence[Input], cache: Cache | None) -> dict[Input, Tensors]:
        """What *cache* has of *inputs*."""
        kept = (
            {input_: cache.load(input_, self._network(input_)) for input_ in inputs}
            if cache
            else {}
        )
        return {input_: tensors for input_, tensors in kept.items() if tensors is not None}

    def _data(
        self,
        stream: Stream,
        take: Callable[[Tensor], Tensor],
        rows: Tensor,
        inputs: Sequence[Input],
    ) -> Evidence:
        """Evidence of rows of the data, which every later evaluation finds in the cache."""
        mine = [input_ for input_ in inputs if input_.stream is stream]
        if not mine:
            return Evidence()

        def produce(start: int, stop: int) -> Rows:
            return (self._as_written(upload(take(rows[start:stop]), self.device)),)

        facts = {
            "code": provenance.code_digest(),
            "fingerprint": self.data.fingerprint,
            "rows": f"{stream}, permutation of seed 0",
            "n": self.sizes[stream],
            "quantise": self.how.quantise,
        }
        cache = Cache(paths.cache_dir() / "evidence", facts)
        with progress.bar(
            f"{stream} images", self.sizes[stream], shown=group.rank() == 0
        ) as advance:
            return self._pass(
                self._producer({stream: ONE}, stream, 0, produce), mine, cache, advance
            )

    def _samples(self, who: str, sampler: Sampler, repeat: int) -> Producer:
        watch = self._watch(who, f"samples, seed {self.how.seed}, repeat {repeat}")

        def produce(start: int, stop: int) -> Rows:
            images = sampler(start, stop, self.how.seed, repeat)
            return (self._quantised(watch, images, start),)

        return self._producer({Stream.SAMPLES: ONE}, Stream.SAMPLES, repeat, produce, watch)

    def _pairs(self, who: str, reconstruct: Reconstructor) -> Producer:
        watch = self._watch(who, "reconstructions, of the held-out images in their order")
        take, rows = self.data.test.take, self.held_out
        produce = self._reconstructed(watch, reconstruct, take, rows)
        return self._producer(PAIR_VIEWS, Stream.PAIRS, 0, produce, watch)

    def _trained(self, who: str, reconstruct: Reconstructor) -> Producer:
        watch = self._watch(who, "reconstructions of training images")
        take, rows = self.data.train.take, self.trained
        produce = self._reconstructed(watch, reconstruct, take, rows)
        return self._producer(TRAINED_VIEWS, Stream.TRAINING_PAIRS, 0, produce, watch)

    def _reconstructed(
        self,
        watch: Watch,
        reconstruct: Reconstructor,
        take: Callable[[Tensor], Tensor],
        rows: Tensor,
    ) -> Callable[[int, int], Rows]:
        """Images *rows* of the data and what the model makes of them."""

        def produce(start: int, stop: int) -> Rows:
            inputs = upload(take(rows[start:stop]), self.device)
            outputs = self._quantised(watch, reconstruct(inputs), start)
            return self._as_written(inputs), outputs

        return produce

    def _paths(self, who: str, path: Walker, step: Step) -> Producer:
        watch = self._watch(who, f"path images, seed {self.how.seed}")

        def produce(start: int, stop: int) -> Rows:
            ends = path(start, stop, self.how.seed, step)
            for images in ends:
                watch.see(images, start)
            return ends

        return self._producer({Stream.PATHS: (0, 1)}, Stream.PATHS, 0, produce, watch)

    def _watch(self, who: str, producer: str) -> Watch:
        return Watch(who, producer, self.data.resolution)

    def _producer(
        self,
        streams: Mapping[Stream, tuple[int, ...]],
        main: Stream,
        repeat: int,
        produce: Callable[[int, int], Rows],
        watch: Watch | None = None,
    ) -> Producer:
        data = main in (Stream.REAL, Stream.HELD_OUT)
        about = Pass(
            device=self.device,
            n=self.sizes[main],
            resolution=self.data.resolution,
            side=0 if data else 1,
            seed=seeds.derive(0 if data else self.how.seed, main, repeat),
            weights_dir=self.how.weights_dir,
        )
        fitting = PIXELS[self.device.type] // self.data.resolution**2
        first = self.how.batch or min(1024, max(8, fitting))
        grows = self.how.batch is None and self.device.type == "cuda"
        return Producer(about, streams, produce, first, MOST if grows else first, watch)

    def _quantised(self, watch: Watch, images: Tensor, start: int) -> Tensor:
        """A model's images as bytes, by the rule of this evaluation."""
        convert = to_bytes_truncated if self.how.quantise == "truncate" else to_bytes
        return watch.quantised(images, start, convert).to(self.device)

    def _as_written(self, images: Tensor) -> Tensor:
        """Images of the data as the model's were written: truncation alters them too."""
        return to_bytes_truncated(to_floats(images)) if self.how.quantise == "truncate" else images

    def _pending(self, identity: str, task: Task) -> Cache:
        """Where finished passes of this evaluation wait until it is committed."""
        facts = {
            "identity": identity,
            "view": task.stream.value,
            "repeat": task.repeat,
        }
        return Cache(self.pending, facts, limit=PENDING_LIMIT)

    def _network(self, input_: Input) -> Extractor | None:
        features = input_.statistic.features
        return None if features is None else self.networks[features[0]]
