"""Carrying out a plan: every pass once, then every metric from what the passes brought."""

from __future__ import annotations

import secrets
import shutil
import time
from typing import Any

from genbench.distributed import group
from genbench.evaluation import candidates
from genbench.evaluation.candidates import Candidate
from genbench.evaluation.passes import SubjectEvidence
from genbench.evaluation.plan import Plan
from genbench.evaluation.references import References
from genbench.evaluation.scoring import not_measured, score
from genbench.results.record import Record
from genbench.runtime import provenance


def carry_out(plan: Plan) -> list[Record]:
    """Measure, and return the records, in every process; nothing is committed."""
    passes = plan.passes
    shared = {
        "evaluation": secrets.token_hex(6),
        "dataset": passes.data.name,
        "resolution": passes.data.resolution,
    }
    references = References(passes.real(plan.inputs))
    records = [
        record
        for candidate in plan.candidates
        for record in _measured(plan, candidate, references, shared)
    ]
    if group.rank() == 0:
        shutil.rmtree(passes.pending, ignore_errors=True)
    return group.everyone(records)[0]


def evidence_of(plan: Plan, candidate: Candidate) -> SubjectEvidence:
    """What the passes of one candidate bring; what it cannot do is missing, with the reason."""
    subject = candidates.opened(candidate, plan.passes.data, plan.passes.device)
    return plan.passes.subject(candidate.name, subject, plan.inputs, candidate.identity)


def _measured(
    plan: Plan, candidate: Candidate, references: References, shared: dict[str, Any]
) -> list[Record]:
    """Everything about one candidate; nothing but its passes in all processes but the first."""
    passes = plan.passes
    began = time.monotonic()
    own = evidence_of(plan, candidate)
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
