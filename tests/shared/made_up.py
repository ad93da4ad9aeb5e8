"""Records of made-up models, and the tables they make."""

from __future__ import annotations

import dataclasses
from array import array
from typing import Any

from genbench.interfaces import Column
from genbench.results.protocol import Protocol
from genbench.results.record import Record
from genbench.tables.build import build
from genbench.tables.table import Cell, Table

MINUS_NAN = array("f", b"\x00\x00\xc0\xff")[0]  # what 0 / 0 gives on x86; little end first

RECIPE = Protocol(
    metric="fid",
    version=1,
    parameters={},
    inputs={
        "real": {"network": {"name": "inception", "digest": "67" * 32}},
        "samples": {"network": {"name": "inception", "digest": "67" * 32}},
    },
    images={"real": 10_000, "samples": 10_000},
    splits={"real": "train"},
    dataset="faces",
    fingerprint="ab" * 32,
    recipe={"resize": "pil-bilinear-antialias"},
    resolution=64,
    repeats=5,
)
LARGER = dataclasses.replace(RECIPE, images={"real": 50_000, "samples": 50_000})


def recorded(value: float | None, protocol: Protocol = RECIPE, **changes: Any) -> Record:
    """A record of FID for model "a", as the changes say."""
    about: dict[str, Any] = {
        "evaluation": "e1",
        "time": "2030-01-01T00:00:00+00:00",
        "model": "a",
        "run": f"run-{changes.get('model', 'a')}",
        "dataset": "faces",
        "resolution": 64,
        "metric": "fid",
        "score": "fid",
        "value": value,
        "protocol": None if value is None else protocol.canonical(),
        "protocol_id": None if value is None else protocol.id,
    }
    return Record(**{**about, **changes})


def column(_metric: str, score: str) -> Column:
    return Column(score.upper(), lower_is_better=score != "recall")


def only(*records: Record) -> Table:
    """The one table of these records."""
    (table,) = build(records, column)
    return table


def cells(table: Table, label: str) -> tuple[Cell, ...]:
    (row,) = [row for row in table.rows if row.label == label]
    return row.cells


def winners(table: Table, index: int = 0) -> set[str]:
    return {row.label for row in table.rows if row.cells[index].best}


def at(minute: int) -> str:
    return f"2030-01-01T00:{minute:02}:00+00:00"


def odd() -> list[Record]:
    """Records with everything that a careless form would lose."""
    return [
        recorded(1 / 3, spread=5e-324, values=[0.1, float("nan"), MINUS_NAN, -0.0, 3.4e38]),
        recorded(None, time=at(1), reason='a "quoted", odd\r\nreason\t\x00', model="=SUM(A1)"),
        recorded(2.0, time=at(2), note="", model="", provenance={"a": [1, {"b": None}], "ü": 1e-9}),
        recorded(-0.0, time=at(3), low=-1e308, high=1e308, n=2**53 + 1, anchor=True, values=[]),
        recorded(None, time=at(4), reason='"json"', model="-1", run="+1", spread_over="@x"),
    ]
