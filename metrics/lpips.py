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

from genbench.accumulators.pairs import mean_over_images, median_over_images
from genbench.interfaces import Column, Input, Measured, Metric, Stream, Tensors

from ._parts.perceptual_distances import Distances, squared_distance

__all__ = ["METRIC", "squared_distance"]

TITLES = {
    "lpips_alex": "LPIPS (AlexNet",
    "lpips_vgg": "LPIPS (VGG16",
    "lpips_squeeze": "LPIPS (SqueezeNet",
}
LAYERS = {"lpips_alex": 5, "lpips_vgg": 5, "lpips_squeeze": 7}


def _compute(score: str, pairs: Tensors) -> Mapping[str, Measured]:
    distances = pairs["distance"]
    found = {
        score: mean_over_images(distances),
        f"{score}_median": median_over_images(distances),
    }
    if len(distances) > 1:
        note = "no error bar: it is one itself, of a single image"
        found[f"{score}_std"] = Measured(float(distances.std()), n=len(distances), note=note)
    return found


def _compute_layers(network: str, **layers: Tensors) -> Mapping[str, Measured]:
    return {
        f"{network}_{layer}": mean_over_images(pairs["distance"]) for layer, pairs in layers.items()
    }


def _metric(network: str, face: bool, variants: Mapping[str, Metric]) -> Metric:
    score = f"{network}_face" if face else network
    title = TITLES[network] + (", face" if face else "")
    return Metric(
        version=1,
        inputs={"pairs": Input(Stream.PAIRS, Distances(network, face=face), face=face)},
        compute=functools.partial(_compute, score),
        columns={
            score: Column(f"{title})", lower_is_better=True),
            f"{score}_median": Column(f"{title}, median)", lower_is_better=True, median=True),
            f"{score}_std": Column(
                f"{title}, std over images)",
                lower_is_better=None,
                about="How much LPIPS varies from image to image.",
                optional=True,
            ),
        },
        variants=variants,
        symmetric=True,
    )


def _layers(network: str) -> Metric:
    """What each layer adds: their sum is LPIPS, and all of them take one forward pass."""
    names = {f"layer{i + 1}": str(i + 1) for i in range(LAYERS[network])}
    return Metric(
        version=1,
        inputs={
            name: Input(Stream.PAIRS, Distances(network, layer)) for name, layer in names.items()
        },
        compute=functools.partial(_compute_layers, network),
        columns={
            f"{network}_{name}": Column(f"{TITLES[network]}, layer {layer})", lower_is_better=True)
            for name, layer in names.items()
        },
        symmetric=True,
    )


METRIC = _metric(
    "lpips_alex",
    False,
    {
        "vgg": _metric("lpips_vgg", False, {}),
        "squeeze": _metric("lpips_squeeze", False, {}),
        "alex-face": _metric("lpips_alex", True, {}),
        "vgg-face": _metric("lpips_vgg", True, {}),
        "squeeze-face": _metric("lpips_squeeze", True, {}),
        "alex-layers": _layers("lpips_alex"),
        "vgg-layers": _layers("lpips_vgg"),
        "squeeze-layers": _layers("lpips_squeeze"),
    },
)
