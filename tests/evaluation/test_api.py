"""Evaluation, from models to records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from evaluated import SMALL, Inverse, number
from torch import Generator, Tensor

import genbench
from genbench import runs
from genbench.data import Dataset, open_dataset
from genbench.errors import BadInput, BadSetting, NotEnoughData, UnknownName
from genbench.images import save_png
from genbench.results.store import Store


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        return open_dataset("toyfaces:300", 16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one trained run."""
    place = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        genbench.train(
            "pca",
            settings={"latent": 16},
            runs_dir=place,
            name="pca",
            training={"data": "toyfaces:300", "resolution": 16, "grids": 0},
        )
    return place


def test_any_object_with_the_methods_is_measured(data: Dataset) -> None:
    """Ten grey levels everywhere but at white: RMSE close to 10, PSNR close to 20 log10(255/10)."""
    frame = genbench.evaluate(Inverse(), data=data, metrics=["rmse", "psnr", "swd"], **SMALL)

    assert number(frame, "Inverse", "rmse").value == pytest.approx(10, abs=0.3)
    assert number(frame, "Inverse", "psnr").value == pytest.approx(28.1, abs=0.4)
    swd = number(frame, "Inverse", "swd")
    assert swd.spread_over == "std over 2 sampling batches"
    assert swd.n == 60


def test_numbers_do_not_depend_on_the_batch(data: Dataset, folder: Path) -> None:
    one, two = (
        genbench.evaluate(
            "pca", data=data, metrics=["rmse", "swd"], runs_dir=folder, batch=batch, **SMALL
        )
        for batch in (64, 7)
    )

    assert list(one.value) == pytest.approx(list(two.value), rel=1e-6)
    assert list(one.protocol_id) == list(two.protocol_id)


def test_a_seed_changes_samples_but_not_the_recipe(data: Dataset, folder: Path) -> None:
    one, two = (
        genbench.evaluate("pca", data=data, metrics=["swd"], runs_dir=folder, seed=seed, **SMALL)
        for seed in (0, 1)
    )

    assert list(one.value) != list(two.value)
    assert list(one.protocol_id) == list(two.protocol_id)
    assert [p["seed"] for p in two.provenance] == [1] * len(two)


@pytest.mark.parametrize("change", [{"images": 50}, {"repeats": 3}])
def test_another_size_is_another_recipe(
    data: Dataset, folder: Path, change: dict[str, int]
) -> None:
    one, two = (
        genbench.evaluate("pca", data=data, metrics=["swd"], runs_dir=folder, **{**SMALL, **more})
        for more in ({}, change)
    )

    assert set(one.protocol_id).isdisjoint(two.protocol_id)


def test_anchors_stand_beside_the_models(data: Dataset, folder: Path) -> None:
    frame = genbench.evaluate(
        "all", data=data, metrics=["swd", "rmse"], runs_dir=folder, anchors=True, **SMALL
    )

    assert set(frame.model) == {"pca", "real images", "mean image", "pca (untrained)"}
    floor, model = number(frame, "real images", "swd"), number(frame, "pca", "swd")
    assert floor.value < model.value < number(frame, "pca (untrained)", "swd").value
    assert number(frame, "pca", "rmse").value < number(frame, "mean image", "rmse").value
    assert number(frame, "real images", "rmse").reason == "real images are not reconstructed"
    assert number(frame, "mean image", "swd").reason == "the mean image is not a generator"


def test_the_floor_says_what_it_lacks(data: Dataset) -> None:
    frame = genbench.evaluate(
        Inverse(), data=data, metrics=["swd"], anchors=True, images=200, pairs=5, repeats=1
    )

    reason = number(frame, "real images", "swd").reason
    assert reason.startswith("the floor needs 200 more training images than the reference uses, 50")


def test_a_missing_method_is_a_reason_not_a_number(data: Dataset) -> None:
    class OnlySamples:
        def sample(self, n: int) -> Tensor:
            return torch.rand(n, 3, 16, 16) * 2 - 1

    frame = genbench.evaluate({"g": OnlySamples()}, data=data, metrics=["rmse", "swd"], **SMALL)

    row = number(frame, "g", "rmse")
    assert row.value is None or row.value != row.value
    assert row.reason == "it does not both encode and decode"
    assert number(frame, "g", "swd").value > 0


