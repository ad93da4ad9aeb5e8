"""What of an evaluation is in the table already: every model is committed once it is measured.

An evaluation that was cut short is one whose newest commit says that models are waiting. The
same request, by the same code and on the same data, goes on with it: what has been committed is
not measured again. One that came to its end is history, and the same request measures anew.
Of the model that a signal or a failure stopped, the metrics that were finished are committed, too.

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
from genbench.evaluation.candidates import Candidate, opened_here
from genbench.evaluation.collect import networks_needed
from genbench.evaluation.plan import Plan
from genbench.evaluation.scoring import describe
from genbench.evaluation.subjects import Subject
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
    started: dict[str, Records] = field(default_factory=dict)  # likewise, of which a part is there
    version: int | None = None  # of the table, once something is committed

    def before(self, plan: Plan) -> Records:
        """Records of models that were committed before, by their names; each process asks."""
        return group.everyone(self.found.get(_digest(_recipe(plan)), {}))[0]

    def begun(self, plan: Plan, name: str) -> list[Record]:
        """Records of a model that was stopped half-way; each process asks."""
        return group.everyone(self.started.get(_digest(_recipe(plan)), {}).get(name, []))[0]

    def entry(self, plan: Plan, candidate: Candidate, subject: Subject) -> str:
        """What the commits of one model in one part are known by."""
        if group.rank():
            return ""
        return _entry(plan, candidate, subject.digest)

    def commit(self, entry: str, name: str, records: Sequence[Record]) -> None:
        """Add what was measured of the model *name*; every process calls it.

        Raises:
            BadInput, DiskFull: as `Store.append`, in every process.
        """
        with group.agreed():
            if group.rank() == 0:
                self._append(entry, name, records, {"waiting": str(self.waiting - 1)})
                self.waiting -= 1

    def keep(self, entry: str, name: str, records: Sequence[Record]) -> None:
        """Add the numbers of a model that is cut short; a process calls it for itself."""
        numbers = [record for record in records if measured(record)]
        if numbers and group.rank() == 0:
            part = {"waiting": str(self.waiting), "part": "yes"}
            self._append(entry, name, numbers, part)

    def _append(
        self, entry: str, name: str, records: Sequence[Record], more: Mapping[str, str]
    ) -> None:
        facts = {"evaluation": self.evaluation, "request": self.request, "entry": entry, **more}
        self.version = self.store.append(records, f"{self.command}: {name}", facts)

    def state(self) -> str:
        """How far it is, by what the table holds."""
        done, begun = _entries(_commits(self.store, self.request), self.evaluation)
        part = ", and what was finished of another," if begun else ""
        return (
            f"{len(done)} of {self.total} models{part} are in the table {self.store.folder}; "
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
    whole, begun = _entries(earlier, journal.evaluation)
    rows = [r for r in journal.store.read(values=True) if r.evaluation == journal.evaluation]
    known = {_digest(_recipe(plan)): _known(plan, whole | begun, rows) for plan in planned}
    found, started = (
        {part: _of(entries, models) for part, models in known.items()} for entries in (whole, begun)
    )
    done = sum(map(len, found.values()))
    if done == journal.total:  # two have worked at it side by side: it has come to its end
        journal.evaluation = fresh
        return
    journal.found, journal.started, journal.waiting = found, started, journal.total - done
    part = ", and a part of another," if any(started.values()) else ""
    if done or part:
        sys.stderr.write(
            f"going on with an evaluation that was cut short: {done} of {journal.total} "
            f"models{part} are in the table and not measured again (--again measures them anew)\n"
        )


def _entries(commits: Sequence[Commit], evaluation: str) -> tuple[set[str], set[str]]:
    """Entries of the models that *evaluation* has finished, and of those it has only begun."""
    mine = [commit.facts for commit in commits if commit.facts["evaluation"] == evaluation]
    whole = {facts["entry"] for facts in mine if "part" not in facts}
    return whole, {facts["entry"] for facts in mine} - whole


def _of(entries: Container[str], models: Mapping[str, tuple[str, list[Record]]]) -> Records:
    return {name: rows for name, (entry, rows) in models.items() if entry in entries}


def _known(
    plan: Plan, entries: Container[str], rows: Sequence[Record]
) -> dict[str, tuple[str, list[Record]]]:
    """Of one part: the models that *entries* know, by their names, with entry and *rows*."""
    there = {row.model for row in rows}  # no other has to be opened
    found = [each for each in plan.candidates if each.name in there]
    known = {each.name: _found_again(plan, each) for each in found}
    mine = {
        name: (entry, [r for r in rows if r.model == name and r.metric in plan.metrics])
        for name, entry in known.items()
        if entry in entries
    }
    # What could not be measured at all is tried again: its cause may be gone.
    return {name: each for name, each in mine.items() if any(map(measured, each[1]))}


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
    try:
        return _entry(plan, candidate, _digest_of(plan, candidate))
    except GenbenchError:
        return ""


def _digest_of(plan: Plan, candidate: Candidate) -> str | None:
    if candidate.anchor:
        return None
    if candidate.look is not None:
        return candidate.look()
    return opened_here(candidate, plan.passes.data, plan.passes.device).digest


def _entry(plan: Plan, candidate: Candidate, digest: str | None) -> str:
    """What one commit is known by; what cannot be known is never taken for another one."""
    identity = candidate.identity(digest) or secrets.token_hex(16)
    return _digest([_recipe(plan), candidate.name, identity])


def _digest(facts: Json) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]
