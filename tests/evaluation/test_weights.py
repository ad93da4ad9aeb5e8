"""A run is known by the weights that were loaded, also where newer ones are damaged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

import genbench
from genbench.cli import main
from genbench.errors import PassedOverWarning
from genbench.results.store import Store
from genbench.runs import checkpoints, read
from genbench.runs.checkpoints import Checkpoint

pytestmark = pytest.mark.filterwarnings("default::genbench.errors.PassedOverWarning")
MEASURE = "evaluate --models pca --metrics rmse --pairs 20 --device cpu"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        genbench.train(
            "pca",
            settings={"latent": 16},
            runs_dir=place / "runs",
            name="pca",
            training={"data": "toyfaces:300", "resolution": 16, "grids": 0},
        )
    return place


@pytest.fixture
def checkpoint(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkpoint:
    """What the run "runs/pca" below the working directory has, alone, and may be changed."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "runs"
    folder.mkdir()
    for file in (trained / "runs").rglob("*"):
        if file.is_file():
            target = folder / file.relative_to(trained / "runs")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    return checkpoints.latest(folder / "pca" / "checkpoints", training=True)[0]


def later(checkpoint: Checkpoint, *, damaged: bool = False) -> str:
    """Write other weights as if training had gone on; their digest."""
    scaled = {
        name: value / 2 if value.is_floating_point() else value
        for name, value in checkpoint.model.items()
    }
    changed = replace(checkpoint, seen=checkpoint.seen + 64, model=scaled)
    place = checkpoints.write(Path("runs/pca/checkpoints"), changed, keep=2)
    digest = checkpoints.check(place).digest
    if damaged:
        with (place / "model.safetensors").open("r+b") as stream:
            stream.truncate(1000)
    return digest


def run(command: str) -> Result:
    done = CliRunner().invoke(main, command.split())
    assert done.exit_code == 0, done.output
    return done


def test_the_digest_is_that_of_the_weights_that_were_loaded(checkpoint: Checkpoint) -> None:
    newer = later(checkpoint, damaged=True)

    done = run(MEASURE)

    (record,) = Store("results").read()
    assert record.content == record.provenance["weights"] == checkpoint.digest != newer
    assert record.provenance["seen"] == checkpoint.seen
    words = f"weights of {checkpoint.seen:,} images were taken, for newer ones are damaged: "
    assert f"genbench: pca: {words}" in done.stderr
    assert record.note is not None
    assert words in record.note
    assert "model.safetensors is damaged or missing" in record.note


def test_weights_that_are_whole_are_not_talked_about(checkpoint: Checkpoint) -> None:
    newer = later(checkpoint)

    done = run(MEASURE)

    (record,) = Store("results").read()
    assert record.content == newer
    assert "damaged" not in done.stderr + str(record.note)


def test_card_figure_and_report_take_the_same_weights_and_say_it(checkpoint: Checkpoint) -> None:
    later(checkpoint, damaged=True)
    run(MEASURE)
    words = f"weights of {checkpoint.seen:,} images were taken, for newer ones are damaged: "

    run("card pca --out card.md")
    figure = run("figure samples pca --out figure.png")
    run("report --format markdown --out report")

    assert words in Path("card.md").read_text()
    assert f"digest: {checkpoint.digest}" in Path("card.md").read_text()
    assert words in figure.stderr
    assert words in Path("report/report.md").read_text()
    with pytest.warns(PassedOverWarning, match="newer ones are damaged"):
        model = genbench.load("runs/pca", device="cpu")
    assert model.seen == checkpoint.seen


def test_weights_of_one_run_are_rows_of_their_own(checkpoint: Checkpoint) -> None:
    """A row never mixes what was measured before a training with what was measured after it."""
    run(MEASURE)
    later(checkpoint)
    run(MEASURE.replace("rmse", "psnr"))

    shown = run("table").stdout
    old, new = f"pca ({checkpoint.seen:,} images)", f"pca ({checkpoint.seen + 64:,} images)"
    assert old in shown
    assert new in shown
    run(MEASURE)
    said = run("table diff 1 2").stdout
    assert "another weights of the run" in said
    assert "another thing" not in said


def test_an_evaluation_goes_on_only_with_weights_that_are_still_there(
    checkpoint: Checkpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    class Stop:
        def encode(self, images: torch.Tensor) -> torch.Tensor:
            return images

        def decode(self, latents: torch.Tensor) -> torch.Tensor:
            raise KeyboardInterrupt

    def measure(last: object) -> None:
        models = {"pca": "pca", "last": last}
        data = "toyfaces:300"
        genbench.evaluate(
            models, metrics=["rmse"], pairs=20, data=data, resolution=16, table="results"
        )

    with pytest.raises(KeyboardInterrupt):
        measure(Stop())
    with pytest.raises(KeyboardInterrupt):
        measure(Stop())
    assert "1 of 2 models are in the table and not measured again" in capsys.readouterr().err
    assert len(Store("results").read()) == 1
    newer = later(checkpoint)

    with pytest.raises(KeyboardInterrupt):
        measure(Stop())

    assert [record.content for record in Store("results").read()] == [checkpoint.digest, newer]


def test_a_run_is_called_by_its_folder_from_within(
    checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("runs/pca")

    assert read(Path()).name == "pca"
    run(MEASURE.replace("--models pca", "--models ."))
    assert [record.model for record in Store("results").read()] == ["pca"]


def test_a_checkpoint_that_training_removes_meanwhile_is_not_taken_for_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training writes a newer one and removes the one that is just about to be read."""
    weights = {"w": torch.zeros(3)}
    checkpoints.write(tmp_path, Checkpoint(1, weights), keep=1)
    state = checkpoints._state

    def slow(source: Path, names: tuple[str, ...]) -> dict[str, object]:
        if source.name.endswith("1"):
            checkpoints.write(tmp_path, Checkpoint(2, weights), keep=1)
        return state(source, names)

    monkeypatch.setattr(checkpoints, "_state", slow)

    found, damaged = checkpoints.latest(tmp_path, training=False)

    assert (found.seen, damaged) == (2, [])
    assert [entry.name for entry in tmp_path.iterdir()] == ["0000000002"]


@pytest.mark.parametrize("state", ["", "[]", '{"format": 1}', '{"format": 1, "files": 3}'])
def test_a_damaged_state_is_passed_over_too(tmp_path: Path, state: str) -> None:
    weights = {"w": torch.zeros(3)}
    checkpoints.write(tmp_path, Checkpoint(1, weights), keep=2)
    newest = checkpoints.write(tmp_path, Checkpoint(2, weights), keep=2)
    (newest / "state.json").write_text(state)

    found = checkpoints.look(tmp_path)

    assert found.seen == 1
    assert found.digest == checkpoints.latest(tmp_path, training=False)[0].digest
    assert len(found.passed_over) == 1
    assert "state.json" in found.passed_over[0]
