"""Evidence on disk is found again by what made it, not by the word for it."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from genbench.accumulators import pair_metric
from genbench.evaluation.evidence_cache import Cache
from genbench.interfaces import Column

COLUMNS = {"gap": Column("gap", lower_is_better=True)}


def of_ours(a: Tensor, b: Tensor) -> Tensor:
    return (a.double() - b.double()).abs().mean((1, 2, 3))


def of_theirs(a: Tensor, b: Tensor) -> Tensor:
    return (a.double() - b.double()).square().mean((1, 2, 3))


def test_two_packages_may_call_two_things_by_one_word(tmp_path: Path) -> None:
    cache = Cache(tmp_path, {"fingerprint": "0"})
    ours, theirs = (pair_metric(each, COLUMNS).inputs["pairs"] for each in (of_ours, of_theirs))

    cache.save(ours, None, {"gap": torch.ones(2)})

    assert cache.load(theirs, None) is None
    found = cache.load(pair_metric(of_ours, COLUMNS).inputs["pairs"], None)
    assert found is not None
    assert found["gap"].tolist() == [1, 1]
