"""The attributes of toy faces: what there is to know of a face, and its value in every row.

Source of the hash: G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom number
    generators", OOPSLA 2014 (SplitMix64).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genbench.errors import BadSetting


@dataclass(frozen=True)
class Span:
    """A continuous attribute, float32, uniform from low to high."""

    low: float
    high: float


@dataclass(frozen=True)
class Flag:
    """A bool attribute, true for this share of the faces."""

    share: float


@dataclass(frozen=True)
class Choice:
    """A categorical attribute, int64: the place of a name among *names*."""

    names: tuple[str, ...]
    shares: tuple[float, ...]  # of the faces; they sum to 1


Kind: TypeAlias = Span | Flag | Choice

_HAIR_COLOURS = (
    "black",
    "dark brown",
    "brown",
    "auburn",
    "ginger",
    "blond",
    "grey",
    "teal",
    "pink",
)
_HAIR_STYLES = ("bald", "crop", "fringe", "side", "curtain", "curly", "bun", "spiky")

# The order is the attribute number in the hash: append, and raise DRAWING_VERSION.
# left and right are the viewer's; +1 turns, leans and lights towards the right.
ATTRIBUTES: Mapping[str, Kind] = {
    "smile": Span(-1, 1),
    "mouth_open": Span(0, 1),
    "mouth_size": Span(0, 1),
    "yaw": Span(-1, 1),
    "tilt": Span(-1, 1),
    "face_width": Span(0, 1),
    "face_height": Span(0, 1),
    "jaw": Span(0, 1),  # pointed to square
    "skin": Span(0, 1),  # light to dark
    "blush": Span(0, 1),
    "eye_size": Span(0, 1),
    "eye_open": Span(0, 1),
    "eye_spacing": Span(0, 1),
    "eye_colour": Choice(("brown", "hazel", "green", "blue", "grey"), (0.3, 0.15, 0.2, 0.2, 0.15)),
    "gaze": Span(-1, 1),
    "brow_height": Span(0, 1),
    "brow_slant": Span(-1, 1),  # worried to angry
    "brow_weight": Span(0, 1),
    "nose_size": Span(0, 1),
    "hair_style": Choice(_HAIR_STYLES, (0.06, 0.14, 0.14, 0.14, 0.14, 0.14, 0.12, 0.12)),
    "hair_colour": Choice(_HAIR_COLOURS, (0.16, 0.14, 0.14, 0.12, 0.12, 0.14, 0.08, 0.05, 0.05)),
    "hair_length": Span(0, 1),
    "parting": Span(-1, 1),
    "beard": Choice(("none", "moustache", "goatee", "full"), (0.7, 0.1, 0.08, 0.12)),
    "glasses": Flag(0.3),
    "glasses_shape": Span(0, 1),  # round to rectangular
    "glasses_colour": Choice(("black", "tortoise", "gold", "red"), (0.4, 0.2, 0.2, 0.2)),
    "hat": Choice(("none", "beanie", "cap"), (0.84, 0.08, 0.08)),
    "hat_colour": Span(0, 1),  # hue, once around the circle
    "shirt_colour": Span(0, 1),  # hue
    "light": Span(-1, 1),
    "background": Span(0, 1),  # hue
    "gradient": Span(-1, 1),  # bright at the bottom to bright at the top
}

_SLOTS = 64  # numbers set apart for a face; more than it has attributes
_GAMMA = 0x9E3779B97F4A7C15  # odd integer nearest to 2^64 / golden ratio
_MASK = 2**64 - 1


def splitmix64(state: int, count: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Output number *count* (from 0) of SplitMix64 started at *state*, any shape.

    The generator's state only ever grows by a constant, so any output can be had at once.
    """
    gamma = np.uint64(_GAMMA)
    word = np.uint64((state + _GAMMA) & _MASK) + count.astype(np.uint64) * gamma
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


def attributes(seed: int, index: Tensor) -> dict[str, Tensor]:
    """The attributes of rows *index* of the stream *seed*, without drawing them.

    Args:
        seed: names an endless stream of faces.
        index: (n,) int64, rows of the stream, 0 or more; any order, repeats welcome.

    Returns:
        name -> (n,) float32, bool or int64 on the device of *index*; see `ATTRIBUTES`.
    """
    # A hashed start keeps the streams of neighbouring seeds apart.
    start = int(splitmix64(seed & _MASK, np.zeros(1, np.uint64))[0])
    first = index.cpu().numpy().astype(np.uint64) * np.uint64(_SLOTS)
    values = {}
    for number, (name, kind) in enumerate(ATTRIBUTES.items()):
        word = splitmix64(start, first + np.uint64(number))
        share = torch.from_numpy((word >> np.uint64(40)).astype(np.float32) / 2.0**24)
        values[name] = _value(kind, share).to(index.device)
    return values


def check(values: Mapping[str, Tensor]) -> None:
    """Refuse faces that cannot be drawn.

    Raises:
        BadSetting: an attribute is missing, unknown, of another length, or out of its range.
    """
    missing, strange = ATTRIBUTES.keys() - values.keys(), values.keys() - ATTRIBUTES.keys()
    if missing or strange:
        raise BadSetting(
            f"a toy face needs exactly the attributes {', '.join(ATTRIBUTES)}; "
            f"missing: {', '.join(sorted(missing)) or 'none'}; "
            f"unknown: {', '.join(sorted(strange)) or 'none'}"
        )
    rows = values["smile"].shape
    for name, kind in ATTRIBUTES.items():
        low, high = limits(kind)
        value = values[name].float()
        if value.ndim != 1 or value.shape != rows:
            raise BadSetting(
                f"every toy face attribute is one row of numbers, as long as the others; got "
                f"{name} of shape {tuple(value.shape)} and smile of shape {tuple(rows)}"
            )
        # The negation catches NaN as well.
        if not bool(((value >= low) & (value <= high)).all()):
            raise BadSetting(
                f"the toy face attribute {name} wants {low:g}..{high:g}, "
                f"got {value.min().item():g}..{value.max().item():g}; change it into that range"
            )


def limits(kind: Kind) -> tuple[float, float]:
    """Least and greatest value of an attribute."""
    if isinstance(kind, Span):
        return kind.low, kind.high
    return 0, 1 if isinstance(kind, Flag) else len(kind.names) - 1


def _value(kind: Kind, share: Tensor) -> Tensor:
    """A uniform number in [0, 1) as a value of the attribute, (n,) -> (n,)."""
    if isinstance(kind, Span):
        return kind.low + (kind.high - kind.low) * share
    if isinstance(kind, Flag):
        return share < kind.share
    edges = torch.tensor(list(accumulate(kind.shares))[:-1])
    return torch.searchsorted(edges, share, right=True)
