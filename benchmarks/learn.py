"""Does every model learn? Trains each for the same few minutes of one core, and measures it.

    nox -s learn -- --minutes 4 --data toyfaces:6000,celeba

The preset is tiny, its schedule fitted to that time. Every model must beat its untrained self in
every metric that it has, and, if it encodes, the mean image in RMSE; exit code 1 names those that
do not. Stopped half-way, it goes on when called again: what has been trained is not trained again.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from genbench import registry
from genbench.registry import metric, plugins
from genbench.reporting.report import to_text
from genbench.results.record import Record
from genbench.results.store import Store

RESOLUTION = 32
METRICS = ("fid:768", "swd", "rmse", "psnr", "lpips")


def main() -> int:
    asked = arguments()
    began = time.monotonic()
    wrong: list[str] = []
    for data in asked.data.split(","):
        folder = asked.out / data.partition(":")[0]
        train_all(asked, data, folder / "runs")
        if not (folder / "results").is_dir():
            evaluate(asked, folder)
        records = Store(folder / "results").read()
        print(to_text(records), flush=True)
        wrong += [f"{data}: {line}" for line in failures(records, asked.models)]
    print(
        f"{time.monotonic() - began:.0f} s in all, {asked.minutes:g} minutes of a core for a model"
    )
    for line in wrong:
        print(f"did not learn: {line}")
    return 1 if wrong else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=Path("learn"))
    parser.add_argument("--data", default="toyfaces:6000,celeba")
    parser.add_argument("--minutes", type=float, default=4.0, help="of one core, for each model")
    parser.add_argument("--models", nargs="*", default=list(plugins("model")))
    parser.add_argument("--images", type=int, default=500, help="samples in a set; also pairs")
    parser.add_argument("--repeats", type=int, default=2, help="sets of samples")
    parser.add_argument("--at-once", type=int, default=2, help="trainings, one core each")
    return parser.parse_args()


def train_all(asked: argparse.Namespace, data: str, runs: Path) -> None:
    """Each model once; those that start from another one after it."""
    first = [name for name in asked.models if not origin(name)]
    for names in (first, [name for name in asked.models if origin(name)]):
        with ThreadPoolExecutor(asked.at_once) as pool:
            list(pool.map(lambda name: train(name, data, runs, asked.minutes), names))


def origin(name: str) -> str | None:
    """The model that *name* starts from."""
    return registry.model(name).starts_from


def train(name: str, data: str, runs: Path, minutes: float) -> None:
    if (runs / name).is_dir():
        return
    command = [
        "train",
        name,
        "--preset",
        "tiny",
        "--data",
        data,
        "--resolution",
        str(RESOLUTION),
        "--cpu-minutes",
        str(minutes),
        "--threads",
        "1",
        "--runs",
        str(runs),
        "--name",
        name,
    ]
    if start := origin(name):
        command += ["--from", str(runs / start)]
    genbench(*command)
    facts = json.loads((runs / name / "run.json").read_text(encoding="utf-8"))
    print(f"{name} on {data}: {facts['seen']} images, {facts['state']}", flush=True)


def evaluate(asked: argparse.Namespace, folder: Path) -> None:
    genbench(
        "evaluate",
        "--models",
        "all",
        "--metrics",
        ",".join(METRICS),
        "--anchors",
        "--images",
        str(asked.images),
        "--pairs",
        str(asked.images),
        "--repeats",
        str(asked.repeats),
        "--runs",
        str(folder / "runs"),
        "--table",
        str(folder / "results"),
    )


def genbench(*words: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "genbench", *words], check=True, stdout=subprocess.DEVNULL
    )


def failures(records: Sequence[Record], models: Sequence[str]) -> list[str]:
    """What speaks against "it has learned", a line each."""
    scores = {(record.model, record.metric, record.score): record for record in records}
    wrong = []
    for name in models:
        wrong += against(name, f"{name} (untrained)", scores, METRICS)
        wrong += against(name, "mean image", scores, ("rmse",))
        if not any(measured(scores, name, asked) for asked in METRICS):
            wrong.append(f"{name} has no number at all")
    return wrong


def against(
    name: str, other: str, scores: dict[tuple[str, str, str], Record], metrics: Sequence[str]
) -> list[str]:
    """Metrics in which *name* is not better than *other*, where it has a number at all."""
    lines = []
    for asked in metrics:
        mine, theirs = measured(scores, name, asked), measured(scores, other, asked)
        if mine is None:
            continue
        if theirs is None:
            lines.append(f"{name} has {asked}, {other} has not")
            continue
        lower = next(iter(metric(asked).columns.values())).lower_is_better
        assert lower is not None, f"neither way is better for {asked}"
        if not (mine < theirs if lower else mine > theirs):
            lines.append(f"{name} {asked} {mine:.4g} is no better than {other}, {theirs:.4g}")
    return lines


def measured(scores: dict[tuple[str, str, str], Record], name: str, asked: str) -> float | None:
    """The main score of a metric, if it was measured."""
    record = scores.get((name, asked, next(iter(metric(asked).columns))))
    if record is None or record.value is None:
        return None
    return record.value if math.isfinite(record.value) else None


if __name__ == "__main__":
    sys.exit(main())