def test_a_model_without_a_generator_argument_is_repeatable(data: Dataset) -> None:
    class Global:
        def sample(self, n: int) -> Tensor:
            return torch.rand(n, 3, 16, 16) * 2 - 1

    state = torch.get_rng_state()
    one = genbench.evaluate({"g": Global()}, data=data, metrics=["swd"], **SMALL)
    two = genbench.evaluate({"g": Global()}, data=data, metrics=["swd"], **SMALL)

    assert list(one.value) == list(two.value)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_broken_model_is_listed_with_the_reason(data: Dataset) -> None:
    class Broken(Inverse):
        def sample(self, n: int, rng: Generator | None = None) -> Tensor:
            return torch.full((n, 3, 16, 16), float("nan"))

    frame = genbench.evaluate([Broken()], data=data, metrics=["swd", "rmse"], **SMALL)

    assert "not finite: row 0" in number(frame, "Broken", "swd").reason
    assert number(frame, "Broken", "rmse").value > 0


def test_a_folder_of_images_is_a_model(data: Dataset, tmp_path: Path) -> None:
    for row, image in enumerate(data.test.take(slice(0, 40))):
        save_png(image, tmp_path / "samples" / f"{row:03d}.png")

    frame = genbench.evaluate(
        tmp_path / "samples", data=data, metrics=["swd", "rmse"], images=40, pairs=5, repeats=1
    )
    assert number(frame, "samples", "swd").value > 0
    assert number(frame, "samples", "rmse").reason == "a folder of images reconstructs nothing"

    few = genbench.evaluate(tmp_path / "samples", data=data, metrics=["swd"], images=50, repeats=1)
    assert "holds 40 images, 50 x 1 were asked for" in number(few, "samples", "swd").reason


def test_two_objects_of_one_class_want_names(data: Dataset) -> None:
    with pytest.raises(BadInput, match=r"^two models are called Inverse; pass a mapping"):
        genbench.evaluate([Inverse(), Inverse()], metrics=["rmse"], data=data, device="cpu")


def test_one_thing_given_twice_is_measured_once(data: Dataset) -> None:
    model = Inverse()

    frame = genbench.evaluate([model, model], metrics=["rmse"], data=data, pairs=10, device="cpu")

    assert len(frame) == 1


def test_a_folder_of_mixed_sizes_names_the_file(data: Dataset, tmp_path: Path) -> None:
    save_png(torch.zeros(3, 16, 16, dtype=torch.uint8), tmp_path / "a.png")
    save_png(torch.zeros(3, 8, 8, dtype=torch.uint8), tmp_path / "b.png")

    frame = genbench.evaluate(tmp_path, data=data, metrics=["swd"], images=2, repeats=1)

    assert "b.png is 8x8, the data are 16x16" in frame.reason.iloc[0]


def test_every_record_has_its_recipe_and_provenance(data: Dataset, folder: Path) -> None:
    frame = genbench.evaluate("pca", data=data, metrics=["rmse"], runs_dir=folder, **SMALL)

    row = frame.iloc[0]
    protocol = json.loads(row.protocol)
    assert protocol["fingerprint"] == data.fingerprint
    assert protocol["images"] == {"pairs": 30}
    assert protocol["splits"] == {"pairs": "test"}
    assert row.run == runs.read(folder / "pca").id
    assert {"genbench", "torch", "python", "device", "seconds", "seed"} <= row.provenance.keys()
    assert len(row.id) == 16


def test_an_evaluation_is_one_version_of_the_table(
    data: Dataset, folder: Path, tmp_path: Path
) -> None:
    for _ in range(2):
        genbench.evaluate(
            "pca",
            data=data,
            metrics=["rmse", "psnr"],
            runs_dir=folder,
            table=tmp_path / "t",
            **SMALL,
        )

    store = Store(tmp_path / "t")
    assert store.version() == 1
    assert len(store.read(0)) == 2
    assert len({record.evaluation for record in store.read()}) == 2


