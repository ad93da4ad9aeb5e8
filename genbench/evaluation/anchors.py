"""Yardsticks for a table: what any model should be held against."""

from __future__ import annotations

import torch
from torch import Tensor

from genbench.data import Dataset
from genbench.evaluation.candidates import Candidate
from genbench.evaluation.subjects import Subject
from genbench.images import to_floats
from genbench.interfaces import Maker
from genbench.runtime import seeds


def real_images(reference: Tensor, n: int, repeats: int) -> Candidate:
    """Real against real, the floor: training images that are not in the *reference* rows.

    Sets of *n* images are disjoint, for sets that share images would differ too little. There
    are fewer than *repeats* where the training split has no more.
    """

    def load(data: Dataset, device: torch.device) -> Subject:
        rest = torch.ones(len(data.train), dtype=torch.bool)
        rest[reference] = False
        pool = rest.nonzero().flatten()

        order = pool[seeds.permutation(len(pool), 0, "floor")]

        def samples(start: int, stop: int, seed: int, repeat: int) -> Tensor:
            # Floats, which come back as the same bytes unless the evaluation truncates.
            return to_floats(data.train.take(order[repeat * n + start : repeat * n + stop]))

        reasons = {Maker.RECONSTRUCTOR: "real images are not reconstructed"}
        sets = len(pool) // n
        if not sets:
            reasons[Maker.SAMPLER] = (
                f"the floor needs {n} more training images than the reference uses, "
                f"{len(pool)} are left; lower --images to {len(data.train) // 2}"
            )
            return Subject(missing=reasons)
        note = None
        if sets < repeats:
            note = (
                f"beside the reference the training split has {sets} x {n} images without "
                f"repeating any, where models have {repeats} sets; fewer --images leave more"
            )
        return Subject(samples, missing=reasons, note=note, sets=sets)

    return Candidate("real images", "real", load, anchor=True)


def mean_image() -> Candidate:
    """The mean training image for every input: the least that an encoder must beat."""

    def load(data: Dataset, device: torch.device) -> Subject:
        total = torch.zeros(3, data.resolution, data.resolution, dtype=torch.float64)
        for start in range(0, len(data.train), 1024):
            total += data.train.take(slice(start, start + 1024)).double().sum(0)
        mean = to_floats(total / len(data.train)).to(device)
        return Subject(
            reconstruct=lambda asked, _: mean.expand(asked.stop - asked.start, -1, -1, -1),
            missing={Maker.SAMPLER: "the mean image is not a generator"},
        )

    return Candidate("mean image", "mean", load, anchor=True)
