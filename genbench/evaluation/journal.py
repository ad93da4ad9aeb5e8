"""What of an evaluation is in the table already: every model is committed once it is measured.

An evaluation that was cut short is one whose newest commit says that models are waiting. The
same request, by the same code and on the same data, goes on with it: what has been committed is
not measured again. One that came to its end is history, and the same request measures anew.

All of this stands in the commits of the table, so it goes on wherever the table is.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sys
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field

from genbench.distributed import group
from genbench.errors import GenbenchError
from genbench.evaluation.candidates import Candidate
from genbench.evaluation.collect import networks_needed
from genbench.evaluation.plan import Plan
from genbench.evaluation.scoring import describe
from genbench.evaluation.subjects import Subject, content
from genbench.interfaces import Json, Metric
from genbench.results.record import Record
from genbench.results.store import Commit, Store
from genbench.runtime import provenance
from genbench.tables.select import measured

Records = dict[str, list[Record]]  # of models, by their names


@dataclass
class Journal:
    """The commits of one evaluation. Only the first process reads and writes the table."""

    store: Store
    command: str  # what the history of the table says
    request: str  # digest of what was asked for
    total: int  # models, each once for every part of a preset
    waiting: int  # of them: not committed yet
    evaluation: str = field(default_factory=lambda: secrets.token_hex(6))
    # Recipe of a part -> models that a call which was cut short has committed, by name.
    found: dict[str, Records] = field(default_factory=dict)
    version: int | None = None  # of the table, once something is committed

    def before(self, plan: Plan) -> Records:
        """Records of models that were committed before, by their names; each process asks."""
        return group.everyone(self.found.get(_digest(_recipe(plan)), {}))[0]

    def commit(
        self, plan: Plan, candidate: Candidate, subject: Subject, records: list[Record]
    ) -> None:
        """Add all that was measured of one model in one part; every process calls it.

        Raises:
            BadInput, DiskFull: as `Store.append`, in every process.
        """
        with group.agreed():
            if group.rank():
                return
            facts = {
                "evaluation": self.evaluation,
                "request": self.request,
                "entry": _entry(plan, candidate, _identity(plan, candidate, subject)),
                "waiting": str(self.waiting - 1),
            }
            command = f"{self.command}: {candidate.name}"
            self.version = self.store.append(records, command, facts)
            self.waiting -= 1

    def state(self) -> str:
        """How far it is, by what the table holds."""
        commits = _commits(self.store, self.request)
        done = {c.facts["entry"] for c in commits if c.facts["evaluation"] == self.evaluation}
        return (
            f"{len(done)} of {self.total} models are in the table {self.store.folder}; "
            "the same command goes on with the rest"
        )


def open_journal(planned: Sequence[Plan], models: object, store: Store, command: str) -> Journal:
    """The journal of an evaluation that begins.

    Args:
        planned: its parts.
        models: what was asked for, "all" or anything else.
    """
    total = sum(len(plan.candidates) for plan in planned)
    asked = models if models == "all" else [c.name for c in planned[0].candidates if not c.anchor]
    request = _digest([asked, provenance.code_digest(), *map(_recipe, planned)])
    return Journal(store, command, request, total, total)


def go_on(journal: Journal, planned: Sequence[Plan]) -> None:
    """Where the same request was cut short, take over what it has committed, and say so."""
    earlier = [] if group.rank() else _commits(journal.store, journal.request)
    if not earlier or earlier[0].facts["waiting"] == "0":
        return
    fresh, journal.evaluation = journal.evaluation, earlier[0].facts["evaluation"]
    entries = {c.facts["entry"] for c in earlier if c.facts["evaluation"] == journal.evaluation}
    rows = [r for r in journal.store.read(values=True) if r.evaluation == journal.evaluation]
    found = {_digest(_recipe(plan)): _known(plan, entries, rows) for plan in planned}
    done = sum(map(len, found.values()))
    if done == journal.total:  # two have worked at it side by side: it has come to its end
        journal.evaluation = fresh
        return
    journal.found, journal.waiting = found, journal.total - done
    if done:
        sys.stderr.write(
            f"going on with an evaluation that was cut short: {done} of {journal.total} models "
            "are in the table and not measured again (--again measures them anew)\n"
        )


def _known(plan: Plan, entries: Container[str], rows: Sequence[Record]) -> Records:
    """Of one part: the models that *entries* know, with their *rows*."""
    names = [c.name for c in plan.candidates if _found_again(plan, c) in entries]
    mine = {
        name: [r for r in rows if r.model == name and r.metric in plan.metrics] for name in names
    }
    # What could not be measured at all is tried again: its cause may be gone.
    return {name: each for name, each in mine.items() if any(map(measured, each))}


def _commits(store: Store, request: str) -> list[Commit]:
    """Commits of evaluations of *request*, newest first."""
    if not store.exists:
        return []
    return [commit for commit in store.history() if commit.facts.get("request") == request]


def _recipe(plan: Plan) -> Mapping[str, Json]:
    """What settles the numbers of one part, beside the model."""
    how = plan.passes.how
    return {
        "data": plan.passes.data.fingerprint,
        "sizes": {stream.value: n for stream, n in plan.passes.sizes.items()},
        "repeats": how.repeats,
        "seed": how.seed,
        "anchors": how.anchors,
        "untrained": how.untrained,
        "protocols": {name: _protocol(plan, name, metric) for name, metric in plan.metrics.items()},
    }


def _protocol(plan: Plan, name: str, metric: Metric) -> str | None:
    """Id of the recipe; None where images of this size, or weights that are not here, forbid it."""
    needed = networks_needed(metric.inputs.values())
    if name in plan.refused or plan.missing.keys() & set(needed):
        return None
    return describe(name, metric, plan.passes, plan.passes.how.checkpoint).id


def _found_again(plan: Plan, candidate: Candidate) -> str:
    """The entry of a model that is not open yet."""
    if candidate.identity is not None:
        return _entry(plan, candidate, candidate.identity)
    try:
        subject = candidate.open(plan.passes.data, plan.passes.device)
    except GenbenchError:
        return ""
    return _entry(plan, candidate, _identity(plan, candidate, subject))


def _identity(plan: Plan, candidate: Candidate, subject: Subject) -> str | None:
    return candidate.identity or content(subject, plan.passes.data, plan.passes.how.seed)


def _entry(plan: Plan, candidate: Candidate, identity: str | None) -> str:
    """What one commit is known by; what cannot be known is never taken for another one."""
    return _digest([_recipe(plan), candidate.name, identity or secrets.token_hex(16)])


def _digest(facts: Json) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]
