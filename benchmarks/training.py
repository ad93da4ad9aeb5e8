"""Images a second of training steps, phase by phase, beside a plain eager float32 step.

    python benchmarks/training.py --models pioneer --compile

Ours is what `genbench train` does for a batch: the model's step and the running average, in the
precision asked for. Plain is the same algorithm as a research repository writes it, in this
folder (`_plain_*.py`); that both take the same step is checked first, in float64. The feed is
in neither. Memory is that of a process of its own: the most that torch held on a GPU, and what
the steps added to the process on a CPU.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from _plain_dcgan import PlainDCGAN
from _plain_pioneer import PlainPioneer, convolutions, original

from genbench import registry, runs
from genbench.interfaces import Batch
from genbench.runtime import devices, seeds
from genbench.settings import preset_layer, resolve
from genbench.training.ema import EMA
from genbench.training.precision import Pace
from genbench.training.settings import Training

PLAIN = {"pioneer": PlainPioneer, "balanced_pioneer": PlainPioneer, "dcgan": PlainDCGAN}
# Where a GPU is, the published settings; latents of 512 would take a CPU minutes a step.
GPU = {"pioneer": "celeba-64", "dcgan": "celeba-64"}
OURS: dict[str, Any] = {"precision": "32", "compile": False}


class Ours:
    """A model as the engine steps it."""

    def __init__(self, model: Any, device: torch.device) -> None:
        self.model = model
        self.pace, self.averages = Pace(model, Training(**OURS), device), EMA(model)

    def step(self, images: torch.Tensor, rng: torch.Generator) -> Any:
        with self.pace.kept(len(images)):
            scores = self.model.step(Batch(images, torch.arange(len(images))), rng)
        self.averages.update()
        return scores


def build(name: str, seen: int, device: torch.device) -> Any:
    """One of our models after so many images, with weights that depend on nothing else."""
    offered = registry.model(name)
    preset = GPU.get(name, "tiny") if device.type == "cuda" else "tiny"
    settings = resolve(offered.settings, [preset_layer(offered, preset, name)], name).values
    resolution = offered.presets[preset].resolution
    assert resolution is not None
    model = runs.build(name, settings, resolution, seed=0)
    model.total(10_000)
    model.seen = seen
    model.to(device)
    return model.train()


def stages(name: str, device: torch.device) -> dict[str, int]:
    """Stages by name, and images shown somewhere in each of them."""
    model = build(name, 0, device)
    total = 1 if name == "dcgan" else model.total(0)
    places = range(0, total, max(1, total // 1000))
    named = [(model.stage(seen).name, seen) for seen in places]
    found: dict[str, list[int]] = {}
    for title, seen in named:
        found.setdefault(title, []).append(seen)
    return {title: some[len(some) // 2] for title, some in found.items()}


def check(name: str, seen: int, device: torch.device) -> None:
    """One step from the same weights and noise is the same step, in float64.

    Float64, since Adam's first step is the sign of a gradient, whatever its size. DCGAN's
    losses are float32 in any case.
    """
    torch.set_default_dtype(torch.float64)
    try:
        model = build(name, seen, device).double()
        plain, ours = PLAIN[name](model), Ours(model, device)
        images = pictures(model).double()
        left = ours.step(images, seeds.generator(0, "bench", device=device))
        right = plain.step(images, seeds.generator(0, "bench", device=device))
        for key, value in right.items():
            assert abs(float(left[key]) - value) <= 1e-6 * max(1, abs(value)), (name, key)
        for key, network in plain.networks().items():
            pairs = zip(convolutions(getattr(model, key)), convolutions(network), strict=True)
            gaps = torch.cat([(original(a) - original(b)).flatten().abs() for a, b in pairs])
            wrong = float((gaps > 1e-5).double().mean())  # of steps of 1e-3
            assert wrong < 1e-3, f"{name}: {wrong:.1%} of the weights of {key} moved elsewhere"
        if ours.averages.average:
            found = zip(ours.averages.average.values(), model.generator.parameters(), strict=True)
            assert any(not torch.equal(mean, now) for mean, now in found)
    finally:
        torch.set_default_dtype(torch.float32)


def pictures(model: Any) -> torch.Tensor:
    device = next(model.parameters()).device
    size = model.stage(model.seen).batch
    images = torch.rand(size, 3, model.resolution, model.resolution, device=device) * 2 - 1
    return images.mul(127.5).round().div(127.5)  # as bytes give them


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def side_by_side(name: str, seen: int, device: torch.device, seconds: float) -> tuple[float, ...]:
    """Images a second of ours and of plain, and the ratio: medians of steps taken in turn."""
    model = build(name, seen, device)
    plain, ours = PLAIN[name](model), Ours(model, device)
    images = pictures(model)
    ways: list[tuple[Callable[..., Any], torch.Generator]] = [
        (way.step, seeds.generator(0, "bench", device=device)) for way in (ours, plain)
    ]
    pairs: list[tuple[float, ...]] = []
    began = None
    for turn in range(10_000):
        if turn == 3:  # what comes before does not count: buffers fill, kernels are chosen
            pairs, began = [], time.perf_counter()
        pairs.append(tuple(timed(step, images, rng, device) for step, rng in ways))
        if began and len(pairs) > 4 and time.perf_counter() - began > seconds:
            break
    mine, other = (len(images) / statistics.median(column) for column in zip(*pairs, strict=True))
    return mine, other, statistics.median(theirs / ours for ours, theirs in pairs)


def timed(
    step: Callable[..., Any], images: torch.Tensor, rng: torch.Generator, device: torch.device
) -> float:
    began = time.perf_counter()
    step(images, rng)
    wait(device)
    return time.perf_counter() - began


def memory(way: str, name: str, seen: int, device: torch.device) -> float:
    """MiB: the most that torch held on a GPU; on a CPU what steps added to the process."""
    model = build(name, seen, device)
    stepped: Any = Ours(model, device) if way == "ours" else PLAIN[name](model)
    images, rng = pictures(model), seeds.generator(0, "bench", device=device)
    before = status("VmRSS")
    for _ in range(3):
        stepped.step(images, rng)
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    return status("VmHWM") - before


def status(line: str) -> float:
    """MiB that Linux notes for this process; its own, where getrusage knows the parent's too."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(float(text.split()[1]) / 1024 for text in lines if text.startswith(line))


