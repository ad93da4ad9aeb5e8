"""What differs between two versions of a table, and why, as far as the records tell."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from genbench.interfaces import Json
from genbench.results.protocol import differences_of_texts
from genbench.results.record import Record
from genbench.results.wording import words_at

# Circumstances that may change a number, in the order in which they are told.
CIRCUMSTANCES = {
    "weights": "weights of the run",
    "networks": "file of a feature network",
    "seed": "seed",
    "genbench": "genbench",
    "git": "code",
    "torch": "torch",
    "device": "device",
    "processes": "processes",
    "batch": "images at once",
}


@dataclass(frozen=True)
class Change:
    """What one number did between two versions."""

    kind: str  # "added", "changed", "removed"
    before: Record | None
    after: Record | None
    beside: Record | None = None  # of an added number: the nearest one that was there already
    reasons: tuple[str, ...] = ()  # why it is another number than before, or than the one beside

    @property
    def record(self) -> Record:
        """The newer side, or the only one."""
        found = self.after or self.before
        assert found is not None
        return found


def compare(before: Sequence[Record], after: Sequence[Record]) -> list[Change]:
    """What changed from one set of records to another, number by number; both oldest first.

    A number is known by what was measured, data set, score and protocol; where it was measured
    again, the newest measurement of each side counts. One that is new, and differs from an
    older one in protocol or in the thing of that name alone, says so.
    """
    old, new = newest(before), newest(after)
    changes = []
    for key in sorted(old.keys() | new.keys()):
        a, b = old.get(key), new.get(key)
        if a is not None and b is not None:
            if a.id != b.id:
                changes.append(Change("changed", a, b, reasons=tuple(reasons(a, b))))
        elif b is not None:
            near = _nearest(b, old.values())
            why = () if near is None else tuple(reasons(near, b))
            changes.append(Change("added", None, b, near, why))
        else:
            changes.append(Change("removed", a, None))
    return changes


def newest(records: Sequence[Record]) -> dict[tuple[str, ...], Record]:
    """The last measurement of each number; *records* are oldest first."""
    return {
        (r.dataset, str(r.resolution), r.score, r.protocol_id or "", *r.key): r for r in records
    }


def reasons(before: Record, after: Record) -> list[str]:
    """Everything recorded in which two measurements of one score differ, a line each."""
    found = []
    if before.run != after.run:
        found.append(f"another thing of this name: {before.run} -> {after.run}")
    if before.protocol_id != after.protocol_id and before.protocol and after.protocol:
        fields = differences_of_texts(before.protocol, after.protocol)
        left, right = json.loads(before.protocol), json.loads(after.protocol)
        found += [
            f"another protocol: {name} {words_at(name, a, left)} -> {words_at(name, b, right)}"
            for name, (a, b) in fields.items()
        ]
    for name, words in CIRCUMSTANCES.items():
        a, b = before.provenance.get(name), after.provenance.get(name)
        if a != b:
            found.append(f"another {words}: {_value_text(a)} -> {_value_text(b)}")
    found += _other_images(before, after)
    if before.value is None and after.value is not None:
        found.append(f"it could not be measured before: {before.reason}")
    if before.value is not None and after.value is None:
        found.append(f"it could not be measured again: {after.reason}")
    return found or ["measured again; nothing that is recorded differs"]


def _other_images(before: Record, after: Record) -> list[str]:
    """That one thing, by one recipe and one seed, made other images than it did before."""

    def recipe(record: Record) -> tuple[object, ...]:
        return record.key, record.protocol_id, record.provenance.get("seed")

    a, b = (each.provenance.get("images") for each in (before, after))
    if a and b and a != b and recipe(before) == recipe(after):
        return [f"it made other images: {_value_text(a)} -> {_value_text(b)}"]
    return []


def _value_text(value: Json) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_value_text(inner)}" for name, inner in value.items())
    return "not recorded" if value is None else str(value)


def _nearest(record: Record, others: Iterable[Record]) -> Record | None:
    """The newest number of the same name, score and data: first of its run, then of any run."""
    alike = [
        other
        for other in others
        if (other.dataset, other.resolution, other.score, other.model)
        == (record.dataset, record.resolution, record.score, record.model)
    ]
    return max(alike, key=lambda other: (other.run == record.run, other.time), default=None)
