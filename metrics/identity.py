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
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from genbench.errors import NotMeasurable
from genbench.interfaces import Column, Look, Measured, Metric, Pass, Tensors, View
from genbench.merging import finished
from genbench.seeds import generator

from ._face_pairs import Descriptor, FacePairs
from ._pairs import mean_over_images

if TYPE_CHECKING:
    from torch import Tensor

SAME = 0.6  # distance within which dlib's network takes two faces for one person
RESAMPLES = 1000
SPREAD = f"half the 95 % bootstrap interval of the median, {RESAMPLES} resamples"
BATCH = 64  # pairs that `identity` looks at together


def identity(
    a: Tensor, b: Tensor, *, descriptor: Descriptor | None = None, workers: int | None = None
) -> tuple[Tensor, Tensor]:
    """Distance between the face of each image and the one in its reconstruction.

    Args:
        a: images, uint8 (n, 3, h, h).
        b: their reconstructions, in the same order and shape.
        descriptor: the network that tells faces apart; by default dlib's.
        workers: threads that look for faces; by default one for each core.

    Returns:
        Distances, (n,) float64, 0 for equal images; and where a face was found, (n,) bool:
        elsewhere the distance is 0 and means nothing.

    Raises:
        NotMeasurable: no dlib, no weights, or images too small for any face.
        BadInput: images of another type, or two shapes.
    """
    gather = FacePairs(workers=workers) if descriptor is None else FacePairs(descriptor, workers)
    about = Pass(device=a.device, n=len(a), resolution=a.shape[-1], side=1, seed=0)
    pairs = gather.start(about)
    with torch.inference_mode():
        for start in range(0, len(a), BATCH):
            rows = slice(start, start + BATCH)
            pairs.update((a[rows], b[rows]), torch.arange(len(a))[rows])
        found = finished(gather, about, pairs)
    return found["distance"], found["found"]


def median(distances: Tensor) -> Measured:
    """Median of (n,) float64, with half the interval that 95 % of bootstrap medians fall into.

    The mean of the two in the middle where n is even.
    """
    n = len(distances)
    value = float(distances.quantile(0.5))
    if n < 2:
        return Measured(value, n=n)
    # Some resamples at a time: all of 10 000 images would fill 80 MB twice.
    step = max(1, (1 << 20) // n)
    rng = generator(0, "identity", "bootstrap")
    medians = torch.cat(
        [
            distances[torch.randint(n, (min(step, RESAMPLES - done), n), generator=rng)].quantile(
                0.5, dim=1
            )
            for done in range(0, RESAMPLES, step)
        ]
    )
    low, high = medians.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return Measured(value, (high - low) / 2, SPREAD, n)


def metric(descriptor: Descriptor | None = None) -> Metric:
    """The metric with another network that tells faces apart; its threshold stays dlib's."""
    gather = FacePairs() if descriptor is None else FacePairs(descriptor)
    return Metric(
        version=1,
        looks={"pairs": Look(View.PAIRS, gather)},
        compute=_compute,
        columns={
            "identity": Column("identity", lower_is_better=True),
            "identity_same": Column(f"same person (≤ {SAME:g})", lower_is_better=False),
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
    distances = pairs["distance"][found]
    note = None
    if lost:
        note = f"no face was found on {lost} of {n} inputs; those pairs are left out"
    same = mean_over_images((distances <= SAME).double())
    return {
        "identity": replace(median(distances), note=note),
        "identity_same": replace(same, note=note),
    }


ROOM = metric()
