"""The streams of images that metrics look at: a row of one table each.

What plans, passes, protocols and messages have to know of a stream stands here and nowhere
else. A new stream is a member of `Stream` and its row in `STREAMS`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Count = Literal["images", "reference", "pairs", "paths"]  # options of an evaluation


class Stream(enum.StrEnum):
    """The streams of images a metric can look at. Each is produced once per evaluation."""

    REAL = "real"  # training images: the reference of a distribution
    HELD_OUT = "held-out"  # test images: the inputs of reconstructions
    SAMPLES = "samples"  # what the model generates
    RECONSTRUCTIONS = "reconstructions"  # of the test images, in their order
    PAIRS = "pairs"  # a test image and its reconstruction, row by row
    TRAINING_PAIRS = "training-pairs"  # a training image and its reconstruction, row by row
    PATHS = "paths"  # two generated images a small step apart in latent space; never quantised


class Maker(enum.Enum):
    """Who makes the images of a stream: nobody, for the data's own, or an ability of the model."""

    DATA = "data"  # rows of a split
    SAMPLER = "sampler"  # samples, anew for every repeat
    RECONSTRUCTOR = "reconstructor"  # reconstructions of rows of a split
    WALKER = "walker"  # both ends of steps in latent space, for every kind of step


@dataclass(frozen=True, kw_only=True)
class StreamInfo:
    """What there is to know of a stream."""

    maker: Maker
    words: str  # what its images are called
    counts: tuple[Count, ...]  # options that size it; the first that is given does
    seed: str  # of what accumulators draw beside it; another one moves numbers
    split: Literal["train", "test"] | None = None  # of the data set; None: of no split
    order: str = ""  # seed of the permutation that chooses rows of the split; likewise
    rows: tuple[int, ...] = (0,)  # which rows of a batch it shows: a pair has two
    beside: Stream | None = None  # it has no more images than this one
    shares: Stream | None = None  # the stream whose pass shows it too; None: a pass of its own
    place: str = ""  # where a row of it is found again; takes {seed} and {repeat}
    planned: str = ""  # what its images are called in a plan, where that is not `words`
    too_few: str = ""  # what is asked for in vain; takes {data}. Empty: take what there is
    paired: bool = False  # row i is of one held-out image for all models: values are compared
    quantised: bool = True  # its images are measured as bytes

    @property
    def generated(self) -> bool:
        """Whether a model makes its images."""
        return self.maker is not Maker.DATA


_HELD_OUT = "more held-out images than {data} has"

STREAMS: Mapping[Stream, StreamInfo] = {
    Stream.REAL: StreamInfo(
        maker=Maker.DATA,
        words="real images",
        counts=("reference", "images"),
        seed="real",
        split="train",
        order="reference",
        too_few="more real images than the training split of {data} has",
    ),
    Stream.HELD_OUT: StreamInfo(
        maker=Maker.DATA,
        words="held out images",
        counts=("pairs",),
        seed="held out",
        split="test",
        order="held out",
        too_few=_HELD_OUT,
    ),
    Stream.SAMPLES: StreamInfo(
        maker=Maker.SAMPLER,
        words="samples",
        counts=("images",),
        seed="samples",
        place="seed {seed}, repeat {repeat}",
    ),
    Stream.RECONSTRUCTIONS: StreamInfo(
        maker=Maker.RECONSTRUCTOR,
        words="reconstructions",
        counts=("pairs",),
        seed="pairs",
        split="test",
        order="held out",
        rows=(1,),
        shares=Stream.PAIRS,
        too_few=_HELD_OUT,
        paired=True,
    ),
    Stream.PAIRS: StreamInfo(
        maker=Maker.RECONSTRUCTOR,
        words="reconstructions",
        counts=("pairs",),
        seed="pairs",
        split="test",
        order="held out",
        rows=(0, 1),
        place="of the held-out images in their order",
        too_few=_HELD_OUT,
        paired=True,
    ),
    Stream.TRAINING_PAIRS: StreamInfo(
        maker=Maker.RECONSTRUCTOR,
        words="reconstructions of training images",
        counts=("pairs",),
        seed="training pairs",
        split="train",
        order="trained",
        rows=(0, 1),
        beside=Stream.PAIRS,
    ),
    Stream.PATHS: StreamInfo(
        maker=Maker.WALKER,
        words="path images",
        counts=("paths", "images"),
        seed="paths",
        rows=(0, 1),
        place="seed {seed}",
        planned="steps of a path, two images each",
        quantised=False,
    ),
}


# What two sets of images have without a model: as sets, and as originals and reconstructions.
UNPAIRED = (Stream.REAL, Stream.SAMPLES)
PAIRED = (Stream.HELD_OUT, Stream.RECONSTRUCTIONS, Stream.PAIRS)


def lead(stream: Stream) -> Stream:
    """The stream whose pass shows *stream*: most have one of their own."""
    return STREAMS[stream].shares or stream


def shown_by(stream: Stream) -> dict[Stream, tuple[int, ...]]:
    """What the pass of *stream* shows, itself first, and in which rows of a batch."""
    together = [each for each in STREAMS if STREAMS[each].shares is stream]
    return {each: STREAMS[each].rows for each in (stream, *together)}
