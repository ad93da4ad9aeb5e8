"""A row is known by what was really measured, never by the name of a class, a file or a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from torch import Generator, Tensor

import genbench
from genbench.cli import main
from genbench.data import Dataset, open_dataset
from genbench.errors import BadInput
from genbench.images import save_png
from genbench.results.store import Store

PAIRS: dict[str, Any] = {"metrics": ["rmse"], "pairs": 20}
SAMPLES: dict[str, Any] = {"metrics": ["swd"], "images": 20, "repeats": 1}
COMMAND = "--data toyfaces:120 --resolution 16 --metrics swd --images 20 --repeats 1 --device cpu"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        return open_dataset("toyfaces:120", 16)


class M:
    """Darkens what it reconstructs by a share, as somebody's model that is not even a module."""

    def __init__(self, k: float) -> None:
        self.k = k

    def encode(self, images: Tensor) -> Tensor:
        return images.flatten(1)

    def decode(self, latents: Tensor) -> Tensor:
        return latents.view(-1, 3, 16, 16) * (1 - self.k)

    def sample(self, n: int, rng: Generator) -> Tensor:
        return (torch.rand(n, 3, 16, 16, generator=rng) * 2 - 1) * (1 - self.k)


def folder_of(images: Tensor, place: Path) -> Path:
    for number, image in enumerate(images):
        save_png(image, place / f"{number:03}.png")
    return place


