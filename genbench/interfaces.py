"""What the parts of genbench promise each other.

Models have capabilities, not a common ancestor: anything with the right methods can be
measured. Metrics are pure functions plus a statement of what they look at. Nothing here
loads torch, so that the command line starts at once.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Generator, Tensor, device
    from torch.nn import Module
    from torch.optim import Optimizer

Tensors: TypeAlias = Mapping[str, "Tensor"]
Json: TypeAlias = Any  # what json.dumps takes: dict, list, str, int, float, bool, None


# --- models -----------------------------------------------------------------------------


@runtime_checkable
class Generates(Protocol):
    """Makes images out of nothing but noise."""

    def sample(self, n: int, rng: Generator | None = None) -> Tensor:
        """n new images, (n, 3, h, w) in [-1, 1]; the same *rng* state gives the same images."""


@runtime_checkable
class Draws(Protocol):
    """Samples its own prior. ``decode(draw(n, rng))`` is then what ``sample(n, rng)`` gives."""

    def draw(self, n: int, rng: Generator) -> Tensor:
        """n latents of the prior, (n, d), on the device of *rng*."""


@runtime_checkable
class Encodes(Protocol):
    """Turns images into latents."""

    def encode(self, images: Tensor) -> Tensor:
        """(n, 3, h, w) in [-1, 1] -> (n, d)."""


@runtime_checkable
class Decodes(Protocol):
    """Turns latents into images."""

    def decode(self, latents: Tensor) -> Tensor:
        """(n, d) -> (n, 3, h, w), nominally in [-1, 1]; whoever measures clamps."""


@runtime_checkable
class Interpolates(Protocol):
    """Knows the way between two of its latents."""

    def interpolate(self, a: Tensor, b: Tensor, t: float | Tensor) -> Tensor:
        """Slerp on a sphere, lerp elsewhere.

        Args:
            a: (n, d), float32 or float64.
            b: (n, d).
            t: share of the way, 0 gives a and 1 gives b; a number, or one for each row (n,).
        """


@runtime_checkable
class Stores(Protocol):
    """Keeps a latent for each training image."""

    def stored(self, index: Tensor) -> Tensor:
        """Latents of rows of the training split, (n,) int64 -> (n, d)."""


@dataclass(frozen=True)
class Batch:
    """Training images, and where they stand in the training split."""

    images: Tensor  # (n, 3, h, w) in [-1, 1], on the device, at the full resolution
    index: Tensor  # (n,) int64, row in the training split


@dataclass(frozen=True)
class Stage:
    """Where training stands after so many images: a pure function of their number."""

    name: str  # for the progress bar: "16x16 fade", "train"
    resolution: int  # of the images the model works on now
    alpha: float  # share of the newest block, 1 when nothing fades
    batch: int  # images the next step wants
    updates: int = 1  # parts of the batch, one after the other, that the step uses on their own


class Learns(Protocol):
    """A model of the registry: built from frozen settings, trained a step at a time.

    It is a ``torch.nn.Module`` and owns what is its own: networks, optimisers, losses,
    schedule. The engine owns the loop, device, seeds, checkpoints, averaging of weights
    and logs, and keeps ``seen`` true.
    """

    Settings: ClassVar[type]  # frozen dataclass; every field has a default
    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]]  # published settings by name, and "tiny"
    FLIPS: ClassVar[bool]  # whether mirrored training images are welcome

    settings: Any
    resolution: int
    seen: int  # training images shown so far; set by the engine

    def total(self, train_size: int) -> int:
        """How many images a full training shows."""

    def stage(self, seen: int) -> Stage:
        """Phase, resolution, fade and batch size after *seen* images."""

    def step(self, batch: Batch, rng: Generator) -> Tensors:
        """One training step. Returns scalars to log, detached and still on the device."""

    def optimizers(self) -> Mapping[str, Optimizer]:
        """The optimisers by name, for the checkpoint; empty if there are none."""

    def averaged(self) -> Mapping[str, Module]:
        """The networks of which a running average is kept and used for evaluation."""

    def average_decay(self) -> float:
        """Share of the old average kept at every step."""

    def sample(self, n: int, rng: Generator | None = None) -> Tensor:
        """See `Generates`."""

    # what torch.nn.Module gives
    def state_dict(self) -> dict[str, Tensor]:
        """Weights and buffers by name."""

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> Any:
        """Take weights and buffers."""

    def to(self, where: Any) -> Any:
        """Move to a device."""

    def train(self, mode: bool = True) -> Any:
        """Training mode."""

    def eval(self) -> Any:
        """Evaluation mode."""


class TrainingImages(Protocol):
    """The training split, by row."""

    def __len__(self) -> int:
        """Number of images."""

    def take(self, rows: Tensor) -> Tensor:
        """(n,) int64 -> uint8 (n, 3, h, w), on the CPU."""


@runtime_checkable
class Prepares(Protocol):
    """A model that looks at the training images before its first step."""

    def prepare(self, train: TrainingImages, rng: Generator) -> None:
        """Called once at the start of a new run, on the device; never when a run is resumed.

        What it makes must be in ``state_dict``. If its size depends on the number of images, a
        fresh model must take a state of another size.
        """


@runtime_checkable
class Continues(Protocol):
    """A model that starts from a trained one, of the model that ``STARTS_FROM`` names."""

    STARTS_FROM: ClassVar[str]

    def start_from(self, other: Any) -> None:
        """Take over what is needed from *other*, which is in evaluation mode, weights averaged.

        Called once at the start of a new run, before `Prepares.prepare`; never on resume.
        Raises `BadInput` where *other* does not fit.
        """


@runtime_checkable
class Settles(Protocol):
    """A model with buffers that follow from its weights, such as those of a spectral norm."""

    def settle(self) -> None:
        """Bring them in line, after the weights were replaced by their running averages."""


@runtime_checkable
class StaysEager(Protocol):
    """A model with networks that ``--compile`` is to leave alone."""

    EAGER: ClassVar[Mapping[str, str]]  # attribute of the model -> why


@dataclass(frozen=True)
class Adopted:
    """What a model made of foreign weights, beside those that it has now."""

    average: Mapping[str, Tensor] = field(default_factory=dict)  # of `Learns.averaged`, if any
    seen: int | None = None  # images they were trained on, if the file says it


@dataclass(frozen=True)
class Alarm:
    """A way for training to fail that its scalars show."""

    name: str  # "the encoder wins"
    advice: str  # what to try, for the message
    # Means of the model's scalars over windows of equal length, the newest last -> whether it rings
    rings: Callable[[Sequence[Mapping[str, float]]], bool] = field(compare=False)


@runtime_checkable
class Warns(Protocol):
    """A model that knows from its scalars how its training fails."""

    ALARMS: ClassVar[Sequence[Alarm]]


@runtime_checkable
class Adopts(Protocol):
    """A model that can take over the weights of a public repository."""

    ADOPTS: ClassVar[str]  # the repositories, for the help

    def adopt(self, found: Tensors) -> Adopted:
        """Take over what a file holds.

        Args:
            found: every tensor of the file under its dotted name, without "module."; numbers as
                tensors without dimensions. Of several files each stands under the name it was
                given: "encoder.main.0.weight".

        Raises `BadInput` where a tensor is missing or has another shape.
        """


# --- metrics ----------------------------------------------------------------------------


class View(enum.StrEnum):
    """The streams of images a metric can look at. Each is produced once per evaluation."""

    REAL = "real"  # training images: the reference of a distribution
    HELD_OUT = "held out"  # test images: the inputs of reconstructions
    SAMPLES = "samples"  # what the model generates
    RECONSTRUCTIONS = "reconstructions"  # of the test images, in their order
    PAIRS = "pairs"  # a test image and its reconstruction, row by row
    TRAINED = "training pairs"  # a training image and its reconstruction, row by row
    PATHS = "paths"  # two generated images a small step apart in latent space; never quantised


@dataclass(frozen=True)
class Pass:
    """What a gatherer may know before its first batch."""

    device: device
    n: int  # images the whole pass will show
    resolution: int
    side: int  # 0 for the real side, 1 for the generated one: independent random numbers
    seed: int
    weights_dir: Path | None = None  # where the user keeps weights, for a gatherer's own network
    share: int | None = None  # images that this process will see of them; None for all


@dataclass(frozen=True)
class State:
    """What is left of batches, in forms that processes merge without loss. Names are free."""

    sums: Tensors = field(default_factory=dict)  # float64 or int64: added up
    least: Tensors = field(default_factory=dict)  # the smallest of each number is taken
    rows: Tensors = field(default_factory=dict)  # (k, ...): joined, in the order of `index`
    index: Tensor | None = None  # (k,) int64: the image that each of `rows` belongs to


class Accumulator(Protocol):
    """Takes batches of one view and keeps little of them. Memory must not grow without need."""

    def update(self, rows: tuple[Tensor, ...], index: Tensor) -> None:
        """Take a batch, without making the device wait.

        Args:
            rows: one tensor, and two for PAIRS and TRAINED (input, reconstruction) and PATHS
                (start, end): uint8 images (n, 3, h, w), for PATHS float32 in [-1, 1]; or float32
                features (n, d) of each where the gatherer names a network.
            index: (n,) global row of each image, on the CPU.
        """

    def state(self) -> State:
        """What the batches have left. Asked for once, after the last one."""


class Gather(Protocol):
    """A frozen, hashable statement of what to keep of a view.

    Two metrics that state equal gatherers of one view share the work. Several processes
    have an accumulator each, and see whole blocks of `genbench.seeds.BLOCK` rows. Nothing
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
        """What the protocol must say about it."""


