"""Images of a model are watched, and the device never waits for it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from genbench.errors import BadInput
from genbench.evaluation.collect import BatchSize, Producer, collect
from genbench.evaluation.image_checks import Seen, Watch, remark, wrong_range
from genbench.interfaces import Input, Pass, Stream
from genbench.registry import plugin

CPU = torch.device("cpu")


def watch() -> Watch:
    return Watch("m", "samples, seed 5", 4)


def noise(n: int) -> Tensor:
    return torch.rand(n, 3, 4, 4, generator=torch.Generator().manual_seed(n)) * 2 - 1


def test_an_image_that_is_not_finite_is_named_by_its_row_and_seed() -> None:
    """The first of several, in whatever batch it came."""
    seen, images = watch(), noise(4)
    seen.see(noise(64), 0)
    images[2, 0, 0, 0], images[3, 1, 1, 1] = torch.nan, torch.inf
    seen.see(images, 64)
    seen.see(images, 70)

    with pytest.raises(BadInput, match=r"m made .* not finite: row 66 of its samples, seed 5"):
        seen.conclude()


def test_finite_images_are_no_problem() -> None:
    seen = watch()
    seen.see(noise(8), 0)
    seen.conclude()


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (torch.zeros(1, 3, 8, 8), r"images of shape \(3, 8, 8\), the data are \(3, 4, 4\)"),
        (torch.zeros(3, 4, 4), r"images of shape \(4, 4\)"),
        (torch.zeros(1, 3, 4, 4, dtype=torch.int64), "torch.int64; wanted floats in"),
    ],
)
def test_what_are_no_images_is_said(images: Tensor, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        watch().see(images, 0)


def said(*images: Tensor) -> str | None:
    parts = []
    for part in images:
        each = watch()
        for start in range(0, len(part), 3):
            each.see(part[start : start + 3], start)
        parts.append(each.seen())
    return remark([*parts, Seen()], "samples")


def test_images_that_are_as_they_should_be_need_no_remark() -> None:
    assert said(noise(9)) is None
    assert said(1.5 * noise(9)) is None  # a decoder without tanh: clamping is expected


def test_identical_images_are_said_wherever_they_came_from() -> None:
    one = noise(1)
    assert (
        said(one.expand(5, -1, -1, -1), one.expand(4, -1, -1, -1)) == "all 9 samples are identical"
    )
    assert said(one.expand(5, -1, -1, -1), noise(2)[:1].expand(4, -1, -1, -1)) is None


def test_images_of_one_colour_are_counted() -> None:
    images = noise(7)
    images[2:4] = torch.tensor([0.5, -0.5, 0.0])[:, None, None]
    assert said(images) == "2 of 7 samples are of a single colour"


def test_another_range_is_said() -> None:
    assert "reach from" in str(said(127.5 * noise(9)))
    assert "is the model's range [0, 1]?" in str(said(noise(9) / 2 + 0.5))
    assert said(((noise(9) + 1) * 127).to(torch.uint8)) is None


def test_only_another_range_is_a_warning() -> None:
    """PCA and other decoders without a last tanh go beyond [-1, 1], and mean it."""

    def warned(images: Tensor) -> str | None:
        each = watch()
        each.see(images, 0)
        return wrong_range([each.seen(), Seen()], "samples")

    assert "reach from" in str(warned(127.5 * (noise(9) + 1)))
    assert "is the model's range [0, 1]?" in str(warned(noise(9) / 2 + 0.5))
    assert warned(2.5 * noise(9)) is None
    assert "reach from" in str(said(2.5 * noise(9)))  # but a remark
    assert wrong_range([Seen()], "samples") is None


class Waits(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's
    """Notes every operation that makes the host wait for a number."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.overloadpacket.__name__ in ("_local_scalar_dense", "nonzero", "equal"):
            self.found.append(str(func))
        return func(*args, **(kwargs or {}))


class Network:
    name, layers = "inception", ("2048", "logits_unbiased")
    files: Mapping[str, str] = MappingProxyType({})

    def __call__(self, images: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        return dict.fromkeys(layers, images.float().mean((2, 3)))

    def describe(self, layer: str) -> dict[str, str]:
        return {"name": self.name}


def pass_over(n: int, waits: Waits) -> int:
    """Operations of a pass over *n* images that wait, with everything that looks at samples."""
    about = Pass(CPU, n, 32, side=1, seed=0)
    eye = Watch("m", "samples", 32)

    def produce(start: int, stop: int) -> tuple[Tensor, ...]:
        images = torch.linspace(-1, 1, (stop - start) * 3 * 32 * 32).view(-1, 3, 32, 32)
        return (eye.quantised(images, start),)

    names = ["fid", "kid", "inception_score", "swd", "ms_ssim"]
    metrics = [plugin("metric", name).load() for name in names]
    inputs = [
        input_
        for metric in metrics
        for input_ in metric.inputs.values()
        if input_.stream is Stream.SAMPLES
    ]
    producer = Producer(about, {Stream.SAMPLES: (0,)}, produce, 10, watch=eye)
    before = len(waits.found)
    with waits:
        collect(producer, inputs, {"inception": Network()}, lambda _: None)
    return len(waits.found) - before


def test_a_pass_waits_for_the_device_at_its_end_and_not_in_its_batches() -> None:
    """Twice as many batches, no wait more."""
    waits = Waits()

    assert pass_over(20, waits) == pass_over(120, waits)


def sizes(fits: int, first: int, most: int, n: int = 100) -> list[int]:
    """Sizes of batches that are tried where *fits* rows fit."""
    tried: list[int] = []

    def produce(start: int, stop: int) -> tuple[Tensor, ...]:
        tried.append(stop - start)
        if stop - start > fits:
            raise torch.OutOfMemoryError("no room")
        return (torch.full((stop - start, 3, 4, 4), 7, dtype=torch.uint8),)

    statistic = plugin("metric", "neighbours").load().inputs["generated"].statistic
    producer = Producer(Pass(CPU, n, 4, 1, 0), {Stream.SAMPLES: (0,)}, produce, first, most)
    (found,) = collect(
        producer, [Input(Stream.SAMPLES, statistic)], {}, lambda _: None
    ).found.values()
    assert found["index"].tolist() == list(range(n))  # every row, and none twice
    return tried


def test_batches_grow_while_they_fit_and_keep_what_does() -> None:
    assert sizes(fits=99, first=4, most=32) == [4, 4, 8, 16, 32, 32, 4]
    assert sizes(fits=20, first=4, most=64) == [4, 4, 8, 16, 32, *[16] * 4, 4]
    assert sizes(fits=3, first=8, most=64, n=10) == [8, 4, *[2] * 5]


def test_a_size_that_was_asked_for_does_not_grow() -> None:
    size = BatchSize(10)
    size.fitted(10)
    assert size.now == 10


def test_a_batch_that_an_accumulator_has_no_room_for_is_handed_over_in_halves() -> None:
    from genbench.evaluation.collect import _take

    class Narrow:
        shown: list[list[int]] = []  # noqa: RUF012  # of this test alone

        def update(self, rows: tuple[Tensor, ...], index: Tensor) -> None:
            if len(index) > 2:
                raise torch.OutOfMemoryError("no room")
            assert torch.equal(rows[0], index)
            self.shown.append(index.tolist())

    _take(Narrow(), (torch.arange(5),), torch.arange(5))  # type: ignore[arg-type]  # no state

    assert Narrow.shown == [[0, 1], [2], [3, 4]]
