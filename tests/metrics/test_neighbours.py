"""Nearest training images, and whether those are reconstructed better than others."""

from __future__ import annotations

import importlib
import types
from typing import Any

import pytest
import torch
from torch import Generator, Tensor

import genbench
from genbench.accumulators.merge import finished
from genbench.data import Dataset, open_dataset
from genbench.errors import BadInput, NotEnoughData, NotMeasurable
from genbench.interfaces import Metric, Pass, Stream
from genbench.registry import plugin

MODULE = plugin("metric", "neighbours").open()
METRIC: Metric = MODULE.METRIC
search = importlib.import_module("genbench.metrics._parts.nearest")
sketches = importlib.import_module("genbench.metrics._parts.sketches")
face_rows = importlib.import_module("genbench.metrics._parts.face_rows")
ssim = plugin("metric", "ssim").open().ssim_per_pair


def noise(n: int, seed: int, side: int = 8) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, 3, side, side), generator=rng, dtype=torch.uint8)


def scenes(n: int, seed: int, side: int = 32) -> Tensor:
    """Blobs with some grain, whose thumbnails tell them apart."""
    rng = torch.Generator().manual_seed(seed)
    coarse = torch.rand(n, 3, 4, 4, generator=rng)
    smooth = torch.nn.functional.interpolate(coarse, (side, side), mode="bilinear")
    grain = torch.randn(smooth.shape, generator=rng)
    return (255 * smooth + 8 * grain).clamp(0, 255).to(torch.uint8)


def evidence(images: Tensor) -> dict[str, Tensor]:
    return {"images": images}


def brute(images: Tensor, training: Tensor) -> Tensor:
    return (images[:, None].int() - training[None].int()).abs().double().flatten(2).mean(2)


