"""What a model says of itself: the ``MODEL = Model(...)`` at the end of its file."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from genbench.interfaces.learning import Alarm, Learns

S = TypeVar("S")  # the model's settings


class Geometry(enum.StrEnum):
    """Where latents lie, which says what is a way between two of them."""

    GAUSSIAN = "gaussian"  # N(0, I); straight ways
    SPHERE = "sphere"  # all of one norm; arcs


@dataclass(frozen=True)
class Preset:
    """Settings under a name, and what they are for."""

    settings: Mapping[str, Any] = field(default_factory=dict)  # what differs from the defaults
    data: str | None = None  # data set; None: any
    resolution: int | None = None  # of the images; None: any
    source: str | None = None  # where the numbers come from; None: ours, for a CPU


@dataclass(frozen=True, kw_only=True)
class Model(Generic[S]):
    """All that the core wants to know of a model without building it.

    What a built model can do, it says by its methods; see `genbench.interfaces.capabilities`.
    """

    build: Callable[[S, int], Learns]  # settings, resolution -> a fresh model; as a rule its class
    settings: type[S]  # frozen dataclass; every field has a default
    presets: Mapping[str, Preset]  # published settings by name, and "tiny", for a CPU
    flips: bool = False  # whether mirrored training images are welcome
    geometry: Geometry | None = None  # of the latents; None: there are none, or nobody knows
    published_as: tuple[str, ...] = ()  # names under which papers print it
    starts_from: str | None = None  # the model whose trained runs it takes over (`Continues`)
    adopts: str | None = None  # repositories whose weights it takes over (`Adopts`)
    eager: Mapping[str, str] = field(default_factory=dict)  # network not to compile -> why
    alarms: tuple[Alarm, ...] = ()  # how training fails, told from its scalars
    # settings that count training images, or are factors of such; scaled to fit another length
    image_counts: tuple[str, ...] = ()
