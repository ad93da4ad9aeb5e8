"""Words of all the promises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor

Tensors: TypeAlias = Mapping[str, "Tensor"]
Json: TypeAlias = Any  # what json.dumps takes: dict, list, str, int, float, bool, None
