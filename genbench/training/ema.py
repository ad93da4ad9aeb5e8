"""Running averages of weights, kept by the engine for the networks a model names."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from genbench import runs
from genbench.interfaces import Averages, Learns, Settles

STATISTICS = ("running_mean", "running_var")


class EMA:
    """average <- decay * average + (1 - decay) * weights, once a step.

    Parameters are averaged, and the running statistics of batch norms, which belong to them;
    other buffers are copied. A model whose buffers follow from its weights
    brings them in line once the averages are in place (`Settles`). Parameters that have not
    been trained yet (later blocks of a growing network) are averaged with the rest and stay
    what they are.
    """

    def __init__(self, model: Learns) -> None:
        """Start from the present weights of *model*."""
        self.model = model
        self.decay = model.average_decay() if isinstance(model, Averages) else 0.0
        networks = runs.averaged(model).items()
        self.weights: dict[str, Tensor] = {
            f"{name}.{key}": weight
            for name, net in networks
            for key, weight in net.named_parameters()
        }
        self.buffers = {
            f"{name}.{key}": value for name, net in networks for key, value in net.named_buffers()
        }
        statistics = [key for key in self.buffers if key.endswith(STATISTICS)]
        self.weights |= {key: self.buffers.pop(key) for key in statistics}
        self.average = {key: weight.detach().clone() for key, weight in self.weights.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Take the present weights in."""
        if self.average:
            now = [weight.detach() for weight in self.weights.values()]
            torch._foreach_lerp_(list(self.average.values()), now, 1 - self.decay)

    def state(self) -> dict[str, Tensor]:
        """Everything an averaged network needs: averages, and buffers as they are."""
        buffers = {key: value.detach().clone() for key, value in self.buffers.items()}
        return {key: value.clone() for key, value in self.average.items()} | buffers

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a saved state."""
        for key, value in self.average.items():
            value.copy_(state[key])

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """The model with averaged weights, for as long as the block lasts."""
        with torch.no_grad():
            replaced = self.weights | self.buffers
            kept = {key: value.detach().clone() for key, value in replaced.items()}
            for key, weight in self.weights.items():
                weight.copy_(self.average[key])
            try:
                if isinstance(self.model, Settles):
                    self.model.settle()
                yield
            finally:
                for key, value in replaced.items():
                    value.copy_(kept[key])
