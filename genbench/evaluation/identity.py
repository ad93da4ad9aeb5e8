"""What an object is known by: its numbers, and a few of the images that it really makes.

A run is known by its weights and a folder by its pixels. An object may be any code, of which its
class says little, so what it makes counts as well.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # the name torch's own documentation uses
from torch import Tensor, nn

from genbench.data import Dataset
from genbench.errors import GenbenchError
from genbench.evaluation.own_draws import Asked
from genbench.evaluation.subjects import Subject, from_model, rows_of
from genbench.images import to_bytes
from genbench.interfaces import Step
from genbench.runtime import tensor_digest
from genbench.runtime.global_random import seeded

FEW = 8  # images of a kind: as many as the smallest batch, so that they fit wherever it does
SIDE = 4  # of what is left of an image: means of 16 parts
DEPTH = 3  # of containers and objects within the object, in which its numbers may lie


def of_object(model: Any, data: Dataset, device: torch.device) -> str | None:
    """Digest of an object: two that differ in it are two, whatever they are called.

    None where it makes no image, so that nothing is known of it. Global generators of random
    numbers are as they were before.

    Args:
        model: anything that `genbench.wrap` understands.
        data: what it reconstructs a few images of.
        device: of the evaluation.
    """
    with seeded(0), torch.inference_mode():
        # By itself: what a subject finds out about its model belongs to the measured streams.
        shown = list(_shown(from_model(model, device), data))
    return tensor_digest.digest([*_numbers(model), *shown]) if shown else None


def _shown(subject: Subject, data: Dataset) -> Iterator[tuple[str, Tensor]]:
    """The first images of each kind, whatever is measured and by whatever seed."""
    makers: dict[str, Callable[[], Tensor]] = {}
    if (samples := subject.samples) is not None:
        makers["samples"] = lambda: samples(0, FEW, 0, 0)
    if (reconstruct := subject.reconstruct) is not None:
        few = Asked(rows_of(data.test), 0, FEW, FEW, (0, "identity"))
        makers["reconstructions"] = lambda: reconstruct(few, "mode")
    if (path := subject.path) is not None:
        makers["path"] = lambda: torch.cat(path(0, FEW, 0, Step()))
    for kind, make in makers.items():
        # What it raises here it will raise again, and that will be why there is no number.
        with contextlib.suppress(GenbenchError, torch.OutOfMemoryError):
            images = make()
            if images.ndim == 4 and len(images):
                yield f"images of {kind}", _coarse(images)


def _coarse(images: Tensor) -> Tensor:
    """Grey levels of the parts of images, (n, c, SIDE, SIDE).

    Whole images would differ in a last bit as soon as other threads or another device made them.
    """
    greys = (images if images.dtype == torch.uint8 else to_bytes(images)).float()
    return F.adaptive_avg_pool2d(greys, SIDE).round()


def _numbers(thing: Any, name: str = "", depth: int = DEPTH) -> Iterator[tuple[str, Tensor]]:
    """Tensors and arrays that an object holds, by where they lie in it."""
    if isinstance(thing, Tensor):
        if thing.layout is torch.strided and not thing.is_meta:
            yield name, torch.view_as_real(thing) if thing.is_complex() else thing
    elif isinstance(thing, np.ndarray):
        # What is mapped into memory is a data set rather than a state.
        if thing.dtype.kind in "biuf" and not isinstance(thing, np.memmap):
            yield name, torch.from_numpy(np.ascontiguousarray(thing))
    elif isinstance(thing, nn.Module):
        for key, value in thing.state_dict().items():
            yield from _numbers(value, f"{name}.{key}", 0)
    elif depth:
        inside: Mapping[Any, Any] = {}
        if isinstance(thing, Mapping):
            inside = thing
        elif isinstance(thing, list | tuple):
            inside = dict(enumerate(thing))
        elif not isinstance(thing, type):
            inside = getattr(thing, "__dict__", {})
        for key, value in inside.items():
            yield from _numbers(value, f"{name}.{key}", depth - 1)
