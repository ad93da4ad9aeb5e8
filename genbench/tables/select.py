"""Which records stand in one table, which one stands in a cell, and which of them tie."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

from genbench.errors import BadInput
from genbench.results.protocol import Protocol, from_json
from genbench.results.record import Key, Record
from genbench.tables.footnotes import apart

TableKey: TypeAlias = tuple[str, int, str]  # (dataset, resolution, fingerprint): a table
Slot: TypeAlias = tuple[Key, str, str | None]  # (row, score, protocol id): a cell


@dataclass(frozen=True)
class Selection:
    """The records of one table, one for each cell."""

    values: Mapping[Slot, Record]
    absent: Mapping[tuple[Key, str], Record]  # (row, score) -> why it was not measured
    protocols: Mapping[str, Protocol]  # first the one with most numbers, of equals the newest
    anchors: frozenset[Key]  # rows that are yardsticks, not contenders


def by_table(records: Sequence[Record]) -> dict[TableKey, list[Record]]:
    """The records of each table, in their order; what was not measured follows its evaluation.

    Raises:
        BadInput: a record has a value but no protocol.
    """
    prints = _fingerprints(records)
    seen: dict[tuple[str, int], dict[str, set[str]]] = {}  # data -> fingerprint -> evaluations
    for record in filter(measured, records):
        known = seen.setdefault((record.dataset, record.resolution), {})
        known.setdefault(prints[str(record.protocol)], set()).add(record.evaluation)
    found: dict[TableKey, list[Record]] = {}
    for record in records:
        known = seen.get((record.dataset, record.resolution), {"": set()})
        if measured(record):
            homes = [prints[str(record.protocol)]]
        else:
            homes = [name for name, ids in known.items() if record.evaluation in ids]
        for home in homes or known:
            found.setdefault((record.dataset, record.resolution, home), []).append(record)
    return found


def choose(records: Iterable[Record]) -> Selection:
    """One record for each cell: the newest."""
    values: dict[Slot, Record] = {}
    absent: dict[tuple[Key, str], Record] = {}
    anchors: set[Key] = set()
    for record in sorted(records, key=_time):
        row = record.key
        if record.anchor:
            anchors.add(row)
        if measured(record):
            values[row, record.score, record.protocol_id] = record
        else:
            absent[row, record.score] = record
    return Selection(values, absent, _protocols(values.values()), frozenset(anchors))


def measured(record: Record) -> bool:
    """Whether it has a number that can be printed."""
    return record.value is not None and math.isfinite(record.value)


def why(record: Record) -> str:
    """The reason to print where there is no number."""
    if record.value is not None:
        return "the number is not finite"
    return record.reason or "no reason was recorded"


def spread(record: Record) -> float | None:
    """The error bar, if there is one that can be printed."""
    if record.spread is None or not math.isfinite(record.spread):
        return None
    return abs(record.spread)


def best(
    records: Mapping[Slot, Record],
    lower_is_better: bool | None,
    differ: Callable[[Slot, Slot], bool] | None = None,
) -> set[Slot]:
    """The best, and those that do not differ from it. Nobody is best alone.

    Args:
        records: of one protocol.
        lower_is_better: None where neither way is, so nobody is best.
        differ: whether a test tells two of them apart; without one, those differ whose
            distance is more than both error bars together, a missing bar counting as 0.

    Raises:
        BadInput: records of two protocols; the message names the fields that differ.
    """
    _one_protocol(records.values())
    if len(records) < 2 or lower_is_better is None:
        return set()
    sign = 1 if lower_is_better else -1
    top = min(records, key=lambda slot: sign * (records[slot].value or 0.0))
    if differ is not None:
        return {slot for slot in records if slot == top or not differ(slot, top)}
    return {slot for slot, record in records.items() if ties(record, records[top])}


def _one_protocol(records: Iterable[Record]) -> None:
    """Raise, with the fields that differ, where numbers are not to be ranked."""
    known = {record.protocol_id: record for record in records}
    if len(known) < 2:
        return
    a, b, *_ = known.values()
    fields = apart(from_json(str(a.protocol)), from_json(str(b.protocol)))
    words = "; ".join(f"{name} is {x} and {y}" for name, (x, y) in fields.items())
    raise BadInput(
        f"{a.score} of {a.model} and {b.score} of {b.model} cannot be ranked, they were measured "
        f"in different ways: {words}; measure both alike: genbench evaluate"
    )


def ties(a: Record, b: Record) -> bool:
    """Whether two numbers are no further apart than both error bars together."""
    gap = abs((a.value or 0.0) - (b.value or 0.0))
    bars = (spread(a) or 0.0) + (spread(b) or 0.0)
    return gap <= bars or math.isclose(gap, bars, rel_tol=1e-9)  # 0.4 - 0.1 exceeds 0.3 in binary


def _time(record: Record) -> datetime:
    time = datetime.fromisoformat(record.time)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _fingerprints(records: Iterable[Record]) -> dict[str, str]:
    """Text of a protocol -> fingerprint of its data."""
    texts: dict[str, str] = {}
    for record in filter(measured, records):
        if record.protocol is None or record.protocol_id is None:
            raise BadInput(
                f"record {record.id} has a value of {record.score} for {record.model} but no "
                "protocol; a number stands in a table only with its recipe; measure it again: "
                "genbench evaluate"
            )
        if record.protocol not in texts:
            texts[record.protocol] = from_json(record.protocol).fingerprint
    return texts


def _protocols(records: Iterable[Record]) -> dict[str, Protocol]:
    found = sorted(records, key=_time)
    count = Counter(str(record.protocol_id) for record in found)
    newest = {str(record.protocol_id): record for record in found}
    order = sorted(newest, key=lambda name: (count[name], _time(newest[name]), name), reverse=True)
    return {name: from_json(str(newest[name].protocol)) for name in order}
