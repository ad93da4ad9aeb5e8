"""The record: one measured number, or the reason why there is none."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from genbench.interfaces import Json


@dataclass(frozen=True, kw_only=True)
class Record:
    """An immutable row of the results table."""

    evaluation: str  # id shared by the records of one `genbench evaluate`
    time: str  # UTC, ISO 8601
    model: str  # name in tables: "pioneer", "real images", "pca (untrained)"
    run: str  # id of the run, or of the anchor
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

    @property
    def id(self) -> str:
        """Sixteen hex digits of the content: equal records of two machines merge into one."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()[:16]

    def canonical(self) -> str:
        """The one JSON text of this record."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), allow_nan=False)
