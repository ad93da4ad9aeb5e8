"""What every metric promises: shards merged are one pass. And what merging refuses."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from genbench.accumulators.merge import finished, whole
from genbench.evaluation.collect import face_box
from genbench.evaluation.plan import find_metrics
from genbench.interfaces import Accumulator, Input, Metric, Pass, State, Stream, Tensors
from genbench.runtime import spill
from genbench.runtime.seeds import BLOCK

AllImages: Any = import_module("genbench.accumulators.images").AllImages
METRICS = find_metrics(["all"])
LOOKS = {name: metric.inputs.values() for name, metric in METRICS.items()}
# Blurred noise has no faces: what looks for them has tests of its own.
FACES = {
    name
    for name, inputs in LOOKS.items()
    if any("Face" in type(input_.statistic).__name__ for input_ in inputs)
}
PAIRS = (Stream.PAIRS, Stream.TRAINING_PAIRS, Stream.PATHS)
N, D = 3 * BLOCK + 7, 6  # three blocks and a bit; few features
SPLITS = ([N], [2 * BLOCK, N - 2 * BLOCK], [BLOCK, 2 * BLOCK, N - 3 * BLOCK])
ABOUT = Pass(torch.device("cpu"), N, 32, side=0, seed=3)


def side(input_: Input) -> int:
    """Pixels; half of them are left in a face box."""
    return 64 if input_.face else 32


def images(input_: Input, row: int) -> Tensor:
    """Blurred noise of the stream, so that real and generated ones differ."""
    seed = int.from_bytes(hashlib.sha256(f"{input_.stream} {row}".encode()).digest()[:4], "big")
    noise = torch.rand(N, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
    x = torch.nn.functional.interpolate(noise, (side(input_),) * 2, mode="bilinear")
    if input_.stream is Stream.PATHS:
        return 2 * x - 1
    return (255 * x).to(torch.uint8)


def shown(input_: Input) -> tuple[Tensor, ...]:
    """What a look would be shown: images, or as many features as a test can afford."""
    rows = [images(input_, row) for row in range(2 if input_.stream in PAIRS else 1)]
    rows = [face_box(x) if input_.face else x for x in rows]
    if input_.statistic.features is None:
        return tuple(rows)
    return tuple(torch.nn.functional.avg_pool2d(x.float(), 8).flatten(1)[:, :D] for x in rows)


def accumulators(input_: Input, about: Pass, sizes: list[int]) -> Iterator[Accumulator]:
    """One for each shard, fed in batches of 50 at most."""
    rows = shown(input_)
    for index in torch.split(torch.arange(N), sizes):
        accumulator = input_.statistic.start(about)
        for part in torch.split(index, 50):
            accumulator.update(tuple(x[part] for x in rows), part)
        yield accumulator


def evidence(input_: Input, sizes: list[int]) -> Tensors:
    weights = os.environ.get("GENBENCH_WEIGHTS")
    about = replace(
        ABOUT,
        resolution=side(input_),
        side=0 if input_.stream in (Stream.REAL, Stream.HELD_OUT) else 1,
        weights_dir=Path(weights) if weights else None,
    )
    return finished(input_.statistic, about, *accumulators(input_, about, sizes))


@pytest.mark.parametrize("name", METRICS)
def test_merged_shards_are_one_pass(name: str) -> None:
    """Equal to the last digits of float64; rows to the last bit."""
    metric: Metric = METRICS[name]
    if name == "kid:subsets":
        pytest.skip("kid:subsets needs 1000 images, and looks at what kid looks at")
    if name in FACES:
        pytest.skip(f"{name} needs faces; tests/metrics/test_{name.split(':')[0]}.py has some")
    found = []
    for sizes in SPLITS:
        arguments = {key: evidence(input_, sizes) for key, input_ in metric.inputs.items()}
        found.append((arguments, metric(**arguments)))

    (one, numbers), *others = found
    for arguments, merged in others:
        for key, tensors in one.items():
            assert tensors.keys() == arguments[key].keys()
            for part, tensor in tensors.items():
                other = arguments[key][part]
                torch.testing.assert_close(other, tensor, rtol=1e-12, atol=1e-12 * size(tensor))
        for score, number in numbers.items():
            assert merged[score].value == pytest.approx(number.value, rel=1e-9, abs=1e-12)
            assert merged[score].note == number.note


def size(tensor: Tensor) -> float:
    return float(tensor.abs().max()) if tensor.is_floating_point() and tensor.numel() else 0.0


def test_every_gatherer_of_the_registry_has_been_merged() -> None:
    """What the test above leaves out are statistics of faces."""
    left_out = {input_.statistic for name in FACES for input_ in METRICS[name].inputs.values()}
    others = {
        input_.statistic
        for name, metric in METRICS.items()
        if name not in FACES
        for input_ in metric.inputs.values()
    }
    assert left_out.isdisjoint(others)
    assert {input_.statistic for input_ in METRICS["kid:subsets"].inputs.values()} <= others


def rows(*index: int, values: Tensor | None = None) -> State:
    found = torch.tensor(index)
    return State(rows={"x": found.double() if values is None else values}, index=found)


def test_rows_stand_in_the_order_of_images() -> None:
    assert whole([rows(5, 3), rows(0, 4)])["x"].tolist() == [0, 3, 4, 5]


def test_an_image_that_is_counted_twice_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="counted twice"):
        whole([rows(0, 1), rows(1, 2)])


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (State(sums={"x": torch.zeros(2)}), "torch.float32, which rounds"),
        (State(rows={"x": torch.zeros(2)}), "rows need their index"),
        (rows(1, 2, values=torch.zeros(3)), "3 rows of other images"),
        (State(sums={"x": torch.zeros(1).double()}, least={"x": torch.zeros(1)}), "called the sa"),
    ],
)
def test_a_state_that_cannot_be_merged_exactly_is_a_bug(state: State, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        whole([state])


def test_the_smallest_of_each_number_is_taken() -> None:
    parts = [
        State(least={"first": torch.tensor([4, 1])}),
        State(least={"first": torch.tensor([2, 3])}),
    ]
    assert whole(parts)["first"].tolist() == [2, 1]


def test_large_rows_lie_in_a_file_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """They work like any other, and nothing is left of them."""
    monkeypatch.setattr(spill, "IN_MEMORY", 1000)
    big = spill.allocate((50, 10), torch.float64)
    big[:] = torch.arange(500).view(50, 10)

    assert f"{big.data_ptr():x}-" in Path("/proc/self/maps").read_text()
    assert float(big.sum()) == 499 * 250
    folder = Path(os.environ["GENBENCH_CACHE"]) / "scratch"
    assert list(folder.iterdir()) == []


def test_the_first_images_are_kept_whoever_sees_them() -> None:
    """The second shard sees none of them, and says so."""
    statistic = AllImages(70)
    x = torch.arange(N, dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 4, 4)
    about = replace(ABOUT, resolution=4)
    for sizes in ([N], [BLOCK, N - BLOCK], [2 * BLOCK, N - 2 * BLOCK]):
        shards = []
        for index in torch.split(torch.arange(N), sizes):
            shards.append(statistic.start(replace(about, share=len(index))))
            for part in torch.split(index, 50):
                shards[-1].update((x[part],), part)

        found = finished(statistic, about, *shards)

        assert found["index"].tolist() == list(range(70))
        assert found["images"][:, 0, 0, 0].tolist() == list(range(70))
