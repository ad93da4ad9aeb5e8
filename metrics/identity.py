"""How far the faces of reconstructions are from those of their inputs, by dlib's descriptor.

Paper: A. Heljakka, A. Solin, J. Kannala, "Towards Photographic Image Manipulation with
    Balanced Growing of Generative Autoencoders", WACV 2020, arXiv:1904.06145: the median
    over 1,000 faces of CelebA-HQ at 256x256.
Differs: a face is looked for on the input alone, so that no reconstruction is lost because
    it is blurred; the paper does not say what it did.
Checked against: dlib's own compute_face_descriptor.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from genbench.accumulators.merge import finished
from genbench.accumulators.pairs import mean_over_images, median_over_images
from genbench.errors import NotMeasurable
from genbench.interfaces import Column, Input, Measured, Metric, Pass, Stream, Tensors

from ._parts.face_pairs import Descriptor, FacePairs

if TYPE_CHECKING:
    from torch import Tensor

SAME = 0.6  # distance within which dlib's network takes two faces for one person
BATCH = 64  # pairs that `identity` looks at together


def identity(
    a: Tensor, b: Tensor, *, descriptor: Descriptor | None = None, workers: int | None = None
) -> tuple[Tensor, Tensor]:
    """Distance between the face of each image and the one in its reconstruction.

    Args:
        a: images, uint8 (n, 3, h, h).
        b: their reconstructions, in the same order and shape.
        descriptor: the network that tells faces apart; by default dlib's.
        workers: processes that look for faces; by default one for each core.

    Returns:
        Distances, (n,) float64, 0 for equal images; and where a face was found, (n,) bool:
        elsewhere the distance is 0 and means nothing.

    Raises:
        NotMeasurable: no dlib, no weights, or images too small for any face.
        BadInput: images of another type, or two shapes.
    """
    statistic = FacePairs(workers=workers) if descriptor is None else FacePairs(descriptor, workers)
    about = Pass(device=a.device, n=len(a), resolution=a.shape[-1], side=1, seed=0)
    pairs = statistic.start(about)
    with torch.inference_mode():
        for start in range(0, len(a), BATCH):
            rows = slice(start, start + BATCH)
            pairs.update((a[rows], b[rows]), torch.arange(len(a))[rows])
        found = finished(statistic, about, pairs)
    return found["distance"], found["found"]


def metric(descriptor: Descriptor | None = None) -> Metric:
    """The metric with another network that tells faces apart; its threshold stays dlib's."""
    statistic = FacePairs() if descriptor is None else FacePairs(descriptor)
    return Metric(
        version=1,
        inputs={"pairs": Input(Stream.PAIRS, statistic)},
        compute=_compute,
        columns={
            "identity": Column("identity", lower_is_better=True, median=True),
            "identity_same": Column(
                f"same person (≤ {SAME:g})",
                lower_is_better=False,
                about="Share of reconstructions in which dlib would know the person again.",
            ),
        },
    )


def _compute(pairs: Tensors) -> Mapping[str, Measured]:
    found = pairs["found"]
    n, lost = len(found), int((~found).sum())
    if lost == n:
        raise NotMeasurable(
            f"no face was found on any of the {n} inputs; identity needs photographs of faces, "
            "of 40 pixels or more from chin to brow"
        )
    note = None
    if lost:
        note = f"no face was found on {lost} of {n} inputs; those pairs are left out"
    distances = pairs["distance"]
    return {
        "identity": median_over_images(distances, note, found),
        "identity_same": mean_over_images((distances <= SAME).double(), note=note, kept=found),
    }


METRIC = metric()
