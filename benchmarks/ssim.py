"""SSIM and MS-SSIM beside what people use: ours, theirs, and the ratio."""

from __future__ import annotations

import numpy as np
import torch
from _timing import side_by_side
from numpy.typing import NDArray
from scipy.signal import fftconvolve
from skimage.metrics import structural_similarity
from torch import Tensor

from genbench.registry import plugin

SETTINGS = {
    "gaussian_weights": True,
    "sigma": 1.5,
    "use_sample_covariance": False,
    "data_range": 255,
}
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def similar_pairs(n: int, side: int) -> tuple[Tensor, Tensor]:
    images = torch.randint(0, 256, (n, 3, side, side), dtype=torch.uint8)
    noise = torch.randint(-20, 21, images.shape)
    return images, (images + noise).clamp(0, 255).to(torch.uint8)


def beside_skimage(n: int, side: int) -> None:
    a, b = similar_pairs(n, side)
    side_by_side(
        f"SSIM, {n} pairs of {side}x{side}, skimage",
        lambda: plugin("metric", "ssim").open().ssim(a, b),
        lambda: [
            structural_similarity(x, y, channel_axis=0, **SETTINGS)  # type: ignore[no-untyped-call]  # skimage has no types
            for x, y in zip(a.numpy(), b.numpy(), strict=True)
        ],
        rounds=3,
    )


def beside_fft(n: int, side: int) -> None:
    """Windows by FFT in numpy's float64, as in the evaluation that came with PGGAN."""
    a, b = similar_pairs(n, side)
    side_by_side(
        f"MS-SSIM, {n} pairs of {side}x{side}, numpy and FFT",
        lambda: plugin("metric", "ms_ssim").open().ms_ssim(a, b),
        lambda: by_fft(a.double().numpy(), b.double().numpy()),
        rounds=3,
    )


def by_fft(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    product = np.ones(len(a))
    for scale, weight in enumerate(WEIGHTS):
        size = min(11, a.shape[2])
        offset = np.arange(size) - (size - 1) / 2
        window = np.exp(-(offset**2 + offset[:, None] ** 2) / (2 * (1.5 * size / 11) ** 2))
        window = (window / window.sum())[None, None]
        ma, mb, aa, bb, ab = (
            fftconvolve(x, window, mode="valid") for x in (a, b, a * a, b * b, a * b)
        )
        likeness = (2 * (ab - ma * mb) + 58.5225) / (aa - ma**2 + bb - mb**2 + 58.5225)
        if scale == len(WEIGHTS) - 1:
            likeness = likeness * (2 * ma * mb + 6.5025) / (ma**2 + mb**2 + 6.5025)
        product *= np.clip(likeness.mean((1, 2, 3)), 0, None) ** weight
        a, b = _halved(a), _halved(b)
    return product


def _halved(x: NDArray[np.float64]) -> NDArray[np.float64]:
    n, channels, height, width = x.shape
    blocks = x.reshape(n, channels, max(height // 2, 1), -1, max(width // 2, 1), min(width, 2))
    return np.asarray(blocks.mean((3, 5)))


if __name__ == "__main__":
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}; ours, theirs, ratio")
    beside_skimage(64, 128)
    beside_skimage(16, 256)
    beside_fft(64, 128)
    beside_fft(16, 256)
