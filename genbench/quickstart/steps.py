"""What ``genbench quickstart`` does: use, train, measure, draw, report.

Every step leaves what it has made where the next call finds it, so that a quickstart that was
stopped goes on where it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from genbench import registry, runs
from genbench.data import open_dataset
from genbench.evaluation.api import Request, measure
from genbench.evaluation.settings import Evaluation
from genbench.figures import trained_model
from genbench.figures.overview import overview
from genbench.quickstart.findings import findings
from genbench.reference_models import catalogue
from genbench.reporting.report import compose, write
from genbench.results.record import Record
from genbench.results.store import Store
from genbench.runs import Run, RunState
from genbench.settings import Layer
from genbench.tables.table import Figure
from genbench.training.api import train
from genbench.training.resume import WantedRun, begin_or_resume

DATA = "toyfaces"  # that of the reference models: their numbers and those of new ones compare
RESOLUTION = 32
PRESET = "quickstart"
SHOWN = "balanced-pioneer-toyfaces-32"  # the reference model that an overview is drawn of
ATTRIBUTES = ("skin", "hair_length", "background")
# Those that need no download and mean something at this size, the best known first.
METRICS = (
    "fd_toynet",
    "rmse",
    "psnr",
    "ssim",
    "swd",
    "precision_recall_toynet",
    "path_length_toynet",
)


ANCHORS = ("real", "mean")  # ids of the yardsticks in the table


@dataclass(frozen=True)
class Quickstart:
    """Where, with which models, on what device."""

    out: Path
    models: Sequence[str]  # to train here; see `trainable`
    device: str = "auto"
    threads: int = 1  # of a CPU, for all that is trained and measured

    @property
    def runs_dir(self) -> Path:
        """Folder of the runs."""
        return self.out / "runs"

    @property
    def table(self) -> Path:
        """Folder of the results table."""
        return self.out / "results"


def trainable() -> list[str]:
    """The models that have settings for a quickstart."""
    return [name for name, model in registry.models().items() if PRESET in model.presets]


def collect(wanted: Quickstart) -> list[Run]:
    """The reference models as runs, and a run of each model trained here.

    Raises:
        KeyboardInterrupt: a signal stopped a training, at a checkpoint.
    """
    found = [catalogue.use(each.name, runs_dir=wanted.runs_dir) for each in catalogue.entries()]
    return [*found, *(_trained(name, wanted) for name in wanted.models)]


def request(wanted: Quickstart, found: Sequence[Run]) -> Request:
    """What is measured of the runs, and how."""
    how = Evaluation(
        metrics=METRICS,
        images=500,
        pairs=1000,
        repeats=3,
        anchors=True,
        untrained=False,
        device=wanted.device,
    )
    data = open_dataset(DATA, RESOLUTION)
    models = [run.folder for run in found]
    return Request(models=models, how=how, data=data, runs_dir=wanted.runs_dir)


def unmeasured(wanted: Quickstart, found: Sequence[Run]) -> bool:
    """Whether the table lacks one of the runs, or a yardstick."""
    store = Store(wanted.table)
    there = {record.run for record in store.read()} if store.exists else set()
    return not there.issuperset([*ANCHORS, *(run.id for run in found)])


def measured(wanted: Quickstart, found: Sequence[Run]) -> list[Record]:
    """The numbers of the runs and of the yardsticks; those in the table are not taken again."""
    if unmeasured(wanted, found):
        measure(request(wanted, found), table=wanted.table, command="quickstart")
    return Store(wanted.table).read(values=True)


def reported(wanted: Quickstart, records: Sequence[Record], found: Sequence[Run]) -> list[Path]:
    """Write the report in every form that is a file; the files, HTML first."""
    report = compose(
        records,
        wanted.runs_dir,
        "genbench quickstart",
        wanted.device,
        lead=(_lead(found), *findings(records, found)),
        next_steps=next_steps(wanted),
        figures=(shown(wanted),),
    )
    forms, _ = registry.declarations("report")
    files = write(report, forms, wanted.out / "report")
    return sorted(files, key=lambda file: file.suffix != ".html")


def shown(wanted: Quickstart) -> Figure:
    """What the reference model does with held-out faces, attribute edits included."""
    of = trained_model.from_run(runs.find(SHOWN, wanted.runs_dir), wanted.device)
    return overview(of, ATTRIBUTES).figure()


def next_steps(wanted: Quickstart) -> tuple[str, ...]:
    """Commands that lead on from here; each works as it stands, but for the one with a PATH."""
    runs_dir, table = wanted.runs_dir, wanted.table
    return (
        f"genbench figure interpolations {SHOWN} --runs {runs_dir} --out faces.png",
        f"genbench table compare --metric rmse --table {table}",
        "genbench train pioneer --data folder:PATH --resolution 32",
    )


def _trained(name: str, wanted: Quickstart) -> Run:
    """Train a model to its end, or go on with it."""
    folder = wanted.runs_dir / name
    limits = {"device": wanted.device, "threads": wanted.threads}

    def begin() -> Run:
        training = Layer("quickstart", {"data": DATA, "resolution": RESOLUTION, **limits})
        return train(name, preset=PRESET, training=training, runs_dir=wanted.runs_dir, name=name)

    run, _ = begin_or_resume(WantedRun(folder=folder, begin=begin, changes=limits))
    if run.state is RunState.INTERRUPTED:
        raise KeyboardInterrupt
    return run


def _lead(found: Sequence[Run]) -> str:
    here = [run.name for run in found if run.state is not RunState.IMPORTED]
    hours = sum(run.device_hours or 0 for run in found if run.state is RunState.IMPORTED)
    return (
        f"Reference models, which took {hours:.1f} hours of a CPU, and {listed(here)}, trained in "
        f"this quickstart on the same {len(open_dataset(DATA, RESOLUTION).train):,} drawn faces. "
        "It shows the whole path, not which model is better on photographs."
    )


def listed(names: Sequence[str]) -> str:
    """As one says it: "a, b and c"."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
