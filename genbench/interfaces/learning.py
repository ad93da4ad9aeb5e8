"""What a model of the registry promises the training engine, and may do beyond that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from genbench.interfaces.basics import Tensors

if TYPE_CHECKING:
    from torch import Generator, Tensor
    from torch.nn import Module
    from torch.optim import Optimizer


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


@runtime_checkable
class Learns(Protocol):
    """A model of the registry: built from frozen settings, trained a step at a time.

    It is a ``torch.nn.Module`` and owns what is its own: networks, optimisers, losses,
    schedule. The engine owns the loop, device, seeds, checkpoints, averaging of weights
    and logs, and keeps ``seen`` true. This is all that a model must have; what it says of
    itself stands in its `Model`.
    """

    resolution: int  # of the images it is built for
    seen: int  # training images shown so far; set by the engine

    def total(self, train_size: int) -> int:
        """How many images a full training shows."""

    def stage(self, seen: int) -> Stage:
        """Phase, resolution, fade and batch size after *seen* images."""

    def step(self, batch: Batch, rng: Generator) -> Tensors:
        """One training step. Returns scalars to log, detached and still on the device."""

    def optimizers(self) -> Mapping[str, Optimizer]:
        """The optimisers by name, for the checkpoint; empty if there are none."""

    def sample(self, n: int, rng: Generator | None = None) -> Tensor:
        """See `Generates`."""

    # what torch.nn.Module gives
    def state_dict(self) -> dict[str, Tensor]:
        """Weights and buffers by name."""

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> Any:
        """Take weights and buffers."""

    def to(self, where: Any, /) -> Any:
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
class Averages(Protocol):
    """A model that is used with a running average of its weights, which the engine keeps."""

    def averaged(self) -> Mapping[str, Module]:
        """The networks of which an average is kept and used for evaluation; may be none."""

    def average_decay(self) -> float:
        """Share of the old average kept at every step."""


@runtime_checkable
class Continues(Protocol):
    """A model that starts from a trained one, of the model that `Model.starts_from` names."""

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


@dataclass(frozen=True)
class Adopted:
    """What a model made of foreign weights, beside those that it has now."""

    average: Mapping[str, Tensor] = field(default_factory=dict)  # of `Averages.averaged`, if any
    seen: int | None = None  # images they were trained on, if the file says it


@dataclass(frozen=True)
class Alarm:
    """A way for training to fail that its scalars show."""

    name: str  # "the encoder wins"
    advice: str  # what to try, for the message
    # Means of the model's scalars over windows of equal length, the newest last -> whether it rings
    rings: Callable[[Sequence[Mapping[str, float]]], bool] = field(compare=False)


@runtime_checkable
class Adopts(Protocol):
    """A model that can take over the weights of the repositories that `Model.adopts` names."""

    def adopt(self, found: Tensors) -> Adopted:
        """Take over what a file holds.

        Args:
            found: every tensor of the file under its dotted name, without "module."; numbers as
                tensors without dimensions. Of several files each stands under the name it was
                given: "encoder.main.0.weight".

        Raises `BadInput` where a tensor is missing or has another shape.
        """
