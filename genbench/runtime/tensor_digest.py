"""What makes two networks one: the numbers they compute with, not the files these came in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

import numpy as np
from torch import Tensor


def digest(tensors: Iterable[tuple[str, Tensor]]) -> str:
    """sha256 over names, shapes and float32 numbers, in the order of the names.

    Half precision is widened without loss, so a file and its copy in float32 are one network.
    """
    found = hashlib.sha256()
    for name, tensor in sorted(tensors, key=lambda item: item[0]):
        numbers = tensor.detach().float().cpu().contiguous().numpy()
        found.update(json.dumps([name, list(tensor.shape)]).encode())
        # Little end first on every machine; the same array, not a copy, on most.
        found.update(np.ascontiguousarray(numbers, dtype="<f4").data)
    return found.hexdigest()


def joined(digests: Iterable[str]) -> str:
    """One digest of several, in their order."""
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()
