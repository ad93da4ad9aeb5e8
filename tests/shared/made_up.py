"""Records of made-up models, and the tables they make."""

from __future__ import annotations

import dataclasses
from typing import Any

from genbench.interfaces import Column
from genbench.results.protocol import Protocol
from genbench.results.record import Record
from genbench.tables.build import build
from genbench.tables.table import Cell, Table

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
