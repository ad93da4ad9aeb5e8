"""Global generators are set and put back, and a draw from any of them is noticed."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from genbench.runtime.global_random import seeded

DRAWS: list[Callable[[], Any]] = [
    lambda: torch.rand(3).tolist(),
    lambda: np.random.rand(3).tolist(),
    lambda: np.random.standard_normal(),
    lambda: random.random(),
    lambda: random.gauss(0, 1),
]


@pytest.mark.parametrize("draw", DRAWS)
def test_one_seed_gives_the_same_and_the_caller_notices_nothing(draw: Callable[[], Any]) -> None:
    with seeded(2**62 + 3):
        first = draw()
    for start in (torch.manual_seed, np.random.seed, random.seed):
        start(7)
    expected = [draw(), draw()]
    for start in (torch.manual_seed, np.random.seed, random.seed):
        start(7)

    found = [draw()]
    with seeded(2**62 + 3) as drawn:
        assert not drawn()
        again = draw()
        assert drawn()
    found.append(draw())

    assert again == first
    assert found == expected


def test_it_is_put_back_after_an_error() -> None:
    before = torch.get_rng_state()

    with pytest.raises(ValueError, match="x"), seeded(1):
        torch.rand(2)
        raise ValueError("x")

    assert torch.equal(torch.get_rng_state(), before)
