"""Every number has an error bar of a stated kind, or says why it has none; values are kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

import genbench
from genbench import features
from genbench.data import Dataset, open_dataset
from genbench.evaluation.plan import find_metrics
from genbench.interfaces import Stream
from genbench.results.store import Store

D = 4  # features of the networks here
LAYERS = {"inception": ("64", "192", "768", "2048", "logits_unbiased"), "toynet": ("64",)}
IMAGES = 64  # FID-inf wants a quarter of them to be 16


class Pixels:
    """Stands for any feature network: a few pixels of each image, so the weights are no matter."""

    files: Mapping[str, str] = MappingProxyType({})

    def __init__(self, name: str) -> None:
        self.name, self.layers = name, LAYERS.get(name, ("all", "all-256", "cls", *"1234567"))

    def __call__(self, images: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        rows = images.float().flatten(1)[:, :: images[0].numel() // D][:, :D] / 255
        return dict.fromkeys(layers, rows)

    def describe(self, layer: str) -> dict[str, str]:
        return {"name": self.name}


class Blurred:
    """Can do everything: its latents are pixels, its images half as bright as the inputs."""

    def draw(self, n: int, rng: Generator) -> Tensor:
        return torch.rand(n, 3 * 64 * 64, generator=rng) * 2 - 1

    def encode(self, images: Tensor) -> Tensor:
        return images.flatten(1)

    def decode(self, latents: Tensor) -> Tensor:
        return latents.reshape(-1, 3, 64, 64).float() / 2

    def interpolate(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        return torch.lerp(a, b, t[:, None])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        return open_dataset("toyfaces:240", 64)


@pytest.fixture(autouse=True)
def _networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "load", lambda name, **_: Pixels(name))


def measured(data: Dataset, *metrics: str, **options: Any) -> Any:
    sizes = {"images": IMAGES, "pairs": 20, "repeats": 1, **options}
    return genbench.evaluate({"b": Blurred()}, data=data, metrics=metrics, **sizes)


@pytest.mark.parametrize("repeats", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_every_number_of_the_registry_has_a_bar_or_says_why_not(
    data: Dataset, repeats: int
) -> None:
    # The faces of drawings take a fifth of a second each to not be found; identity looks already.
    slow = {"neighbours:face", "neighbours:reconstructions-face"}
    asked = [name for name in find_metrics(["all"]) if name not in slow]

    frame = measured(data, *asked, repeats=repeats)

    assert set(frame.metric) == set(asked)
    for row in frame.to_dict("records"):
        if isinstance(row["reason"], str):
            assert "identity" in row["score"] or row["metric"] == "kid:subsets", row["reason"]
        elif row["spread"] == row["spread"]:
            assert row["spread_over"], row["score"]
            assert row["spread"] >= 0
        else:
            assert "no error bar: " in row["note"], row["score"]


def test_sets_of_samples_give_set_metrics_their_bar(data: Dataset) -> None:
    one, five = measured(data, "fid"), measured(data, "fid", repeats=5)

    assert "one set of samples has none; measure five: --repeats 5" in one.note[0]
    assert one["values"][0] is None
    assert five.spread_over[0] == "std over 5 sampling batches"
    assert len(five["values"][0]) == 5
    assert five.value[0] == pytest.approx(np.mean(five["values"][0]), rel=1e-6)
    assert five.spread[0] == pytest.approx(np.std(five["values"][0], ddof=1), rel=1e-5)


def test_a_distance_between_sets_of_reconstructions_says_why_it_has_none(data: Dataset) -> None:
    (note,) = measured(data, "rfid").note

    assert "drawing from it would repeat images, which biases a distance between sets" in note


@pytest.mark.parametrize("metric", ["rmse", "psnr", "ssim", "ms_ssim:reconstruction", "lpips"])
def test_metrics_of_single_images_have_interval_and_values(data: Dataset, metric: str) -> None:
    row = measured(data, metric).to_dict("records")[0]  # lpips says the median too

    assert row["spread_over"] == "standard error over images"
    assert row["low"] < row["value"] < row["high"]
    assert row["high"] - row["low"] == pytest.approx(2 * 1.96 * row["spread"], rel=0.25)
    assert len(row["values"]) == 20
    assert row["value"] == pytest.approx(np.mean(row["values"]), rel=1e-5)


def test_steps_of_a_path_have_an_interval_but_pair_with_nothing(data: Dataset) -> None:
    row = measured(data, "ppl").iloc[0]

    assert row.low < row.value < row.high
    assert row["values"] is None


def test_images_without_a_number_keep_their_place(data: Dataset) -> None:
    """Reconstructions that are exact have no PSNR, and stay rows of their own."""

    class Exact(Blurred):
        def decode(self, latents: Tensor) -> Tensor:
            images = latents.reshape(-1, 3, 64, 64).float()
            bright = images.mean((1, 2, 3), keepdim=True)
            return torch.where(bright > bright.median(), images, images / 2)

    frame = genbench.evaluate(Exact(), data=data, metrics=["psnr"], pairs=20)
    missing = np.isnan(np.array(frame["values"][0]))

    assert frame.n[0] == 20 - missing.sum() < 20
    assert len(missing) == 20


def test_the_table_keeps_values_and_gives_them_when_asked(data: Dataset, tmp_path: Path) -> None:
    frame = measured(data, "rmse", table=tmp_path / "t")
    store = Store(tmp_path / "t")
    (plain,), (full,) = store.read(), store.read(values=True)

    assert plain.values is None
    assert full.values == frame["values"][0]
    assert plain == full
    assert plain.id == full.id == frame.id[0]
    assert (full.low, full.high) == (frame.low[0], frame.high[0])


def test_every_distribution_metric_has_a_floor(data: Dataset) -> None:
    """Real against real, of the same numbers, and lower than a model's wherever low is better."""
    names = [
        name
        for name, metric in find_metrics(["all"]).items()
        if ":" not in name
        and any(input_.stream is Stream.SAMPLES for input_ in metric.inputs.values())
    ]
    frame = measured(data, *names, anchors=True)
    floor = frame[frame.model == "real images"]

    assert {
        "fid",
        "kid",
        "swd",
        "precision_recall",
        "inception_score",
        "ms_ssim",
        "fid_inf",
    } <= set(names)
    assert set(floor.metric) == set(names)
    for row in floor.to_dict("records"):
        assert row["value"] == row["value"], row["reason"]
        assert row["n"] in (IMAGES, IMAGES // 2)  # couples, for MS-SSIM
    values = frame.set_index(["model", "score"]).value
    for score in ("fid", "kid", "swd"):
        assert values["real images", score] < values["b", score]


def test_fid_says_what_of_it_is_due_to_the_number_of_images(data: Dataset) -> None:
    """The bias of section 4.6 is a note, the same for all models of a table."""
    frame = measured(data, "fid", anchors=True, images=100)
    notes = {n.split(", which is the floor")[0] for n in frame.note if "the floor" in str(n)}

    assert len(notes) == 1
    assert "two sets of real images, 100 and 100, are about " in notes.pop()
