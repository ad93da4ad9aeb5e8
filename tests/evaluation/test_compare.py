"""Sets of images against one set, whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from genbench.metrics.fid import frechet_distance
from genbench.metrics.kid import kernel_distance
from torch import Tensor

import genbench
from genbench import features
from genbench.cli import main
from genbench.data import open_dataset
from genbench.errors import BadInput, BadSetting, NotEnoughData
from genbench.evaluation.stored_images import StoredImages
from genbench.images import save_png
from genbench.results import protocol

N = 60


@pytest.fixture(scope="module")
def images() -> Tensor:
    """Faces, 120 of 16x16."""
    return open_dataset("toyfaces:144", 16).train.take(slice(0, 2 * N))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, images: Tensor) -> Path:
    """real, fake (darker) and rebuilt (of the real ones, darker), in folders of folders."""
    root = tmp_path_factory.mktemp("compare")
    for row, (real, fake) in enumerate(zip(images[:N], images[N:], strict=True)):
        name = f"{row // 40:05d}/img{row:03d}"
        save_png(real, root / "real" / f"{name}.png")
        save_png(fake // 2, root / "fake" / f"{name}.png")
        save_png(real - real // 4, root / "rebuilt" / f"{name}.png")
    return root


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["compare", *map(str, words)], catch_exceptions=False)


def value(frame: Any, score: str) -> float:
    return float(frame.value[frame.score == score].iloc[0])


def through_toynet(images: Tensor) -> Tensor:
    network = features.load("toynet", weights_dir=None, device=torch.device("cpu"))
    with torch.inference_mode():
        return network(images, ("64",))["64"].double()


def moments(rows: Tensor) -> tuple[Tensor, Tensor]:
    return rows.mean(0), torch.cov(rows.T)


def test_two_folders_are_compared_whole(folders: Path, images: Tensor) -> None:
    """All files against all files, by the definitions of FID and KID."""
    frame = genbench.compare(
        folders / "real", folders / "fake", metrics=["fd_toynet", "kd_toynet"], device="cpu"
    )

    real, fake = through_toynet(images[:N]), through_toynet(images[N:] // 2)
    wanted = frechet_distance(*moments(real), *moments(fake))
    assert value(frame, "fd_toynet") == pytest.approx(wanted, rel=1e-6)
    assert value(frame, "kd_toynet") == pytest.approx(kernel_distance(real, fake), rel=1e-4)
    assert (frame.spread > 0).all()
    recipe = protocol.from_json(frame.protocol.iloc[0])
    assert recipe.images == {"real": N, "samples": N}
    assert recipe.splits == {}
    assert (recipe.dataset, recipe.recipe["split"]) == ("real", "whole")


@pytest.mark.parametrize(
    "given",
    [
        lambda images: images,
        lambda images: images.permute(0, 2, 3, 1).numpy(),
        lambda images: torch.utils.data.TensorDataset(images),
        lambda images: torch.utils.data.DataLoader(torch.utils.data.TensorDataset(images), 7),
    ],
)
def test_arrays_and_loaders_are_compared_like_folders(
    folders: Path, images: Tensor, given: Callable[[Tensor], object]
) -> None:
    from_files = genbench.compare(
        folders / "real", folders / "fake", metrics=["fd_toynet"], device="cpu"
    )
    frame = genbench.compare(
        given(images[:N]), {"fake": given(images[N:] // 2)}, metrics=["fd_toynet"], device="cpu"
    )

    assert value(frame, "fd_toynet") == pytest.approx(value(from_files, "fd_toynet"), rel=1e-9)
    fingerprints = {
        json.loads(each.protocol.iloc[0])["fingerprint"] for each in (frame, from_files)
    }
    assert len(fingerprints) == 1  # what is measured is known by its pixels


def test_an_array_is_a_row_of_an_evaluation(images: Tensor, folders: Path) -> None:
    data = open_dataset("toyfaces:144", 16)
    frame = genbench.evaluate(
        {"array": (images[N:] // 2).numpy(), "folder": folders / "fake"},
        data=data,
        metrics=["fd_toynet"],
        images=20,
        reference=50,
        device="cpu",
    )

    assert frame.spread_over.iloc[0] == "std over 3 sampling batches"
    assert len(set(frame.value)) == 1


def test_sets_of_a_folder_are_disjoint(images: Tensor) -> None:
    stored = StoredImages(genbench.open_images(images), mixed=True)

    rows = torch.cat([stored.samples(40, repeat)(0, 40) for repeat in range(3)])

    assert len(rows.flatten(1).unique(dim=0)) == 2 * N
    with pytest.raises(NotEnoughData, match="120 images, 41 x 3 were asked for; use --images 40"):
        stored.samples(41, 2)(0, 1)


def test_repeats_are_error_bars(folders: Path) -> None:
    asked = ["--metrics=fd_toynet", "--images=20", "--repeats=3", "--json", "--device=cpu"]
    done = run(folders / "real", folders / "fake", *asked)

    (record,) = json.loads(done.stdout)["records"]
    assert (record["n"], record["spread_over"]) == (20, "std over 3 sampling batches")
    assert record["spread"] > 0


def test_pairs_are_matched_by_name(folders: Path, images: Tensor, tmp_path: Path) -> None:
    """What has no partner is named, and an own computation finds the number of the others."""
    for row in (0, 1, 2, 5):
        save_png(images[row] // 2, tmp_path / "some" / "00000" / f"img{row:03d}.webp")
    save_png(images[0], tmp_path / "some" / "extra.png")

    done = run("--paired", folders / "real", tmp_path / "some", "--metrics=rmse,psnr", "--json")

    found = {each["score"]: each for each in json.loads(done.stdout)["records"]}
    x = images[[0, 1, 2, 5]].double()
    errors = (x - x.div(2, rounding_mode="floor")).square().flatten(1).mean(1)
    assert found["rmse"]["value"] == pytest.approx(float(errors.sqrt().mean()), rel=1e-6)
    assert found["psnr"]["value"] == pytest.approx(
        float((10 * (255**2 / errors).log10()).mean()), rel=1e-6
    )
    assert found["rmse"]["n"] == 4
    assert "56 of 60 images of real have no partner in some" in done.stderr
    assert (
        "1 of 5 images of some have no partner in real and are left out: extra.png" in done.stderr
    )


def test_pairs_without_names_are_matched_by_their_order(images: Tensor) -> None:
    frame = genbench.compare(images, images // 2, paired=True, metrics=["rmse"], device="cpu")

    x = images.double()
    errors = (x - (images // 2).double()).square().flatten(1).mean(1)
    assert value(frame, "rmse") == pytest.approx(float(errors.sqrt().mean()), rel=1e-6)
    with pytest.raises(BadInput, match=r"120 images and tensor 3; .* by their order"):
        genbench.compare(images, images[:3], paired=True, metrics=["rmse"], device="cpu")


def test_what_is_asked_in_vain_has_its_reason(folders: Path) -> None:
    done = run(folders / "real", folders / "fake", "--metrics=rmse,ppl,fd_toynet")

    assert "not measured: rmse: the two sets are no pairs; add --paired" in " ".join(
        done.stdout.split()
    )
    assert "ppl: images have no latent space" in done.stdout


def test_all_that_can_be_had_is_measured(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without weights, of 16x16."""
    monkeypatch.delenv("GENBENCH_WEIGHTS", raising=False)

    frame = genbench.compare(folders / "real", folders / "fake", device="cpu")
    pairs = genbench.compare(folders / "real", folders / "rebuilt", paired=True, device="cpu")

    of_toynet = {"fd_toynet", "kd_toynet", "precision_recall_toynet"}
    assert set(frame.metric) == {*of_toynet, "swd", "ms_ssim"}
    assert {"rmse", "psnr", "ssim"} <= set(pairs.metric)


