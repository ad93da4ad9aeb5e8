"""Shapes and paint: signed distances on a pixel grid, and soft edges one pixel wide.

A shape is its signed distance (n, h, w): negative inside, in units of half the image's width.
Source of the idea: J. C. Hart, "Sphere tracing", The Visual Computer 12, 1996 (distance
    functions); the ellipse is f / |grad f| of its implicit equation, exact at the edge.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

# The head turns about the neck, so leaning it moves it sideways too.
PIVOT = 0.42  # of the neck, down from the middle of the image
LIFT = 0.38  # from there up to the middle of the head
LEAN = 0.2  # radians at tilt 1
TURN = 0.42  # radians at yaw 1


@dataclass(frozen=True)
class Sheet:
    """Some pixel rows of a batch of pictures, and where each pixel lies."""

    image: Tensor  # (n, 3, h, w) in [0, 1], painted in place
    x: Tensor  # (1, 1, w), -1 at the left edge, 1 at the right
    y: Tensor  # (1, h, 1), -1 at the top edge, 1 at the bottom
    across: Tensor  # (n, h, w), x in the upright head, 0 in its middle
    v: Tensor  # (n, h, w), y in the upright head
    u: Tensor  # (n, h, w), x on the face, which turns with the head
    outline: Tensor  # (n, h, w), the head itself as a shape
    pixel: float  # width of a pixel

    def band(self, top: float, bottom: float) -> Sheet:
        """The pixel rows from *top* to *bottom*, in units of `y`; paint on it shows here too."""
        height = self.y.shape[1]
        first = min(max(int((top + 1) / self.pixel) - 1, 0), height - 1)
        last = min(max(int((bottom + 1) / self.pixel) + 2, first + 1), height)
        rows = slice(first, last)
        return replace(
            self,
            image=self.image[:, :, rows],
            y=self.y[:, rows],
            across=self.across[:, rows],
            v=self.v[:, rows],
            u=self.u[:, rows],
            outline=self.outline[:, rows],
        )

    def head_band(self, top: float, bottom: float, reach: float) -> Sheet:
        """The pixel rows that hold a box of the head however it leans.

        Args:
            top: of the box, in units of `v`.
            bottom: of the box, in units of `v`.
            reach: half its width.
        """
        swing = reach * math.sin(LEAN)
        shrink = math.cos(LEAN)
        highest = min(top - LIFT, (top - LIFT) * shrink)
        lowest = max(bottom - LIFT, (bottom - LIFT) * shrink)
        return self.band(PIVOT + highest - swing, PIVOT + lowest + swing)

    def cover(self, distance: Tensor) -> Tensor:
        """Share of each pixel inside the shape: a box filter one pixel wide."""
        return distance.mul(-1 / self.pixel).add_(0.5).clamp_(0, 1)

    def line(self, distance: Tensor, half: Tensor | float) -> Tensor:
        """Share of each pixel within *half* of the shape's edge, right for hairlines too."""
        outer = distance.sub(half).mul_(-1 / self.pixel).add_(0.5).clamp_(0, 1)
        inner = distance.add(half).mul_(-1 / self.pixel).add_(0.5).clamp_(0, 1)
        return outer.sub_(inner)

    def paint(self, colour: Tensor, coverage: Tensor) -> None:
        """Lay *colour* (n, 3) over the pictures where *coverage* (n, h, w) says."""
        self.image.lerp_(colour[:, :, None, None], coverage[:, None])


@dataclass(frozen=True)
class Head:
    """Where the heads of a batch are, and their outline; each (n, 1, 1)."""

    tilt: Tensor  # -1 to 1
    yaw: Tensor  # -1 to 1
    width: Tensor  # half
    height: Tensor  # half
    taper: Tensor  # how much the jaw narrows, 0 or more


def lay_out(head: Head, resolution: int) -> Sheet:
    """An unpainted sheet for n heads, *resolution* pixels on a side."""
    tilt, turn = head.tilt * LEAN, head.yaw * TURN
    centres = (torch.arange(resolution, device=tilt.device) * 2 + 1) / resolution - 1
    x, y = centres.reshape(1, 1, -1), centres.reshape(1, -1, 1)
    across = x * tilt.cos() + (y - PIVOT) * tilt.sin()
    v = (y - PIVOT) * tilt.cos() - x * tilt.sin() + LIFT
    jaw = v.clamp(min=0).square_().mul_(head.taper).add_(1)
    # The face is drawn on a ball a little wider than the head, so that it never runs out;
    # it narrows with the jaw, or a turned mouth would leave a pointed chin.
    ball = (head.width * 1.12 / jaw).square_()
    depth = ball.sub_(across.square()).clamp_(min=0).sqrt_()
    u = across * turn.cos() - depth.mul_(turn.sin())
    outline = ellipse(jaw.mul_(across), v, head.width, head.height)
    image = torch.empty(len(tilt), 3, resolution, resolution, device=tilt.device)
    return Sheet(image, x, y, across, v, u, outline, 2 / resolution)


def ellipse(x: Tensor, y: Tensor, rx: Tensor | float, ry: Tensor | float) -> Tensor:
    """An upright ellipse around the origin, with half axes rx and ry, at most 1."""
    a, b = x / rx, y / ry
    # On the edge the slope is 1 / max(rx, ry) or more; in the middle it is 0, a division by 0.
    level = (a.square() + b.square()).sub_(1)
    slope = (a.div_(rx).square_() + b.div_(ry).square_()).clamp_(min=1).rsqrt_()
    return level.mul_(slope).mul_(0.5)


def box(
    x: Tensor, y: Tensor, half: tuple[Tensor | float, Tensor | float], corner: Tensor
) -> Tensor:
    """A box around the origin, half as wide and high as *half*, with round corners."""
    a = x.abs().sub_(half[0] - corner)
    b = y.abs().sub_(half[1] - corner)
    inside = torch.maximum(a, b).clamp_(max=0)
    outside = a.clamp_(min=0).square_().add_(b.clamp_(min=0).square_()).sqrt_()
    return outside.add_(inside).sub_(corner)


def glow(x: Tensor, y: Tensor, rx: Tensor | float, ry: Tensor | float) -> Tensor:
    """A soft spot, 1 in the middle and 0 from the ellipse on."""
    a, b = x / rx, y / ry
    return (a.square_() + b.square_()).neg_().add_(1).clamp_(min=0).square_()
