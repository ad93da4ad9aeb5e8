"""The buffer of older generated images."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
import torch
from torch import Tensor

ImageBuffer: Any = import_module("genbench.baselines._parts.image_buffer").ImageBuffer


def buffer(capacity: int) -> Any:
    return ImageBuffer({0: capacity, 1: capacity // 2}, {0: (1, 1, 1), 1: (1, 2, 2)})


def numbered(start: int, n: int, size: int = 1) -> Tensor:
    """Images that are their own number."""
    return torch.arange(start, start + n).float().view(n, 1, 1, 1).expand(n, 1, size, size)


def one_by_one(capacity: int, batches: list[Tensor], rng: torch.Generator) -> list[list[float]]:
    """The definition, an image at a time, with the coins and places the buffer would draw."""
    kept: list[float] = []
    used = []
    for batch in batches:
        values = batch.flatten(1)[:, 0].tolist()
        space = min(capacity - len(kept), len(values))
        kept += values[:space]
        rest = values[space:]
        coins = torch.rand(len(rest), generator=rng) < 0.5
        places = torch.randint(capacity, (len(rest),), generator=rng).tolist()
        out = values[:space]
        for value, coin, place in zip(rest, coins, places, strict=True):
            if coin:
                out.append(kept[place])
                kept[place] = value
            else:
                out.append(value)
        used.append(out)
    return used


@pytest.mark.parametrize(("capacity", "n"), [(10, 4), (6, 6), (3, 20)])
def test_all_at_once_is_the_same_as_one_by_one(capacity: int, n: int) -> None:
    """Places that meet within a batch included: 20 images on 3 places meet often."""
    batches = [numbered(n * i, n) for i in range(8)]
    expected = one_by_one(capacity, batches, torch.Generator().manual_seed(3))
    rng, ours = torch.Generator().manual_seed(3), buffer(capacity)

    used = [ours.mix(batch, 0, rng).flatten().tolist() for batch in batches]

    assert used == expected


def test_while_there_is_room_images_are_used_as_they_are() -> None:
    ours, rng = buffer(10), torch.Generator().manual_seed(0)

    assert torch.equal(ours.mix(numbered(0, 5), 0, rng), numbered(0, 5))
    assert torch.equal(ours.mix(numbered(5, 5), 0, rng), numbered(5, 5))
    assert ours.held == 10


def test_half_of_the_images_are_traded_when_it_is_full() -> None:
    """Of 4000 fair coins, 150 from the middle is nearly five deviations."""
    ours, rng = buffer(200), torch.Generator().manual_seed(0)
    ours.mix(numbered(0, 200), 0, rng)
    old = sum(
        int((ours.mix(numbered(1000 * i, 40), 0, rng).flatten() < 1000 * i).sum())
        for i in range(1, 101)
    )

    assert old == pytest.approx(2000, abs=150)


def test_images_in_and_out_are_the_same_multiset() -> None:
    """A trade loses nothing: what went in is used or still kept."""
    ours, rng = buffer(8), torch.Generator().manual_seed(0)
    given = [numbered(0, 8)] + [numbered(8 + 5 * i, 5) for i in range(6)]
    used = torch.cat([ours.mix(batch, 0, rng) for batch in given])[8:]
    everything = torch.cat([used.flatten(), ours.storage[:8]])

    assert torch.equal(everything.sort().values, torch.cat(given).flatten())


def test_another_phase_starts_empty() -> None:
    """Also one whose images are larger: they share the storage."""
    ours, rng = buffer(8), torch.Generator().manual_seed(0)
    ours.mix(numbered(0, 8), 0, rng)
    large = numbered(100, 3, size=2)

    assert torch.equal(ours.mix(large, 1, rng), large)
    assert ours.held == 3
    assert (ours.mix(numbered(200, 40, size=2), 1, rng) >= 100).all()


def test_state_survives_a_checkpoint() -> None:
    """The plain counters follow the tensors that were loaded; a phase change still empties."""
    first, rng = buffer(8), torch.Generator().manual_seed(0)
    first.mix(numbered(0, 6), 0, rng)
    second = buffer(8)
    second.load_state_dict(first.state_dict(), strict=True)

    assert (second.phase, second.held) == (0, 6)
    a = first.mix(numbered(6, 6), 0, torch.Generator().manual_seed(1))
    b = second.mix(numbered(6, 6), 0, torch.Generator().manual_seed(1))
    assert torch.equal(a, b)
    third = buffer(8)
    third.load_state_dict(first.state_dict(), strict=True)
    assert torch.equal(third.mix(numbered(0, 4, 2), 1, rng), numbered(0, 4, 2))


def test_no_capacity_means_no_buffer() -> None:
    images = numbered(0, 4)

    assert buffer(0).mix(images, 0, torch.Generator()) is images
