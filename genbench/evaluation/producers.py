"""What makes the images of each stream, a batch at a time, the same however it is cut."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from genbench.data import Dataset, Split
from genbench.data.read_ahead import ReadAhead
from genbench.evaluation.collect import Producer, Rows
from genbench.evaluation.image_checks import Watch
from genbench.evaluation.own_draws import Asked
from genbench.evaluation.settings import Evaluation
from genbench.evaluation.subjects import Reconstructor, Sampler, Walker
from genbench.images import to_bytes, to_bytes_truncated, to_floats
from genbench.interfaces import Pass, Step
from genbench.interfaces.streams import STREAMS, Stream, shown_by
from genbench.runtime import seeds
from genbench.runtime.devices import upload

# Pixels at once, unless told: features of VGG16 take 0.5 kB a pixel. A GPU halves what does not
# fit; a CPU would be stopped by the system before it could.
PIXELS = {"cpu": 1 << 18, "cuda": 1 << 22}
Stored = Callable[[int, int], Tensor]  # (start, stop) -> uint8 images
MOST = 2048  # images at once on a GPU, to which batches grow while they fit


class Producers:
    """The producers of one data set under one seed."""

    def __init__(
        self,
        data: Dataset,
        how: Evaluation,
        sizes: Mapping[Stream, int],
        device: torch.device,
    ) -> None:
        """Chooses rows of the splits; nothing is read yet."""
        self.data, self.how, self.sizes, self.device = data, how, sizes, device
        # Rows must not change with the seed of the samples: they are part of the recipe.
        self.rows = {
            stream: seeds.permutation(len(self._split(stream)), 0, info.order)[: sizes[stream]]
            for stream, info in STREAMS.items()
            if info.split is not None
        }

    def images(self, stream: Stream) -> Producer:
        """The data's own images of *stream*."""
        originals = self._originals(stream)

        def produce(start: int, stop: int) -> Rows:
            return (self._as_written(upload(originals(start, stop), self.device)),)

        return self._producer(stream, produce)

    def samples(self, stream: Stream, who: str, sampler: Sampler, repeat: int) -> Producer:
        """What *sampler*, of the model called *who*, makes in one repeat."""
        watch = self._watch(stream, who, repeat)

        def produce(start: int, stop: int) -> Rows:
            images = sampler(start, stop, self.how.seed, repeat)
            return (self._quantised(watch, images, start),)

        return self._producer(stream, produce, watch, repeat)

    def stored_samples(self, stream: Stream, who: str, images: Stored, repeat: int) -> Producer:
        """What *images* gives of one set that was made before."""

        def sampler(start: int, stop: int, seed: int, repeat: int) -> Tensor:
            return upload(images(start, stop), self.device)

        return self.samples(stream, who, sampler, repeat)

    def reconstructions(self, stream: Stream, who: str, reconstruct: Reconstructor) -> Producer:
        """Images of a split, and what *reconstruct* makes of them."""
        watch, originals = self._watch(stream, who), self._originals(stream)
        end = self.sizes[stream]

        def produce(start: int, stop: int) -> Rows:
            inputs = upload(originals(start, stop), self.device)

            def take(first: int, last: int) -> Tensor:
                if (first, last) == (start, stop):
                    return inputs
                return upload(originals(first, last), self.device)

            asked = Asked(take, start, stop, end, (self.how.seed, stream.value))
            outputs = reconstruct(asked, self.how.posterior)
            return self._as_written(inputs), self._quantised(watch, outputs, start)

        return self._producer(stream, produce, watch)

    def stored_pairs(self, stream: Stream, who: str, images: Stored) -> Producer:
        """Images of a split, and *images*, which were made of them before."""
        watch, originals = self._watch(stream, who), self._originals(stream)

        def produce(start: int, stop: int) -> Rows:
            inputs = upload(originals(start, stop), self.device)
            outputs = upload(images(start, stop), self.device)
            return self._as_written(inputs), self._quantised(watch, outputs, start)

        return self._producer(stream, produce, watch)

    def paths(self, stream: Stream, who: str, walker: Walker, step: Step) -> Producer:
        """Both ends of steps of one kind."""
        watch = self._watch(stream, who)

        def produce(start: int, stop: int) -> Rows:
            ends = walker(start, stop, self.how.seed, step)
            for images in ends:
                watch.see(images, start)
            watch.digest.add(torch.cat(ends, 1), start)
            return ends

        return self._producer(stream, produce, watch)

    def _originals(self, stream: Stream) -> Stored:
        """The rows of the split that *stream* takes, those to be decoded ahead of their time."""
        split, rows = self._split(stream), self.rows[stream]

        def take(start: int, stop: int) -> Tensor:
            return split.take(rows[start:stop])

        return ReadAhead(take, len(rows)) if split.streamed else take

    def _split(self, stream: Stream) -> Split:
        return self.data.train if STREAMS[stream].split == "train" else self.data.test

    def _watch(self, stream: Stream, who: str, repeat: int = 0) -> Watch:
        info = STREAMS[stream]
        place = info.place.format(seed=self.how.seed, repeat=repeat)
        return Watch(who, ", ".join(filter(None, (info.words, place))), self.data.resolution)

    def _producer(
        self,
        stream: Stream,
        produce: Callable[[int, int], Rows],
        watch: Watch | None = None,
        repeat: int = 0,
    ) -> Producer:
        info = STREAMS[stream]
        about = Pass(
            device=self.device,
            n=self.sizes[stream],
            resolution=self.data.resolution,
            side=1 if info.generated else 0,
            seed=seeds.derive(self.how.seed if info.generated else 0, info.seed, repeat),
            weights_dir=self.how.weights_dir,
        )
        fitting = PIXELS[self.device.type] // self.data.resolution**2
        first = self.how.batch or min(1024, max(8, fitting))
        grows = self.how.batch is None and self.device.type == "cuda"
        most = MOST if grows else first
        return Producer(about, shown_by(stream), produce, first, most, watch)

    def _quantised(self, watch: Watch, images: Tensor, start: int) -> Tensor:
        """A model's images as bytes, by the rule of this evaluation."""
        convert = to_bytes_truncated if self.how.quantise == "truncate" else to_bytes
        return watch.quantised(images, start, convert).to(self.device)

    def _as_written(self, images: Tensor) -> Tensor:
        """Images of the data as the model's were written: truncation alters them too."""
        return to_bytes_truncated(to_floats(images)) if self.how.quantise == "truncate" else images
