"""The digest of a model's images: of their bytes in order, and of nothing else."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
import torch
from draws import rng
from torch import Tensor

import genbench
from genbench.evaluation.image_digest import ImageDigest, whole

IMAGES = torch.randint(0, 256, (20, 3, 8, 8), generator=rng(1), dtype=torch.uint8)


def digest_of(*batches: tuple[int, Tensor]) -> ImageDigest:
    found = ImageDigest()
    for start, images in batches:
        found.add(images, start)
    return found


def test_it_is_the_digest_of_the_digests_of_all_images() -> None:
    rows = b"".join(hashlib.sha256(image.numpy().tobytes()).digest()[:16] for image in IMAGES)

    found = whole([digest_of((0, IMAGES)).rows()])

    assert found == hashlib.sha256(rows).hexdigest()[:16]
    assert whole([]) is whole([b""]) is None


@pytest.mark.parametrize("size", [1, 3, 7, 20])
def test_batches_processes_and_layout_in_memory_do_not_matter(size: int) -> None:
    one = whole([digest_of((0, IMAGES)).rows()])
    odd = IMAGES.contiguous(memory_format=torch.channels_last)

    cut = digest_of(*((at, odd[at : at + size]) for at in range(0, 20, size)))
    shares = digest_of((0, IMAGES[:size])), digest_of((size, IMAGES[size:]))

    assert whole([cut.rows()]) == one
    assert whole(share.rows() for share in shares) == one


def test_rows_that_did_not_fit_and_are_made_again_count_once() -> None:
    again = digest_of((0, IMAGES[:16]), (0, IMAGES[:8]), (8, IMAGES[8:16]), (16, IMAGES[16:]))

    assert again.rows() == digest_of((0, IMAGES)).rows()


@pytest.mark.parametrize("change", ["value", "order", "number"])
def test_other_images_have_another_digest(change: str) -> None:
    images = IMAGES.clone()
    if change == "value":
        images[19, 2, 7, 7] ^= 1
    elif change == "order":
        images[[0, 1]] = images[[1, 0]]
    else:
        images = images[:19]

    assert digest_of((0, images)).rows() != digest_of((0, IMAGES)).rows()


class Noise:
    """Whose samples and reconstructions are worked out by hand below."""

    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        return torch.rand(n, 3, 16, 16, generator=rng) * 2 - 1

    def encode(self, images: Tensor) -> Tensor:
        return images

    def decode(self, latents: Tensor) -> Tensor:
        return latents / 2


def test_every_record_has_the_digests_of_the_images_that_its_metric_has_seen() -> None:
    from genbench.data import open_dataset
    from genbench.images import to_bytes, to_floats
    from genbench.runtime import seeds

    data = open_dataset("toyfaces:120", 16)
    how: dict[str, Any] = {"images": 40, "pairs": 20, "repeats": 2, "metrics": ["swd", "rmse"]}

    frame = genbench.evaluate(Noise(), data=data, batch=7, **how)

    held_out = data.test.take(seeds.permutation(len(data.test), 0, "held out")[:20])
    rebuilt = whole([digest_of((0, to_bytes(to_floats(held_out) / 2))).rows()])
    sets = frame.provenance[frame.score == "swd"].iloc[0]["images"]["samples"].split()
    assert frame.provenance[frame.score == "rmse"].iloc[0]["images"] == {"pairs": rebuilt}
    assert len(set(sets)) == 2
