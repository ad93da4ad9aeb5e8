"""The record: one measured number, or the reason why there is none."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
import typing
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, NamedTuple

from genbench.interfaces import Json

# Of a field that came after tables were written: left out where empty, so that old ids stay.
LATER = {"later": True}


class Key(NamedTuple):
    """What a row of a table is known by: records of one key are of one and the same thing."""

    model: str
    run: str
    content: str  # empty where nobody has recorded it


@dataclass(frozen=True, kw_only=True)
class Record:
    """An immutable row of the results table."""

    evaluation: str  # id shared by the records of one `genbench evaluate`
    time: str  # UTC, ISO 8601
    model: str  # name in tables: "pioneer", "real images", "pca (untrained)"
    run: str  # id of the run or of the anchor; of other things their kind and content
    dataset: str
    resolution: int
    metric: str  # as asked for: "fid:768"
    score: str  # one metric may give several: "fid_768"
    value: float | None  # None where it was not measured
    spread: float | None = None
    spread_over: str | None = None  # "std over 5 sampling batches"
    n: int | None = None  # rows the number was taken over
    reason: str | None = None  # why there is no value
    note: str | None = None  # what the number alone does not say
    anchor: bool = False  # a yardstick, not a contender: real images, an untrained model
    protocol: str | None = None  # canonical JSON; None where nothing was measured
    protocol_id: str | None = None
    provenance: Mapping[str, Json] = field(default_factory=dict)  # code, versions, hardware, cost
    low: float | None = field(default=None, metadata=LATER)  # of the 95 % interval, if any
    high: float | None = field(default=None, metadata=LATER)
    values_digest: str | None = field(default=None, metadata=LATER)
    content: str | None = field(default=None, metadata=LATER)  # digest of what was measured
    # What the number summarises, for paired tests: one number for each held-out image in the
    # order of the reference permutation, NaN where it has none, or one for each set of samples.
    # The table gives them back only when asked, and tells by the digest which they were.
    values: Sequence[float] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Keep values in single precision, and know them by their content."""
        if self.values is None:
            return
        kept = array("f", self.values)
        object.__setattr__(self, "values", kept)
        if sys.byteorder == "big":
            kept = array("f", kept)
            kept.byteswap()
        digest = hashlib.sha256(kept.tobytes()).hexdigest()[:16]
        object.__setattr__(self, "values_digest", digest)

    @property
    def key(self) -> Key:
        """Its row: what was measured, by name and by content."""
        # Of a run the weights were recorded before its content was, and they are the same.
        content = self.content or self.provenance.get("weights")
        return Key(self.model, self.run, str(content or ""))

    @property
    def id(self) -> str:
        """Sixteen hex digits of the content: equal records of two machines merge into one."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()[:16]

    def canonical(self) -> str:
        """The one JSON text of this record."""
        content = asdict(dataclasses.replace(self, values=None))
        del content["values"]  # its digest is there
        for each in fields(self):
            if each.metadata == LATER and content[each.name] is None:
                del content[each.name]
        return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True)
class FieldKind:
    """How a field of a record stands in a row of a table or of a file."""

    kind: type  # str, float, int, bool or list; a mapping is JSON, so a str
    needed: bool  # never None


def _fields() -> dict[str, FieldKind]:
    found = {}
    for name, annotation in typing.get_type_hints(Record).items():
        parts = typing.get_args(annotation)
        optional = type(None) in parts
        kind = parts[0] if optional else annotation
        origin = typing.get_origin(kind) or kind
        found[name] = FieldKind({Mapping: str, Sequence: list}.get(origin, origin), not optional)
    return found


FIELDS: Mapping[str, FieldKind] = _fields()  # every field of a record, in order


def to_row(record: Record) -> dict[str, Any]:
    """What is stored: the record, its id, and its provenance as JSON."""
    return {"id": record.id, **asdict(record), "provenance": json.dumps(record.provenance)}


def from_row(row: Mapping[str, Any]) -> Record:
    """The record that a row holds; nothing is checked but its provenance.

    Raises:
        ValueError: that is not the JSON of a mapping.
    """
    provenance = json.loads(row["provenance"])
    if not isinstance(provenance, dict):
        raise ValueError("its provenance is not a mapping")
    known = {name: row[name] for name in FIELDS if name in row}
    return Record(**{**known, "provenance": provenance})
