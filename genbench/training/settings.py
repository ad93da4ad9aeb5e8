"""What a training run may change, beside the model's own settings."""

from __future__ import annotations

from dataclasses import dataclass

from genbench.errors import BadSetting

LOGGERS = ("tensorboard",)


@dataclass(frozen=True, kw_only=True)
class Training:
    """Settings of the engine."""

    data: str = "toyfaces"
    data_dir: str | None = None  # where data sets lie; None: what GENBENCH_DATA says
    on_bad: str = "refuse"  # or "skip": what to do about images that cannot be used
    resolution: int = 32
    seed: int = 0  # fixes initial weights, order of images, flips and every draw
    device: str = "auto"
    devices: int = 1  # on each machine, with a process each, which share every batch
    nodes: int = 1  # machines
    deterministic: bool = False  # on a GPU: only kernels that add in one order
    threads: int | None = None  # of the CPU; None: torch's choice
    precision: str = "32"  # of products: 32, tf32 or bf16; see genbench.training.precision
    compile: bool = False  # let torch compile the networks, anew in every phase
    minutes: float | None = None  # stop after so long, at a checkpoint; None: no limit
    cpu_minutes: float | None = None  # likewise, of processor time: fair on a busy machine
    images: int | None = None  # shown in all; None: as many as the model wants
    flip: bool = True  # mirror images at random, where data set and model welcome it
    loggers: tuple[str, ...] = ("tensorboard",)  # who is told the scalars; none may be
    log_every: int = 50  # steps between two rows of scalars
    grids: int = 24  # pairs of pictures over the whole training
    checkpoint_minutes: float = 5.0  # a kill loses at most so much work
    keep: int = 2  # checkpoints kept; older ones are deleted
    evaluate: tuple[str, ...] = ()  # "fid:768:2000": metric and images; the first says what is best
    evaluate_every: int | None = None  # images between two of them; None: 20 times in all
    on_divergence: str = "stop"  # or "rollback", "continue": what to do when an alarm rings


def check(settings: Training) -> None:
    """Raise `BadSetting` for the first value that training cannot work with."""
    words = {
        "on_bad": ("refuse", "skip"),
        "on_divergence": ("stop", "rollback", "continue"),
        "precision": ("32", "tf32", "bf16"),
    }
    for name, known in words.items():
        value = getattr(settings, name)
        if value not in known:
            raise BadSetting(f"training.{name} is {' or '.join(known)}, got {value!r}")
    if strange := sorted(set(settings.loggers) - set(LOGGERS)):
        raise BadSetting(
            f"training.loggers has {strange[0]!r}, which nobody knows. "
            f"Known: {', '.join(LOGGERS)}; none turns them off"
        )
    for name in ("log_every", "keep"):
        if getattr(settings, name) < 1:
            raise BadSetting(f"training.{name} must be at least 1, got {getattr(settings, name)}")
