"""One pass over a stream of images, shared by all metrics.

Each stream (real images, samples, pairs) is produced once. Every image goes once through
each feature network, whatever the number of metrics and layers that look at it, and every
statement of what to keep (`Statistic`) is kept once, however many metrics make it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from genbench.accumulators.merge import merged
from genbench.distributed import group
from genbench.errors import GenbenchError, NotMeasurable, RangeWarning
from genbench.evaluation import image_digest
from genbench.evaluation.image_checks import Seen, Watch, remark, wrong_range
from genbench.interfaces import (
    STREAMS,
    Accumulator,
    Extractor,
    Input,
    Pass,
    State,
    Stream,
    Tensors,
)
from genbench.runtime import caller

CHECK_EVERY = 64  # batches
NO_ROOM = "the device has no room for a single image; use another --device"

Rows = tuple[Tensor, ...]  # uint8 (n, 3, h, w); two of them for pairs
Advance = Callable[[int], None]


@dataclass(frozen=True)
class Producer:
    """Images that can be produced in order, and the streams that they are."""

    about: Pass
    streams: Mapping[Stream, tuple[int, ...]]  # which of the rows of a batch a stream shows
    produce: Callable[[int, int], Rows]  # rows start to stop, the same however they are cut
    batch: int  # rows at once, to begin with
    most: int = 0  # rows at once, as far as the device has room; 0 for no more than `batch`
    watch: Watch | None = None  # of the images, where a model makes them


@dataclass(frozen=True)
class Evidence:
    """What passes brought, and why some of it could not be had."""

    found: Mapping[Input, Tensors] = field(default_factory=dict)
    failed: Mapping[Input, GenbenchError] = field(default_factory=dict)
    remarks: Mapping[Stream, str] = field(default_factory=dict)  # what numbers of it do not say
    images: str | None = None  # digest of those that a model has made in this pass

    def of(self, input_: Input) -> Tensors:
        """What was kept for *input_*. Raises the reason why it could not be."""
        if input_ in self.failed:
            raise self.failed[input_]
        return self.found[input_]

    def __or__(self, other: Evidence) -> Evidence:
        return Evidence(
            {**self.found, **other.found},
            {**self.failed, **other.failed},
            {**self.remarks, **other.remarks},
            other.images or self.images,
        )


def collect(
    producer: Producer, inputs: Iterable[Input], networks: Mapping[str, Extractor], advance: Advance
) -> Evidence:
    """Run one pass and keep what *inputs* ask for.

    Several processes run it together, each its own share of the rows; the first one gets the
    evidence, the others get none. What does not fit on the device is halved.

    Args:
        producer: of the images.
        inputs: what to keep, of streams that the producer shows; equal ones are kept once.
        networks: by name; must cover what *inputs* look through.
        advance: told the number of images after each batch, those of other processes included.

    Raises:
        GenbenchError: the images cannot be used, as this or another process has found.
    """
    rows = group.share(producer.about.n)
    running, failed = _start(inputs, replace(producer.about, share=len(rows)))
    states: dict[Input, State] = {}
    with group.agreed():
        if running and not rows:
            advance(producer.about.n)
        elif running:
            _run(producer, running, networks, _Progress(advance, rows, producer.about.n))
            states = {input_: accumulator.state() for input_, accumulator in running.items()}
    found: dict[Input, Tensors] = {}
    for input_ in running:
        whole = merged(states.pop(input_, None))
        if whole is not None:
            try:
                found[input_] = input_.statistic.finish(whole, producer.about)
            except GenbenchError as error:
                failed[input_] = error
    parts = [] if producer.watch is None else group.everyone(producer.watch.seen())
    images = image_digest.whole(part.images for part in parts)
    return Evidence(found, failed, _remarks(producer, parts), images)


def _run(
    producer: Producer,
    running: Mapping[Input, Accumulator],
    networks: Mapping[str, Extractor],
    progress: _Progress,
) -> None:
    """All rows of this process's share, batch by batch."""
    wanted = _layers(running, producer.streams)
    size, start, batches = BatchSize(producer.batch, producer.most), progress.rows.start, 0
    with torch.inference_mode():
        while start < progress.rows.stop:
            stop = size.end(start, progress.rows.stop)
            try:
                seen = _Batch(producer.produce(start, stop), networks, wanted)
                shown = {
                    input_: seen.through(input_, producer.streams[input_.stream])
                    for input_ in running
                }
            except torch.OutOfMemoryError as error:
                if stop - start == 1:
                    raise NotMeasurable(NO_ROOM) from error
                size.halve(stop - start)
                continue
            for input_, accumulator in running.items():
                _take(accumulator, shown[input_], torch.arange(start, stop))
            size.fitted(stop - start)
            progress.to(stop)
            start, batches = stop, batches + 1
            # One wait in so many batches: garbage should not cost a whole pass.
            if producer.watch is not None and batches % CHECK_EVERY == 0:
                producer.watch.conclude()
    if producer.watch is not None:
        producer.watch.conclude()


def _take(accumulator: Accumulator, rows: Rows, index: Tensor) -> None:
    """Hand over a batch, in halves where the accumulator has no room for all of it."""
    try:
        accumulator.update(rows, index)
    except torch.OutOfMemoryError as error:
        if len(index) == 1:
            raise NotMeasurable(NO_ROOM) from error
        middle = len(index) // 2
        for half in (slice(None, middle), slice(middle, None)):
            _take(accumulator, tuple(each[half] for each in rows), index[half])


