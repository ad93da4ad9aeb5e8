"""Steps in another precision, or compiled: what changes, what must not, what is said about it."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from waiting import Waits

import genbench
from genbench import registry, runs
from genbench.contracts import small_model as contract
from genbench.errors import BadSetting
from genbench.interfaces import Batch
from genbench.runtime import devices, seeds
from genbench.training.precision import Compiler, Pace
from genbench.training.settings import Training

# torch looks at gradients of tensors that have none and hides the warning, but not from pytest.
pytestmark = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")

CPU = torch.device("cpu")
SETTINGS = {"latent": 16, "phase_images": 64, "images": 192, "buffer": 8, "batches": [8] * 9}
TRAINING = {"data": "toyfaces:60", "resolution": 8, "grids": 0, "log_every": 4}


def model(name: str) -> Any:
    found = contract.fresh(name, registry.model(name))
    found.train()
    return found


def one_step(pace: Pace) -> dict[str, float]:
    with pace.kept(contract.ROWS):
        scores = pace.model.step(contract.batch(), seeds.generator(0, "step"))
    return {name: float(score) for name, score in scores.items()}


def assert_compiled_is_eager(name: str) -> Compiler:
    """One step: scalars at 1e-4, since sums over a batch are added up in another order."""
    here, there = model(name), model(name)
    compiled = Pace(here, Training(compile=True), CPU, registry.model(name).eager)
    ours, theirs = one_step(compiled), one_step(Pace(there, Training(), CPU))

    assert compiled.compiler is not None
    assert not compiled.compiler.trouble
    assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-5)
    return compiled.compiler


def test_a_compiled_step_is_the_eager_step_and_nothing_of_it_stays() -> None:
    compiler = assert_compiled_is_eager("vae")

    assert compiler.facts() | {"seconds": 0} == {
        "networks": ["decoder", "encoder"],
        "eager": {},
        "graphs": 2,
        "seconds": 0,
    }
    assert compiler.seconds > 0
    assert "2 graphs compiled in" in compiler.note
    assert not any("forward" in vars(part) for part in compiler.networks.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pioneer", "dcgan"])
def test_a_model_of_each_kind_takes_the_same_step_compiled(name: str) -> None:
    """Spectral norm, frozen networks, a buffer; batch norms and layers that double. A minute."""
    assert_compiled_is_eager(name)


def test_a_network_that_is_differentiated_twice_stays_eager() -> None:
    compiler = Compiler(model("wgan_gp"), CPU, registry.model("wgan_gp").eager)

    assert list(compiler.networks) == ["generator"]
    assert "differentiated again" in compiler.facts()["eager"]["critic"]


WITHOUT = """
import torch
from test_precision import CPU, Pace, Training, model, one_step
pace, eager = (Pace(model("vae"), Training(compile=flag), CPU) for flag in (True, False))
assert one_step(pace) == one_step(eager)
assert pace.facts()["compiled"]["networks"] == []
print(pace.note)
"""


def test_without_a_compiler_steps_are_eager_and_one_line_says_why() -> None:
    """In a process of its own: torch looks for its compiler once."""
    paths = [str(folder) for folder in (Path(__file__).parent, *sys.path)]
    environment = os.environ | {"CXX": "/nowhere/g++", "PYTHONPATH": os.pathsep.join(paths)}
    child = subprocess.run(
        [sys.executable, "-c", WITHOUT], env=environment, capture_output=True, text=True, check=True
    )

    wanted = "not compiled: torch.compile needs a C++ compiler (g++) and said: InvalidCxxCompiler"
    assert child.stdout.startswith(wanted)
    assert child.stdout.count("\n") == 1


def test_a_fade_is_compiled_once_and_a_new_phase_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alpha differs in every step, and must not count.

    Five graphs: both networks trained and frozen, and the generator without gradients. That
    torch translates them into machine code is not of interest here, and takes long.
    """
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager"))
    offered = registry.model("pioneer")
    pioneer = runs.build("pioneer", offered.settings(**SETTINGS), 8, seed=0)
    pioneer.train()
    pace = Pace(pioneer, Training(compile=True), CPU)
    images = Batch(contract.batch().images[:8], torch.arange(8))
    found = []
    for seen in (64, 72, 80, 88, 96, 104, 64):  # four alphas, the settled phase, and back
        pioneer.seen = seen
        with pace.kept(8):
            pioneer.step(images, seeds.generator(0, "step"))
        assert pace.compiler is not None
        found.append(pace.compiler.graphs)

    assert found == [5, 5, 5, 5, 10, 10, 15]


def test_bf16_changes_a_step_a_little_and_weights_stay_float32() -> None:
    here, there = model("pioneer"), model("pioneer")
    ours = one_step(Pace(here, Training(precision="bf16"), CPU))
    theirs = one_step(Pace(there, Training(), CPU))

    assert ours["l1"] != theirs["l1"]
    assert ours["l1"] == pytest.approx(theirs["l1"], rel=0.02)
    assert {weight.dtype for weight in here.parameters()} == {torch.float32}


def test_switches_of_precision_hold_for_the_block_alone() -> None:
    before = torch.get_float32_matmul_precision()
    with devices.tensor_float32():
        assert torch.backends.cuda.matmul.fp32_precision == "tf32"
        assert torch.backends.cudnn.conv.fp32_precision == "tf32"  # type: ignore[attr-defined]
        with devices.full_float32():
            assert torch.backends.cudnn.conv.fp32_precision == "ieee"  # type: ignore[attr-defined]
    assert torch.get_float32_matmul_precision() == before
    with devices.bfloat16(CPU):
        assert torch.is_autocast_enabled("cpu")
        assert not torch.is_autocast_cache_enabled()
    assert not torch.is_autocast_enabled("cpu")


def test_unknown_precision_is_named() -> None:
    with pytest.raises(BadSetting, match=r"training\.precision is 32 or tf32 or bf16, got 'fp8'"):
        genbench.train("pioneer", training={**TRAINING, "precision": "fp8"})


def test_a_run_says_how_it_was_stepped_and_keeps_it(tmp_path: Path) -> None:
    engine = {**TRAINING, "precision": "bf16", "minutes": 0}
    run = genbench.train("pioneer", settings=SETTINGS, training=engine, runs_dir=tmp_path)

    facts = json.loads((run.folder / "run.json").read_text())
    assert facts["precision"] == "bf16"
    assert facts["compiled"] is None
    assert run.value("training", "precision") == "bf16"
    with pytest.raises(BadSetting, match="compile, precision cannot change on --resume"):
        genbench.resume(run.folder, {"precision": "32", "compile": True})
    resumed, _ = genbench.resume(run.folder, {"minutes": 0})
    assert resumed.facts["precision"] == "bf16"


def test_the_engines_step_never_waits_for_the_device(tmp_path: Path) -> None:
    """Feed with flips, step, running average: in a fade, and where the buffer is full."""
    from genbench.training import loop, session

    made: list[loop.Trainer] = []

    def keep(trainer: loop.Trainer) -> runs.Run:
        made.append(trainer)
        return trainer.run

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "carry_out", keep)
        genbench.train("pioneer", settings=SETTINGS, training=TRAINING, runs_dir=tmp_path)
    (trainer,) = made
    for seen in (72, 104, 112):
        trainer.model.seen = seen
        trainer._step()
        with Waits() as waits:
            trainer._step()
        assert waits.found == []
