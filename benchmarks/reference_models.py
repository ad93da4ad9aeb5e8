"""Train the reference models, measure them, and pack them: what `genbench zoo` offers.

    python benchmarks/reference_models.py train    # hours; each goes on where it was stopped
    python benchmarks/reference_models.py pack     # measures, and writes the files of the package

The second line only measures and packs what the first has left in ``reference-runs``.
"""

from __future__ import annotations

import functools
import sys
import tempfile
from pathlib import Path
from typing import Any

from genbench import runs
from genbench.evaluation.api import Request, measure
from genbench.evaluation.settings import Evaluation
from genbench.reference_models import catalogue
from genbench.reporting import run_card
from genbench.training.api import train
from genbench.training.resume import WantedRun, begin_or_resume

PRESET = "toyfaces-32"
MODELS = ("vae", "introvae", "balanced_pioneer", "pioneer")
RUNS = Path("reference-runs")
HOW: dict[str, Any] = {  # how the card's numbers are measured, by its own word
    "metrics": [
        "fd_toynet",
        "precision_recall_toynet",
        "path_length_toynet",
        "swd",
        "rmse",
        "psnr",
    ],
    "images": 2000,
    "pairs": 1000,
    "repeats": 2,
}
NUMBER = ("metric", "score", "value", "spread", "spread_over", "n", "protocol_id")


def main() -> None:
    """Do what the command line asks for."""
    steps = {"train": train_all, "pack": pack_all}
    if len(sys.argv) != 2 or sys.argv[1] not in steps:
        sys.exit(f"usage: python benchmarks/reference_models.py {'|'.join(steps)}")
    steps[sys.argv[1]]()


def name_of(model: str) -> str:
    """Of the run, and of the reference model."""
    return f"{model.replace('_', '-')}-{PRESET}"


def train_all() -> None:
    """Train each to its end; one that has ended is left as it is."""
    for model in MODELS:
        begin = functools.partial(
            train,
            model,
            preset=PRESET,
            training={"threads": 1},
            runs_dir=RUNS,
            name=name_of(model),
        )
        begin_or_resume(WantedRun(folder=RUNS / name_of(model), begin=begin, changes={}))


def pack_all() -> None:
    """Pack each as it stands, measure what was packed as its users would, write that down."""
    for model in MODELS:
        run = runs.find_if_any(RUNS / name_of(model), RUNS)
        if run is None:
            print(f"not trained yet: {name_of(model)}")
            continue
        catalogue.pack(run, {})
        with tempfile.TemporaryDirectory() as folder:
            used = catalogue.use(run.name, runs_dir=folder)
            how = Evaluation(**{**HOW, "metrics": tuple(HOW["metrics"]), "device": "cpu"})
            records = measure(Request(models=[used.folder], how=how)).records
            numbers = [{name: getattr(each, name) for name in NUMBER} for each in records]
            entry = catalogue.pack(run, {"evaluation": HOW, "numbers": numbers})
            run_card.write(used, records, catalogue.FOLDER / f"{entry.name}.md")
        print(entry.text())


if __name__ == "__main__":
    main()
