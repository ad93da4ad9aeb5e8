"""Whether a stored row is still the record that was measured: types, id, digests, protocol."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from genbench.errors import BadInput
from genbench.results.protocol import from_json, of_right_types
from genbench.results.record import FIELDS, Record, from_row

LARGEST = 2**63  # of a whole number in the table


def record_of(row: Mapping[str, Any]) -> Record:
    """The record of a row of the table or of a file, if it is what its id promises.

    Args:
        row: every field of `Record` by name, provenance as JSON, and the id.

    Raises:
        BadInput: anything about it is wrong; the message says what, not where.
    """
    wrong = next(faults(row), None)
    if wrong is not None:
        raise BadInput(wrong)
    return from_row(row)


def faults(row: Mapping[str, Any]) -> Iterator[str]:
    """Everything that is wrong with a row; types first, and no more where they are wrong."""
    wrong = list(_of_types(row))
    yield from wrong
    if wrong:
        return
    try:
        record = from_row(row)
        found = record.id
    except (ValueError, TypeError, RecursionError) as error:
        yield f"it is no record: {' '.join(str(error).split())}"
        return
    stored = row.get("values_digest")
    if record.values_digest != stored:
        yield f"its values have the digest {record.values_digest}, it says {stored}"
    elif row.get("values", ()) is None and stored is not None:
        yield f"its values, of digest {stored}, are missing"
    if found != row["id"]:
        yield f"its content has the id {found}, it says {row['id']}: it was changed afterwards"
    yield from _of_protocol(record)
    try:
        datetime.fromisoformat(record.time)
    except ValueError:
        yield f"its time {record.time!r} is not one"


def _of_types(row: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(row.get("id"), str):
        yield "it has no id"
    for name, how in FIELDS.items():
        value = row.get(name)
        if value is None:
            if how.needed:
                yield f"it has no {name}"
        elif type(value) is not how.kind:
            yield f"its {name} is {type(value).__name__}, wanted {how.kind.__name__}"
        elif isinstance(value, int) and not -LARGEST <= value < LARGEST:
            yield f"its {name} is {value:.3g}, which does not fit"
    for value in row.get("values") or ():
        if type(value) is not float:
            yield f"its values hold {type(value).__name__}, wanted float"
            return


def _of_protocol(record: Record) -> Iterator[str]:
    """A number stands in a table only with its recipe, so that must be readable."""
    if record.protocol is None or record.protocol_id is None:
        if record.value is not None or record.protocol != record.protocol_id:
            yield "it has a value but not the protocol of it"
        return
    found = hashlib.sha256(record.protocol.encode()).hexdigest()[:12]
    if found != record.protocol_id:
        yield f"its protocol has the id {found}, it says {record.protocol_id}"
    try:
        protocol = from_json(record.protocol)
        if not of_right_types(protocol):
            raise TypeError("a field has the wrong type")
    except (ValueError, TypeError, RecursionError) as error:
        yield f"its protocol is not one that this version reads: {' '.join(str(error).split())}"
