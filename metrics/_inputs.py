"""What the pure functions take: tensors on any device, or numpy arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from genbench.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

Array: TypeAlias = "Tensor | NDArray[Any]"
Range: TypeAlias = "tuple[float, float]"

TOP = 255.0  # white in grey levels; MAX of pSNR
SLACK = 1e-3  # beyond a declared range, of values and not of the range: what rounding may do


def as_rows(rows: Array) -> Tensor:
    """Features or logits as a tensor; whether they fit is for the caller to say."""
    return _tensor(rows)


def as_images(images: Array, value_range: Range | None = None) -> Tensor:
    """Images in grey levels of 0..255: uint8 as they are, floats of a declared range scaled.

    Args:
        images: uint8; or floats, of which nobody guesses the range.
        value_range: what black and white are in floats, (-1, 1) or (0, 1) or (0, 255).

    Returns:
        uint8, or float64 of 0 to 255.

    Raises:
        BadInput: other types, floats without a range or outside it, values that are not finite.
    """
    x = _tensor(images)
    if x.dtype == torch.uint8:
        if value_range not in (None, (0, 255)):
            raise BadInput(
                f"uint8 images have values of 0..255, not of {_words(value_range)}; "
                "leave value_range out, or give floats"
            )
        return x
    if not x.is_floating_point():
        raise BadInput(f"images must be uint8 of 0..255 or floats, got {x.dtype}; convert them")
    if value_range is None:
        raise BadInput(
            f"floats need a range: images must be uint8 of 0..255, got {x.dtype}; "
            "or say what black and white are, as in value_range=(-1, 1)"
        )
    low, high = value_range
    if not low < high:
        raise BadInput(f"value_range must rise from black to white, got {_words(value_range)}")
    _check_values(x, low, high)
    return (x.double() - low).mul_(TOP / (high - low)).clamp_(0, TOP)


def _check_values(x: Tensor, low: float, high: float) -> None:
    if x.numel() == 0:
        return
    if not bool(x.isfinite().all()):
        bad = int(x.isfinite().flatten(1).all(1).logical_not().nonzero()[0]) if x.ndim > 1 else 0
        raise BadInput(f"image {bad} has values that are not finite; look at what made it")
    least, most = float(x.min()), float(x.max())
    if least < low - SLACK or most > high + SLACK:
        raise BadInput(
            f"images were said to be within {_words((low, high))} and go from {least:.6g} to "
            f"{most:.6g}; declare the right value_range, or clamp them first"
        )


def _words(value_range: Range | None) -> str:
    return "?" if value_range is None else f"[{value_range[0]:g}, {value_range[1]:g}]"


def _tensor(numbers: Array) -> Tensor:
    if isinstance(numbers, Tensor):
        return numbers
    array = np.asarray(numbers)
    # torch does not take views that run backwards, and warns of memory it may not write to.
    return torch.from_numpy(array if array.flags.writeable and array.flags.c_contiguous
                            else array.copy())  # fmt: skip
