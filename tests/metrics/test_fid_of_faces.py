"""FID of real photographs with the real network, end to end."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from genbench import features
from genbench.accumulators.merge import finished
from genbench.interfaces import Pass, Tensors
from genbench.registry import plugin

METRIC = plugin("metric", "fid").load().variants["768"]
ARCHIVE = "celeba10k-aligned-89x109.zip"
N = 300


@pytest.fixture
def faces() -> Tensor:
    """The first 600 faces: short side to 64, centre square."""
    for name in ("GENBENCH_DATA", "GENBENCH_WEIGHTS"):
        if name not in os.environ:
            pytest.skip(f"{name} is not set")
    with zipfile.ZipFile(Path(os.environ["GENBENCH_DATA"]) / ARCHIVE) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        return torch.stack([_face(archive.read(name)) for name in names[: 2 * N]])


def _face(data: bytes) -> Tensor:
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    picture = picture.resize((64, 64 * picture.height // picture.width), Image.Resampling.BILINEAR)
    top = (picture.height - 64) // 2
    return torch.from_numpy(np.array(picture.crop((0, top, 64, top + 64)))).permute(2, 0, 1)


def _batches(images: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    return zip(torch.split(images, 30), torch.split(torch.arange(len(images)), 30), strict=True)


def _gathered(images: Tensor, side: int) -> Tensors:
    network = features.load(
        "inception", weights_dir=Path(os.environ["GENBENCH_WEIGHTS"]), device=torch.device("cpu")
    )
    sums = METRIC.inputs["real"].statistic.start(
        Pass(torch.device("cpu"), len(images), 64, side, 0)
    )
    for batch, index in _batches(images):
        sums.update((network(batch, ("768",))["768"],), index)
    return finished(
        METRIC.inputs["real"].statistic, Pass(torch.device("cpu"), len(images), 64, side, 0), sums
    )


@pytest.mark.assets
@pytest.mark.slow
def test_faces_are_near_other_faces_and_far_from_noise(faces: Tensor) -> None:
    """Golden: what torch-fidelity 0.4 gives, network and distance, for the same pixels."""
    rng = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 256, (N, 3, 64, 64), generator=rng, dtype=torch.uint8)
    real = _gathered(faces[:N], 0)

    near = METRIC(real=real, generated=_gathered(faces[N:], 1))["fid_768"].value
    far = METRIC(real=real, generated=_gathered(noise, 1))["fid_768"].value

    assert near == pytest.approx(0.3045, rel=1e-3)
    assert far == pytest.approx(3.995, rel=1e-3)
