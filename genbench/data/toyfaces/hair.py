"""Hair and hats of toy faces: layers around the head."""

from __future__ import annotations

import torch
from torch import Tensor

from genbench.data.toyfaces.face import Face
from genbench.data.toyfaces.shapes import Sheet, ellipse

# by hair style: bald, crop, fringe, side, curtain, curly, bun, spiky
VOLUME = (0.0, 0.045, 0.075, 0.075, 0.07, 0.12, 0.05, 0.05)  # beyond the skull
HAIRLINE = (0.0, -0.33, -0.2, -0.36, -0.42, -0.34, -0.4, -0.36)  # v of its highest point
SWEEP = (0.0, 0.2, 0.0, 0.6, 1.1, 0.2, 0.4, 0.2)  # how fast it falls away from the parting
PARTING = (0.0, 0.05, 0.05, 0.36, 0.15, 0.1, 0.15, 0.05)  # how far the parting moves
CURL = (0.0, 0.0, 0.0, 0.0, 0.0, 0.035, 0.0, 0.0)
SPIKE = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.07)
SCALLOP = (0.0, 0.0, 0.022, 0.0, 0.0, 0.0, 0.0, 0.03)
BUN = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0)
HAIRY = (0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)


def back_hair(sheet: Sheet, face: Face) -> None:
    """What falls behind the head: nothing to be seen at length 0, to the shoulders at 1."""
    volume = face.pick("hair_style", VOLUME)
    fall = face.between("hair_length", 0, 0.62)
    down = sheet.v + 0.08
    down = down - torch.minimum(down.clamp(min=0), fall)
    bottom = torch.where(down > 0, 1.9, 1.0)
    wide = face.width + volume * (0.6 + face.between("hair_length", 0, 0.6))
    shape = ellipse(sheet.across, down * bottom, wide, face.height + volume - 0.08)
    shape += _curls(sheet, face)
    sheet.paint(face.hair * 0.72, sheet.cover(shape) * face.pick("hair_style", HAIRY))


def hair(sheet: Sheet, face: Face) -> None:
    """The cap of hair down to the hairline, its shadow on the brow, and its shine."""
    volume = face.pick("hair_style", VOLUME)
    skull = ellipse(sheet.across, sheet.v + 0.04, face.width + volume, face.height + volume - 0.02)
    strands = (sheet.across * 30).cos_()
    spikes = (strands - 1).mul_((-1.5 * sheet.v).clamp_(0, 1)) * face.pick("hair_style", SPIKE)
    cap = spikes.add_(skull).add_(_curls(sheet, face))
    bun = ellipse(sheet.across, sheet.v + face.height + 0.1, 0.2, 0.17)
    bun += (1 - face.pick("hair_style", BUN)) + face.pick("hat", (0, 1, 1))
    line = sheet.v - _hairline(sheet, face)
    line += (sheet.u * 26).cos_().mul_(face.pick("hair_style", SCALLOP))
    present = face.pick("hair_style", HAIRY)
    cast = (1 - (line - 0.03).abs() / 0.07).clamp_(min=0) * sheet.cover(sheet.outline)
    sheet.paint(face.shade, cast * 0.6 * present)
    hair = sheet.cover(torch.minimum(torch.maximum(cap, line), bun)) * present
    sheet.paint(face.hair, hair)
    # Strands fan out from above the crown.
    fan = (sheet.across / (sheet.v + 1.3)).mul_(24).cos_().mul_(0.14)
    dark = fan.add_(sheet.v * 0.5).add_(sheet.across * (-0.7 * face.light)).add_(0.12)
    sheet.paint(face.hair * 0.55, dark.clamp_(0, 0.6).mul_(hair))
    shine = (1 - ((skull + 0.16) / 0.07).square_()).clamp_(min=0)
    shine *= (sheet.across * (face.light * 1.6) - sheet.v - 0.05).clamp_(0, 1)
    shine *= strands.mul_(0.2).add_(0.8)
    sheet.paint(face.hair * 0.55 + 0.42, shine.mul_(hair).mul_(0.55))


def hat(sheet: Sheet, face: Face) -> None:
    """A beanie with a turned-up band, or a cap with a visor."""
    cloth = face.hue("hat_colour", 0.52, 0.3)
    beanie, cap = face.pick("hat", (0, 1, 0)), face.pick("hat", (0, 0, 1))
    grown = face.pick("hair_style", VOLUME) + 0.035
    dome = ellipse(sheet.across, sheet.v + 0.06, face.width + grown, face.height + grown)
    curve = sheet.u.square() * 0.35
    edge = sheet.v + 0.26 * face.stretch - curve
    crown = sheet.cover(torch.maximum(dome, edge)) * (beanie + cap)
    sheet.paint(cloth, crown)
    side = (sheet.across * (-0.9 * face.light) + 0.1).clamp_(0, 0.7)
    sheet.paint(cloth * 0.55, side * crown)
    band = sheet.cover(torch.maximum(dome - 0.015, (edge + 0.07).abs() - 0.085)) * beanie
    sheet.paint(cloth * 0.75 + 0.22, band)
    visor = ellipse(sheet.across - face.yaw * 0.3, sheet.v + 0.27 * face.stretch, 0.46, 0.1)
    sheet.paint(cloth * 0.62, sheet.cover(visor) * cap)


def _hairline(sheet: Sheet, face: Face) -> Tensor:
    """v of the hair's lower edge at each pixel: high at the parting, low at the temples."""
    top = face.pick("hair_style", HAIRLINE) * face.stretch
    part = face.pick("hair_style", PARTING) * face.between("parting", -1, 1)
    sweep = (sheet.u - part).square_().mul_(face.pick("hair_style", SWEEP))
    temple = (
        (sheet.u / face.width).square_().square_().mul_(0.3 + face.between("hair_length", 0, 0.3))
    )
    return sweep.add_(temple).add_(top)


def _curls(sheet: Sheet, face: Face) -> Tensor:
    """Bumps that push the hair's outline in and out, (n, h, w)."""
    waves = (sheet.across * 22).cos_().mul_((sheet.v * 22).cos_())
    return waves.mul_(face.pick("hair_style", CURL))
