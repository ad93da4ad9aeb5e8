"""Metrics beside the libraries that people use: ours, theirs, and the ratio."""

from __future__ import annotations

import contextlib
import warnings

import numpy as np
import scipy.linalg
import torch
from _timing import side_by_side
from torch_fidelity.interpolate_compat_tensorflow import (
    interpolate_bilinear_2d_like_tensorflow1x,
)

from genbench import features
from genbench.errors import MissingWeights
from genbench.registry import plugin


def frechet(d: int) -> None:
    distance = plugin("metric", "fid").open().frechet_distance
    rows = [torch.randn(2 * d, d, dtype=torch.float64) for _ in range(2)]
    means, covs = [x.mean(0) for x in rows], [x.T.cov() for x in rows]

    def textbook() -> float:
        root = scipy.linalg.sqrtm(covs[0].numpy() @ covs[1].numpy()).real
        gap = float((means[0] - means[1]).square().sum())
        return float(gap + covs[0].trace() + covs[1].trace() - 2 * np.trace(root))

    side_by_side(
        f"Fréchet distance, {d} features, scipy sqrtm",
        lambda: distance(means[0], covs[0], means[1], covs[1]),
        textbook,
        rounds=3,
    )


def resize(n: int, side: int) -> None:
    from genbench.features.inception import resized

    images = torch.randint(0, 256, (n, 3, side, side), dtype=torch.uint8)
    side_by_side(
        f"TF1 resize {side} to 299, {n} images, torch-fidelity",
        lambda: resized(images.float()),
        lambda: interpolate_bilinear_2d_like_tensorflow1x(
            images.float(), size=(299, 299), align_corners=False
        ),
    )


def inception(n: int) -> None:
    """Images a second to the deepest layer that the weights at hand can give."""
    with contextlib.suppress(MissingWeights):
        network = features.load("inception", weights_dir=None, device=torch.device("cpu"))
        images = torch.randint(0, 256, (n, 3, 64, 64), dtype=torch.uint8)
        layer = network.layers[-1] if "2048" not in network.layers else "2048"
        from _timing import seconds

        network(images, (layer,))
        took = min(seconds(lambda: network(images, (layer,))) for _ in range(3))
        print(f"Inception to layer {layer}: {n / took:.1f} images/s")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}; ours, theirs, ratio")
    frechet(768)
    frechet(2048)
    resize(32, 64)
    inception(32)
