"""Inception score: how sure a classifier is of each image, and how many classes it sees.

Paper: T. Salimans, I. Goodfellow, W. Zaremba, V. Cheung, A. Radford, X. Chen, "Improved
    Techniques for Training GANs", NeurIPS 2016, arXiv:1606.03498.
Checked against: torch-fidelity 0.4, for the same order of images.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from genbench.accumulators.finite import FiniteCheck, conclude
from genbench.errors import BadInput, NotEnoughData
from genbench.images import Array, as_rows
from genbench.interfaces import Column, Input, Json, Measured, Metric, Pass, State, Stream, Tensors

SPLITS = 10
AT_ONCE = 4096  # images whose probabilities are held, 33 MB
SURE = 1e-9  # above 1: an average over equal images is off by rounding only


def inception_score(logits: Array, *, splits: int = SPLITS) -> tuple[float, float]:
    """exp(E KL(p(y|x) ‖ p(y))), where p(y) is the mean of a split.

    It grows with the number of images in a split, so only equal n / splits compare.

    Args:
        logits: of the classes, (n, classes), tensor or array, in the order in which images
            were made: a set sorted by class would score low.
        splits: parts of consecutive images, i n // splits to (i + 1) n // splits.

    Returns:
        Mean and standard deviation (divisor *splits*) over the splits; the mean is from
        1 to the number of classes.

    Raises:
        BadInput: not (n, classes), or values that are not finite.
        NotEnoughData: fewer images than splits.
    """
    rows = as_rows(logits)
    if rows.ndim != 2 or not rows.isfinite().all():
        raise BadInput(
            f"the inception score needs finite logits (n, classes), got {tuple(rows.shape)}; "
            "look for NaN or infinite values"
        )
    sums = ClassSums(len(rows), splits, rows.device)
    for index in torch.split(torch.arange(len(rows)), AT_ONCE):
        sums.add(rows[index], index)
    scores = split_scores(sums.sums())
    return float(scores.mean()), float(scores.std(correction=0))


class ClassSums:
    """For each split Σ p, Σ p log p and the count, in float64: 80 kB whatever n is."""

    def __init__(self, n: int, splits: int, device: torch.device) -> None:
        """Empty, for *n* images.

        Raises:
            NotEnoughData: a split would be empty.
        """
        if not 1 <= splits <= n:
            raise NotEnoughData(
                f"an inception score of {splits} splits needs {splits} images or more, got {n}; "
                "raise --images"
            )
        self.ends = torch.arange(1, splits + 1) * n // splits
        self.n = torch.zeros(splits, dtype=torch.float64)
        self.p = torch.zeros((), dtype=torch.float64, device=device)
        self.certainty = torch.zeros(splits, dtype=torch.float64, device=device)

    def add(self, logits: Tensor, index: Tensor) -> None:
        """Take logits (n, classes) of the images *index* (n,)."""
        place = torch.bucketize(index, self.ends, right=True)
        # A product, not index_add_, which adds in any order on a GPU.
        which = torch.nn.functional.one_hot(place, len(self.ends)).T.double()
        self.n += which.sum(1)
        which = which.to(logits.device, non_blocking=True)
        p = logits.double().log_softmax(1).exp()
        self.p = self.p + which @ p
        self.certainty += which @ -torch.special.entr(p).sum(1)  # entr(0) is 0

    def sums(self) -> Tensors:
        """All of it; those of other images may be added."""
        return {"images": self.n, "p": self.p, "certainty": self.certainty}


def split_scores(sums: Tensors) -> Tensor:
    """The score of each split, (splits,) float64 on the CPU."""
    n = sums["images"]
    mean = sums["p"].cpu() / n[:, None]
    divergence: Tensor = sums["certainty"].cpu() / n + torch.special.entr(mean).sum(1)
    return divergence.exp()


@dataclass(frozen=True)
class Scores:
    """Keeps the score of each split of consecutive images."""

    splits: int = SPLITS

    @property
    def features(self) -> tuple[str, str]:
        """The product with the last layer's weights, without its bias, as in the paper's code."""
        return "inception", "logits_unbiased"

    def start(self, about: Pass) -> Predictions:
        """Empty sums.

        Raises:
            NotEnoughData: fewer images than splits.
        """
        return Predictions(ClassSums(about.n, self.splits, about.device), about)

    def finish(self, whole: Tensors, about: Pass) -> Tensors:
        """``scores`` (splits,) float64, and the number of images of each split ``n``.

        Raises:
            GenbenchError: a logit is not finite.
        """
        conclude(whole, about.side)
        return {"scores": split_scores(whole), "n": whole["images"]}

    def describe(self) -> dict[str, Json]:
        return {"layer": self.features[1], "statistic": "class-scores", "splits": self.splits}


class Predictions:
    """Class probabilities summed as they come."""

    def __init__(self, sums: ClassSums, about: Pass) -> None:
        self.sums, self.check = sums, FiniteCheck(about.device)

    def update(self, rows: tuple[Tensor, ...], index: Tensor) -> None:
        """Take logits (n, 1008)."""
        self.sums.add(rows[0], index)
        self.check.watch(rows[0], index)

    def state(self) -> State:
        return State(sums=self.sums.sums(), least=self.check.state())


def _compute(generated: Tensors) -> Mapping[str, Measured]:
    scores, n = generated["scores"], generated["n"]
    over = f"std over {len(scores)} splits"
    spread = float(scores.std(correction=0))
    return {
        "inception_score": Measured(float(scores.mean()), spread, over, note=_remark(scores, n))
    }


def _remark(scores: Tensor, n: Tensor) -> str:
    """What the number alone does not say."""
    if bool((scores < 1 + SURE).all()):
        return "1, the least there is: all generated images are identical to the network"
    return (
        "from 1 to 1008, the classes of the network; it says nothing of images of one kind, "
        f"such as faces, and grows with the images of a split, here {int(n.min())}"
    )


METRIC = Metric(
    version=1,
    inputs={"generated": Input(Stream.SAMPLES, Scores())},
    compute=_compute,
    columns={"inception_score": Column("IS", lower_is_better=False)},
    parameters={"splits": SPLITS},
    ordered=True,
)
