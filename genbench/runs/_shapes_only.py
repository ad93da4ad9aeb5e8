"""Building a network without the numbers in it, for one that is only looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # the name torch's own documentation uses
from torch.nn import init
from torch.overrides import TorchFunctionMode

AS_THEIR_FIRST = frozenset(  # what they return has the shape of their first argument
    {
        torch.Tensor.normal_,
        torch.Tensor.uniform_,
        init.normal_,
        init.uniform_,
        init.kaiming_uniform_,
        F.normalize,
    }
)


class ShapesOnly(TorchFunctionMode):
    """Leaves tensors as they are where first weights would be drawn into them, or normalised.

    On the meta device there are no numbers, and yet torch imports its compiler to draw them there:
    a page that takes a second would take ten.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """The first argument of those; anything else as it is without this mode."""
        named = kwargs or {}
        if func in AS_THEIR_FIRST:
            return next(iter((*args, *named.values())))
        return func(*args, **named)
