"""The training loop: what it leaves behind, how it stops, and that going on is exact."""

from __future__ import annotations

import json
import multiprocessing
import random
import shutil
import signal
import sys
import time
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
import torch
from children import Start
from killed import work
from safetensors.torch import load_file

import genbench
from genbench import runs
from genbench.data import open_dataset
from genbench.errors import BadInput, BadSetting, Diverged
from genbench.runs import RunState, checkpoints
from genbench.training.determinism import describe, enforce
from genbench.training.ema import EMA
from genbench.training.loader import Loader

# 4x4 and 8x8 with a fade, images enough to fill and use the buffer: 24 steps of 8 images
SETTINGS = {"latent": 16, "phase_images": 64, "images": 192, "buffer": 8, "batches": [8] * 9}
TRAINING = {"data": "toyfaces:60", "resolution": 8, "grids": 2, "log_every": 4}


def train(folder: Path, **training: Any) -> runs.Run:
    return genbench.train(
        "pioneer", settings=SETTINGS, training=TRAINING | training, runs_dir=folder, name="run"
    )


def weights(run: runs.Run) -> dict[str, torch.Tensor]:
    newest = checkpoints.newest(run.checkpoints)
    assert newest is not None
    found = load_file(newest / checkpoints.MODEL)
    return found | {f"average {k}": v for k, v in load_file(newest / checkpoints.AVERAGE).items()}


def assert_same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    different = [key for key in a if not torch.equal(a[key], b[key])]
    assert not different


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> runs.Run:
    """A run that nothing disturbed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        return train(tmp_path_factory.mktemp("straight"))


def test_a_run_folder_tells_what_was_done(straight: runs.Run) -> None:
    assert straight.state is RunState.FINISHED
    assert straight.facts["seen"] == straight.facts["total"] == 192
    assert straight.settings["model"]["latent"] == {"value": 16, "source": "caller"}
    assert straight.settings["model"]["lr"] == {"value": 0.001, "source": "default"}
    assert json.loads((straight.folder / "run.json").read_text())["provenance"]["torch"]
    names = {entry.name.split("-")[0] for entry in (straight.folder / "grids").iterdir()}
    assert names == {"samples", "reconstructions"}


def test_scalars_can_be_read_by_tensorboard(straight: runs.Run) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(straight.folder / "tensorboard"))
    events.Reload()

    tags = set(events.Tags()["scalars"])
    wanted = {"kl_real", "kl_fake", "l1", "cosine", "alpha", "resolution", "images_per_second"}
    assert wanted <= tags
    assert [event.step for event in events.Scalars("l1")] == [32, 64, 96, 128, 160, 192]


def test_a_run_stopped_and_resumed_at_many_places_is_the_same_run(
    straight: runs.Run, tmp_path: Path
) -> None:
    """Weights, averages, spectral vectors, image buffer, generators, order of images."""
    run = train(tmp_path, minutes=0)  # stops after one step
    assert run.facts["seen"] == 8
    assert run.status == "stopped after 0 minutes, as asked"
    for _ in range(10):
        run, damaged = genbench.resume(run.folder, {"minutes": 0})
        assert damaged == []
    run, _ = genbench.resume(run.folder)

    assert run.state is RunState.FINISHED
    assert_same(weights(run), weights(straight))


def test_going_on_from_the_last_good_checkpoint_is_exact(
    straight: runs.Run, tmp_path: Path
) -> None:
    run = train(tmp_path, minutes=0)
    run, _ = genbench.resume(run.folder, {"minutes": 0})
    newest = checkpoints.newest(run.checkpoints)
    assert newest is not None
    (newest / checkpoints.MODEL).write_bytes(b"lost")

    run, damaged = genbench.resume(run.folder)

    assert len(damaged) == 1
    assert_same(weights(run), weights(straight))


CHILD = """
import sys, torch, genbench
from pathlib import Path
sys.path[:0] = [{tests!r}, {tests!r} + "/../shared"]
torch.set_num_threads(1)
from test_loop import SETTINGS, TRAINING
folder = Path({folder!r})
engine = {{"checkpoint_minutes": 0.0, "grids": 0}}
if any(folder.glob("run/checkpoints/[0-9]*")):
    genbench.resume(folder / "run", engine)