def test_sets_of_one_name_are_told_apart(folders: Path, tmp_path: Path, images: Tensor) -> None:
    for name in ("a", "b"):
        for row in range(4):
            save_png(images[row], tmp_path / name / "fakes" / f"{row}.png")

    frame = genbench.compare(
        folders / "real", tmp_path / "a/fakes", tmp_path / "b/fakes", metrics=["swd"], device="cpu"
    )

    assert sorted(set(frame.model)) == ["a/fakes", "b/fakes"]
    with pytest.raises(BadSetting, match="given twice"):
        genbench.compare(folders / "real", tmp_path / "a", tmp_path / "a", metrics=["swd"])


def test_a_table_is_no_wider_than_the_terminal(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    done = run(folders / "real", folders / "fake", folders / "rebuilt", "--metrics=fd_toynet,swd")

    assert max(map(len, done.stdout.splitlines())) <= 80
    assert done.stdout.startswith("against real, 16×16\n")
    assert any(line.split() == ["images", "60", "60"] for line in done.stdout.splitlines())


def test_sets_of_two_sizes_are_told_the_way(folders: Path, tmp_path: Path) -> None:
    save_png(torch.zeros(3, 8, 8, dtype=torch.uint8), tmp_path / "a.png")

    with pytest.raises(BadInput, match=r"16x16, .* of 8x8; with --resolution 8"):
        genbench.compare(folders / "real", tmp_path, metrics=["swd"], device="cpu")


def test_a_side_that_is_asked_for_stands_in_the_recipe(folders: Path) -> None:
    frame = genbench.compare(
        folders / "real", folders / "fake", metrics=["fd_toynet"], resolution=8, device="cpu"
    )

    recipe = protocol.from_json(frame.protocol.iloc[0])
    assert (recipe.resolution, recipe.recipe["crop"]) == (8, "centre-square")


def test_more_sets_than_there_are_images_for_are_refused(folders: Path) -> None:
    with pytest.raises(NotEnoughData, match=r"3 sets of 30 .* lower --images to 20"):
        genbench.compare(
            folders / "real", folders / "fake", metrics=["swd"], images=30, repeats=3, device="cpu"
        )


def test_a_misspelt_metric_does_not_wait_for_the_images() -> None:
    done = CliRunner().invoke(main, ["compare", "not-there", "neither", "--metrics", "fdi"])

    assert done.exit_code == 2
    assert "no metric is called 'fdi'" in done.stderr
