"""Draws toy faces, layer by layer, for a whole batch at once."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from genbench.data.toyfaces.attributes import check
from genbench.data.toyfaces.face import FRAMES, IRISES, Face
from genbench.data.toyfaces.hair import back_hair, hair, hat
from genbench.data.toyfaces.shapes import (
    Sheet,
    box,
    ellipse,
    glow,
    lay_out,
)
from genbench.errors import BadInput

SMALLEST, LARGEST = 8, 1024  # pixels on a side
SHARPEST = 32  # below it shapes are thinner than a pixel: drawn larger and averaged
PIXELS = 64 * 32 * 32  # drawn together, so that a plane of them stays in the cache


def draw(attributes: Mapping[str, Tensor], resolution: int) -> Tensor:
    """Pictures of faces with these attributes.

    Change one attribute and draw again: the same face, edited.

    Args:
        attributes: name -> (n,), all of them; see `ATTRIBUTES` for ranges.
        resolution: pixels on a side, 8 to 1024.

    Returns:
        (n, 3, r, r) uint8 on the device of the attributes.

    Raises:
        BadInput: the resolution is out of range.
        BadSetting: an attribute is missing, unknown, or out of range.
    """
    if not SMALLEST <= resolution <= LARGEST:
        raise BadInput(
            f"toyfaces draws {SMALLEST} to {LARGEST} pixels on a side, asked for {resolution}; "
            "choose a --resolution in that range"
        )
    check(attributes)
    finer = -(-SHARPEST // resolution)
    side = resolution * finer
    n, device = len(attributes["smile"]), attributes["smile"].device
    images = torch.empty(n, 3, resolution, resolution, dtype=torch.uint8, device=device)
    step = max(PIXELS // side**2, 1)
    for start in range(0, n, step):
        rows = slice(start, start + step)
        face = Face({name: value[rows] for name, value in attributes.items()})
        picture = _picture(face, side)
        if finer > 1:
            picture = torch.nn.functional.avg_pool2d(picture, finer)
        images[rows] = picture.mul_(255).add_(0.5).clamp_(0, 255)
    return images


def _picture(face: Face, side: int) -> Tensor:
    """(n, 3, side, side) in [0, 1], from back to front."""
    sheet = lay_out(face.head, side)
    _backdrop(sheet, face)
    back_hair(sheet, face)
    _body(sheet.band(0.4, 1), face)
    _ears(sheet.head_band(-0.05, 0.25, 0.8), face)
    _skin(sheet, face)
    _blush(sheet.head_band(0.05, 0.45, 0.65), face)
    _nose(sheet.head_band(-0.1, 0.45, 0.5), face)
    _beard(sheet.head_band(-0.1, 0.75, 0.7), face)
    _mouth(sheet.head_band(0.1, 0.75, 0.6), face)
    eyes = sheet.head_band(-0.2, 0.3, 0.7)
    _eyes(eyes, face)
    _brows(sheet.head_band(-0.4, 0.15, 0.6), face)
    _glasses(eyes, face)
    hair(sheet, face)
    hat(sheet.head_band(-0.95, 0.3, 0.85), face)
    return sheet.image


def _backdrop(sheet: Sheet, face: Face) -> None:
    """A pastel wall, brighter at one end, with a halo of light behind the head."""
    wall = face.hue("background", 0.72, 0.12)[:, :, None, None]
    slope = 0.25 * face.between("gradient", -1, 1)[:, None] * -sheet.y[:, None]
    sheet.image.copy_(wall * (1 + slope))
    halo = glow(sheet.x, sheet.y, 1.5, 1.5)
    sheet.paint(face.fixed(1, 1, 1), halo.mul_(0.25))


def _body(sheet: Sheet, face: Face) -> None:
    """Neck, the head's shadow on it, shoulders, and a round collar."""
    shirt = face.hue("shirt_colour", 0.5, 0.3)
    shoulders = sheet.cover(ellipse(sheet.x, sheet.y - 1.26, 0.98, 0.56).expand(face.n, -1, -1))
    sheet.paint(shirt, shoulders)
    side = (sheet.x * -face.light * 0.5 + 0.15).clamp(0, 1) * shoulders
    sheet.paint(shirt * 0.6, side)
    neck = ellipse(sheet.x, sheet.y - 0.58, 0.22, 0.3).expand(face.n, -1, -1)
    sheet.paint(shirt * 0.75, sheet.cover(neck - 0.035))
    skin = sheet.cover(neck)
    sheet.paint(face.skin * 0.93, skin)
    shadow = glow(sheet.across, sheet.v - face.height * 0.85, 0.4, 0.36)
    sheet.paint(face.shade, shadow.mul_(skin).mul_(0.75))