else:
    if (folder / "run").exists():
        from genbench import runs
        runs.discard(runs.read(folder / "run"))
    genbench.train("pioneer", settings=SETTINGS, training=TRAINING | engine,
                   runs_dir=folder, name="run")
"""


@pytest.mark.slow
def test_a_run_killed_twenty_times_is_the_same_run(straight: runs.Run, tmp_path: Path) -> None:
    """SIGKILL at random moments, a checkpoint after every step; the end is the same to the bit.

    A run that comes to its end before the last kill is checked, and begins anew.
    """
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["genbench.training", "torch.utils.tensorboard"])
    moments, kills, ends, places = random.Random(0), 0, 0, set()
    while kills < 20 or ends == 0:
        child = server.Process(target=work, args=(tmp_path, SETTINGS, TRAINING))
        child.start()
        try:
            if kills % 4:  # every fourth dies at its start
                wait_for_more(tmp_path / "run", child)
            child.join(moments.uniform(0.0, 0.3) if kills < 20 else None)
            alive = child.is_alive()
        finally:
            child.kill()  # SIGKILL
            child.join()
        if alive:
            kills += 1
            places.add(saved(tmp_path / "run"))
        else:
            assert child.exitcode == 0
            assert_same(weights(runs.read(tmp_path / "run")), weights(straight))
            ends += 1
            shutil.rmtree(tmp_path / "run")
    assert len(places) > 3  # it was killed here and there, not always at its start


def wait_for_more(folder: Path, child: BaseProcess) -> None:
    """Until the child has written a checkpoint, or has ended."""
    before = saved(folder)
    while saved(folder) == before and child.is_alive():
        time.sleep(0.005)


def saved(folder: Path) -> str:
    """Name of the newest checkpoint."""
    return max((e.name for e in (folder / "checkpoints").glob("[0-9]*")), default="")


def test_a_signal_ends_training_at_a_checkpoint(start: Start, tmp_path: Path) -> None:
    code = CHILD.format(tests=str(Path(__file__).parent), folder=str(tmp_path))
    code = code.replace('"checkpoint_minutes": 0.0', '"checkpoint_minutes": 60.0').replace(
        "settings=SETTINGS,", 'settings=SETTINGS | {"images": 10_000_000},'
    )
    child = start(sys.executable, "-c", code)
    child.until((tmp_path / "run" / "tensorboard").is_dir)  # it minds signals by then
    child.send(signal.SIGTERM)
    child.done()

    run = runs.read(tmp_path / "run")
    assert run.status == "interrupted by SIGTERM"
    assert checkpoints.latest(run.checkpoints, training=True)[0].seen == run.facts["seen"] > 0


def test_a_number_that_is_not_finite_stops_and_keeps_the_good_checkpoint(tmp_path: Path) -> None:
    run = train(tmp_path, minutes=0)
    values = json.loads((run.folder / "settings.json").read_text())
    values["model"]["lr"]["value"] = 1e30
    (run.folder / "settings.json").write_text(json.dumps(values))
    from genbench.runtime import atomic

    good = atomic.sha256(next(run.checkpoints.glob("*/model.safetensors")))
    # The optimiser's own state holds the old rate; a fresh one takes the new.
    state = checkpoints.latest(run.checkpoints, training=True)[0]
    for optimizer in state.optimizers.values():
        optimizer["param_groups"][0]["lr"] = 1e30
    checkpoints.write(run.checkpoints, state, keep=2)

    with pytest.raises(Diverged, match=r"stopped being finite after \d+ images"):
        genbench.resume(run.folder, {"log_every": 1})

    assert atomic.sha256(next(run.checkpoints.glob("*/model.safetensors"))) == good
    ended = runs.read(run.folder)
    assert ended.state is RunState.DIVERGED
    assert "stopped being finite after" in ended.facts["reason"]


def test_weights_that_are_not_finite_never_become_a_checkpoint(tmp_path: Path) -> None:
    """Between two rows of scalars nobody looks at them, so the checkpoint must."""
    run = train(tmp_path, minutes=0)
    good = {entry.name for entry in run.checkpoints.iterdir()}
    state = checkpoints.latest(run.checkpoints, training=True)[0]
    for optimizer in state.optimizers.values():
        optimizer["param_groups"][0]["lr"] = float("inf")
    checkpoints.write(run.checkpoints, state, keep=2)

    with pytest.raises(Diverged, match=r"and \d+ more stopped being finite after 16 images"):
        genbench.resume(run.folder, {"minutes": 0, "log_every": 1000})

    assert {entry.name for entry in run.checkpoints.iterdir()} == good


def test_the_order_of_images_does_not_depend_on_the_batch() -> None:
    split = open_dataset("toyfaces:60", 8).train
    one, two = (Loader(split, 3, torch.device("cpu"), flip=True) for _ in range(2))

    whole = one.batch(0, 120)
    parts = [two.batch(start, 8) for start in range(0, 120, 8)]

    assert torch.equal(whole.index, torch.cat([part.index for part in parts]))
    assert torch.equal(whole.images, torch.cat([part.images for part in parts]))
    assert sorted(whole.index[:50].tolist()) == list(range(50))  # an epoch shows each image once


def test_flips_mirror_about_half_of_the_images() -> None:
    split = open_dataset("toyfaces:600", 8).train
    plain = Loader(split, 3, torch.device("cpu"), flip=False).batch(0, 400).images
    flipped = Loader(split, 3, torch.device("cpu"), flip=True).batch(0, 400).images

    mirrored = (flipped == plain.flip(3)).flatten(1).all(1)
    same = (flipped == plain).flatten(1).all(1)
    assert bool((mirrored | same).all())
    assert 0.4 < mirrored.float().mean() < 0.6  # four standard deviations of a fair coin


def test_the_average_follows_its_formula() -> None:
    """After k steps towards a constant: average = w + decay^k (start - w)."""

    class Model:
        net = torch.nn.Linear(1, 1, bias=False)

        def averaged(self) -> dict[str, torch.nn.Module]:
            return {"net": self.net}

        def average_decay(self) -> float:
            return 0.9

    model: Any = Model()
    torch.nn.init.constant_(model.net.weight, 2.0)
    averages = EMA(model)
    torch.nn.init.constant_(model.net.weight, 5.0)
    for _ in range(3):
        averages.update()

    assert averages.state()["net.weight"].item() == pytest.approx(5 - 3 * 0.9**3, rel=1e-6)
    with averages.applied():
        assert model.net.weight.item() == pytest.approx(5 - 3 * 0.9**3, rel=1e-6)
    assert model.net.weight.item() == 5.0


def test_load_gives_averaged_weights_in_evaluation_mode(straight: runs.Run) -> None:
    averaged: Any = genbench.load(straight.folder)
    raw: Any = genbench.load(straight.folder, average=False)
    images = open_dataset("toyfaces:60", 8).test.take(slice(0, 3)).float() / 127.5 - 1

    assert not averaged.training
    assert averaged.decode(averaged.encode(images)).shape == (3, 3, 8, 8)
    assert torch.equal(averaged.encode(images), raw.encode(images))  # the encoder is not averaged
    a, b = (m.sample(2, torch.Generator().manual_seed(0)) for m in (averaged, raw))
    assert not torch.equal(a, b)


@pytest.mark.parametrize(
    ("training", "words"),
    [
        ({"resolution": 12}, "12"),
        ({"device": "cuda:7"}, "cuda:7 was asked for, but torch sees"),
        ({"device": "abacus"}, "no device is called 'abacus'"),
        ({"colour": 1}, "training has no setting 'colour'"),
        ({"on_bad": "eat"}, "training.on_bad is refuse or skip, got 'eat'"),
    ],
)
def test_mistakes_are_said_and_leave_nothing_behind(
    tmp_path: Path, training: dict[str, Any], words: str
) -> None:
    with pytest.raises(BadSetting, match=words):
        train(tmp_path / "runs", **training)

    assert not (tmp_path / "runs").exists()


def test_an_existing_run_is_never_overwritten(straight: runs.Run) -> None:
    with pytest.raises(BadInput, match="already exists; continue it with --resume"):
        train(straight.folder.parent)


def test_resume_refuses_other_images(tmp_path: Path) -> None:
    run = train(tmp_path, minutes=0)
    run.update(fingerprint="0" * 64)

    with pytest.raises(BadInput, match="the images changed; start a new run"):
        genbench.resume(run.folder)


def test_resume_refuses_another_seed(straight: runs.Run) -> None:
    with pytest.raises(BadSetting, match="seed cannot change on --resume"):
        genbench.resume(straight.folder, {"seed": 3})


def test_a_folder_that_is_no_run_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"has no run\.json"):
        genbench.load(tmp_path)
    with pytest.raises(BadInput, match="there is no such folder"):
        genbench.load(tmp_path / "nowhere")


def test_settings_come_in_layers(tmp_path: Path) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text("lr: 0.01\nimages: 8\ntraining:\n  resolution: 8\n  seed: 5\n  minutes: 0\n")

    run = genbench.train(
        "pioneer",
        preset="tiny",
        config=config,
        settings={"images": 16},
        training={"data": "toyfaces:60"},
        runs_dir=tmp_path / "runs",
    )

    assert run.settings["model"]["lr"] == {"value": 0.01, "source": "file mine.yaml"}
    assert run.settings["model"]["latent"] == {"value": 32, "source": "preset tiny"}
    assert run.settings["model"]["images"] == {"value": 16, "source": "caller"}
    assert run.settings["training"]["seed"] == {"value": 5, "source": "file mine.yaml"}
    assert run.name == "pioneer-toyfaces-60-8"


def test_processor_time_can_be_the_limit(tmp_path: Path) -> None:
    run = train(tmp_path, cpu_minutes=1e-4)

    assert run.status == "stopped after 0.0001 minutes of processor time, as asked"
    assert 0 < run.facts["seen"] < 192


def test_running_statistics_are_averaged_with_the_weights() -> None:
    """They belong to the weights: of one moment, they would not fit an average of many."""

    class Model:
        net = torch.nn.BatchNorm1d(2)

        def averaged(self) -> dict[str, torch.nn.Module]:
            return {"net": self.net}

        def average_decay(self) -> float:
            return 0.75

    model: Any = Model()
    averages = EMA(model)
    model.net.running_mean.fill_(4.0)
    averages.update()

    assert averages.average["net.running_mean"].tolist() == [1.0, 1.0]
    assert averages.state()["net.num_batches_tracked"] == 0
    with averages.applied():
        assert model.net.running_mean.tolist() == [1.0, 1.0]
    assert model.net.running_mean.tolist() == [4.0, 4.0]


def test_a_run_says_what_its_seed_fixes(straight: runs.Run) -> None:
    assert straight.facts["determinism"].startswith("one seed gives one result, to the bit")
    gpu = torch.device("cuda")
    assert "part in the last digits" in describe(gpu, deterministic=False)
    assert "one seed gives one result" in describe(gpu, deterministic=True)


def test_determinism_is_enforced_while_training_lasts() -> None:
    with enforce(deterministic=True):
        assert torch.are_deterministic_algorithms_enabled()
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_deterministic_run_is_the_same_run(straight: runs.Run, tmp_path: Path) -> None:
    assert_same(weights(train(tmp_path, deterministic=True)), weights(straight))
