"""From what a user asked for to records: find, open, plan, measure, commit.

Every evaluation is put together here: that of the command and of `genbench.evaluate`, of
quickstart, of a model in training, of figures and of reproductions.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from genbench.adapters.outputs import Posterior
from genbench.data import Dataset, open_dataset
from genbench.distributed import group
from genbench.errors import BadSetting, GenbenchError
from genbench.evaluation import presets
from genbench.evaluation.candidates import Candidate, find_candidates
from genbench.evaluation.journal import go_on, open_journal
from genbench.evaluation.measure import carry_out
from genbench.evaluation.plan import Plan, find_metrics, make_plan
from genbench.evaluation.settings import METRICS, Evaluation
from genbench.evaluation.timing import timed
from genbench.results.record import Record
from genbench.results.store import Store
from genbench.runtime.devices import choose
from genbench.runtime.paths import expanded

if TYPE_CHECKING:
    from genbench.evaluation.results_frame import Results


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to measure, on what, and how."""

    models: Any  # see `genbench.evaluation.candidates.find_candidates`
    how: Evaluation
    preset: str | None = None  # of `genbench.evaluation.presets`; it settles metrics and sizes
    data: str | Dataset | None = None  # None: what the runs were trained on
    data_dir: Path | None = None  # where data sets lie
    on_bad: Literal["refuse", "skip"] = "refuse"  # about images that cannot be used
    resolution: int | None = None  # of the data; None: that of the runs
    runs_dir: Path = Path("runs")  # where names of runs are looked up
    again: bool = False  # measure anew what the same request has committed before it was cut short

    def parts(self) -> list[Evaluation]:
        """The evaluations that it takes, several where a preset has several sizes.

        Raises:
            UnknownName, BadSetting: of a metric or of the preset. No data is opened before.
        """
        find_metrics(self.how.metrics)
        return [self.how] if self.preset is None else presets.parts(self.preset, self.how)


@dataclass(frozen=True)
class Result:
    """What came of an evaluation."""

    records: Sequence[Record]
    version: int | None = None  # of the table, in the process that has committed to one


def plans(request: Request) -> list[Plan]:
    """Settle what will be measured, and on what: a plan for each part. Nothing is measured.

    Processes that share the work call it together, each with its own device.

    Raises:
        GenbenchError: anything the caller can put right.
    """
    hows = request.parts()
    found = find_candidates(request.models, request.runs_dir, request.how.checkpoint)
    data = _data(request, found)
    everything = isinstance(request.models, str) and request.models == "all"
    return [make_plan(found, data, how, strict=everything) for how in hows]


def measure(request: Request, *, table: Path | None = None, command: str = "") -> Result:
    """Measure, and commit every model to the results table as soon as it is measured.

    Where the same request was cut short, by a signal or a failure, it goes on: what has been
    committed is not measured again, but returned with the rest.

    Where several devices are asked for, this program is started once for each, unless
    torchrun or SLURM has done so. Every process returns the records; the first one speaks on
    standard error, and commits.

    Args:
        table: folder of the results table; None commits nothing.
        command: what the history of the table says.

    Raises:
        GenbenchError: anything the caller can put right, in every process.
        KeyboardInterrupt: somebody wants it to stop; a note says what is in the table.
    """
    with _planned(request) as planned:
        if table is None:
            return Result([record for plan in planned for record in carry_out(plan)])
        journal = open_journal(planned, request.models, Store(table), command)
        try:
            with group.agreed():
                if not request.again:
                    go_on(journal, planned)
            records = [record for plan in planned for record in carry_out(plan, journal)]
        except (KeyboardInterrupt, GenbenchError) as stop:
            if group.rank() == 0:
                stop.add_note(journal.state())
            raise
    return Result(records, journal.version)


def outline(request: Request) -> list[str]:
    """What `measure` would do and what it costs, a line each.

    Raises:
        GenbenchError: as `measure`.
    """
    with _planned(request) as planned:
        # Processes that share the work take less, by a factor that a few images do not show.
        alone = group.count() == 1
        first, *rest = [plan.describe(timed(plan) if alone else None) for plan in planned]
    return [*first, *(line for lines in rest for line in ("", *lines))]


