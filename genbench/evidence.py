"""One pass over a stream of images, shared by all metrics.

Each view (real images, samples, pairs) is produced once. Every image goes once through
each feature network, whatever the number of metrics and layers that look at it, and every
statement of what to keep (`Gather`) is kept once, however many metrics make it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from genbench.errors import BadInput, GenbenchError
from genbench.files import new_file
from genbench.images import to_bytes
from genbench.interfaces import Accumulator, Extractor, Gather, Json, Pass, Tensors, View

CACHE_LIMIT = 256 << 20  # bytes of evidence worth keeping on disk: moments yes, patches no

Rows = tuple[Tensor, ...]  # uint8 (n, 3, h, w); two of them for pairs
Advance = Callable[[int], None]


@dataclass(frozen=True)
class Stream:
    """A view that can be produced, in order, as often as asked."""

    view: View
    about: Pass
    batches: Callable[[], Iterator[tuple[Rows, Tensor]]]  # (rows, global index on the CPU)


@dataclass(frozen=True)
class Evidence:
    """What one pass brought, and why some of it could not be had."""

    found: Mapping[Gather, Tensors]
    failed: Mapping[Gather, GenbenchError]


def collect(
    stream: Stream,
    gathers: Iterable[Gather],
    networks: Mapping[str, Extractor],
    advance: Advance,
) -> Evidence:
    """Run one pass and keep what *gathers* ask for.

    Args:
        stream: the images.
        gathers: what to keep; equal ones are kept once.
        networks: by name; must cover what *gathers* look through.
        advance: told the number of images after each batch.
    """
    running, failed = _start(gathers, stream.about)
    if not running:
        return Evidence({}, failed)
    layers = _layers(running)
    with torch.inference_mode():
        for rows, index in stream.batches():
            looked = {name: networks[name](rows[-1], wanted) for name, wanted in layers.items()}
            for gather, accumulator in running.items():
                accumulator.update(_seen_by(gather, rows, looked), index)
            advance(len(index))
        found = {}
        for gather, accumulator in running.items():
            try:
                found[gather] = accumulator.finish()
            except GenbenchError as error:
                failed[gather] = error
    return Evidence(found, failed)


def quantised(images: Tensor, first: int, resolution: int, who: str) -> Tensor:
    """A model's floats as the uint8 images that are measured.

    Raises:
        BadInput: another shape than (n, 3, resolution, resolution), or values that are not finite.
    """
    if images.ndim != 4 or tuple(images.shape[1:]) != (3, resolution, resolution):
        raise BadInput(
            f"{who} makes images of shape {tuple(images.shape[1:])}, "
            f"the data are (3, {resolution}, {resolution})"
        )
    if images.dtype == torch.uint8:
        return images
    # One wait per batch, beside a forward pass of two networks; garbage would cost the whole pass.
    finite = torch.isfinite(images).flatten(1).all(1)
    if not bool(finite.all()):
        bad = first + int(finite.logical_not().nonzero()[0])
        raise BadInput(f"{who} made an image that is not finite: row {bad} of its stream")
    return to_bytes(images)


class Cache:
    """Evidence of real images on disk, known by content: what was looked at, and through what."""

    def __init__(self, folder: Path, facts: Mapping[str, Json]) -> None:
        """*facts* must name everything the evidence depends on beside the gatherer."""
        self.folder, self.facts = folder, dict(facts)

    def load(self, gather: Gather, network: Extractor | None) -> Tensors | None:
        """The evidence if it is there and whole."""
        key, file = self._place(gather, network)
        if not file.is_file():
            return None
        try:
            with safe_open(file, framework="pt") as stored:
                if (stored.metadata() or {}).get("key") != key:
                    return None
                return {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118  # not a dict
        except SafetensorError:
            return None

    def save(self, gather: Gather, network: Extractor | None, tensors: Tensors) -> None:
        """Keep the evidence, if it is small enough to be worth it."""
        if sum(tensor.nbytes for tensor in tensors.values()) > CACHE_LIMIT:
            return
        key, file = self._place(gather, network)
        with new_file(file) as temporary:
            save_file({k: v.contiguous() for k, v in tensors.items()}, temporary, {"key": key})

    def _place(self, gather: Gather, network: Extractor | None) -> tuple[str, Path]:
        through = None if network is None else network.describe()
        facts = {**self.facts, "gather": gather.describe(), "network": through}
        key = json.dumps(facts, sort_keys=True)
        return key, self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.safetensors"


def _start(
    gathers: Iterable[Gather], about: Pass
) -> tuple[dict[Gather, Accumulator], dict[Gather, GenbenchError]]:
    running: dict[Gather, Accumulator] = {}
    failed: dict[Gather, GenbenchError] = {}
    for gather in dict.fromkeys(gathers):
        try:
            running[gather] = gather.start(about)
        except GenbenchError as error:
            failed[gather] = error
    return running, failed


def _layers(gathers: Iterable[Gather]) -> dict[str, tuple[str, ...]]:
    """Layers wanted of each network."""
    wanted: dict[str, set[str]] = {}
    for gather in gathers:
        if gather.features is not None:
            network, layer = gather.features
            wanted.setdefault(network, set()).add(layer)
    return {network: tuple(sorted(layers)) for network, layers in wanted.items()}


def _seen_by(gather: Gather, rows: Rows, looked: Mapping[str, Mapping[str, Tensor]]) -> Rows:
    if gather.features is None:
        return rows
    network, layer = gather.features
    return (looked[network][layer],)


def batches_of(
    produce: Callable[[int, int], Rows], n: int, size: int
) -> Iterator[tuple[Rows, Tensor]]:
    """Rows 0..n in batches: ``produce(start, stop)`` with the index beside it."""
    for start in range(0, n, size):
        stop = min(start + size, n)
        yield produce(start, stop), torch.arange(start, stop)


def networks_needed(gathers: Sequence[Gather]) -> list[str]:
    """Names of the feature networks that *gathers* look through."""
    return sorted({gather.features[0] for gather in gathers if gather.features is not None})