def _ears(sheet: Sheet, face: Face) -> None:
    """One on each side; turning the head hides the far one."""
    x = (sheet.across + 0.06 * face.yaw).abs_().sub_(face.width * 0.98)
    y = sheet.v - 0.1
    sheet.paint(face.skin * 0.95, sheet.cover(ellipse(x, y, 0.075, 0.115)))
    sheet.paint(face.shade, glow(x, y, 0.05, 0.085).mul_(0.8))


def _skin(sheet: Sheet, face: Face) -> None:
    """The head with its shading: dark away from the light, below, and towards the rim."""
    skin = sheet.cover(sheet.outline)
    sheet.paint(face.skin, skin)
    x, y = sheet.across / face.width, sheet.v / face.height
    dark = (x * (-0.75 * face.light)).add_(y * 0.2)
    lit = dark.mul(-0.8).clamp_(0, 1).mul_(skin)
    rim = x.square_().add_(y.square_()).square_().mul_(0.2)
    sheet.paint(face.shade, dark.add_(rim).clamp_(0, 0.8).mul_(skin))
    sheet.paint(face.skin * 0.5 + 0.5, lit)


def _blush(sheet: Sheet, face: Face) -> None:
    """Red cheeks."""
    x = sheet.u.abs().sub_(face.width * 0.55)
    spot = glow(x, sheet.v - face.eye_y - 0.2 * face.stretch, 0.18, 0.14)
    spot *= sheet.cover(sheet.outline)
    red = face.skin * 0.6 + face.fixed(0.38, 0.1, 0.12)
    sheet.paint(red, spot * face.between("blush", 0, 0.9))


def _nose(sheet: Sheet, face: Face) -> None:
    """A round tip that leads the face when it turns, and the shadow beside its bridge."""
    size = face.between("nose_size", 0.045, 0.095)
    x = sheet.u - face.yaw * 0.05
    y = sheet.v - 0.23 * face.stretch
    beside = glow(x + face.light * size * 0.7, y + 0.08, size * 0.9, 0.17)
    sheet.paint(face.shade, beside.mul_(0.55))
    under = glow(x, y - size * 0.35, size * 1.5, size)
    sheet.paint(face.shade, under.mul_(0.9))
    sheet.paint(
        face.skin * 0.84 + face.fixed(0.14, 0.04, 0.04),
        sheet.cover(ellipse(x, y, size, size * 0.8)),
    )
    shine = glow(x - face.light * size * 0.3, y + size * 0.3, size * 0.6, size * 0.45)
    sheet.paint(face.skin * 0.5 + 0.5, shine.mul_(0.7))


def _beard(sheet: Sheet, face: Face) -> None:
    """Moustache, chin tuft and full beard; each kind has some of the three."""
    hair = face.hair * 0.88
    side = (sheet.u.abs() / face.width).clamp_(max=1.1)
    edge = 0.3 * face.stretch - side.pow(3).mul_(0.24) - sheet.v
    full = sheet.cover(torch.maximum(edge, sheet.outline - 0.025))
    sheet.paint(hair, full * face.pick("beard", (0, 0, 0, 1)))
    chin = ellipse(sheet.u, sheet.v - face.mouth_y - 0.17, 0.12, 0.14)
    tuft = sheet.cover(torch.maximum(chin, sheet.outline - 0.03))
    sheet.paint(hair, tuft * face.pick("beard", (0, 0, 1, 0)))
    lobe = sheet.u.abs().sub_(0.075)
    drop = sheet.v - face.mouth_y + 0.055 - lobe.clamp(min=0).square_().mul_(2)
    sheet.paint(
        hair, sheet.cover(ellipse(lobe, drop, 0.1, 0.038)) * face.pick("beard", (0, 1, 1, 1))
    )


