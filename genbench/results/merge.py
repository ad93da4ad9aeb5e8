"""Records from elsewhere into a table: by id, in one commit, losing nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from genbench.errors import BadInput
from genbench.results.diff import newest
from genbench.results.record import Key, Record
from genbench.results.store import Store
from genbench.results.verify import faults, record_of


@dataclass(frozen=True)
class MergeResult:
    """What a merge or an import did."""

    version: int | None  # None: nothing was new, so nothing was committed
    added: int
    known: int  # records that were here already
    notes: tuple[str, ...]  # what a reader of the table should know, a line each


def merge(mine: Store, other: Store) -> MergeResult:
    """Take over every record of *other* that is not in *mine* yet.

    Raises:
        BadInput: no table, the same table, or a damaged one.
    """
    if mine.folder.resolve() == other.folder.resolve():
        raise BadInput(f"{other.folder} is this very table; give the folder of another one")
    return join(mine, sound(other), f"table merge {other.folder}")


def join(mine: Store, records: Sequence[Record], command: str) -> MergeResult:
    """Append those of *records* that are not in *mine*, in one commit.

    Raises:
        BadInput: *mine* is damaged.
    """
    here = sound(mine) if mine.exists else []
    ids = {record.id for record in here}
    fresh = list({record.id: record for record in records if record.id not in ids}.values())
    notes = [*_measured_again(here, fresh), *_namesakes(here, fresh)]
    version = mine.append(fresh, command) if fresh else None
    known = len({record.id for record in records} & ids)
    return MergeResult(version, len(fresh), known, tuple(notes))


def sound(store: Store) -> list[Record]:
    """Every record of a table, oldest first, checked against its id and with its values.

    Raises:
        BadInput: a row is not what its id promises, so two tables cannot be joined by ids.
    """
    found = []
    for row in store.rows(values=True):
        try:
            found.append(record_of(row))
        except BadInput as error:
            raise BadInput(
                f"{store.folder} is damaged, record {row['id']}: {error}; nothing was changed; "
                f"see all of it: genbench table --table {store.folder} verify"
            ) from None
    return sorted(found, key=lambda record: record.time)


def damages(store: Store, version: int | None = None) -> tuple[int, list[str]]:
    """How many rows a version of a table has, and everything that is wrong with them."""
    rows = store.rows(version, values=True)
    wrong = [
        f"{row['id']}  {row['model']}  {row['score']}: {fault}"
        for row in rows
        for fault in faults(row)
    ]
    contents: dict[str, str] = {}
    for row in rows:
        content = repr(sorted((k, v) for k, v in row.items() if k not in ("values",)))
        if contents.setdefault(row["id"], content) != content:
            wrong.append(f"{row['id']}: two rows with this id differ")
    return len(rows), wrong


def _measured_again(here: Sequence[Record], fresh: Sequence[Record]) -> list[str]:
    """The same number of the same run under the same protocol, with another value."""
    old, new = newest(here), newest(fresh)
    return [
        f"measured again: {new[key].model} {new[key].score} on {new[key].dataset} "
        f"{new[key].resolution}x{new[key].resolution} is {_value_text(old[key])} here and "
        f"{_value_text(new[key])} there [protocol {new[key].protocol_id or '-'}]; both are kept, "
        "tables show the newer one"
        for key in sorted(old.keys() & new.keys())
    ]


def _namesakes(here: Sequence[Record], fresh: Sequence[Record]) -> list[str]:
    """Different things of one name, which stay rows of their own."""
    mine: dict[str, set[Key]] = {}
    for record in here:
        mine.setdefault(record.model, set()).add(record.key)
    theirs = sorted({record.key for record in fresh})
    return [
        f"{_apart(key, mine[key.model])}; both are kept, as rows of their own"
        for key in theirs
        if key.model in mine and key not in mine[key.model]
    ]


def _apart(there: Key, here: Iterable[Key]) -> str:
    """In what one thing differs from others of its name."""
    if weights := sorted(key.content for key in here if key.run == there.run):
        return (
            f"other weights of the run {there.model} ({there.run}): "
            f"{', '.join(each or 'not recorded' for each in weights)} here and "
            f"{there.content or 'not recorded'} there"
        )
    runs = ", ".join(sorted({key.run for key in here}))
    return f"another thing of this name: {there.model} is {runs} here and {there.run} there"


def _value_text(record: Record) -> str:
    return "not measured" if record.value is None else f"{record.value:.6g}"
