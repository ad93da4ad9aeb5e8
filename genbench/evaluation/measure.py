"""Carrying out a plan: every pass once, then every metric from what the passes brought."""

from __future__ import annotations

import secrets
import shutil
import time
from typing import Any

from genbench.distributed import group
from genbench.evaluation import candidates
from genbench.evaluation.candidates import Candidate
from genbench.evaluation.journal import Journal
from genbench.evaluation.passes import SubjectEvidence
from genbench.evaluation.plan import Plan
from genbench.evaluation.references import References
from genbench.evaluation.scoring import not_measured, score
from genbench.evaluation.subjects import Subject
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
        found[candidate.name] = _measured(plan, candidate, subject, references, shared)
        if journal is not None:
            journal.commit(plan, candidate, subject, found[candidate.name])
    if group.rank() == 0:
        shutil.rmtree(passes.pending, ignore_errors=True)
    records = [record for candidate in plan.candidates for record in found[candidate.name]]
    return group.everyone(records)[0]


def evidence_of(plan: Plan, candidate: Candidate) -> SubjectEvidence:
    """What the passes of one candidate bring; what it cannot do is missing, with the reason."""
    subject = candidates.opened(candidate, plan.passes.data, plan.passes.device)
    return _evidence(plan, candidate, subject)


def _evidence(plan: Plan, candidate: Candidate, subject: Subject) -> SubjectEvidence:
    return plan.passes.subject(candidate.name, subject, plan.inputs, candidate.identity)


def _measured(
    plan: Plan,
    candidate: Candidate,
    subject: Subject,
    references: References,
    shared: dict[str, Any],
) -> list[Record]:
    """Everything about one candidate; nothing but its passes in all processes but the first."""
    passes = plan.passes
    began = time.monotonic()
    own = _evidence(plan, candidate, subject)
    if group.rank():
        return []
    circumstances = {
        **provenance.describe(passes.device),
        **candidate.facts,
        "seed": passes.how.seed,
        "batch": passes.how.batch,
        "processes": group.count(),
        "seconds": round(time.monotonic() - began, 2),
    }
    common = {
        **shared,
        "time": provenance.now(),
        "model": candidate.name,
        "run": candidate.run,
        "anchor": candidate.anchor,
        "provenance": circumstances,
    }
    rule = _rule(plan, candidate)
    return [
        record
        for name, metric in plan.metrics.items()
        for record in (
            not_measured(name, metric, plan.refused[name], common)
            if name in plan.refused
            else score(name, metric, references, own, passes, plan.missing, common, rule)
        )
    ]


def _rule(plan: Plan, candidate: Candidate) -> str:
    """How its weights were chosen; anchors, which have none to choose, stand beside the models."""
    rules = {each.checkpoint for each in plan.candidates if not each.anchor}
    return rules.pop() if candidate.anchor and len(rules) == 1 else candidate.checkpoint