def test_missing_weights_are_a_reason_with_the_next_step(data: Dataset, tmp_path: Path) -> None:
    frame = genbench.evaluate(
        Inverse(), data=data, metrics=["fid", "rmse"], weights_dir=tmp_path, **SMALL
    )

    row = number(frame, "Inverse", "fid")
    assert row.protocol_id is None or row.protocol_id != row.protocol_id
    assert "--download" in row.reason
    assert number(frame, "Inverse", "rmse").value > 0


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"metrics": ["fdi"]}, UnknownName, "Did you mean fid"),
        ({"metrics": ["fid:100"]}, BadSetting, "fid has no variant '100'"),
        ({"metrics": []}, BadSetting, "no metric was asked for"),
        ({"images": 999}, NotEnoughData, "lower it to 250"),
        ({"pairs": 999}, NotEnoughData, "lower it to 50"),
        ({"repeats": 0}, BadSetting, "must be at least 1"),
        ({"paths": 0}, BadSetting, "must be at least 1"),
        ({"models": "nothing"}, BadInput, "neither a run in"),
        ({"models": object()}, BadInput, "object cannot be measured"),
        ({"device": "cuda:9"}, BadSetting, "cuda:9 was asked for"),
    ],
)
def test_mistakes_are_said(
    data: Dataset, folder: Path, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    given = {"models": "pca", "metrics": ["rmse"], **SMALL, **options}

    with pytest.raises(error, match=words):
        genbench.evaluate(given.pop("models"), data=data, runs_dir=folder, **given)


def test_all_leaves_out_runs_of_other_data_and_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = open_dataset("toyfaces:120", 16)

    with pytest.raises(BadSetting, match="pca: trained on other images than toyfaces:120"):
        genbench.evaluate("all", data=other, metrics=["rmse"], runs_dir=folder)

    frame = genbench.evaluate("pca", data=other, metrics=["rmse"], runs_dir=folder, pairs=9)
    assert number(frame, "pca", "rmse").value > 0


def test_a_path_has_both_ends_of_the_same_steps_whatever_the_batch(
    data: Dataset, folder: Path
) -> None:
    """lerp: the step has the length epsilon |b - a|, and does not depend on how it is cut."""
    from genbench.evaluation.subjects import from_model
    from genbench.interfaces import Step

    class Identity:
        def draw(self, n: int, rng: Generator) -> Tensor:
            return torch.randn(n, 5, generator=rng)

        def decode(self, latents: Tensor) -> Tensor:
            return latents

        def interpolate(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
            return a + t[:, None] * (b - a)

    path = from_model(Identity(), torch.device("cpu")).path
    assert path is not None
    first, second = path(0, 100, 0, Step(epsilon=0.5))
    parts = [path(start, start + 10, 0, Step(epsilon=0.5)) for start in range(0, 100, 10)]

    assert torch.equal(torch.cat([a for a, _ in parts]), first)
    # |b - a| of two normal vectors in 5 dimensions: sqrt(2) times a chi of 5, mean 3.01
    assert float((second - first).norm(dim=1).mean()) == pytest.approx(0.5 * 3.01, rel=0.1)
    starts, _ = path(0, 100, 0, Step(ends=True))
    assert not torch.equal(starts, first)


def test_an_interrupted_evaluation_goes_on_at_the_finished_passes(
    data: Dataset, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in the second of three repeats: the first is not sampled again."""
    from genbench.evaluation import passes
    from genbench.evaluation.collect import collect

    straight = genbench.evaluate(
        "pca", data=data, metrics=["swd", "rmse"], runs_dir=folder, **{**SMALL, "repeats": 3}
    )
    done: list[str] = []

    def interrupted(stream: Any, *rest: Any) -> Any:
        if len(done) == limit:
            raise KeyboardInterrupt
        done.append(next(iter(stream.streams)))
        return collect(stream, *rest)

    monkeypatch.setattr(passes, "collect", interrupted)
    limit = 1
    with pytest.raises(KeyboardInterrupt):
        genbench.evaluate(
            "pca", data=data, metrics=["swd", "rmse"], runs_dir=folder, **{**SMALL, "repeats": 3}
        )
    limit = 99
    resumed = genbench.evaluate(
        "pca", data=data, metrics=["swd", "rmse"], runs_dir=folder, **{**SMALL, "repeats": 3}
    )

    assert done == ["samples", "samples", "samples", "pairs"]
    assert list(resumed.value) == list(straight.value)


def test_a_metric_that_the_size_forbids_is_refused_before_any_image_is_made(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from genbench.evaluation import passes

    def never(*_: Any) -> Any:
        raise AssertionError("a pass was made")

    monkeypatch.setattr(passes, "collect", never)
    small = open_dataset("toyfaces:60", 8)

    frame = genbench.evaluate({"g": Inverse()}, data=small, metrics=["swd"], images=10)

    assert "images of 8x8 have no pyramid" in frame.reason.iloc[0]


def test_a_run_that_cannot_be_loaded_says_so_for_every_metric(
    data: Dataset, folder: Path, tmp_path: Path
) -> None:
    import shutil

    shutil.copytree(folder / "pca", tmp_path / "pca")
    for weights in (tmp_path / "pca").glob("checkpoints/*/model.safetensors"):
        weights.write_bytes(b"lost")

    frame = genbench.evaluate("pca", data=data, metrics=["swd", "rmse"], runs_dir=tmp_path, **SMALL)

    assert len(frame) == 2
    assert all("damaged or missing" in reason for reason in frame.reason)
    from genbench.evaluation.candidates import find_candidates, opened
    from genbench.interfaces import Maker

    (broken,) = find_candidates("pca", tmp_path)
    missing = opened(broken, data, torch.device("cpu")).missing
    assert "damaged or missing" in missing[Maker.WALKER]
