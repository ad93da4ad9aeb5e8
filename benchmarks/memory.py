"""Host memory of an evaluation: images go through what every metric keeps, networks are stand-ins.

Memory that the system cannot take back (RssAnon) is what counts; what lies in files that are
mapped is told beside it. Growth is taken over the last quarters of the images, when all buffers
are there, and scaled to 50,000.

    python benchmarks/memory.py --images 2000 --side 256
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from genbench.errors import GenbenchError
from genbench.evaluation.collect import Producer, collect
from genbench.evaluation.plan import find_metrics
from genbench.interfaces import STREAMS, Input, Pass, Stream
from genbench.runtime import spill

WANTED = 50_000
WIDTHS = {"64": 64, "192": 192, "768": 768, "2048": 2048, "logits_unbiased": 1008}


class StandIn:
    """Features of the right width for next to nothing."""

    layers = tuple(WIDTHS)
    files: Mapping[str, str] = MappingProxyType({})

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, images: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        first = images.flatten(1)[:, :2048].float()
        return {layer: first[:, : WIDTHS.get(layer, 2048)].contiguous() for layer in layers}

    def describe(self, layer: str) -> dict[str, str]:
        return {"name": self.name}


class Meter:
    """Looks at this process many times a second."""

    def __init__(self) -> None:
        self.peak = {"RssAnon": 0, "RssFile": 0}
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            now = self.now()
            self.peak = {name: max(now[name], peak) for name, peak in self.peak.items()}
            time.sleep(0.01)

    @staticmethod
    def now() -> dict[str, int]:
        """Bytes by kind."""
        text = Path("/proc/self/status").read_text(encoding="ascii")
        return {name: 1024 * int(kb) for name, kb in re.findall(r"(Rss\w+):\s+(\d+) kB", text)}


def evidence(
    stream: Stream, inputs: list[Input], n: int, side: int, meter: Meter
) -> dict[str, Any]:
    """One pass, and how memory grows meanwhile."""
    about = Pass(torch.device("cpu"), n, side, side=int(STREAMS[stream].generated), seed=0)
    rng = torch.Generator().manual_seed(0)
    rows = len(STREAMS[stream].rows)
    marks: dict[int, int] = {}

    def produce(start: int, stop: int) -> tuple[Tensor, ...]:
        shape = (stop - start, 3, side, side)
        images = [
            torch.randint(0, 256, shape, generator=rng, dtype=torch.uint8) for _ in range(rows)
        ]
        return tuple(i if STREAMS[stream].quantised else i / 127.5 - 1 for i in images)

    def advance(shown: int) -> None:
        done = max(marks, default=0) + shown
        marks[done] = meter.now()["RssAnon"]

    producer = Producer(about, {stream: tuple(range(rows))}, produce, 32)
    networks = {
        name: StandIn(name) for name in ("inception", "lpips_alex", "lpips_vgg", "lpips_squeeze")
    }
    found = collect(producer, inputs, networks, advance)
    # Least of the third quarter and of the last one: what batches need for a moment is not growth.
    third, last = (
        min(size for done, size in marks.items() if n * part / 4 < done <= n * (part + 1) / 4)
        for part in (2, 3)
    )
    return {"evidence": found, "bytes an image": (last - third) / (n / 4)}


def main(n: int, side: int, names: list[str]) -> dict[str, Any]:
    """Evidence of all streams, held together as an evaluation holds it, then the numbers."""
    spill.IN_MEMORY = min(spill.IN_MEMORY, spill.IN_MEMORY * n // WANTED)
    meter = Meter()
    before = meter.now()["RssAnon"]
    metrics = find_metrics(names)
    inputs = {input_ for metric in metrics.values() for input_ in metric.inputs.values()}
    streams = sorted({input_.stream for input_ in inputs})
    kept, growth = [], {}
    for stream in streams:
        mine = [input_ for input_ in inputs if input_.stream is stream]
        found = evidence(stream, mine, n, side, meter)
        kept.append(found["evidence"])
        growth[stream.value] = round(found["bytes an image"])
    known = kept[0]
    for more in kept[1:]:
        known |= more
    failed = []
    for name, metric in metrics.items():
        try:
            metric(**{key: known.found[input_] for key, input_ in metric.inputs.items()})
        except (GenbenchError, KeyError) as error:
            failed.append(f"{name}: {error}"[:90])
    return {
        "images": n,
        "side": side,
        "before, MB": round(before / 1e6),
        "peak that cannot be taken back, MB": round(meter.peak["RssAnon"] / 1e6),
        "peak of mapped files, MB": round(meter.peak["RssFile"] / 1e6),
        "peak of both, MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6),
        "growth, bytes an image": growth,
        "at 50,000 images, MB": round(
            (meter.peak["RssAnon"] + max(0, sum(growth.values())) * (WANTED - n)) / 1e6
        ),
        "no number": failed,
    }


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--images", type=int, default=2000)
    options.add_argument("--side", type=int, default=256)
    options.add_argument("--metrics", default="all", help="names, separated by commas")
    chosen = options.parse_args()
    print(json.dumps(main(chosen.images, chosen.side, chosen.metrics.split(",")), indent=2))
