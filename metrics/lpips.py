"""LPIPS v0.1: how different reconstructions look to a network that was fitted to people.

A squared distance in a space of features, averaged over images. It depends on the
resolution: images are not resized.

Paper: R. Zhang, P. Isola, A. Efros, E. Shechtman, O. Wang, "The Unreasonable Effectiveness
    of Deep Features as a Perceptual Metric", CVPR 2018, arXiv:1801.03924.
Checked against: lpips 0.1.4.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

from genbench.interfaces import Column, Look, Measured, Metric, Tensors, View

from ._pairs import mean_over_images
from ._perceptual import Distances, squared_distance

__all__ = ["ROOM", "squared_distance"]

TITLES = {"lpips_alex": "LPIPS (AlexNet", "lpips_vgg": "LPIPS (VGG16"}


def _compute(score: str, pairs: Tensors) -> Mapping[str, Measured]:
    return {score: mean_over_images(pairs["distance"])}


def _metric(network: str, face: bool, variants: Mapping[str, Metric]) -> Metric:
    score = f"{network}_face" if face else network
    title = TITLES[network] + (", face)" if face else ")")
    return Metric(
        version=1,
        looks={"pairs": Look(View.PAIRS, Distances(network, face=face), face=face)},
        compute=functools.partial(_compute, score),
        columns={score: Column(title, lower_is_better=True)},
        variants=variants,
    )


ROOM = _metric(
    "lpips_alex",
    False,
    {
        "vgg": _metric("lpips_vgg", False, {}),
        "alex-face": _metric("lpips_alex", True, {}),
        "vgg-face": _metric("lpips_vgg", True, {}),
    },
)
