"""Images a second of Pioneer's training step, phase by phase, and its peak memory."""

from __future__ import annotations

import resource
import time

import torch

from genbench import devices, runs, seeds
from genbench.interfaces import Batch
from genbench.registry import room
from genbench.settings import Layer, resolve

SECONDS = 4.0


def rate(model: runs.Learns, seen: int, device: torch.device) -> float:
    """Images a second in the stage after *seen* images."""
    model.seen = seen
    size = model.stage(seen).batch
    images = torch.rand(size, 3, model.resolution, model.resolution, device=device) * 2 - 1
    batch = Batch(images, torch.arange(size, device=device))
    rng = seeds.generator(0, "bench", device=device)
    for _ in range(3):
        model.step(batch, rng)
    wait(device)
    began, shown = time.perf_counter(), 0
    while time.perf_counter() - began < SECONDS:
        model.step(batch, rng)
        shown += size
        wait(device)
    return shown / (time.perf_counter() - began)


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    device = devices.choose()
    offered = room("model", "pioneer").load()
    preset, resolution = ("celeba-64", 64) if device.type == "cuda" else ("tiny", 32)
    layers = [Layer("preset", offered.PRESETS[preset])]
    settings = resolve(offered.Settings, layers, "pioneer").values
    model = runs.build("pioneer", settings, resolution, seed=0)
    model.to(device)
    model.train()
    print(f"pioneer {preset} on {device}, {torch.get_num_threads()} threads")
    for phase in range(resolution.bit_length() - 2):
        seen = phase * settings.phase_images + settings.phase_images * 3 // 4
        stage = model.stage(seen)
        print(f"  {stage.name:<8} batch {stage.batch:<4} {rate(model, seen, device):8.0f} images/s")
    print(f"  peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
