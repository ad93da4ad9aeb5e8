"""The passes of one evaluation: the data once, then every subject's own streams."""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from genbench.data import Dataset
from genbench.distributed import group
from genbench.errors import GenbenchError, NotMeasurable
from genbench.evaluation.collect import Advance, Evidence, Producer, collect
from genbench.evaluation.evidence_cache import Cache
from genbench.evaluation.producers import Producers
from genbench.evaluation.settings import Evaluation
from genbench.evaluation.subjects import Subject
from genbench.interfaces import Extractor, Input, Json, Tensors
from genbench.interfaces.streams import STREAMS, Maker, Stream, lead
from genbench.runtime import paths, progress, provenance

PENDING_LIMIT = 8 << 30  # bytes of one pass's evidence that are kept for a resume


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
    # Digests of the images of each pass, by the stream that leads it: of every set of samples, of
    # every kind of path. A stream is not there if a call that was cut short has made some of it.
    images: Mapping[Stream, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Given:
    """Evidence of the data's own images that was made elsewhere."""

    found: Mapping[Input, Tensors]
    n: int  # images behind it; 0 where nobody says
    why: str  # there is nothing else
    network: Mapping[str, Json] | None = None  # codes of what it was seen through; None: as here

    def of(self, inputs: Sequence[Input]) -> Evidence:
        """What of *inputs* it has, and the reason for the rest."""
        failed = {each: NotMeasurable(self.why) for each in inputs if each not in self.found}
        return Evidence(self.found, failed)


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
        given: Given | None = None,
    ) -> None:
        """Chooses the rows of the data; nothing is read yet.

        Args:
            pending: folder for what is finished, in case the evaluation is interrupted.
            given: in the place of passes over the data.
        """
        self.data, self.how, self.sizes = data, how, sizes
        self.networks, self.device = networks, device
        self.producers = Producers(data, how, sizes, device)
        self.pending, self.given = pending, given

    def real(self, inputs: Sequence[Input]) -> Evidence:
        """Evidence of the data's own images, from the cache where it is there."""
        found = Evidence()
        for stream, mine in _by_pass(inputs).items():
            if not STREAMS[stream].generated:
                found |= self._data(stream, mine) if self.given is None else self.given.of(mine)
        return found

    def subject(
        self, name: str, subject: Subject, inputs: Sequence[Input], identity: str | None
    ) -> Generator[tuple[frozenset[Stream], SubjectEvidence]]:
        """Evidence of everything *subject* can do that somebody looks at, as it grows.

        Args:
            name: for messages and the progress bar.
            identity: what its images depend on, if that is known; passes of an evaluation that
                was interrupted are then not repeated.

        Yields:
            Streams that no later pass adds to, and all evidence so far: first without any pass,
            then after the passes of each stream.
        """
        reasons = subject.reasons()
        missing = {
            stream: reasons[info.maker] for stream, info in STREAMS.items() if info.maker in reasons
        }
        found: dict[Stream, list[Evidence]] = {}
        work = self.tasks(name, subject, inputs)
        total = sum(task.producer.about.n for task in work)
        waiting = {task.stream for task in work}
        yield _settled(waiting), _so_far(found, missing, subject.note)
        with progress.bar(name, total, shown=group.rank() == 0) as advance:
            for stream, tasks in itertools.groupby(work, key=lambda task: task.stream):
                for task in tasks:
                    with advance.part(task.producer.about.n):
                        if stream in missing:
                            continue  # an earlier repeat has failed
                        cache = None if identity is None else self._pending(identity, task)
                        try:
                            evidence = self._pass(task.producer, task.inputs, cache, advance)
                            found.setdefault(stream, []).append(evidence)
                        except GenbenchError as error:
                            missing[stream] = str(error)
                waiting.discard(stream)
                yield _settled(waiting), _so_far(found, missing, subject.note)

    def tasks(self, name: str, subject: Subject, inputs: Sequence[Input]) -> list[Task]:
        """The passes over everything that *subject*, called *name*, can do."""
        return [
            task
            for stream, mine in _by_pass(inputs).items()
            for task in self._tasks(stream, name, subject, mine)
        ]

    def data_tasks(self, inputs: Sequence[Input]) -> list[Task]:
        """The passes over the data's own images."""
        return [
            Task(stream, self.producers.images(stream), mine)
            for stream, mine in _by_pass(inputs).items()
            if not STREAMS[stream].generated
        ]

    def _tasks(
        self, stream: Stream, who: str, subject: Subject, inputs: Sequence[Input]
    ) -> Iterator[Task]:
        """One for each set of samples, for reconstructions, and for each kind of path."""
        maker, make = STREAMS[stream].maker, self.producers
        stored = subject.stored
        if maker is Maker.SAMPLER and stored and not stored.paired:
            for repeat in range(self.how.repeats):
                images = stored.samples(self.sizes[stream], repeat)
                yield Task(stream, make.stored_samples(stream, who, images, repeat), inputs, repeat)
        elif maker is Maker.RECONSTRUCTOR and stored and stored.paired:
            images = stored.reconstructions(make.rows[stream])
            yield Task(stream, make.stored_pairs(stream, who, images), inputs)
        elif maker is Maker.SAMPLER and subject.samples:
            for repeat in range(min(self.how.repeats, subject.sets or self.how.repeats)):
                producer = make.samples(stream, who, subject.samples, repeat)
                yield Task(stream, producer, inputs, repeat)
        elif maker is Maker.RECONSTRUCTOR and subject.reconstruct:
            yield Task(stream, make.reconstructions(stream, who, subject.reconstruct), inputs)
        elif maker is Maker.WALKER and subject.path:
            for step in dict.fromkeys(each.step for each in inputs if each.step):
                walked = [each for each in inputs if each.step == step]
                yield Task(stream, make.paths(stream, who, subject.path, step), walked)

    def _pass(
        self, producer: Producer, inputs: Sequence[Input], cache: Cache | None, advance: Advance
    ) -> Evidence:
        """One pass for what *cache* does not know yet, which it then learns.

        Only the first process looks into the cache, keeps it and gets the evidence.
        """
        known = self._known(inputs, cache) if group.rank() == 0 else {}
        at_hand = group.everyone([each in known for each in inputs])[0]
        wanted = [each for each, there in zip(inputs, at_hand, strict=True) if not there]
        if not wanted:
            advance(producer.about.n)
            return Evidence(known)
        fresh = collect(producer, wanted, self.networks, advance)
        for each, tensors in fresh.found.items():
            if cache is not None:
                cache.save(each, self._network(each), tensors)
        return Evidence(known) | fresh

    def _known(self, inputs: Sequence[Input], cache: Cache | None) -> dict[Input, Tensors]:
        """What *cache* has of *inputs*."""
        if cache is None:
            return {}
        stored = {each: cache.load(each, self._network(each)) for each in inputs}
        return {each: tensors for each, tensors in stored.items() if tensors is not None}

    def _data(self, stream: Stream, inputs: Sequence[Input]) -> Evidence:
        """Evidence of rows of the data, which every later evaluation finds in the cache."""
        facts = {
            "code": provenance.code_digest(),
            "fingerprint": self.data.fingerprint,
            "rows": f"{STREAMS[stream].order}, permutation of seed 0",
            "n": self.sizes[stream],
            "quantise": self.how.quantise,
        }
        cache = Cache(paths.cache_dir() / "evidence", facts)
        words = STREAMS[stream].words
        with progress.bar(words, self.sizes[stream], shown=group.rank() == 0) as advance:
            return self._pass(self.producers.images(stream), inputs, cache, advance)

    def _pending(self, identity: str, task: Task) -> Cache:
        """Where finished passes of this evaluation wait until it is committed."""
        facts = {
            "identity": identity,
            "stream": task.stream.value,
            "repeat": task.repeat,
        }
        return Cache(self.pending, facts, limit=PENDING_LIMIT)

    def _network(self, input_: Input) -> Extractor | None:
        features = input_.statistic.features
        return None if features is None else self.networks[features[0]]


