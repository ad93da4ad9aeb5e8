"""Carrying out a plan: every pass once, then every metric from what the passes brought."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import time
from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from genbench.distributed import group
from genbench.evaluation import candidates, jackknife
from genbench.evaluation.candidates import Candidate
from genbench.evaluation.journal import Journal
from genbench.evaluation.passes import SubjectEvidence
from genbench.evaluation.plan import Plan
from genbench.evaluation.references import References
from genbench.evaluation.scoring import not_measured, score
from genbench.evaluation.subjects import Subject
from genbench.interfaces import Input, Stream
from genbench.results.record import Record
from genbench.runtime import provenance


def carry_out(plan: Plan, journal: Journal | None = None) -> list[Record]:
    """Measure, and return the records, in every process.

    Args:
        journal: commits each model once it is measured, and knows those that it had committed
            before; None commits nothing.
    """
    passes = plan.passes
    shared = {
        "evaluation": secrets.token_hex(6) if journal is None else journal.evaluation,
        "dataset": passes.data.name,
        "resolution": passes.data.resolution,
    }
    found = {} if journal is None else journal.before(plan)
    rest = [candidate for candidate in plan.candidates if candidate.name not in found]
    if rest:
        references = References(passes.real(plan.inputs))
    for candidate in rest:
        subject = candidates.opened(candidate, passes.data, passes.device)
        begun = [] if journal is None else journal.begun(plan, candidate.name)
        work = _Work(plan, candidate, subject, {record.metric for record in begun}, shared)
        entry = "" if journal is None else journal.entry(plan, candidate, subject)
        try:
            work.carry_out(references)
        except BaseException:  # a signal, too: what was finished must not go with the rest
            if journal is not None:
                journal.keep(entry, candidate.name, work.records())
            raise
        fresh = work.records()
        found[candidate.name] = [*begun, *fresh]
        if journal is not None:
            journal.commit(entry, candidate.name, fresh)
    if group.rank() == 0:
        shutil.rmtree(passes.pending, ignore_errors=True)
    records = [record for candidate in plan.candidates for record in found[candidate.name]]
    return group.everyone(records)[0]


def evidence_of(plan: Plan, candidate: Candidate) -> SubjectEvidence:
    """What the passes of one candidate bring; what it cannot do is missing, with the reason."""
    subject = candidates.opened(candidate, plan.passes.data, plan.passes.device)
    *_, (_, whole) = _evidence(plan, candidate, subject, plan.inputs)
    return whole


def _evidence(
    plan: Plan, candidate: Candidate, subject: Subject, inputs: Sequence[Input]
) -> Generator[tuple[frozenset[Stream], SubjectEvidence]]:
    # Of the state of an object less is known than of files, so its passes are never taken over.
    lasting = candidate.anchor or candidate.look is not None
    identity = candidate.identity(subject.digest) if lasting else None
    return plan.passes.subject(candidate.name, subject, inputs, identity)


class _Work:
    """Everything about one candidate: its passes, and each metric once its streams are done.

    Of several processes only the first has records.
    """

    def __init__(
        self,
        plan: Plan,
        candidate: Candidate,
        subject: Subject,
        known: Collection[str],
        shared: Mapping[str, Any],
    ) -> None:
        """Nothing is measured yet.

        Args:
            known: metrics that a call which was cut short has measured.
            shared: fields of the records of all candidates.
        """
        self.plan, self.candidate, self.subject = plan, candidate, subject
        self.metrics = {name: m for name, m in plan.metrics.items() if name not in known}
        self.found: dict[str, list[Record]] = {}
        self.began = time.monotonic()
        circumstances = {
            **provenance.describe(plan.passes.device),
            **candidate.facts,
            **subject.facts,
            "seed": plan.passes.how.seed,
            "batch": plan.passes.how.batch,
            "processes": group.count(),
        }
        self.common = {
            **shared,
            "time": provenance.now(),
            "model": candidate.name,
            "run": candidate.id(subject.digest),
            "content": subject.digest,
            "anchor": candidate.anchor,
            "provenance": circumstances,
        }

    def carry_out(self, references: References) -> None:
        """Make the passes, and measure as they bring what metrics take."""
        wanted = {each for metric in self.metrics.values() for each in metric.inputs.values()}
        if self.plan.passes.how.jackknife:
            wanted |= set(jackknife.inputs_for(wanted))
        inputs = [each for each in self.plan.inputs if each in wanted]
        growing = _evidence(self.plan, self.candidate, self.subject, inputs)
        with contextlib.closing(growing):
            for settled, evidence in growing:
                if group.rank() == 0:
                    self._measure(settled, evidence, references)

    def records(self) -> list[Record]:
        """What is measured so far, in the order in which it was asked for."""
        seconds = {"seconds": round(time.monotonic() - self.began, 2)}
        return [
            replace(record, time=provenance.now(), provenance={**record.provenance, **seconds})
            for name in self.metrics
            for record in self.found.get(name, [])
        ]

    def _measure(
        self, settled: frozenset[Stream], evidence: SubjectEvidence, references: References
    ) -> None:
        """Every metric that takes no other streams than these, and was not measured before."""
        plan, rule = self.plan, _rule(self.plan, self.candidate)
        for name, metric in self.metrics.items():
            if (
                name in self.found
                or not {each.stream for each in metric.inputs.values()} <= settled
            ):
                continue
            self.found[name] = (
                not_measured(name, metric, plan.refused[name], self.common)
                if name in plan.refused
                else score(
                    name,
                    metric,
                    references,
                    evidence,
                    plan.passes,
                    plan.missing,
                    self.common,
                    rule,
                )
            )


def _rule(plan: Plan, candidate: Candidate) -> str:
    """How its weights were chosen; anchors, which have none to choose, stand beside the models."""
    rules = {each.checkpoint for each in plan.candidates if not each.anchor}
    return rules.pop() if candidate.anchor and len(rules) == 1 else candidate.checkpoint
