"""Run by tests/evaluation/test_together.py, once for each process: evaluate, say what came out."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import torch
from torch import Generator, Tensor

import genbench
from genbench import features
from genbench.distributed import group
from genbench.errors import GenbenchError

METRICS = [
    "fid",
    "kid",
    "inception_score",
    "precision_recall",
    "swd",
    "rmse",
    "ms_ssim",
    "lpips",
    "neighbours",
    "rfid",
    "ppl",
]


class Fake:
    """A feature network of eight means; the same for any batch."""

    def __init__(self, name: str) -> None:
        self.name, self.files = name, {"made-up.pth": "0" * 64}
        self.layers = ("2048", "logits_unbiased", "all", "all-256")

    def __call__(self, images: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        small = torch.nn.functional.avg_pool2d(images.float(), 8).flatten(1)[:, :8]
        return dict.fromkeys(layers, small / 8)

    def describe(self, layer: str) -> dict[str, str]:
        return {"name": self.name, "digest": "0" * 64}


class Model:
    """Encodes to small images and paints them large."""

    def __init__(self, trouble: str) -> None:
        self.trouble = trouble

    def encode(self, images: Tensor) -> Tensor:
        return torch.nn.functional.avg_pool2d(images, 4).flatten(1)

    def draw(self, n: int, rng: Generator) -> Tensor:
        return torch.rand(n, 3 * 8 * 8, generator=rng) * 2 - 1

    def decode(self, latents: Tensor) -> Tensor:
        images = latents.reshape(-1, 3, 8, 8).repeat_interleave(4, 2).repeat_interleave(4, 3)
        if group.rank() == 1 and self.trouble == "nan":
            images = images * float("nan")
        if group.rank() == 1 and self.trouble == "bug":
            raise ZeroDivisionError("a bug")
        if group.rank() == 1 and self.trouble == "death":
            os._exit(3)
        return images

    def interpolate(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        return a + t[:, None] * (b - a)


def main(devices: int, trouble: str, table: str) -> None:
    metrics, images = METRICS, 150
    if trouble == "weights":
        metrics, images = ["fid:768"], 70
    else:
        features.load = lambda name, **_: Fake(name)  # type: ignore[assignment]
    try:
        frame: Any = genbench.evaluate(
            Model(trouble),
            data="toyfaces:400",
            resolution=32,
            metrics=metrics,
            table=table,
            images=images,
            pairs=50,
            paths=70,
            repeats=2,
            batch=32,
            devices=devices,
        )
    except GenbenchError as error:
        sys.stdout.write(json.dumps({"rank": group.rank(), "error": str(error)}) + "\n")
        return
    numbers = {
        row.score: [
            row.value,
            row.spread,
            row.n,
            row.reason,
            row.protocol_id,
            row.content,
            row.provenance.get("images"),
        ]
        for row in frame.itertuples()
    }
    sys.stdout.write(json.dumps({"rank": group.rank(), "numbers": numbers}) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
