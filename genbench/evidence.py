"""One pass over a stream of images, shared by all metrics.

Each view (real images, samples, pairs) is produced once. Every image goes once through
each feature network, whatever the number of metrics and layers that look at it, and every
statement of what to keep (`Gather`) is kept once, however many metrics make it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from genbench.errors import BadInput, GenbenchError, NotMeasurable
from genbench.files import new_file
from genbench.interfaces import Accumulator, Extractor, Json, Look, Pass, Tensors, View
from genbench.merging import finished

CACHE_LIMIT = 256 << 20  # bytes of evidence worth keeping on disk: moments yes, patches no

Rows = tuple[Tensor, ...]  # uint8 (n, 3, h, w); two of them for pairs
Advance = Callable[[int], None]


@dataclass(frozen=True)
class Stream:
    """Images that can be produced in order, and the views that they are."""

    about: Pass
    views: Mapping[View, tuple[int, ...]]  # which of the rows of a batch a view shows
    produce: Callable[[int, int], Rows]  # rows start to stop, the same however they are cut
    batch: int  # rows at once, to begin with


@dataclass(frozen=True)
class Evidence:
    """What passes brought, and why some of it could not be had."""

    found: Mapping[Look, Tensors] = field(default_factory=dict)
    failed: Mapping[Look, GenbenchError] = field(default_factory=dict)

    def __or__(self, other: Evidence) -> Evidence:
        """Both together."""
        return Evidence({**self.found, **other.found}, {**self.failed, **other.failed})


def collect(
    stream: Stream, looks: Iterable[Look], networks: Mapping[str, Extractor], advance: Advance
) -> Evidence:
    """Run one pass and keep what *looks* ask for.

    A batch that does not fit on the device is halved, and all later ones with it.

    Args:
        stream: the images.
        looks: what to keep, of views that the stream shows; equal ones are kept once.
        networks: by name; must cover what *looks* look through.
        advance: told the number of images after each batch.
    """
    running, failed = _start(looks, stream.about)
    if not running:
        return Evidence({}, failed)
    wanted = _layers(running, stream.views)
    with torch.inference_mode():
        start, size = 0, stream.batch
        while start < stream.about.n:
            stop = min(start + size, stream.about.n)
            try:
                seen = _Batch(stream.produce(start, stop), networks, wanted)
                shown = {look: seen.through(look, stream.views[look.view]) for look in running}
            except torch.OutOfMemoryError:
                if size == 1:
                    raise
                size = max(1, min(size, stop - start) // 2)
                continue
            for look, accumulator in running.items():
                accumulator.update(shown[look], torch.arange(start, stop))
            advance(stop - start)
            start = stop
    found = {}
    for look, accumulator in running.items():
        try:
            found[look] = finished(look.gather, stream.about, accumulator)
        except GenbenchError as error:
            failed[look] = error
    return Evidence(found, failed)


Place = tuple[str, int, bool]  # (network, row of the batch, face box only)


class _Batch:
    """A batch, and what networks make of it: each runs once per image, when first asked."""

    def __init__(
        self,
        rows: Rows,
        networks: Mapping[str, Extractor],
        wanted: Mapping[Place, tuple[str, ...]],
    ) -> None:
        self.rows, self.networks, self.wanted = rows, networks, wanted
        self.features: dict[Place, dict[str, Tensor]] = {}

    def through(self, look: Look, numbers: tuple[int, ...]) -> Rows:
        """The rows *numbers* as *look* sees them."""
        if look.gather.features is None:
            return tuple(self._image(number, look.face) for number in numbers)
        network, layer = look.gather.features
        places = [(network, number, look.face) for number in numbers]
        return tuple(self._features(place)[layer] for place in places)

    def _features(self, place: Place) -> dict[str, Tensor]:
        if place not in self.features:
            network, number, face = place
            images = self._image(number, face)
            self.features[place] = self.networks[network](images, self.wanted[place])
        return self.features[place]

    def _image(self, number: int, face: bool) -> Tensor:
        return face_box(self.rows[number]) if face else self.rows[number]


def face_box(images: Tensor) -> Tensor:
    """The box that StyleGAN measures of aligned faces: of 8 parts, rows 3..7, columns 2..6.

    Raises:
        NotMeasurable: a side that 8 does not divide.
    """
    height, width = images.shape[-2:]
    if height % 8 or width % 8:
        raise NotMeasurable(f"the face box needs sides divisible by 8, got {height}x{width}")
    h, w = height // 8, width // 8
    return images[..., 3 * h : 7 * h, 2 * w : 6 * w]


def quantised(
    images: Tensor, first: int, resolution: int, who: str, convert: Callable[[Tensor], Tensor]
) -> Tensor:
    """A model's floats as the uint8 images that are measured; see `finite` for the rest."""
    finite(images, first, resolution, who)
    return images if images.dtype == torch.uint8 else convert(images)


