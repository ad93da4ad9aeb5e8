"""A batch of toy faces as numbers and colours that combine with pixel planes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from genbench.data.toyfaces.attributes import ATTRIBUTES, limits
from genbench.data.toyfaces.shapes import Head

# sRGB colours, 0 to 1
SKINS = (
    (1.0, 0.88, 0.79),
    (0.96, 0.76, 0.62),
    (0.82, 0.58, 0.42),
    (0.6, 0.39, 0.26),
    (0.4, 0.25, 0.18),
)
HAIRS = (
    (0.13, 0.11, 0.14),
    (0.27, 0.17, 0.13),
    (0.45, 0.28, 0.18),
    (0.55, 0.2, 0.14),
    (0.85, 0.42, 0.16),
    (0.93, 0.75, 0.42),
    (0.72, 0.72, 0.75),
    (0.16, 0.58, 0.6),
    (0.93, 0.5, 0.65),
)
IRISES = (
    (0.36, 0.2, 0.1),
    (0.58, 0.42, 0.16),
    (0.25, 0.55, 0.3),
    (0.2, 0.47, 0.78),
    (0.45, 0.52, 0.58),
)
FRAMES = ((0.1, 0.1, 0.12), (0.45, 0.25, 0.12), (0.82, 0.64, 0.25), (0.72, 0.13, 0.17))


class Face:
    """A batch of faces: their attributes, ready to be combined with pixel planes."""

    def __init__(self, values: Mapping[str, Tensor]) -> None:
        """Take attributes (n,) of one device."""
        self._values = values
        self.n = len(values["smile"])
        self.device = values["smile"].device
        self.light = self.between("light", -1, 1)
        self.yaw = self.between("yaw", -1, 1)
        self.width = self.between("face_width", 0.5, 0.62)
        self.height = self.between("face_height", 0.57, 0.68)
        self.stretch = self.height / 0.62
        self.head = Head(
            tilt=self.between("tilt", -1, 1),
            yaw=self.yaw,
            width=self.width,
            height=self.height,
            taper=self.between("jaw", 1.5, 0.05),
        )
        self.eye_x = self.width * self.between("eye_spacing", 0.37, 0.46)
        self.eye_y = 0.05 * self.stretch
        self.eye_r = self.between("eye_size", 0.09, 0.14)
        self.mouth_y = 0.37 * self.stretch
        self.skin = self.blend("skin", SKINS)
        self.shade = self.skin * self.fixed(0.72, 0.58, 0.55)  # shadow is warmer than grey
        self.hair = self.colour("hair_colour", HAIRS)

    def between(self, name: str, low: float, high: float) -> Tensor:
        """*low* where the attribute is least, *high* where it is greatest, (n, 1, 1)."""
        least, greatest = limits(ATTRIBUTES[name])
        share = (self._values[name].float() - least) / (greatest - least)
        return (low + (high - low) * share).reshape(-1, 1, 1)

    def pick(self, name: str, table: Sequence[float]) -> Tensor:
        """The number that the table has for each face's category, (n, 1, 1)."""
        row = torch.tensor(table, dtype=torch.float32, device=self.device)
        return row[self._values[name].long()].reshape(-1, 1, 1)

    def colour(self, name: str, table: Sequence[Sequence[float]]) -> Tensor:
        """The colour that the table has for each face's category, (n, 3)."""
        return torch.tensor(table, device=self.device)[self._values[name].long()]

    def blend(self, name: str, table: Sequence[Sequence[float]]) -> Tensor:
        """A colour on the way through the table from its first to its last, (n, 3)."""
        stops = torch.tensor(table, device=self.device)
        place = self.between(name, 0, len(table) - 1).reshape(-1, 1)
        low = place.floor().clamp(max=len(table) - 2)
        left = low.long().flatten()
        return torch.lerp(stops[left], stops[left + 1], place - low)

    def hue(self, name: str, middle: float, swing: float) -> Tensor:
        """A colour of the circle of hues, *swing* away from the grey *middle*, (n, 3)."""
        thirds = torch.tensor([0.0, 1 / 3, 2 / 3], device=self.device)
        angle = 2 * math.pi * (self.between(name, 0, 1).reshape(-1, 1) - thirds)
        return middle + swing * angle.cos()

    def fixed(self, *rgb: float) -> Tensor:
        """The same colour for every face, (1, 3)."""
        return torch.tensor([rgb], dtype=torch.float32, device=self.device)