def _by_pass(inputs: Sequence[Input]) -> dict[Stream, list[Input]]:
    """What is to be kept of each pass, by the stream that leads it, in the order of the table."""
    found: dict[Stream, list[Input]] = {}
    for stream in STREAMS:
        mine = [each for each in inputs if lead(each.stream) is stream]
        if mine:
            found[stream] = mine
    return found


def _settled(waiting: Collection[Stream]) -> frozenset[Stream]:
    """Streams that no pass of *waiting* shows."""
    return frozenset(each for each in STREAMS if lead(each) not in waiting)


def _so_far(
    found: Mapping[Stream, Sequence[Evidence]], missing: Mapping[Stream, str], note: str | None
) -> SubjectEvidence:
    """The evidence of what is there; streams that go with a missing one are missing, too."""
    gone = {each: missing[lead(each)] for each in STREAMS if lead(each) in missing}
    there = {stream: parts for stream, parts in found.items() if stream not in missing}
    samples, once = _together(there)
    return SubjectEvidence(samples, once, {**missing, **gone}, note, _images(there))


def _images(found: Mapping[Stream, Sequence[Evidence]]) -> dict[Stream, list[str]]:
    """Digests of the images of streams, where all of them are known."""
    digests = {stream: [part.images for part in parts] for stream, parts in found.items()}
    return {
        stream: known
        for stream, each in digests.items()
        if len(known := [digest for digest in each if digest is not None]) == len(each)
    }


def _together(found: Mapping[Stream, Sequence[Evidence]]) -> tuple[list[Evidence], Evidence]:
    """Evidence of streams, a list for each: that of every repeat, and that which there is once."""
    sampled = [each for stream, each in found.items() if STREAMS[stream].maker is Maker.SAMPLER]
    once = [
        evidence
        for stream, each in found.items()
        if STREAMS[stream].maker is not Maker.SAMPLER
        for evidence in each
    ]
    repeats = [functools.reduce(operator.or_, parts) for parts in zip(*sampled, strict=True)]
    return repeats, functools.reduce(operator.or_, once, Evidence())
