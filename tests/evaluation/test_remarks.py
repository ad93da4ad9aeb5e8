"""What is said beside a number, and what no number comes of."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from draws import rng
from evaluated import SMALL, Inverse, number
from torch import Generator, Tensor

import genbench
from genbench.data import Dataset, open_dataset
from genbench.errors import RangeWarning
from genbench.images import to_floats


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        return open_dataset("toyfaces:300", 16)


class Module(torch.nn.Module):
    """A generator whose dropout would show in training mode."""

    def __init__(self, images: Tensor | None = None) -> None:
        super().__init__()
        self.drop, self.images = torch.nn.Dropout(0.9), images

    def sample(self, n: int, rng: Generator | None = None) -> Tensor:
        if self.images is not None:
            return self.images.expand(n, -1, -1, -1)
        return self.drop(torch.rand(n, 3, 16, 16, generator=rng) * 2 - 1)


def test_a_model_in_training_mode_is_put_in_evaluation_mode_and_that_is_said(
    data: Dataset,
) -> None:
    one, two = (
        genbench.evaluate({"m": model}, data=data, metrics=["swd"], **SMALL)
        for model in (Module(), Module().eval())
    )

    assert list(one.value) == list(two.value)
    assert "handed over in training mode" in number(one, "m", "swd").note
    assert "training mode" not in (number(two, "m", "swd").note or "")


def test_images_that_are_all_one_are_said_beside_the_number(data: Dataset) -> None:
    image = torch.linspace(-1, 1, 768).view(1, 3, 16, 16)

    frame = genbench.evaluate(Module(image).eval(), data=data, metrics=["swd"], **SMALL)

    row = number(frame, "Module", "swd")
    assert row.value > 0
    assert "all 60 samples are identical" in row.note


def test_another_range_is_a_warning_at_the_call_and_said_beside_the_number(data: Dataset) -> None:
    with pytest.warns(
        RangeWarning, match=r"numbers of Module are not .* no value of the samples is below 0"
    ) as caught:
        frame = genbench.evaluate(
            Module(torch.rand(1, 3, 16, 16, generator=rng(1))).eval(),
            data=data,
            metrics=["swd"],
            **SMALL,
        )

    assert caught[0].filename == __file__
    assert "is the model's range [0, 1]?" in number(frame, "Module", "swd").note


def test_a_number_that_is_not_finite_is_a_reason(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    from genbench.evaluation import scoring
    from genbench.interfaces import Measured

    def broken(*_: Any) -> dict[str, Measured]:
        return {"rmse": Measured(float("nan")), "psnr": Measured(1.0, spread=float("inf"))}

    monkeypatch.setattr(scoring, "_measure", broken)

    frame = genbench.evaluate(Inverse(), data=data, metrics=["rmse"], **SMALL)

    assert "rmse came out as nan" in number(frame, "Inverse", "rmse").reason
    assert number(frame, "Inverse", "psnr").value == 1.0
    assert number(frame, "Inverse", "psnr").spread != float("inf")


def test_sets_of_the_floor_share_no_image_and_are_fewer_where_there_are_no_more(
    data: Dataset,
) -> None:
    """250 training images: 60 are the reference, so three sets of 60 are left, and one of 95."""
    from genbench.evaluation import anchors

    def floor(n: int) -> Any:
        reference = torch.arange(n)
        return anchors.real_images(reference, n, 5).open(data, torch.device("cpu"))

    subject = floor(60)
    rows = [subject.samples(0, 60, 0, repeat) for repeat in range(3)]
    reference = to_floats(data.train.take(torch.arange(60)))

    distinct = {image.numpy().tobytes() for part in (*rows, reference) for image in part}
    assert len(distinct) == len({i.numpy().tobytes() for i in data.train.take(slice(0, 250))}) - 10
    assert subject.sets == 3
    assert "has 3 x 60 images without repeating any, where models have 5 sets" in subject.note
    assert floor(95).sets == 1


def test_one_set_of_real_images_has_no_error_bar_instead_of_none_at_all(data: Dataset) -> None:
    """Drawn again in another order, the same images would differ by nothing but patches."""
    frame = genbench.evaluate(
        Inverse(), data=data, metrics=["swd"], anchors=True, images=100, repeats=3, pairs=5
    )
    row = number(frame, "real images", "swd")

    assert row.value > 0
    assert row.spread is None or row.spread != row.spread
    assert "has 1 x 100 images" in row.note
    assert "no error bar" in row.note
    assert number(frame, "Inverse", "swd").spread > 0