def evaluate(
    models: Any = "all",
    *,
    metrics: Sequence[str] = METRICS,
    preset: str | None = None,
    data: str | Dataset | None = None,
    data_dir: str | Path | None = None,
    on_bad: Literal["refuse", "skip"] = "refuse",
    resolution: int | None = None,
    images: int | None = None,
    reference: int | None = None,
    pairs: int | None = None,
    paths: int | None = None,
    repeats: int = Evaluation.repeats,
    quantise: str = Evaluation.quantise,
    seed: int = Evaluation.seed,
    batch: int | None = None,
    checkpoint: str = Evaluation.checkpoint,
    posterior: Posterior = Evaluation.posterior,
    anchors: bool = False,
    plan: bool = False,
    weights_dir: str | Path | None = None,
    download: bool = False,
    device: str = Evaluation.device,
    devices: int = Evaluation.devices,
    compile: bool = False,  # noqa: A002  # as the option is called
    runs_dir: str | Path = "runs",
    table: str | Path | None = None,
    again: bool = False,
) -> Results:
    """Measure models and return one row per number: all that ``genbench evaluate`` does.

    Args:
        models: runs, objects with `sample`, `encode`, `decode`, folders of images; one, a list,
            a mapping by name, or "all", the runs in *runs_dir*.
        metrics: names as on the command line: "fid", "fid:768", "rmse"; or ["all"].
        preset: metrics, repeats and numbers of images of a paper, "pioneer-table1", in the place
            of those.
        data: a data set, "celeba", "folder:PATH", or an open one; by default the one
            that the runs were trained on.
        data_dir: where data sets lie; by default what GENBENCH_DATA says.
        on_bad: what to do about images that cannot be used: refuse the data set, or skip them.
        resolution: of the data set; by default that of the runs.
        images: samples; by default 10,000 or what there is.
        reference: real images; by default as many as samples.
        pairs: held-out images; by default 10,000 or what there is.
        paths: steps in latent space; by default as many as images.
        repeats: independent sets of samples; their spread is the error bar.
        quantise: how floats become bytes, "round", or "truncate" for papers before 2019.
        seed: of samples and paths.
        batch: images at once; by default 64 on a CPU, on a GPU what fits.
        checkpoint: of runs, "latest", or "best" for the weights that training has kept.
        posterior: where an encoder gives a distribution, decode its "mode" or a "sample" of it.
        anchors: measure real images, the mean image and untrained models too.
        plan: print what would be done instead, and return no rows.
        weights_dir: folder of network weights; by default what GENBENCH_WEIGHTS says.
        download: fetch missing weights from their first address.
        device: "auto", "cpu", "cuda", "cuda:1".
        devices: processes on each machine, a device each, that share the work. Several need a
            script: it is started once for each of them, unless torchrun or SLURM has done so,
            every process returns the same, and the first one commits.
        compile: compile feature networks; the recipe says so.
        runs_dir: where names of runs are looked up.
        table: folder of the results table to commit to, model by model; the same call goes on
            where it was cut short. None commits nothing.
        again: begin anew where the same call was cut short.

    Returns:
        A DataFrame with the fields of `Record`, and its id, that shows itself as models against
        metrics.

    Warns:
        RangeWarning: a model's images do not fill [-1, 1], so its numbers are not what they seem.

    Raises:
        GenbenchError: anything the caller can put right.
    """
    how = Evaluation(
        metrics=tuple(metrics),
        images=images,
        reference=reference,
        pairs=pairs,
        paths=paths,
        repeats=repeats,
        quantise=quantise,
        seed=seed,
        batch=batch,
        checkpoint=checkpoint,
        posterior=posterior,
        anchors=anchors,
        weights_dir=expanded(weights_dir),
        download=download,
        device=device,
        devices=devices,
        compile=compile,
    )
    request = Request(
        models=models,
        how=how,
        preset=preset,
        data=data,
        data_dir=expanded(data_dir),
        on_bad=on_bad,
        resolution=resolution,
        runs_dir=Path(runs_dir).expanduser(),
        again=again,
    )
    if plan:
        lines = outline(request)
        if group.rank() == 0:
            sys.stdout.writelines(f"{line}\n" for line in lines)
        return _frame([])
    return _frame(measure(request, table=expanded(table), command="genbench.evaluate").records)


def _frame(records: Sequence[Record]) -> Results:
    from genbench.evaluation import results_frame  # pandas: half a second the command line saves

    return results_frame.frame(records)


@contextlib.contextmanager
def _planned(request: Request) -> Iterator[list[Plan]]:
    """The plans, in every process that shares the work; what is wrong in one ends all."""
    request.parts()  # a wrong name should not wait for other processes and the data
    how = request.how
    with group.together(how.devices, choose(how.device)) as device:
        with group.agreed():
            planned = plans(replace(request, how=replace(how, device=str(device))))
            if group.rank() == 0:
                sys.stderr.writelines(f"{line}\n" for line in _warnings(request, planned[0]))
        yield planned


def _warnings(request: Request, plan: Plan) -> Iterator[str]:
    """What to read before the work begins."""
    yield from (f"left out: {line}" for line in plan.left_out)
    if request.preset is not None:
        yield from presets.remarks(request.preset, plan.passes.data.resolution)


def _data(request: Request, found: Sequence[Candidate]) -> Dataset:
    """The data set that was asked for, or the one that all runs were trained on.

    Raises:
        BadSetting: it cannot be known.
        GenbenchError: see `open_dataset`.
    """
    if request.data is None:
        return _trained_on(found)
    if not isinstance(request.data, str):
        return request.data
    side = _shared_resolution(found) if request.resolution is None else request.resolution
    return open_dataset(request.data, side, data_dir=request.data_dir, on_bad=request.on_bad)


def _shared_resolution(found: Sequence[Candidate]) -> int:
    known = sorted({c.resolution for c in found if c.resolution is not None})
    if len(known) != 1:
        raise BadSetting(
            "the resolution of the data is not known"
            + (f": the runs have {', '.join(map(str, known))}" if known else "")
            + "; give --resolution"
        )
    return known[0]


def _trained_on(found: Sequence[Candidate]) -> Dataset:
    known = {c.fingerprint: c.data for c in found if c.data is not None}
    if not known:
        raise BadSetting("no run tells which data to use; give --data and --resolution")
    # Runs of before know the same images by the fingerprint of schema 1.
    opened = {data.fingerprint: data for data in (of() for of in known.values())}
    if len(opened) > 1:
        names = ", ".join(c.name for c in found if c.data is not None)
        raise BadSetting(
            f"the runs were trained on {len(opened)} data sets ({names}); "
            "give --data and --resolution"
        )
    return next(iter(opened.values()))