@pytest.mark.parametrize("side", [8, 16, 20, 31])
@pytest.mark.parametrize("make", [noise, scenes])
def test_it_agrees_with_brute_force(side: int, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Across blocks of images and of others; also where no thumbnail is smaller than its image."""
    monkeypatch.setattr(search, "ROWS", 3)
    monkeypatch.setattr(search, "FEW", 5)
    images, training = make(10, 1, side), make(43, 2, side)

    distance, row = MODULE.nearest(images, training)

    apart = brute(images, training)
    assert torch.equal(distance, apart.min(1).values)
    assert torch.equal(row, apart.argmin(1))


def test_the_first_of_equal_images_is_named() -> None:
    training = noise(1, 0).expand(200, -1, -1, -1).clone()
    training[:150] += 1

    _, row = MODULE.nearest(training[-1:], training)

    assert row.tolist() == [150]


def test_most_images_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thumbnails rule them out; of 2,000 scenes less than a tenth are compared in full."""
    training, images = scenes(2000, 0), scenes(5, 1)
    looked_at = 0
    split = torch.split

    def counted(rows: Tensor, size: int) -> Any:
        nonlocal looked_at
        for part in split(rows, size):
            looked_at += len(part) if rows.dtype == torch.int64 else 0
            yield part

    monkeypatch.setattr(torch, "split", counted)
    distance, _ = MODULE.nearest(images, training)
    monkeypatch.undo()

    assert torch.equal(distance, brute(images, training).min(1).values)
    assert looked_at < 2000 * 5 / 10


def test_a_copy_is_found_at_distance_zero_with_its_row() -> None:
    training = noise(20, 3)

    distance, row = MODULE.nearest(training[[7, 3]], training)

    assert distance.tolist() == [0.0, 0.0]
    assert row.tolist() == [7, 3]


def test_ssim_picks_the_most_alike_of_the_nearest() -> None:
    """With as many on the list as there are, that is the maximum over all."""
    images, training = scenes(4, 1), scenes(30, 2)
    every = torch.stack([ssim(x.expand(30, -1, -1, -1), training) for x in images])

    distance, row = MODULE.most_alike(images, training)

    torch.testing.assert_close(distance, 1 - every.max(1).values, rtol=0, atol=1e-12)
    assert torch.equal(row, every.argmax(1))


def test_rows_agree_with_brute_force_and_copies_are_at_zero() -> None:
    """Products lose small distances; the answer does not."""
    rng = torch.Generator().manual_seed(0)
    training = 100 + torch.randn(3000, 6, generator=rng)
    rows = torch.cat([training[[2999]], 100 + torch.randn(70, 6, generator=rng)])

    distance, row = MODULE.nearest_rows(rows, training)

    apart = torch.cdist(rows.double(), training.double()).square()
    assert (float(distance[0]), int(row[0])) == (0, 2999)
    torch.testing.assert_close(distance, apart.min(1).values, rtol=1e-2, atol=1e-3)


def test_sketches_keep_distances() -> None:
    """√(2/k) of the squared distance is the deviation: 4.4 % for 1,024 sums."""
    rng = torch.Generator().manual_seed(0)
    a, b = torch.rand(60, 20_000, generator=rng), torch.rand(60, 20_000, generator=rng)
    wanted = (a - b).square().sum(1)

    found = (sketches.sketch(a, 1024) - sketches.sketch(b, 1024)).square().sum(1)

    errors = found / wanted - 1
    assert float(errors.std()) == pytest.approx((2 / 1024) ** 0.5, rel=0.3)
    assert abs(float(errors.mean())) < 3 * (2 / 1024 / 60) ** 0.5
    assert sketches.sketch(a).shape == (60, 4096)
    assert torch.equal(sketches.sketch(a[:, :50]), a[:, :50])  # short rows stay what they are


def test_a_memorising_model_is_named_and_an_honest_one_is_not() -> None:
    training, unseen = noise(40, 4), noise(20, 5)

    sides = {"training": evidence(training), "unseen": evidence(unseen)}

    copied = METRIC(**sides, generated=evidence(training[:10]))
    honest = METRIC(**sides, generated=evidence(noise(10, 6)))

    assert copied["neighbours"].value == copied["neighbours_ratio"].value == 0.0
    assert copied["neighbours_ratio"].note == (
        "samples lie much nearer to training images than unseen images do"
    )
    assert honest["neighbours_ratio"].value == pytest.approx(1, abs=0.05)
    assert honest["neighbours_ratio"].note is None


def test_samples_and_reconstructions_share_what_unseen_images_are_away() -> None:
    """Equal references are worked out once: tests/evaluation/test_references.py."""
    for kind in ("ssim", "lpips", "face"):
        of_samples = METRIC.variants[kind].reference
        assert of_samples == METRIC.variants[f"reconstructions-{kind}"].reference
        assert of_samples != METRIC.reference
    assert METRIC.reference == METRIC.variants["reconstructions"].reference


def test_the_reference_is_how_far_unseen_images_are() -> None:
    training, unseen = evidence(noise(40, 4)), evidence(noise(20, 5))

    floor = METRIC.reference(training=training, unseen=unseen)["floor"]

    assert torch.equal(floor, MODULE.nearest(unseen["images"], training["images"])[0])


def test_sizes_and_types_that_do_not_fit_are_said() -> None:
    for nearest in (MODULE.nearest, MODULE.most_alike):
        with pytest.raises(BadInput, match=r"uint8 images, got torch\.float32"):
            nearest(noise(1, 0).float(), noise(1, 0))
        with pytest.raises(BadInput, match="images of one size"):
            nearest(noise(1, 0)[..., :4], noise(1, 0))
        with pytest.raises(NotEnoughData, match="at least one image"):
            nearest(noise(0, 0), noise(1, 0))
    with pytest.raises(NotEnoughData, match="at least one image"):
        MODULE.nearest_rows(torch.zeros(2, 3), torch.zeros(0, 3))


# --- faces ------------------------------------------------------------------------------


def faces(found: list[bool], seed: int = 0) -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return {
        "descriptors": torch.randn(len(found), 5, generator=rng),
        "found": torch.tensor(found),
    }


def test_images_without_a_face_are_counted_and_left_out() -> None:
    metric = METRIC.variants["face"]
    training, unseen = faces([True] * 9 + [False]), faces([True, False, True], 1)
    generated = faces([True, False, True, False], 2)

    found = metric(training=training, unseen=unseen, generated=generated)

    known = generated["descriptors"][[0, 2]].double()
    apart = torch.cdist(known, training["descriptors"][:9].double()).min(1).values
    assert found["neighbours_face"].value == pytest.approx(float(apart.mean()), rel=1e-6)
    assert found["neighbours_face"].note == (
        "no face was found on 2 of 4 samples; they are left out"
    )
    with pytest.raises(NotMeasurable, match="no face was found on these images"):
        metric(training=training, unseen=unseen, generated=faces([False, False]))
    with pytest.raises(NotMeasurable, match="no face was found on training images"):
        metric(training=faces([False]), unseen=unseen, generated=generated)


def test_descriptors_keep_their_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of 3 and 2, a face on every second image; the descriptor is its first pixel."""

    class Stub:
        def start(self, a: Tensor, b: Tensor) -> list[Any]:
            made = []
            for image in a.permute(0, 2, 3, 1).numpy():
                pair = (image, image) if image[0, 0, 0] % 2 else None
                made.append(types.SimpleNamespace(result=lambda pair=pair: pair))
            return made

        def close(self) -> None: ...

    about = Pass(torch.device("cpu"), 5, 64, 1, 0)
    images = torch.arange(5, dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 150, 150)
    for shares in ([[3, 2]], [[3], [2]], [[3, 1], [1]]):  # one process, then two
        shards, start = [], 0
        for share in shares:
            network = lambda x: x[:, :2, 0, 0].float()  # noqa: E731
            shards.append(face_rows.Descriptors(network, about, Stub()))
            for size in share:
                rows = slice(start, start + size)
                shards[-1].update((images[rows],), torch.arange(5)[rows])
                start += size
        found = finished(face_rows.FaceRows(), about, *shards)

        assert found["found"].tolist() == [False, True, False, True, False]
        assert found["descriptors"].tolist() == [[0, 0], [1, 1], [0, 0], [3, 3], [0, 0]]


# --- the gap ----------------------------------------------------------------------------


def test_gap_is_the_difference_of_means_with_its_error() -> None:
    """Errors 1, 3 and 4, 6, 8: means 2 and 6; variances 2 and 4, over 2 and 3 images."""
    trained = torch.tensor([1.0, 3.0], dtype=torch.float64)
    unseen = torch.tensor([4.0, 6.0, 8.0], dtype=torch.float64)

    found = MODULE.gap(trained, unseen)

    assert found.value == pytest.approx(4)
    assert found.spread == pytest.approx((2 / 2 + 4 / 3) ** 0.5)
    assert "training images are reconstructed better than unseen ones" in found.note
    assert MODULE.gap(trained, trained).note is None


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        return open_dataset("toyfaces:200", 16)


class Memory:
    """Knows the training images by heart and gives grey for all others."""

    def __init__(self, data: Dataset, share: float = 1.0) -> None:
        images = data.train.take(torch.arange(int(share * len(data.train))))
        self.known = {image.numpy().tobytes() for image in images}

    def encode(self, images: Tensor) -> Tensor:
        return images.flatten(1)

    def decode(self, latents: Tensor) -> Tensor:
        images = latents.reshape(-1, 3, 16, 16)
        levels = ((images + 1) * 127.5).round().to(torch.uint8)
        known = torch.tensor([each.numpy().tobytes() in self.known for each in levels])
        return images * known[:, None, None, None]

    def sample(self, n: int, rng: Generator | None = None) -> Tensor:
        return torch.rand(n, 3, 16, 16, generator=rng) * 2 - 1


def test_a_model_that_knows_its_training_images_has_a_gap(data: Dataset) -> None:
    """The engine reconstructs training images beside test images."""
    small: dict[str, Any] = {"images": 40, "pairs": 20, "repeats": 1}
    metrics = ["neighbours:gap", "rmse", "neighbours:reconstructions"]

    frame = genbench.evaluate(Memory(data), data=data, metrics=metrics, **small)
    value = dict(zip(frame.score, frame.value, strict=True))
    honest = genbench.evaluate(Memory(data, 0.0), data=data, metrics=metrics[:1], **small).iloc[0]

    assert value["reconstruction_gap"] == pytest.approx(value["rmse"])  # no error on the others
    assert frame[frame.score == "reconstruction_gap"].note.iloc[0].startswith("training images are")
    assert abs(honest.value) < 3 * honest.spread
    assert value["neighbours_reconstructions"] > 0
    protocol = frame[frame.score == "reconstruction_gap"].protocol.iloc[0]
    assert '"training-pairs":"train"' in protocol


def test_a_model_that_cannot_encode_has_no_gap_and_says_why(data: Dataset) -> None:
    class Blind:
        def sample(self, n: int) -> Tensor:
            return torch.zeros(n, 3, 16, 16)

    frame = genbench.evaluate(
        {"g": Blind()}, data=data, metrics=["neighbours:gap"], images=10, pairs=5, repeats=1
    )

    assert frame.reason.tolist() == ["it does not both encode and decode"]


def test_each_way_of_comparing_has_its_scores() -> None:
    assert set(METRIC.variants) == {
        "ssim",
        "lpips",
        "face",
        "reconstructions",
        "reconstructions-ssim",
        "reconstructions-lpips",
        "reconstructions-face",
        "gap",
        "gap-lpips",
    }
    scores = [score for metric in (METRIC, *METRIC.variants.values()) for score in metric.columns]
    assert len(set(scores)) == len(scores)
    assert (
        METRIC.variants["reconstructions-lpips"].inputs["generated"].stream
        is Stream.RECONSTRUCTIONS
    )
