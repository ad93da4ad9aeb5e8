"""One pass, shared by all who look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import pytest
import torch
from draws import rng
from torch import Tensor

from genbench.errors import NotMeasurable
from genbench.evaluation.collect import (
    Producer,
    collect,
    face_box,
)
from genbench.evaluation.evidence_cache import Cache
from genbench.evaluation.image_checks import Watch
from genbench.interfaces import Input, Pass, State, Stream, Tensors

ABOUT = Pass(torch.device("cpu"), n=10, resolution=4, side=0, seed=0)


@dataclass(frozen=True)
class Sum:
    """Adds up everything it sees."""

    layer: str | None = None
    refuse: bool = False

    @property
    def features(self) -> tuple[str, str] | None:
        return ("net", self.layer) if self.layer else None

    def start(self, about: Pass) -> Any:
        if self.refuse:
            raise NotMeasurable("not today")
        return Adding()

    def finish(self, whole: Tensors, about: Pass) -> Tensors:
        return whole

    def describe(self) -> dict[str, str | None]:
        return {"layer": self.layer}


class Adding:
    def __init__(self) -> None:
        self.total = torch.zeros((), dtype=torch.float64)
        self.index = torch.zeros(0, dtype=torch.int64)

    def update(self, rows: tuple[Tensor, ...], index: Tensor) -> None:
        self.total += rows[-1].double().sum()
        self.index = torch.cat([self.index, index])

    def state(self) -> State:
        return State(sums={"total": self.total}, rows={"rows": self.index}, index=self.index)


class Network:
    """Counts how often it is asked."""

    name, layers, calls = "net", ("a", "b"), 0
    files: Mapping[str, str] = MappingProxyType({})
    digest = "f" * 64

    def __call__(self, images: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        self.calls += 1
        return {layer: images.flatten(1).float() * (1 + i) for i, layer in enumerate(layers)}

    def describe(self, layer: str) -> dict[str, str]:
        return {"name": self.name, "digest": self.digest}


WHITE = torch.full((10, 3, 4, 4), 255, dtype=torch.uint8)
IMAGES = torch.randint(0, 256, (10, 3, 4, 4), dtype=torch.uint8, generator=rng(1))


def producer(size: int) -> Producer:
    streams = {Stream.REAL: (0,), Stream.PAIRS: (0, 1), Stream.RECONSTRUCTIONS: (1,)}
    return Producer(ABOUT, streams, lambda i, j: (IMAGES[i:j], WHITE[i:j]), size)


def real(statistic: Sum, **more: Any) -> Input:
    return Input(Stream.REAL, statistic, **more)


def test_each_image_goes_through_a_network_once_for_all_layers_and_metrics() -> None:
    network = Network()
    shown: list[int] = []
    inputs = [real(Sum("a")), real(Sum("b")), real(Sum("a")), real(Sum())]

    found = collect(producer(4), inputs, {"net": network}, shown.append).found

    assert network.calls == 3  # 10 images in batches of 4
    assert shown == [4, 4, 2]
    assert len(found) == 3  # equal looks are kept once
    total = IMAGES.double().sum()
    assert found[real(Sum())]["total"] == total
    assert found[real(Sum("b"))]["total"] == 2 * total
    assert found[real(Sum())]["rows"].tolist() == list(range(10))


def test_one_pass_shows_pairs_and_their_sides() -> None:
    """Pixels and features, of both rows and of one: still one forward pass an image."""
    network = Network()
    inputs = [
        Input(Stream.PAIRS, Sum("a")),
        Input(Stream.RECONSTRUCTIONS, Sum("a")),
        Input(Stream.RECONSTRUCTIONS, Sum()),
        real(Sum("a")),
    ]

    found = collect(producer(10), inputs, {"net": network}, lambda n: None).found

    assert network.calls == 2  # the image and its reconstruction
    white, black = WHITE.double().sum(), IMAGES.double().sum()
    assert found[inputs[0]]["total"] == white  # the last row that Sum was given
    assert found[inputs[1]]["total"] == found[inputs[2]]["total"] == white
    assert found[inputs[3]]["total"] == black


def test_the_face_box_is_cut_before_anybody_looks() -> None:
    """Of 8 parts, rows 3..7 and columns 2..6 (StyleGAN): at 16x16, rows 6..14, columns 4..12."""
    images = torch.arange(16 * 16).reshape(1, 1, 16, 16)

    box = face_box(images)

    assert box.shape == (1, 1, 8, 8)
    assert (int(box[0, 0, 0, 0]), int(box[0, 0, -1, -1])) == (6 * 16 + 4, 13 * 16 + 11)
    with pytest.raises(NotMeasurable, match="divisible by 8, got 12x12"):
        face_box(torch.zeros(1, 3, 12, 12))


def test_a_batch_that_does_not_fit_is_halved_and_nothing_is_counted_twice() -> None:
    class Small(Network):
        sizes: ClassVar[list[int]] = []

        def __call__(self, images: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
            self.sizes.append(len(images))
            if len(images) > 3:
                raise torch.OutOfMemoryError("no")
            return super().__call__(images, layers)

    network, shown = Small(), []

    found = collect(producer(10), [real(Sum("a"))], {"net": network}, shown.append).found

    assert network.sizes == [10, 5, 2, 2, 2, 2, 2]
    assert sum(shown) == 10
    assert found[real(Sum("a"))]["total"] == IMAGES.double().sum()
    assert found[real(Sum("a"))]["rows"].tolist() == list(range(10))


def test_one_image_that_does_not_fit_is_an_error() -> None:
    class Never(Network):
        def __call__(self, images: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
            raise torch.OutOfMemoryError("no")

    with pytest.raises(NotMeasurable, match="no room for a single image"):
        collect(producer(4), [real(Sum("a"))], {"net": Never()}, lambda n: None)


def test_what_cannot_start_does_not_spoil_the_rest() -> None:
    found = collect(producer(4), [real(Sum(refuse=True)), real(Sum())], {}, lambda n: None)

    assert str(found.failed[real(Sum(refuse=True))]) == "not today"
    assert found.found[real(Sum())]["total"] == IMAGES.double().sum()


def test_the_cache_knows_content_and_network(tmp_path: Path) -> None:
    cache = Cache(tmp_path, {"fingerprint": "a", "n": 10})
    other_data = Cache(tmp_path, {"fingerprint": "b", "n": 10})
    other = Network()
    other.digest = "0" * 64
    cache.save(real(Sum("a")), Network(), {"x": torch.arange(3)})

    found = cache.load(real(Sum("a")), Network())
    assert found is not None
    assert torch.equal(found["x"], torch.arange(3))
    assert cache.load(real(Sum("b")), Network()) is None
    assert cache.load(real(Sum("a")), other) is None
    assert cache.load(real(Sum("a"), face=True), Network()) is None
    assert other_data.load(real(Sum("a")), Network()) is None


def test_a_damaged_cache_file_is_no_file(tmp_path: Path) -> None:
    cache = Cache(tmp_path, {})
    cache.save(real(Sum()), None, {"x": torch.arange(3)})
    next(tmp_path.iterdir()).write_bytes(b"half")

    assert cache.load(real(Sum()), None) is None


def test_quantisation_rounds_half_up_and_clamps() -> None:
    """floor(127.5 x + 128): -1 -> 0, 1 -> 255, 0 -> 128; beyond the range is clamped."""
    values = torch.tensor([-1.0, 1.0, 0.0, -7.0, 7.0, 1 / 255, -1 / 255])
    images = values[:, None, None, None].expand(-1, 3, 4, 4)

    bytes_ = Watch("m", "samples", 4).quantised(images, 0)

    assert bytes_[:, 0, 0, 0].tolist() == [0, 255, 128, 0, 255, 128, 127]


def test_every_grey_level_survives_the_way_through_floats() -> None:
    from genbench.images import to_bytes, to_floats

    levels = torch.arange(256, dtype=torch.uint8)

    assert torch.equal(to_bytes(to_floats(levels)), levels)


def test_the_cache_keeps_every_type_and_shape_that_evidence_has(tmp_path: Path) -> None:
    """Written by hand, read by safetensors."""
    rng = torch.Generator().manual_seed(0)
    kept = {
        "n": torch.tensor(7),
        "cov": torch.randn(3, 3, generator=rng, dtype=torch.float64).T,
        "features": torch.randn(5, 2, generator=rng)[1:],
        "images": torch.arange(24, dtype=torch.uint8).view(2, 3, 2, 2),
        "found": torch.tensor([True, False]),
        "none": torch.zeros(0, 4),
    }
    cache = Cache(tmp_path, {})
    cache.save(real(Sum()), None, kept)

    found = cache.load(real(Sum()), None)
    assert found is not None
    assert found.keys() == kept.keys()
    for name, tensor in kept.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor), name