def finite(images: Tensor, first: int, resolution: int, who: str) -> None:
    """Check a batch of a model's images.

    Args:
        first: row of the stream at which the batch begins, for the message.
        who: name of the model, likewise.

    Raises:
        BadInput: another shape than (n, 3, resolution, resolution), or values that are not finite.
    """
    if images.ndim != 4 or tuple(images.shape[1:]) != (3, resolution, resolution):
        raise BadInput(
            f"{who} makes images of shape {tuple(images.shape[1:])}, "
            f"the data are (3, {resolution}, {resolution})"
        )
    if images.dtype == torch.uint8:
        return
    # One wait per batch, beside a forward pass of two networks; garbage would cost the whole pass.
    sound = torch.isfinite(images).flatten(1).all(1)
    if not bool(sound.all()):
        bad = first + int(sound.logical_not().nonzero()[0])
        raise BadInput(f"{who} made an image that is not finite: row {bad} of its stream")


class Cache:
    """Evidence on disk, known by content: what was looked at, and through what."""

    def __init__(self, folder: Path, facts: Mapping[str, Json], limit: int = CACHE_LIMIT) -> None:
        """*facts* must name everything the evidence depends on beside the look."""
        self.folder, self.facts, self.limit = folder, dict(facts), limit

    def load(self, look: Look, network: Extractor | None) -> Tensors | None:
        """The evidence if it is there and whole."""
        key, file = self._place(look, network)
        if not file.is_file():
            return None
        try:
            with safe_open(file, framework="pt") as stored:
                if (stored.metadata() or {}).get("key") != key:
                    return None
                return {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118  # not a dict
        except SafetensorError:
            return None

    def save(self, look: Look, network: Extractor | None, tensors: Tensors) -> None:
        """Keep the evidence, if it is small enough to be worth it."""
        if sum(tensor.nbytes for tensor in tensors.values()) > self.limit:
            return
        key, file = self._place(look, network)
        with new_file(file) as temporary:
            save_file({k: v.contiguous() for k, v in tensors.items()}, temporary, {"key": key})

    def _place(self, look: Look, network: Extractor | None) -> tuple[str, Path]:
        through = None if network is None else network.describe()
        facts = {**self.facts, "look": describe(look), "network": through}
        key = json.dumps(facts, sort_keys=True)
        return key, self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.safetensors"


def describe(look: Look) -> dict[str, Json]:
    """What a protocol must say about a look."""
    said: dict[str, Json] = {"view": look.view.value, **look.gather.describe()}
    if look.face:
        said["crop"] = "face box: of 8 parts, rows 3 to 7, columns 2 to 6"
    if look.step is not None:
        where = "t = 0" if look.step.ends else "t uniform in [0, 1)"
        said["step"] = f"epsilon {look.step.epsilon:g}, {where}"
    return said


def _start(
    looks: Iterable[Look], about: Pass
) -> tuple[dict[Look, Accumulator], dict[Look, GenbenchError]]:
    running: dict[Look, Accumulator] = {}
    failed: dict[Look, GenbenchError] = {}
    for look in dict.fromkeys(looks):
        try:
            running[look] = look.gather.start(about)
        except GenbenchError as error:
            failed[look] = error
    return running, failed


def _layers(
    looks: Iterable[Look], views: Mapping[View, tuple[int, ...]]
) -> dict[Place, tuple[str, ...]]:
    """Layers wanted of each network at each row, so that one forward pass gives them all."""
    wanted: dict[Place, set[str]] = {}
    for look in looks:
        if look.gather.features is not None:
            network, layer = look.gather.features
            for number in views[look.view]:
                wanted.setdefault((network, number, look.face), set()).add(layer)
    return {place: tuple(sorted(layers)) for place, layers in wanted.items()}


def networks_needed(looks: Iterable[Look]) -> list[str]:
    """Names of the feature networks that *looks* look through."""
    return sorted({look.gather.features[0] for look in looks if look.gather.features is not None})
