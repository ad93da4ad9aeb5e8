"""A buffer of older generated images, which keeps an encoder from chasing the newest ones.

Source: A. Shrivastava et al., "Learning from Simulated and Unsupervised Images through
    Adversarial Training", CVPR 2017, section 2.3.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Generator, Tensor, nn

from genbench.distributed import gathered, own


class ImageBuffer(nn.Module):
    """Some images of the present phase; all of its state is in ``state_dict``.

    The images lie in one flat tensor, as long as the hungriest phase needs, so that its shape
    never changes. The two counters are kept as plain numbers beside their tensors: reading a
    tensor at every step would make a GPU wait.
    """

    storage: Tensor  # (longest,) the images of the present phase, one after the other
    counters: Tensor  # (2,) int64: phase, number of images held

    def __init__(
        self, capacities: Mapping[int, int], shapes: Mapping[int, tuple[int, ...]]
    ) -> None:
        """Make room.

        Args:
            capacities: phase -> images held, 0 for none.
            shapes: phase -> shape of an image.
        """
        super().__init__()
        self.capacities, self.shapes = dict(capacities), dict(shapes)
        longest = max(n * math.prod(shapes[phase]) for phase, n in capacities.items())
        self.register_buffer("storage", torch.zeros(longest))
        self.register_buffer("counters", torch.tensor([-1, 0]))
        self.phase, self.held = -1, 0
        self.register_load_state_dict_post_hook(_read_counters)  # type: ignore[no-untyped-call]  # torch's

    def mix(self, images: Tensor, phase: int, rng: Generator) -> Tensor:
        """Trade new images for older ones.

        While there is room an image is kept and also used. After that each one, with
        probability 1/2, takes the place of a random kept image, which is used instead.

        Every process keeps the images of all: which of them an image is traded for depends on
        all that came before.

        Args:
            images: new ones, (n, c, h, w), without gradient.
            phase: their phase; the buffer forgets the images of any other.
            rng: source of the coins.

        Returns:
            (n, c, h, w), the images to use. *images* stays as it was.
        """
        capacity = self.capacities[phase]
        if not capacity:
            return images
        if phase != self.phase:
            self._note(phase, 0)
        shape = self.shapes[phase]
        kept = self.storage[: capacity * math.prod(shape)].view(capacity, *shape)
        images = gathered(images)
        plugin = min(capacity - self.held, len(images))
        if plugin:
            kept[self.held : self.held + plugin] = images[:plugin]
            self._note(phase, self.held + plugin)
        return own(torch.cat([images[:plugin], _trade(kept, images[plugin:], rng)]))

    def _note(self, phase: int, held: int) -> None:
        self.phase, self.held = phase, held
        self.counters[0].fill_(phase)
        self.counters[1].fill_(held)


def _trade(kept: Tensor, new: Tensor, rng: Generator) -> Tensor:
    """Put some of *new* in *kept*, one after the other, and return what each one was traded for.

    All at once rather than in a loop: an image that meets a place taken earlier in the same
    batch receives the image that took it.
    """
    n = len(new)
    coins = torch.rand(n, generator=rng, device=rng.device).to(kept.device) < 0.5
    places = torch.randint(len(kept), (n,), generator=rng, device=rng.device).to(kept.device)
    order = torch.arange(n, device=kept.device)
    # takers[i, j]: image j goes where image i would go
    takers = (places[:, None] == places[None, :]) & coins[None, :]
    earlier = takers & (order[None, :] < order[:, None])
    old = kept[places]
    given = _newest(earlier, order, new, old)
    # Rows that share a place all write the image of the last taker, so their order is no matter.
    kept[places] = _newest(takers, order, new, old)
    return torch.where(_spread(coins, new), given, new)


def _newest(takers: Tensor, order: Tensor, new: Tensor, old: Tensor) -> Tensor:
    """The image in each row's place: that of the last of its takers, or the old one."""
    last = torch.where(takers, order[None, :], -1).amax(1) if len(order) else order
    return torch.where(_spread(last >= 0, new), new[last.clamp_min(0)], old)


def _spread(rows: Tensor, like: Tensor) -> Tensor:
    return rows.view(-1, *[1] * (like.dim() - 1))


def _read_counters(buffer: nn.Module, _: Any) -> None:
    assert isinstance(buffer, ImageBuffer)
    buffer.phase, buffer.held = (int(number) for number in buffer.counters.tolist())
