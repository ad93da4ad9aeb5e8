"""Carrying a reproduction out: train what is missing, measure what is missing, go on next time."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from genbench import runs
from genbench.data import Dataset, open_dataset
from genbench.errors import Diverged, GenbenchError
from genbench.evaluation.api import Request, plans
from genbench.evaluation.candidates import Candidate, from_run
from genbench.evaluation.collect import networks_needed
from genbench.evaluation.measure import carry_out
from genbench.evaluation.plan import Plan
from genbench.evaluation.scoring import describe
from genbench.evaluation.settings import Evaluation
from genbench.evaluation.subjects import Subject
from genbench.reproduction import jobs
from genbench.reproduction.jobs import How
from genbench.reproduction.papers import Job, Target, targets
from genbench.results.record import Record
from genbench.results.store import Store
from genbench.runs import Run, RunState
from genbench.settings import Layer
from genbench.training.api import train
from genbench.training.resume import WantedRun, begin_or_resume

Say = Callable[[str], None]


class Interrupted(GenbenchError):
    """Training was stopped by a signal; everything so far is kept."""


@dataclass(frozen=True)
class Outcome:
    """What came of a job."""

    records: Mapping[str, Record] = field(default_factory=dict)  # by metric, measured
    failures: Mapping[str, str] = field(default_factory=dict)  # by metric
    failed: str | None = None  # before anything could be measured
    not_attempted: str | None = None


def carry_out_all(
    name: str, how: How, say: Say, only: Iterable[str] = ()
) -> list[tuple[Target, Outcome | None]]:
    """Every number of a table with what came of its job; None where it has none.

    Args:
        name: of the table.
        say: told what begins.
        only: systems, as the paper prints them; all by default.

    Raises:
        BadSetting: no such table.
        Interrupted: somebody wants it to stop; the next call goes on.
    """
    chosen = set(only)
    found = [t for t in targets(name) if not chosen or t.published.system in chosen]
    outcomes: dict[Job, Outcome] = {}
    for job, metrics in jobs.jobs_of(found).items():
        outcomes[job] = _outcome(name, job, metrics, how, say)
    return [(target, None if target.job is None else outcomes[target.job]) for target in found]


def _outcome(name: str, job: Job, metrics: Sequence[str], how: How, say: Say) -> Outcome:
    why = jobs.no_data(job.data, how)
    if why is not None:
        return Outcome(not_attempted=why)
    try:
        run = _trained(job, how, say)
        return _measured(name, job, run, metrics, how, say)
    except Interrupted:
        raise
    except GenbenchError as error:
        return Outcome(failed=str(error))
    except torch.OutOfMemoryError as error:
        return Outcome(failed=f"out of memory: {' '.join(str(error).split())[:200]}")


def _trained(job: Job, how: How, say: Say) -> Run:
    """The finished run of a job; trained here as far as it is not there."""
    wanted = WantedRun(
        folder=jobs.folder(job, how),
        begin=lambda: _begin(job, how, say),
        changes={"device": how.device},
        agree=lambda run: _may_go_on(run, job, how),
        say=say,
    )
    run, _ = begin_or_resume(wanted)
    if run.state in (RunState.STOPPED, RunState.INTERRUPTED):
        raise Interrupted(f"{run.folder} {run.status}; the same command goes on with it")
    return run


def _may_go_on(run: Run, job: Job, how: How) -> None:
    """Raise where a run is another training, or one that would only fail again."""
    jobs.check_same(run, job, how)
    if run.state in (RunState.DIVERGED, RunState.FAILED):
        raise Diverged(f"{run.facts['reason']} (to try it again, remove {run.folder})")


def _begin(job: Job, how: How, say: Say) -> Run:
    first = jobs.origin(job)
    start = None if first is None else _trained(first, how, say).folder
    place, spec = jobs.folder(job, how), how.spec(job.data)
    engine = {
        "data": spec,
        "data_dir": None if how.data_dir is None else str(how.data_dir),
        "resolution": job.resolution,
        "device": how.device,
        "threads": how.threads,
        "images": job.images,
    }
    if how.scale != 1:
        data = open_dataset(spec, job.resolution, data_dir=how.data_dir)
        engine["images"] = jobs.images(job, how, len(data.train))
    say(f"training {place}" + (f" ({how.smoke})" if how.smoke else ""))
    return train(
        job.model,
        preset=job.preset,
        settings=Layer(jobs.SOURCE, jobs.settings(job, how)),
        training=Layer(jobs.SOURCE, engine),
        runs_dir=place.parent,
        name=place.name,
        start=start,
    )


def _measured(name: str, job: Job, run: Run, metrics: Sequence[str], how: How, say: Say) -> Outcome:
    """What the table has of it already, and the rest measured and committed at once."""
    store = Store(how.table_dir)
    there = store.read() if store.exists else []
    candidate = _labelled(from_run(run), name, how)
    data = runs.data_of(run)
    records: dict[str, Record] = {}
    failures: dict[str, str] = {}
    fresh: list[Record] = []
    for part in jobs.measurements(job, metrics, how):
        try:
            known, plan = _known(candidate, data, part, there)
            records |= known
            if plan is not None:
                say(f"measuring {', '.join(plan.metrics)} of {candidate.name}")
                fresh += carry_out(plan)
        except GenbenchError as error:
            failures |= dict.fromkeys(part.metrics, str(error))
    new = [record for record in fresh if not _said_before(record, there)]
    if new:
        store.append(new, f"reproduce {name}" + (f" ({how.smoke})" if how.smoke else ""))
    for record in reversed(fresh):  # the first score of a metric is its main one
        if record.value is None:
            failures[record.metric] = record.reason or "no reason was recorded"
        else:
            records[record.metric] = record
    return Outcome(records, failures)


def _known(
    candidate: Candidate, data: Dataset, part: Evaluation, there: Sequence[Record]
) -> tuple[dict[str, Record], Plan | None]:
    """Of one evaluation: what was measured before on these weights, and the plan of the rest."""
    request = Request(models=candidate, how=part, data=data)
    (plan,) = plans(request)
    weights = candidate.look and candidate.look()
    known = {}
    for name, metric in plan.metrics.items():
        if set(networks_needed(list(metric.inputs.values()))) & plan.missing.keys():
            continue  # without its network a metric has no recipe, and cannot be measured now
        wanted = describe(name, metric, plan.passes).id, next(iter(metric.columns))
        for record in there:
            same = record.run == candidate.run and record.value is not None
            same = same and (record.protocol_id, record.score) == wanted
            if same and record.key.content == weights:
                known[name] = record
    rest = tuple(name for name in part.metrics if name not in known)
    if len(rest) == len(part.metrics):
        return known, plan
    if not rest:
        return known, None
    (plan,) = plans(dataclasses.replace(request, how=dataclasses.replace(part, metrics=rest)))
    return known, plan


def _said_before(record: Record, there: Sequence[Record]) -> bool:
    """Whether the table says already, and for the same reason, that this cannot be measured."""
    return record.value is None and any(
        (old.run, old.metric, old.reason, old.value)
        == (record.run, record.metric, record.reason, None)
        for old in there
    )


def _labelled(candidate: Candidate, name: str, how: How) -> Candidate:
    """A candidate whose records say for which table they were made, and whether as a smoke test."""

    def load(data: Dataset, device: torch.device) -> Subject:
        subject = candidate.open(data, device)
        notes = [note for note in (how.smoke, subject.note) if note]
        return dataclasses.replace(subject, note="; ".join(notes) or None)

    facts = {**candidate.facts, "reproduces": name, "smoke": how.smoke}
    return dataclasses.replace(candidate, open=load, facts=facts)