def memory_apart(way: str, name: str, seen: int) -> float:
    """`memory` in a process of its own."""
    words = [sys.executable, __file__, "--memory-of", json.dumps([way, name, seen]), *flags()]
    child = subprocess.run(words, capture_output=True, text=True, check=True)
    return float(child.stdout.split()[-1])


def flags() -> list[str]:
    return ["--precision", OURS["precision"], *(["--compile"] if OURS["compile"] else [])]


def main(names: list[str], device: torch.device, seconds: float) -> None:
    how = " compiled" if OURS["compile"] else ""
    print(
        f"training steps on {device}, {torch.get_num_threads()} threads, torch "
        f"{torch.__version__}; ours (precision {OURS['precision']}{how}), plain, ratio"
    )
    for name in names:
        found = stages(name, device)
        for title, seen in found.items():
            check(name, seen, device)
            mine, other, ratio = side_by_side(name, seen, device, seconds)
            print(
                f"{name:<18} {title:<14} {mine:9.1f} {other:9.1f} images/s {ratio:6.2f} times",
                flush=True,
            )
        title, seen = list(found.items())[-1]
        mine, other = (memory_apart(way, name, seen) for way in ("ours", "plain"))
        print(f"{name:<18} {title:<14} {mine:9.0f} {other:9.0f} MiB at most")


if __name__ == "__main__":
    device = devices.choose()
    gpu = device.type == "cuda"
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--models", default=",".join(PLAIN), help="names, separated by commas")
    options.add_argument("--seconds", type=float, default=4.0, help="of timing, for each stage")
    options.add_argument("--precision", default="bf16" if gpu else "32", help="of ours")
    options.add_argument("--compile", action=argparse.BooleanOptionalAction, default=gpu)
    options.add_argument("--check", action="store_true", help="that steps are the same; no timing")
    options.add_argument("--memory-of", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    names = chosen.models.split(",")
    if chosen.check:
        for name in names:
            for seen in stages(name, device).values():
                check(name, seen, device)
        print(f"{', '.join(names)}: the same step, all through")
        sys.exit()
    OURS |= {"precision": chosen.precision, "compile": chosen.compile}
    if chosen.memory_of:
        way, name, seen = json.loads(chosen.memory_of)
        print(memory(way, name, seen, device))
    else:
        main(names, device, chosen.seconds)