class BatchSize:
    """Rows at once: doubled while they fit, halved for good as soon as they do not."""

    def __init__(self, first: int, most: int = 0) -> None:
        """Begin with *first*; *most* is the limit of growth."""
        self.now, self.most = first, max(first, most)

    def end(self, start: int, stop: int) -> int:
        """Where the batch that begins at *start* ends.

        At a multiple of its size, so that processes cut a stream where one process would:
        convolutions round differently in batches of other sizes.
        """
        return min((start // self.now + 1) * self.now, stop)

    def fitted(self, rows: int) -> None:
        """A batch of *rows* was no problem."""
        if rows == self.now:
            self.now = min(2 * self.now, self.most)

    def halve(self, rows: int) -> None:
        """A batch of *rows*, 2 or more, was too large."""
        self.now = self.most = max(1, min(self.now, rows) // 2)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()  # what is free lies in pieces of the size that did not fit


class _Progress:
    """Speaks of all rows while one process sees its share of them."""

    def __init__(self, advance: Advance, rows: range, n: int) -> None:
        self.advance, self.rows, self.n, self.told = advance, rows, n, 0

    def to(self, stop: int) -> None:
        """All rows before *stop* are done."""
        done = self.n * (stop - self.rows.start) // len(self.rows)
        self.advance(done - self.told)
        self.told = done


def _remarks(producer: Producer, parts: Sequence[Seen]) -> dict[Stream, str]:
    """What is to be said of the images of a model, the same in every process.

    Args:
        parts: what each process has seen.
    """
    if producer.watch is None:
        return {}
    words = STREAMS[next(iter(producer.streams))].words  # of the one that leads the pass
    if group.rank() == 0 and (misfit := wrong_range(parts, words)) is not None:
        caller.warn(
            f"the numbers of {producer.watch.who} are not what they seem; return floats in "
            f"[-1, 1], 2 * x - 1 of [0, 1], or uint8, or say the range, "
            f"genbench.wrap(model, value_range=(0, 1)): {misfit}",
            RangeWarning,
        )
    said = remark(parts, words)
    return {} if said is None else dict.fromkeys(producer.streams, said)


FeatureKey = tuple[str, int, bool]  # (network, row of the batch, face box only)


class _Batch:
    """A batch, and what networks make of it: each runs once per image, when first asked."""

    def __init__(
        self,
        rows: Rows,
        networks: Mapping[str, Extractor],
        wanted: Mapping[FeatureKey, tuple[str, ...]],
    ) -> None:
        self.rows, self.networks, self.wanted = rows, networks, wanted
        self.features: dict[FeatureKey, dict[str, Tensor]] = {}

    def through(self, input_: Input, numbers: tuple[int, ...]) -> Rows:
        """The rows *numbers* as *input_* takes them."""
        if input_.statistic.features is None:
            return tuple(self._image(number, input_.face) for number in numbers)
        network, layer = input_.statistic.features
        places = [(network, number, input_.face) for number in numbers]
        return tuple(self._features(place)[layer] for place in places)

    def _features(self, place: FeatureKey) -> dict[str, Tensor]:
        if place not in self.features:
            network, number, face = place
            images = self._image(number, face)
            self.features[place] = self.networks[network](images, self.wanted[place])
        return self.features[place]

    def _image(self, number: int, face: bool) -> Tensor:
        return face_box(self.rows[number]) if face else self.rows[number]


def face_box(images: Tensor) -> Tensor:
    """The box that StyleGAN measures of aligned faces: of 8 parts, rows 3..7, columns 2..6.

    Raises:
        NotMeasurable: a side that 8 does not divide.
    """
    height, width = images.shape[-2:]
    if height % 8 or width % 8:
        raise NotMeasurable(f"the face box needs sides divisible by 8, got {height}x{width}")
    h, w = height // 8, width // 8
    return images[..., 3 * h : 7 * h, 2 * w : 6 * w]


def _start(
    inputs: Iterable[Input], about: Pass
) -> tuple[dict[Input, Accumulator], dict[Input, GenbenchError]]:
    """Those that can start in every process, and why the others cannot."""
    running: dict[Input, Accumulator] = {}
    failed: dict[Input, GenbenchError] = {}
    ordered = list(dict.fromkeys(inputs))
    for input_ in ordered:
        try:
            running[input_] = input_.statistic.start(about)
        except GenbenchError as error:
            failed[input_] = error
    for told in group.everyone({ordered.index(input_): str(e) for input_, e in failed.items()}):
        for number, text in told.items():
            failed.setdefault(ordered[number], GenbenchError(text))
            running.pop(ordered[number], None)
    return running, failed


def _layers(
    inputs: Iterable[Input], streams: Mapping[Stream, tuple[int, ...]]
) -> dict[FeatureKey, tuple[str, ...]]:
    """Layers wanted of each network at each row, so that one forward pass gives them all."""
    wanted: dict[FeatureKey, set[str]] = {}
    for input_ in inputs:
        if input_.statistic.features is not None:
            network, layer = input_.statistic.features
            for number in streams[input_.stream]:
                wanted.setdefault((network, number, input_.face), set()).add(layer)
    return {place: tuple(sorted(layers)) for place, layers in wanted.items()}


def networks_needed(inputs: Iterable[Input]) -> list[str]:
    """Names of the feature networks that *inputs* look through."""
    return sorted(
        {input_.statistic.features[0] for input_ in inputs if input_.statistic.features is not None}
    )
