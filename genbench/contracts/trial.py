"""Images that a metric is tried on, and the evidence that its statistics make of them.

Real images are blurred noise. A network is not asked: its features are a few means of pixels,
so that a metric can be tried where no weights are.
"""

from __future__ import annotations

import enum
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from genbench.accumulators.merge import finished
from genbench.evaluation.collect import face_box
from genbench.images import to_floats
from genbench.interfaces import STREAMS, Accumulator, Input, Measured, Metric, Pass, Stream, Tensors
from genbench.runtime import seeds

FEATURES = 6
BATCH = 50
# A pass is cut between whole blocks, as processes cut it; the last is not whole.
FEW, MANY = 3 * seeds.BLOCK + 7, 19 * seeds.BLOCK + 7
SIDE = 32  # pixels; twice as many where only the face box is looked at


class Generated(enum.Enum):
    """What the model of a trial makes."""

    ALIKE = enum.auto()  # near the real images, but not of one distribution with them
    REAL = enum.auto()  # other images of their distribution; pairs are all but equal
    NOISE = enum.auto()  # dark noise


@dataclass(frozen=True)
class Bad:
    """One feature of one image of one input that is not finite."""

    argument: str
    value: float
    image: int = 7


@dataclass(frozen=True)
class Way:
    """How the same trial may be run; the first is what others are compared with."""

    generated: Generated = Generated.ALIKE
    shards: int = 1  # processes that share the passes
    batch: int = BATCH
    shuffled: bool = False
    swapped: bool = False  # the two sides change places
    bad: Bad | None = None


@dataclass(frozen=True)
class Trial:
    """A metric, and how many images of which size it is tried on."""

    metric: Metric
    n: int = FEW
    weights_dir: Path | None = None
    _evidence: dict[Way, dict[str, Tensors]] = field(default_factory=dict, compare=False)
    _numbers: dict[Way, dict[str, Measured]] = field(default_factory=dict, compare=False)

    @property
    def side(self) -> int:
        """Pixels of the images."""
        faces = any(input_.face for input_ in self.metric.inputs.values())
        return 2 * SIDE if faces else SIDE

    def evidence(self, way: Way) -> dict[str, Tensors]:
        """What fills the arguments of the metric.

        Raises:
            GenbenchError: a statistic refuses the images.
        """
        if way not in self._evidence:
            self._evidence[way] = {name: self._of(name, way) for name in self.metric.inputs}
        return self._evidence[way]

    def numbers(self, way: Way) -> dict[str, Measured]:
        """The scores. Raises `GenbenchError` as the metric does."""
        if way not in self._numbers:
            given = self.copies(way)  # for a metric that writes into what it is given
            if way.swapped and set(self.metric.inputs) == {"real", "generated"}:
                given = {"real": given["generated"], "generated": given["real"]}
            self._numbers[way] = dict(self.metric(**given))
        return self._numbers[way]

    def copies(self, way: Way) -> dict[str, dict[str, Tensor]]:
        """The evidence once more."""
        return {
            name: {part: tensor.clone() for part, tensor in tensors.items()}
            for name, tensors in self.evidence(way).items()
        }

    def _of(self, name: str, way: Way) -> Tensors:
        input_ = self.metric.inputs[name]
        rows = self._rows(input_, way)
        if way.bad is not None and way.bad.argument == name:
            rows[0][way.bad.image, 1] = way.bad.value
        about = Pass(
            device=torch.device("cpu"),
            n=self.n,
            resolution=self.side,
            side=int(STREAMS[input_.stream].generated),
            seed=3,
            weights_dir=self.weights_dir,
        )
        accumulators = []
        for index in _shards(self.n, way.shards):
            share = replace(about, share=len(index))
            accumulators.append(_fed(input_.statistic.start(share), rows, index, way.batch))
        return finished(input_.statistic, about, *accumulators)

    def _rows(self, input_: Input, way: Way) -> list[Tensor]:
        """What an accumulator is shown of all images: pixels or features."""
        shown = [face_box(x) if input_.face else x for x in self._images(input_.stream, way)]
        if way.shuffled:
            order = seeds.permutation(self.n, 0, "trial", input_.stream)
            shown = [x[order] for x in shown]
        if input_.statistic.features is None:
            return shown
        return [_features(x) for x in shown]

    def _images(self, stream: Stream, way: Way) -> list[Tensor]:
        """Images of a stream; two of each where it shows pairs."""
        if not STREAMS[stream].generated:
            return [_blurred(self.n, self.side, stream)]
        if stream is Stream.PATHS:
            start = to_floats(self._generated(stream, way.generated))
            return [start, start * 0.99]
        originals = _originals(stream)
        if originals is None:
            return [self._generated(stream, way.generated)]
        inputs = _blurred(self.n, self.side, originals)
        outputs = self._reconstructed(inputs, way.generated)
        return [outputs, inputs] if way.swapped else [inputs, outputs]

    def _generated(self, stream: Stream, kind: Generated) -> Tensor:
        if kind is Generated.NOISE:
            return _dark(self.n, self.side)
        images = _blurred(self.n, self.side, stream)
        return images if kind is Generated.REAL else _duller(images)

    def _reconstructed(self, images: Tensor, kind: Generated) -> Tensor:
        if kind is Generated.NOISE:
            return _dark(self.n, self.side)
        if kind is Generated.ALIKE:
            return _duller(images)
        nearly = images.clone()
        nearly[:, :, :2] ^= 1
        return nearly


def _fed(
    accumulator: Accumulator, rows: Sequence[Tensor], index: Tensor, batch: int
) -> Accumulator:
    for part in torch.split(index, batch):
        accumulator.update(tuple(x[part] for x in rows), part)
    return accumulator


def _shards(n: int, count: int) -> Sequence[Tensor]:
    """Rows 0 to *n* in *count* parts that end where blocks do."""
    blocks = n // seeds.BLOCK
    ends = [i * blocks // count * seeds.BLOCK for i in range(count)] + [n]
    return [torch.arange(start, stop) for start, stop in itertools.pairwise(ends)]


def _originals(stream: Stream) -> Stream | None:
    """The data's own images, where a stream shows them beside what is made of them."""
    info = STREAMS[stream]
    if info.split is None or len(info.rows) < 2:
        return None
    return next(
        each for each, other in STREAMS.items() if not other.generated and other.split == info.split
    )


def _blurred(n: int, side: int, name: object) -> Tensor:
    """Blurred noise, uint8 (n, 3, side, side)."""
    noise = torch.rand(n, 3, 8, 8, generator=seeds.generator(0, "trial", name))
    return (255 * functional.interpolate(noise, (side, side), mode="bilinear")).to(torch.uint8)


def _duller(images: Tensor) -> Tensor:
    return (images // 4 * 3 + 20).to(torch.uint8)


def _dark(n: int, side: int) -> Tensor:
    """Noise of 0..63, uint8 (n, 3, side, side): neither where images are nor alike them."""
    rng = seeds.generator(0, "trial", "noise")
    return torch.randint(0, 64, (n, 3, side, side), generator=rng, dtype=torch.uint8)


def _features(images: Tensor) -> Tensor:
    """A few means of pixels in 0..1, float32 (n, 6): as many as a trial can afford."""
    x = images.float() / 255 if images.dtype == torch.uint8 else (images + 1) / 2
    return functional.avg_pool2d(x, 8).flatten(1)[:, :FEATURES].contiguous()
