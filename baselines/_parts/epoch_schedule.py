"""Schedules that count epochs, in stages of different batch size."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True)
class EpochStage:
    """Where in the epochs a training stands."""

    stage: int
    epoch: int  # from 0, over all stages
    begins: bool  # whether the next step is the first of its stage


@dataclass(frozen=True)
class Epochs:
    """How many epochs each stage has, and how long an epoch is.

    An epoch is as many whole batches as the training images fill, so that no step reaches
    over the end of one: where a training stands is a function of the images shown.
    """

    epochs: tuple[int, ...]  # of each stage
    batches: tuple[int, ...]  # images a step, in each stage
    train_size: int = 0  # images in the training split; unknown at first: an epoch is one batch

    def over(self, train_size: int) -> Epochs:
        """The same, for a training split of so many images."""
        return dataclasses.replace(self, train_size=train_size)

    @property
    def lengths(self) -> list[int]:
        """Images an epoch shows, in each stage."""
        return [max(self.train_size // batch, 1) * batch for batch in self.batches]

    @property
    def total(self) -> int:
        """Images shown in all stages."""
        return sum(n * length for n, length in zip(self.epochs, self.lengths, strict=True))

    def epoch_stage(self, seen: int) -> EpochStage:
        """Stage and epoch after *seen* images; the last ones from the end on."""
        spans = [n * length for n, length in zip(self.epochs, self.lengths, strict=True)]
        starts = [0, *accumulate(spans)][:-1]
        stage = max(k for k, start in enumerate(starts) if start <= seen)
        inside = (seen - starts[stage]) // self.lengths[stage]
        epoch = sum(self.epochs[:stage]) + min(inside, self.epochs[stage] - 1)
        return EpochStage(stage, epoch, seen == starts[stage])
