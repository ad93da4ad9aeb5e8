"""Nearest training images."""

from __future__ import annotations

import pytest
import torch

from genbench.errors import BadInput, NotEnoughData
from genbench.registry import room

MODULE = room("metric", "neighbours").open()


def noise(n: int, seed: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, 3, 8, 8), generator=rng, dtype=torch.uint8)


def evidence(images: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"images": images}


def test_it_agrees_with_brute_force_across_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MODULE, "ROWS", 3)
    monkeypatch.setattr(MODULE, "COLUMNS", 5)
    images, training = noise(10, 1), noise(13, 2)

    distance, row = MODULE.nearest(images, training)

    apart = (images[:, None].int() - training[None].int()).abs().double().flatten(2).mean(2)
    assert torch.allclose(distance, apart.min(1).values, rtol=1e-6)
    assert torch.equal(row, apart.argmin(1))


def test_a_copy_is_found_at_distance_zero_with_its_row() -> None:
    training = noise(20, 3)

    distance, row = MODULE.nearest(training[[7, 3]], training)

    assert distance.tolist() == [0.0, 0.0]
    assert row.tolist() == [7, 3]


def test_a_memorising_model_is_named_and_an_honest_one_is_not() -> None:
    training, unseen = noise(40, 4), noise(20, 5)

    copied = MODULE.ROOM.compute(evidence(training), evidence(unseen), evidence(training[:10]))
    honest = MODULE.ROOM.compute(evidence(training), evidence(unseen), evidence(noise(10, 6)))

    assert copied["neighbours"].value == copied["neighbours_ratio"].value == 0.0
    assert "much nearer to training images" in str(copied["neighbours_ratio"].note)
    assert honest["neighbours_ratio"].value == pytest.approx(1, abs=0.05)
    assert honest["neighbours_ratio"].note is None


def test_sizes_and_types_that_do_not_fit_are_said() -> None:
    with pytest.raises(BadInput, match=r"uint8 images, got torch\.float32"):
        MODULE.nearest(noise(1, 0).float(), noise(1, 0))
    with pytest.raises(BadInput, match="images of one size"):
        MODULE.nearest(noise(1, 0)[..., :4], noise(1, 0))
    with pytest.raises(NotEnoughData, match="at least one image"):
        MODULE.nearest(noise(0, 0), noise(1, 0))