def _mouth(sheet: Sheet, face: Face) -> None:
    """Lips along a curve that smiling bends, open by a second curve, with teeth and tongue."""
    wide = face.between("mouth_size", 0.14, 0.25)
    bend = face.between("smile", -0.115, 0.115)
    gap = face.between("mouth_open", 0, 0.08)
    q = (sheet.u / wide).square_()
    v = sheet.v - face.mouth_y - gap * 0.8
    from_middle = v + (q - 0.4) * bend
    steep = (q * (bend / wide).square() * 4).add_(1).rsqrt_()
    inside = (from_middle.abs() + (q - 1) * gap) * steep
    lips = (from_middle.abs() + (q - 1) * (gap + 0.026)) * steep
    red = face.skin * 0.55 + face.fixed(0.27, 0.03, 0.07)
    sheet.paint(red, sheet.cover(lips))
    hole = sheet.cover(inside) * (gap / 0.015).clamp(max=1)
    sheet.paint(face.fixed(0.33, 0.07, 0.09), hole)
    tongue = glow(sheet.u, v - gap, wide * 0.7, gap * 1.3 + 1e-3)
    sheet.paint(face.fixed(0.88, 0.36, 0.38), tongue.mul_(hole))
    teeth = sheet.cover(from_middle - (q - 1) * gap - (gap * 0.7).clamp(max=0.035))
    sheet.paint(face.fixed(0.98, 0.97, 0.94), teeth.mul_(hole).mul_((1.4 - 1.7 * q).clamp_(0, 1)))
    parted = sheet.line(from_middle * steep, 0.011) * (q < 1) * (1 - gap / 0.015).clamp(min=0)
    sheet.paint(red * 0.35, parted)


def _eyes(sheet: Sheet, face: Face) -> None:
    """White, iris, pupil, glint, and the upper lid as a dark line."""
    side = sheet.u.sign()
    x, y = sheet.u.abs().sub_(face.eye_x), sheet.v - face.eye_y
    high = face.eye_r * face.between("eye_open", 0.28, 1.1)
    shape = ellipse(x, y, face.eye_r, high)
    white = sheet.cover(shape)
    sheet.paint(face.fixed(0.98, 0.98, 0.98), white)
    gaze_x = x - side * face.between("gaze", -0.3, 0.3) * face.eye_r
    iris = ellipse(gaze_x, y, face.eye_r * 0.62, face.eye_r * 0.66)
    colour, seen = face.colour("eye_colour", IRISES), sheet.cover(iris).mul_(white)
    sheet.paint(colour * 0.75, seen)
    bright = glow(gaze_x, y - face.eye_r * 0.25, face.eye_r * 0.62, face.eye_r * 0.55)
    sheet.paint(colour * 0.75 + 0.3, bright.mul_(seen))
    pupil = iris + face.eye_r * 0.3
    sheet.paint(face.fixed(0.05, 0.04, 0.06), sheet.cover(pupil).mul_(white))
    glint = ellipse(
        gaze_x - side * face.light * face.eye_r * 0.22,
        y + face.eye_r * 0.25,
        face.eye_r * 0.2,
        face.eye_r * 0.2,
    )
    sheet.paint(face.fixed(1, 1, 1), sheet.cover(glint).mul_(white))
    upper = (y / high).mul_(-1.5).add_(0.7).clamp_(0, 1)
    lid = sheet.line(shape, 0.016).mul_(upper)
    sheet.paint(face.hair * 0.25 + 0.03, lid)


def _brows(sheet: Sheet, face: Face) -> None:
    """Two arched strokes in a darker shade of the hair."""
    reach = face.eye_r * 0.95
    x = sheet.u.abs().sub_(face.eye_x)
    rise = face.eye_r + face.between("brow_height", 0.045, 0.12)
    y = sheet.v - face.eye_y + rise
    y += x * face.between("brow_slant", -0.45, 0.45) - x.square() * 2
    past = x.abs().sub_(reach).clamp_(min=0)
    stroke = past.square_().add_(y.square_()).sqrt_()
    stroke -= face.between("brow_weight", 0.013, 0.034)
    sheet.paint(face.hair * 0.7, sheet.cover(stroke))


def _glasses(sheet: Sheet, face: Face) -> None:
    """Two lenses, a bridge, and arms to the ears."""
    worn = face.between("glasses", 0, 1)
    frame = face.colour("glasses_colour", FRAMES)
    wide, high = face.eye_x * 0.82, face.between("glasses_shape", 0.18, 0.12)
    corner = face.between("glasses_shape", 0.165, 0.04)
    x, y = sheet.u.abs().sub_(face.eye_x), sheet.v - face.eye_y - 0.01
    lens = box(x, y, (wide, high), torch.minimum(corner, wide))
    glass = sheet.cover(lens) * (0.12 - y - x * sheet.u.sign() * face.light).clamp(0.05, 0.4)
    sheet.paint(face.fixed(0.95, 0.98, 1), glass * worn)
    rims = sheet.line(lens, 0.017)
    arms = sheet.line(y + 0.03, 0.014) * (lens > 0) * (sheet.across.abs() < face.width)
    sheet.paint(frame, torch.maximum(rims, arms) * worn)