@pytest.fixture
def fakes(data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two folders of one name, ganA/fakes and ganB/fakes, from which commands are given."""
    folder_of(data.train.take(slice(0, 20)), tmp_path / "ganA" / "fakes")
    folder_of(data.train.take(slice(20, 40)).clamp(max=99), tmp_path / "ganB" / "fakes")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    done = CliRunner().invoke(main, list(arguments))
    assert done.exit_code == 0, done.output
    return done


def measure(models: str, table: str = "t") -> Result:
    return run("evaluate", "--models", models, "--table", table, *COMMAND.split())


def rows(table: str = "t") -> dict[str, str | None]:
    """Content of what was measured, by name, the newest last."""
    return {record.model: record.content for record in Store(table).read()}


# --- objects


def test_ranks_of_objects_of_one_class_are_their_own(data: Dataset, tmp_path: Path) -> None:
    table, out = tmp_path / "t", tmp_path / "report"
    models = {"A": M(0), "B": M(0.3), "C": M(0.6)}

    genbench.evaluate(models, data=data, table=table, **PAIRS)
    run("report", "--table", str(table), "--out", str(out), "--format", "markdown")

    assert "average ranks: A 1.00, B 2.00, C 3.00" in (out / "report.md").read_text()


def test_another_object_of_one_name_is_a_row_of_its_own(data: Dataset, tmp_path: Path) -> None:
    table = tmp_path / "t"
    for k in (0.0, 0.3, 0.0):
        genbench.evaluate({"A": M(k)}, data=data, table=table, **PAIRS)

    first, second, third = (record.run for record in Store(table).read())
    assert first == third != second
    assert first.startswith("object:")
    shown = run("table", "--table", str(table)).stdout
    assert f"A ({first})" in shown
    assert f"A ({second})" in shown
    said = run("table", "--table", str(table), "diff", "0", "1").stdout
    assert f"another thing of this name: {first} -> {second}" in said


def test_what_was_measured_by_other_metrics_seeds_and_numbers_is_the_same_row(
    data: Dataset,
) -> None:
    ways: list[dict[str, Any]] = [PAIRS, SAMPLES, SAMPLES | {"images": 30, "seed": 3, "batch": 7}]

    found = {genbench.evaluate(M(0.1), data=data, **way).content.iloc[0] for way in ways}

    assert len(found) == 1


class Stored:
    """Shows images that it has stored, of which the first are those of every other one."""

    def __init__(self, last: int) -> None:
        self.images = torch.zeros(64, 3, 16, 16)
        self.images[-1] = last / 255

    def sample(self, n: int) -> Tensor:
        return self.images[:n]


def test_numbers_that_the_first_images_do_not_show_count(data: Dataset) -> None:
    one, two = (genbench.evaluate(Stored(last), data=data, **SAMPLES) for last in (1, 2))

    assert one.content.iloc[0] != two.content.iloc[0]


def test_the_same_weights_under_two_names_are_two_rows_of_one_content(data: Dataset) -> None:
    module, model = torch.nn.Linear(2, 2), M(0.2)
    model.part = module  # type: ignore[attr-defined]  # as somebody's model may have

    frame = genbench.evaluate({"a": model, "b": model}, data=data, **PAIRS)

    assert list(frame.model) == ["a", "b"]
    assert frame.content.nunique() == 1
    module.weight.data += 1
    changed = genbench.evaluate({"a": model}, data=data, **PAIRS)
    assert changed.content.iloc[0] not in set(frame.content)


def test_looking_at_an_object_draws_nothing_from_the_callers_generator(data: Dataset) -> None:
    class Draws(M):
        def encode(self, images: Tensor) -> Tensor:
            return torch.randn_like(images)

        def decode(self, latents: Tensor) -> Tensor:
            return latents

    torch.manual_seed(5)
    genbench.evaluate(Draws(0), data=data, metrics=["swd"], images=20, repeats=1)
    after = torch.rand(1)
    torch.manual_seed(5)

    assert torch.equal(after, torch.rand(1))


def test_an_object_called_as_a_yardstick_is_refused(data: Dataset) -> None:
    with pytest.raises(BadInput, match="mean image is what a yardstick is called"):
        genbench.evaluate({"mean image": M(0)}, data=data, anchors=True, **PAIRS)


# --- folders


def test_two_folders_of_one_name_are_two_rows(fakes: Path) -> None:
    said = measure("ganA/fakes,ganB/fakes").stdout

    assert "ganA/fakes" in said
    assert "ganB/fakes" in said
    assert list(rows()) == ["ganA/fakes", "ganB/fakes"]
    assert len(set(rows().values())) == 2


def test_two_folders_of_one_name_one_after_the_other_are_two_rows(fakes: Path) -> None:
    for place in ("ganA/fakes", "ganB/fakes"):
        measure(place)

    shown = run("table", "--table", "t").stdout
    assert "ganA/fakes" in shown
    assert "ganB/fakes" in shown
    said = run("table", "--table", "t", "diff", "0", "1").stdout
    assert "another thing of this name: images:" in said
    models = ["--models", "ganA/fakes,ganB/fakes"]
    compared = CliRunner().invoke(main, ["table", "--table", "t", "compare", *models])
    assert "not tested: swd of ganA/fakes and ganB/fakes: " in compared.stderr


@pytest.mark.parametrize("inside", [".", "./", "../fakes", "../../ganA/fakes/", "{there}"])
def test_a_folder_has_its_name_however_it_is_given(
    fakes: Path, inside: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(fakes / "ganA" / "fakes")

    measure(inside.format(there=fakes / "ganA" / "fakes"), str(fakes / "t"))

    assert list(rows(str(fakes / "t"))) == ["fakes"]


def test_one_folder_given_in_many_ways_is_measured_once(fakes: Path) -> None:
    Path("link").symlink_to("ganA")

    measure(f"ganA/fakes,ganA/fakes/,./ganA/fakes,{fakes}/ganA/fakes,ganB/../ganA/fakes,link/fakes")

    assert list(rows()) == ["fakes"]


def test_a_folder_is_known_by_its_pixels_not_by_its_files(fakes: Path, data: Dataset) -> None:
    """The same images as another kind of file, and one that was changed in a single value."""
    images = data.train.take(slice(0, 20))
    folder_of(images, fakes / "same" / "fakes")
    for file in (fakes / "same" / "fakes").iterdir():
        file.write_bytes(file.read_bytes() + b"nothing that a decoder reads")
    images[0, 0, 0, 0] ^= 1
    folder_of(images, fakes / "other" / "fakes")

    measure("ganA/fakes,same/fakes,other/fakes")

    a, same, other = rows().values()
    assert a == same != other


def test_a_folder_that_was_filled_anew_is_measured_as_another_thing(fakes: Path) -> None:
    measure("ganA/fakes")
    folder_of(torch.zeros(1, 3, 16, 16, dtype=torch.uint8), fakes / "ganA" / "fakes")
    measure("ganA/fakes")

    first, second = sorted({record.run for record in Store("t").read()})
    shown = run("table", "--table", "t").stdout
    assert f"fakes ({first})" in shown
    assert f"fakes ({second})" in shown
