"""Nearest training images: does a model repeat what it was shown?

For every generated image the smallest distance to a training image, and the same for
held-out images, which nobody can have repeated. A ratio near 1 means that samples are as
far from the training images as unseen photographs are; well below 1 they are copies, or
simply smoother than photographs, so look at the pairs too. `neighbours:reconstructions`
asks the same of reconstructions of held-out images, and `neighbours:gap` whether images of
the training set are reconstructed better than others.
Distance: mean absolute difference of pixels, in grey levels of 255; or 1 - SSIM, LPIPS, and
the distance of dlib's face descriptors.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from genbench.accumulators.images import AllImages
from genbench.accumulators.pairs import SQUARED_ERRORS, mean_over_images
from genbench.errors import NotMeasurable
from genbench.interfaces import Column, Input, Json, Measured, Metric, Statistic, Stream, Tensors
from genbench.statistics.bootstrap import bootstrap, interval, means

from ._parts.face_rows import FaceRows
from ._parts.gaussian_window import WIDEST, check_sides
from ._parts.nearest import (
    SHORTLIST,
    most_alike,
    nearest,
    nearest_rows,
)
from ._parts.perceptual_distances import Distances
from ._parts.sketches import Sketches

__all__ = ["METRIC", "most_alike", "nearest", "nearest_rows"]

MUCH_NEARER = 0.5
COPIES = "{} lie much nearer to training images than unseen images do"
SURE = 2.0  # standard errors


class Kind(NamedTuple):
    """A way to tell how far images are from training images."""

    name: str
    statistic: Statistic
    distances: Callable[[Tensors, Tensors], Tensor]  # images, training -> (n,), NaN where none
    parameters: Mapping[str, Json]  # for the protocol
    unit: str = ""
    check: Callable[[int], object] | None = None


def _pixels(images: Tensors, training: Tensors) -> Tensor:
    return nearest(images["images"], training["images"])[0]


def _ssim(images: Tensors, training: Tensors) -> Tensor:
    return most_alike(images["images"], training["images"])[0]


def _lpips(images: Tensors, training: Tensors) -> Tensor:
    return nearest_rows(images["sketches"], training["sketches"])[0]


def _face(images: Tensors, training: Tensors) -> Tensor:
    """Of the images with a face to training images with one; NaN for the others."""
    known, found = training["descriptors"][training["found"]], images["found"]
    if len(known) == 0 or not found.any():
        raise NotMeasurable(
            f"no face was found on {'training' if len(known) == 0 else 'these'} images, so none "
            "is nearest; neighbours:face needs photographs of faces"
        )
    distances = torch.full((len(found),), torch.nan, dtype=torch.float64)
    distances[found] = nearest_rows(images["descriptors"][found], known)[0].sqrt()
    return distances


KINDS = (
    Kind("", AllImages(), _pixels, {"distance": "pixel-l1"}, "grey levels"),
    Kind(
        "ssim",
        AllImages(),
        _ssim,
        {"distance": "one-minus-ssim", "shortlist": SHORTLIST},
        check=lambda side: check_sides("SSIM", (side, side), WIDEST),
    ),
    Kind("lpips", Sketches("lpips_alex"), _lpips, {"distance": "lpips-signed-sums"}),
    Kind("face", FaceRows(), _face, {"distance": "face-descriptor"}),
)


@dataclass(frozen=True)
class Floor:
    """How far held-out images are from training images, which every model is compared with.

    Equal for equal distances, so samples and reconstructions share it.
    """

    distances: Callable[[Tensors, Tensors], Tensor]

    def __call__(self, training: Tensors, unseen: Tensors) -> Tensors:
        """``floor``, (n,) float64, NaN where an image has no distance."""
        return {"floor": self.distances(unseen, training)}


def _compute(
    kind: Kind,
    score: str,
    who: str,
    training: Tensors,
    unseen: Tensors,
    generated: Tensors,
    reference: Tensors,
) -> Mapping[str, Measured]:
    del unseen  # the reference has what counts of it
    near, floor = kind.distances(generated, training), reference["floor"]
    found, lost = near.isfinite(), int((~near.isfinite()).sum())
    note = f"no face was found on {lost} of {len(near)} {who}; they are left out" if lost else None
    near, floor = near[found], floor[floor.isfinite()]
    scores = {score: mean_over_images(near, note=note)}
    if bool(floor.mean() > 0):  # else the test images are training images, and nothing is unseen
        scores[f"{score}_ratio"] = _ratio(near, floor, who)
    return scores


def _ratio(near: Tensor, floor: Tensor, who: str) -> Measured:
    """How many times as far as unseen images, with what other images would make of it."""
    ratio = float(near.mean() / floor.mean())
    note = COPIES.format(who) if ratio < MUCH_NEARER else None
    if min(len(near), len(floor)) < 2:
        return Measured(ratio, note=note)
    draws = bootstrap(near, means, "near") / bootstrap(floor, means, "unseen")
    over = "bootstrap standard error over images of both sides"
    return Measured(ratio, float(draws.std()), over, note=note, interval=interval(draws))


def _metric(kind: Kind, stream: Stream, variants: Mapping[str, Metric]) -> Metric:
    sampled = stream is Stream.SAMPLES
    words = [*([] if sampled else ["reconstructions"]), *([kind.name] if kind.name else [])]
    score = "_".join(["neighbours", *words])
    tail = f" ({', '.join(words)})" if words else ""
    who = "samples" if sampled else "reconstructions"
    return Metric(
        version=1,
        inputs={
            "training": Input(Stream.REAL, kind.statistic),
            "unseen": Input(Stream.HELD_OUT, kind.statistic),
            "generated": Input(stream, kind.statistic),
        },
        compute=functools.partial(_compute, kind, score, who),
        columns={
            score: Column(f"nearest training image{tail}", lower_is_better=None, unit=kind.unit),
            f"{score}_ratio": Column(
                f"times as far as unseen{tail}",
                lower_is_better=None,
                about=f"How far {who} are from training images, by how far unseen images are.",
                optional=True,
            ),
        },
        reference=Floor(kind.distances),
        parameters=kind.parameters,
        check=kind.check,
        variants=variants,
    )


# --- are training images reconstructed better than others? --------------------------------


def gap(trained: Tensor, unseen: Tensor) -> Measured:
    """How much larger the error of unseen images is than that of training images.

    Args:
        trained: error of reconstructions of training images, (n,).
        unseen: of test images, (m,).

    Returns:
        The difference of the means, 0 for a model that has learnt nothing by heart, and its
        standard error: the two sets of images are independent.
    """
    difference = float(unseen.mean() - trained.mean())
    if min(len(trained), len(unseen)) < 2:
        return Measured(difference, note="no error bar: it is taken over one image")
    error = (float(trained.var()) / len(trained) + float(unseen.var()) / len(unseen)) ** 0.5
    note = None
    if difference > SURE * error:
        note = "training images are reconstructed better than unseen ones: some are memorised"
    draws = bootstrap(unseen, means, "unseen") - bootstrap(trained, means, "trained")
    over = "standard error over images of both sides"
    return Measured(difference, error, over, len(unseen), note, interval(draws))


def _gap_of_rmse(trained: Tensors, unseen: Tensors) -> Mapping[str, Measured]:
    return {"reconstruction_gap": gap(trained["mse"].sqrt(), unseen["mse"].sqrt())}


def _gap_of_lpips(trained: Tensors, unseen: Tensors) -> Mapping[str, Measured]:
    return {"reconstruction_gap_lpips": gap(trained["distance"], unseen["distance"])}


def _gap(
    statistic: Statistic, compute: Callable[..., Mapping[str, Measured]], score: str, unit: str
) -> Metric:
    tail = ", LPIPS" if score.endswith("lpips") else ""
    return Metric(
        version=1,
        inputs={
            "trained": Input(Stream.TRAINING_PAIRS, statistic),
            "unseen": Input(Stream.PAIRS, statistic),
        },
        compute=compute,
        columns={score: Column(f"test − train error{tail}", lower_is_better=None, unit=unit)},
        parameters={"gap": "test-minus-train"},
    )


VARIANTS = {
    "-".join(filter(None, (*words, kind.name))): _metric(kind, stream, {})
    for words, stream in (((), Stream.SAMPLES), (("reconstructions",), Stream.RECONSTRUCTIONS))
    for kind in KINDS
    if words or kind.name
}
METRIC = _metric(
    KINDS[0],
    Stream.SAMPLES,
    {
        **VARIANTS,
        "gap": _gap(SQUARED_ERRORS, _gap_of_rmse, "reconstruction_gap", "grey levels"),
        "gap-lpips": _gap(Distances("lpips_alex"), _gap_of_lpips, "reconstruction_gap_lpips", ""),
    },
)
