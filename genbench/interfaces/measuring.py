"""What a metric says of itself, and what the evaluation engine hands it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

from genbench.interfaces.basics import Json, Tensors
from genbench.interfaces.streams import STREAMS, Stream

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, device

T = TypeVar("T")


@dataclass(frozen=True)
class Pass:
    """What a statistic may know before its first batch."""

    device: device
    n: int  # images the whole pass will show
    resolution: int
    side: int  # 0 for the real side, 1 for the generated one: independent random numbers
    seed: int
    weights_dir: Path | None = None  # where the user keeps weights, for a statistic's own network
    share: int | None = None  # images that this process will see of them; None for all


@dataclass(frozen=True)
class State:
    """What is left of batches, in forms that processes merge without loss. Names are free."""

    sums: Tensors = field(default_factory=dict)  # float64 or int64: added up
    least: Tensors = field(default_factory=dict)  # the smallest of each number is taken
    rows: Tensors = field(default_factory=dict)  # (k, ...): joined, in the order of `index`
    index: Tensor | None = None  # (k,) int64: the image that each of `rows` belongs to


class Accumulator(Protocol):
    """Takes batches of one stream and keeps little of them. Memory must not grow without need."""

    def update(self, rows: tuple[Tensor, ...], index: Tensor) -> None:
        """Take a batch, without making the device wait.

        Args:
            rows: one tensor, and two for PAIRS and TRAINING_PAIRS (input, reconstruction) and PATHS
                (start, end): uint8 images (n, 3, h, w), for PATHS float32 in [-1, 1]; or float32
                features (n, d) of each where the statistic names a network.
            index: (n,) global row of each image, on the CPU.
        """

    def state(self) -> State:
        """What the batches have left. Asked for once, after the last one."""


class Statistic(Protocol):
    """A frozen, hashable statement of what to keep of a stream.

    Two metrics that state equal statistics of one stream share the work. Several processes
    have an accumulator each, and see whole blocks of `genbench.runtime.seeds.BLOCK` rows. Nothing
    gets from accumulators to `finish` but by their merged states, with one process as with
    many, so what a state forgets is missed at once.
    """

    @property
    def features(self) -> tuple[str, str] | None:
        """(network, layer) to look through, or None for the pixels."""

    def start(self, about: Pass) -> Accumulator:
        """An empty accumulator. Raises `NotMeasurable` or `NotEnoughData` if it cannot work.

        What it does to sums, such as the pivot it subtracts, may depend on *about* alone:
        other processes see other batches.
        """

    def finish(self, whole: Tensors, about: Pass) -> Tensors:
        """The evidence, on the CPU. It is asked for once, so derived work belongs here.

        Args:
            whole: sums, least and rows of all processes by name, on the CPU, and "index"
                (k,), ascending, where there are rows.

        Raises:
            GenbenchError: what was kept cannot be used.
        """

    def describe(self) -> dict[str, Json]:
        """What the protocol must say about it: codes and numbers, {"statistic": "moments"}."""


@dataclass(frozen=True)
class Step:
    """The step along a path in latent space whose two ends PATHS shows."""

    epsilon: float = 1e-4  # share of the way between two latents of the prior
    ends: bool = False  # start every step at a latent of the prior, t = 0; else t ~ U[0, 1)


@dataclass(frozen=True)
class Input:
    """One thing a metric needs of a stream. Equal ones of several metrics are kept once."""

    stream: Stream
    statistic: Statistic
    face: bool = False  # only the face box: of 8 parts, rows 3 to 7 and columns 2 to 6
    step: Step | None = None  # for PATHS


@dataclass(frozen=True)
class Measured:
    """A number with its error bar. Without one, the note says why."""

    value: float
    spread: float | None = None
    spread_over: str | None = None  # "standard error over images", ...
    n: int | None = None  # rows it was taken over, where that is not the whole stream
    note: str | None = None  # what the number alone does not say
    interval: tuple[float, float] | None = None  # 95 %, bootstrap over rows
    # One number for each row of PAIRS, (n,), NaN where a row has none: what paired tests take.
    values: Tensor | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Column:
    """How a score stands in a table."""

    title: str
    lower_is_better: bool | None  # None: neither way is better, so nobody is best
    unit: str = ""
    digits: int = 3  # decimals where no error bar asks for others
    about: str = ""  # what it says, in a sentence; by default the first line of the metric's file
    median: bool = False  # the score is the median of its per-row values, else their mean
    optional: bool = False  # some images do not have it: a level of a pyramid, a ratio to 0


@dataclass(frozen=True)
class Curve:
    """A score against the number of images, and what it tends to."""

    images: Sequence[int]  # rising
    values: Sequence[float]  # the score of each number of images
    limit: float  # for infinitely many
    error: float  # standard error of the limit, from the residuals of the fit


@dataclass(frozen=True)
class Metric:
    """A metric of the registry: what it looks at, and the function that makes numbers of it."""

    version: int  # raise it when the same input gives another number
    inputs: Mapping[str, Input]  # argument of `compute` -> what fills it
    compute: Callable[..., Mapping[str, Measured]]  # score name -> number
    columns: Mapping[str, Column]  # score name -> how it is printed; the main score first
    # What follows from the data's own images alone. Its arguments are those inputs, by their
    # names; `compute` is handed the result as `reference`. The engine asks once an evaluation and
    # shares the answer over models and sets of samples.
    reference: Callable[..., Tensors] | None = None
    # Of `compute`, for the protocol: codes and numbers, {"kernel": "poly3"}
    parameters: Mapping[str, Json] = field(default_factory=dict)
    check: Callable[[int], object] | None = None  # of the resolution, before any pass: may raise
    variants: Mapping[str, Metric] = field(default_factory=dict)  # "768" for `--metrics fid:768`
    # The score against the number of images, from the arguments of `compute`; for `figure fid`
    curve: Callable[..., Curve] | None = None
    symmetric: bool = False  # real and generated, or the images of a pair, may change places
    ordered: bool = False  # depends on which images come first: consecutive splits, couples, draws

    def __call__(self, **given: Tensors) -> Mapping[str, Measured]:
        """The numbers of evidence by the names of `inputs`; the reference is worked out anew."""
        if self.reference is None:
            return self.compute(**given)
        return self.compute(**given, reference=self.reference(**self.of_data(given)))

    def of_data(self, given: Mapping[str, T]) -> dict[str, T]:
        """What is given for the inputs that `reference` may see."""
        own = {name for name, each in self.inputs.items() if not STREAMS[each.stream].generated}
        return {name: found for name, found in given.items() if name in own}


class Extractor(Protocol):
    """A feature network with the weights it says it has."""

    name: str  # "inception"
    files: Mapping[str, str]  # name of a weights file -> its sha256, for the provenance
    layers: tuple[str, ...]  # those these weights can give

    def __call__(self, images: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        """Images -> {layer: float32 (n, d)}, in one forward pass.

        Args:
            images: uint8 (n, 3, h, w); of PATHS float32 in [-1, 1].
            layers: some of `layers`.
        """

    def compile(self) -> None:
        """Let torch compile the network when it is first used: faster, and the same to 1e-5."""

    def describe(self, layer: str) -> dict[str, Json]:
        """Name, resize rule, and a digest of the tensors that *layer* depends on, as codes.

        Equal numbers must give equal digests, whatever file they came in.
        """


class LoadNetwork(Protocol):
    """Makes a feature network of the weights that are at hand."""

    def __call__(
        self, *, weights_dir: Path | None, device: device, download: bool = False
    ) -> Extractor:
        """The network, in evaluation mode, on the device.

        Args:
            weights_dir: where the user keeps weights, or None; see `genbench.runtime.weights.find`.
            device: where it will work.
            download: fetch weights that are not there from where they were published.

        Raises:
            MissingWeights: its weights are nowhere to be found.
            WrongWeights: a weights file is not what its name promises.
        """


@dataclass(frozen=True)
class Network:
    """A feature network of the registry: how to have it, and what it wants of images."""

    load: LoadNetwork
    layers: tuple[str, ...]  # of the whole network; the weights at hand may give fewer
    smallest: int = 1  # pixels, the least side of an image
    floats: bool = False  # takes float32 in [-1, 1] beside uint8, as PATHS needs
