"""What metrics work out of the data's own images alone: once, when the first model needs it."""

from __future__ import annotations

from collections.abc import Callable

from genbench.evaluation.collect import Evidence
from genbench.interfaces import Input, Metric, Tensors

Key = tuple[Callable[..., Tensors], tuple[tuple[str, Input], ...]]


class References:
    """The evidence of the data's own images, and what metrics make of it for all models."""

    def __init__(self, real: Evidence) -> None:
        """Nothing is worked out yet; *real* holds no model's evidence."""
        self.real = real
        self._known: dict[Key, Tensors] = {}

    def of(self, metric: Metric) -> dict[str, Tensors]:
        """The argument ``reference`` of a metric that has one; equal ones are worked out once.

        Raises:
            GenbenchError: evidence is missing or cannot be used.
        """
        if metric.reference is None:
            return {}
        inputs = metric.of_data(metric.inputs)
        key = metric.reference, tuple(inputs.items())
        if key not in self._known:
            given = {name: self.real.of(input_) for name, input_ in inputs.items()}
            self._known[key] = metric.reference(**given)
        return {"reference": self._known[key]}
