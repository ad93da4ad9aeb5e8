"""All metrics of one model through the engine, beside the tools that people use for them.

    python benchmarks/evaluation.py --images 2000

The tools are timed twice over: in their best combination (torch-fidelity once for all that it
can share, a second time for reconstructions, and one tool for each of the rest), and one tool
for each metric. Both sides see the same images, from memory, with nothing cached.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lpips
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from scipy.ndimage import convolve
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from ssim import SETTINGS, by_fft
from torch import Tensor
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

import genbench
from genbench.data import Dataset, open_dataset
from genbench.features import inception

SIDE = 64
METRICS = (
    "fid:768",
    "kid:768",
    "fid_inf:768",
    "precision_recall:768",
    "swd",
    "ms_ssim",
    "rmse",
    "psnr",
    "ssim",
    "lpips",
    "lpips:vgg",
    "rfid:768",
)
BINOMIAL = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256.0


class Noisy:
    """Stands for a model: costs nothing, so that only measuring is timed."""

    def __init__(self, data: Dataset, n: int) -> None:
        self.images = data.train.take(torch.arange(n, 2 * n))

    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        rows = torch.randint(len(self.images), (n,), generator=rng)
        return floats(blur(self.images[rows]))

    def encode(self, images: Tensor) -> Tensor:
        return images.flatten(1)

    def decode(self, latents: Tensor) -> Tensor:
        images = latents.view(-1, 3, SIDE, SIDE)
        return torch.nn.functional.avg_pool2d(images, 3, 1, 1)


def blur(images: Tensor) -> Tensor:
    return torch.nn.functional.avg_pool2d(images.float(), 3, 1, 1).round().to(torch.uint8)


def floats(images: Tensor) -> Tensor:
    return images.float() / 127.5 - 1


class Tools:
    """Other people's implementations, each with a clock."""

    def __init__(self, data: Dataset, n: int) -> None:
        self.real = data.train.take(torch.arange(n))
        self.fake = blur(data.train.take(torch.arange(n, 2 * n)))
        self.inputs = data.test.take(torch.arange(min(n, len(data.test))))
        self.outputs = blur(self.inputs)
        self.network = torch_fidelity()
        self.took: dict[str, float] = {}

    def time(self, name: str, work: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        found = work()
        self.took[name] = time.perf_counter() - began
        return found

    def features(self, images: Tensor) -> Tensor:
        with torch.no_grad():
            return torch.cat([self.network(part)[0] for part in torch.split(images, 64)])

    def run(self) -> dict[str, float]:
        real, fake = self.time("features", lambda: [*map(self.features, (self.real, self.fake))])
        again = self.time(
            "features of reconstructions",
            lambda: [*map(self.features, (self.inputs, self.outputs))],
        )
        self.time("fid", lambda: fid(real, fake))
        self.time("fid_inf", lambda: [fid(real[:k], fake[:k]) for k in sizes(len(real))])
        size = min(1000, len(real))
        self.time(
            "kid",
            lambda: kid_features_to_metric(
                real, fake, kid_subset_size=size, kid_subsets=100, verbose=False
            ),
        )
        self.time("precision_recall", lambda: prc_features_to_metric(real, fake, verbose=False))
        self.time("rfid", lambda: fid(*again))
        self.time("swd", lambda: plain_swd(self.real.numpy(), self.fake.numpy()))
        a, b = self.fake[0::2].double().numpy(), self.fake[1::2].double().numpy()
        self.time("ms_ssim", lambda: [by_fft(*parts) for parts in batches(a, b)])
        pairs = list(zip(self.inputs.numpy(), self.outputs.numpy(), strict=True))
        self.time(
            "ssim",
            lambda: [
                structural_similarity(x, y, channel_axis=0, **SETTINGS)  # type: ignore[no-untyped-call]  # skimage has no types
                for x, y in pairs
            ],
        )
        self.time("psnr", lambda: [peak_signal_noise_ratio(x, y, data_range=255) for x, y in pairs])  # type: ignore[no-untyped-call]
        self.time("rmse", lambda: [np.sqrt(np.mean((x.astype(float) - y) ** 2)) for x, y in pairs])
        for net in ("alex", "vgg"):
            loss = lpips_network(net)
            self.time(f"lpips {net}", lambda loss=loss: self.perceptual(loss))  # type: ignore[misc]
        return self.took

    def perceptual(self, loss: Any) -> None:
        with torch.no_grad():
            for a, b in zip(
                torch.split(self.inputs, 64), torch.split(self.outputs, 64), strict=True
            ):
                loss(floats(a), floats(b))


def batches(*arrays: NDArray[np.float64]) -> Iterator[tuple[NDArray[np.float64], ...]]:
    for start in range(0, len(arrays[0]), 64):
        yield tuple(array[start : start + 64] for array in arrays)


def sizes(n: int) -> list[int]:
    """As many numbers of images as our extrapolation looks at."""
    return [int(n * share) for share in np.linspace(0.1, 1, 10)]


def torch_fidelity() -> FeatureExtractorInceptionV3:
    """Its network with the weights at hand; what is above Mixed_6e is drawn, and unused."""
    folder = Path(os.environ["GENBENCH_WEIGHTS"])
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "weights.pth"
        torch.save({}, path)
        FeatureExtractorInceptionV3.load_state_dict = lambda *_, **__: None  # type: ignore[method-assign,assignment]
        network = FeatureExtractorInceptionV3(
            "i", ["768"], feature_extractor_weights_path=str(path)
        )
        del FeatureExtractorInceptionV3.load_state_dict
    network.load_state_dict(load_file(folder / inception.TO_MIXED6E.names[0]), strict=False)
    return network


def lpips_network(net: str) -> Any:
    loss = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
    return loss.eval()


def fid(a: Tensor, b: Tensor) -> Any:
    return fid_statistics_to_metric(
        fid_features_to_statistics(a), fid_features_to_statistics(b), verbose=False
    )


def plain_swd(real: NDArray[np.uint8], fake: NDArray[np.uint8]) -> float:
    """As the evaluation that came with PGGAN does it: numpy, a level at a time."""
    rng, scores = np.random.RandomState(0), []
    pyramids = [laplacian(images.astype(np.float32)) for images in (real, fake)]
    for a, b in zip(*pyramids, strict=True):
        sides = [normalised(patches(x, rng)) for x in (a, b)]
        gaps = []
        for _ in range(4):
            directions = rng.randn(sides[0].shape[1], 128)
            directions = (directions / np.linalg.norm(directions, axis=0)).astype(np.float32)
            p, q = (np.sort(side @ directions, axis=0) for side in sides)
            gaps.append(np.mean(np.abs(p - q)))
        scores.append(1000 * float(np.mean(gaps)))
    return float(np.mean(scores))


def laplacian(images: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    levels = []
    while images.shape[-1] >= 32:
        small = convolve(images, BINOMIAL[None, None], mode="mirror")[:, :, ::2, ::2]
        large = np.zeros_like(images)
        large[:, :, ::2, ::2] = small
        levels.append(images - convolve(large, 4 * BINOMIAL[None, None], mode="mirror"))
        images = small
    return [*levels, images]


def patches(images: NDArray[np.float32], rng: np.random.RandomState) -> NDArray[np.float32]:
    n, side = 128 * len(images), images.shape[-1]
    image, channel, row, column = np.ogrid[0:n, 0:3, -3:4, -3:4]
    rows = row + rng.randint(3, side - 3, size=(n, 1, 1, 1))
    columns = column + rng.randint(3, side - 3, size=(n, 1, 1, 1))
    return images[image // 128, channel, rows, columns]


def normalised(found: NDArray[np.float32]) -> NDArray[np.float32]:
    found -= found.mean((0, 2, 3), keepdims=True)
    found /= found.std((0, 2, 3), keepdims=True)
    return found.reshape(len(found), -1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=2000)
    n = parser.parse_args().images
    if "GENBENCH_WEIGHTS" not in os.environ:
        print("evaluation: left out, GENBENCH_WEIGHTS does not say where the networks' weights are")
        return
    data = open_dataset("celeba" if "GENBENCH_DATA" in os.environ else "toyfaces:20000", SIDE)
    pairs = min(n, len(data.test))
    with tempfile.TemporaryDirectory() as cache:
        kept = os.environ.get("GENBENCH_CACHE")
        os.environ["GENBENCH_CACHE"] = cache  # nothing of an earlier run helps
        began = time.perf_counter()
        genbench.evaluate(
            {"noisy": Noisy(data, n)}, data=data, metrics=METRICS, images=n, pairs=pairs, repeats=1
        )
        ours = time.perf_counter() - began
        if kept is not None:
            os.environ["GENBENCH_CACHE"] = kept
    took = Tools(data, n).run()
    best = sum(took.values())
    # The features of real and generated images once for each metric that wants them.
    each = best + took["features"] * 3
    print(
        f"{len(METRICS)} metrics, {n} images and {pairs} pairs of {SIDE}x{SIDE}, "
        f"{torch.get_num_threads()} threads"
    )
    for name, seconds in took.items():
        print(f"  {name:<30}{seconds:9.1f} s")
    print(f"all through the engine        {ours:9.1f} s")
    print(f"tools, best combination       {best:9.1f} s  {best / ours:6.2f} times as long")
    print(f"tools, one for each metric    {each:9.1f} s  {each / ours:6.2f} times as long")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