@dataclass(frozen=True)
class Step:
    """The step along a path in latent space whose two ends PATHS shows."""

    epsilon: float = 1e-4  # share of the way between two latents of the prior
    ends: bool = False  # start every step at a latent of the prior, t = 0; else t ~ U[0, 1)


@dataclass(frozen=True)
class Look:
    """One thing a metric looks at. Equal ones of several metrics are gathered once."""

    view: View
    gather: Gather
    face: bool = False  # only the face box: of 8 parts, rows 3 to 7 and columns 2 to 6
    step: Step | None = None  # for PATHS


@dataclass(frozen=True)
class Measured:
    """A number with its error bar. Without one, the note says why."""

    value: float
    spread: float | None = None
    spread_over: str | None = None  # "standard error over images", ...
    n: int | None = None  # rows it was taken over, where that is not the whole view
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
    digits: int = 3
    median: bool = False  # the score is the median of its per-row values, else their mean


@dataclass(frozen=True)
class Metric:
    """A metric of the registry: what it looks at, and the function that makes numbers of it."""

    version: int  # raise it when the same input gives another number
    looks: Mapping[str, Look]  # argument of `compute` -> what fills it
    compute: Callable[..., Mapping[str, Measured]]  # score name -> number
    columns: Mapping[str, Column]  # score name -> how it is printed; the main score first
    parameters: Mapping[str, Json] = field(default_factory=dict)  # of `compute`, for the protocol
    check: Callable[[int], object] | None = None  # of the resolution, before any pass: may raise
    variants: Mapping[str, Metric] = field(default_factory=dict)  # "768" for `--metrics fid:768`


# --- features ---------------------------------------------------------------------------


class Extractor(Protocol):
    """A feature network with the weights it says it has."""

    name: str  # "inception"
    sha256: str  # of the weights file
    layers: tuple[str, ...]  # those these weights can give

    def __call__(self, images: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        """Images -> {layer: float32 (n, d)}, in one forward pass.

        Args:
            images: uint8 (n, 3, h, w); of PATHS float32 in [-1, 1].
            layers: some of `layers`.
        """

    def compile(self) -> None:
        """Let torch compile the network when it is first used: faster, and the same to 1e-5."""

    def describe(self) -> dict[str, Json]:
        """Name, weights, resize rule: what the protocol must say."""


# --- reports ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Form:
    """A form a report can take."""

    suffix: str  # of the file, ".md"
    render: Callable[[Any], str]  # genbench.tables.Report -> text of the file
