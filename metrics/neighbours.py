"""Nearest training images: does a model repeat what it was shown?

For every generated image the smallest distance to a training image, and the same for
held-out images, which nobody can have repeated. A ratio near 1 means that samples are as
far from the training images as unseen photographs are; well below 1 they are copies, or
simply smoother than photographs, so look at the pairs too.
Distance: mean absolute difference of pixels, in grey levels of 255.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from genbench.bootstrap import interval, means, resampled
from genbench.errors import BadInput, NotEnoughData
from genbench.interfaces import Column, Look, Measured, Metric, Tensors, View

from ._images import AllImages
from ._pairs import mean_over_images

MUCH_NEARER = 0.5
COPIES = "samples lie much nearer to training images than unseen images do"
ROWS, COLUMNS = 64, 1024  # images compared at once: at 64x64 in float32, 50 MB of the second


def nearest(images: Tensor, training: Tensor) -> tuple[Tensor, Tensor]:
    """The training image nearest to each image.

    Args:
        images: uint8, (n, 3, h, w).
        training: uint8, (m, 3, h, w).

    Returns:
        Mean absolute difference to it, (n,) float64 in grey levels, and its row, (n,).

    Raises:
        BadInput: another type, or two sizes.
        NotEnoughData: no image on one side.
    """
    _check(images, training)
    best = torch.full((len(images),), torch.inf, dtype=torch.float64)
    row = torch.zeros(len(images), dtype=torch.int64)
    for start in range(0, len(training), COLUMNS):
        others = training[start : start + COLUMNS].flatten(1).float()
        parts = [
            torch.cdist(some.flatten(1).float(), others, p=1) for some in torch.split(images, ROWS)
        ]
        distances, at = (torch.cat(parts) / others.shape[1]).double().min(1)
        closer = distances < best
        best, row = torch.where(closer, distances, best), torch.where(closer, at + start, row)
    return best, row


def _check(images: Tensor, training: Tensor) -> None:
    if images.dtype != torch.uint8 or training.dtype != torch.uint8:
        raise BadInput(f"neighbours needs uint8 images, got {images.dtype} and {training.dtype}")
    if images.shape[1:] != training.shape[1:]:
        raise BadInput(
            f"neighbours needs images of one size, got {tuple(images.shape[1:])} and "
            f"{tuple(training.shape[1:])}"
        )
    if min(len(images), len(training)) == 0:
        raise NotEnoughData("neighbours needs at least one image on each side")


def _compute(training: Tensors, unseen: Tensors, generated: Tensors) -> Mapping[str, Measured]:
    near, _ = nearest(generated["images"], training["images"])
    floor, _ = nearest(unseen["images"], training["images"])
    scores = {"neighbours": mean_over_images(near)}
    if bool(floor.mean() > 0):  # else the test images are training images, and nothing is unseen
        scores["neighbours_ratio"] = _ratio(near, floor)
    return scores


def _ratio(near: Tensor, floor: Tensor) -> Measured:
    """How many times as far as unseen images, with what other images would make of it."""
    ratio = float(near.mean() / floor.mean())
    note = COPIES if ratio < MUCH_NEARER else None
    if min(len(near), len(floor)) < 2:
        return Measured(ratio, note=note)
    draws = resampled(near, means, "near") / resampled(floor, means, "unseen")
    over = "bootstrap standard error over images of both sides"
    return Measured(ratio, float(draws.std()), over, note=note, interval=interval(draws))


ROOM = Metric(
    version=1,
    looks={
        "training": Look(View.REAL, AllImages()),
        "unseen": Look(View.HELD_OUT, AllImages()),
        "generated": Look(View.SAMPLES, AllImages()),
    },
    compute=_compute,
    columns={
        "neighbours": Column("nearest training image", lower_is_better=None, unit="grey levels"),
        "neighbours_ratio": Column("times as far as unseen", lower_is_better=None),
    },
    parameters={"distance": "mean absolute difference of pixels"},
)
