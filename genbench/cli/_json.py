"""What ``--json`` prints: one object on standard output, its keys as docs/json.md lists them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from genbench.results.record import Record

json_option = click.option(
    "--json", "as_json", is_flag=True, help="One JSON object on standard output, see docs/json.md."
)
# Of a record; its values of each image are for `genbench table export`.
RECORD = (
    "id",
    "evaluation",
    "time",
    "model",
    "run",
    "content",
    "anchor",
    "dataset",
    "resolution",
    "fingerprint",
    "metric",
    "score",
    "value",
    "spread",
    "spread_over",
    "low",
    "high",
    "n",
    "reason",
    "note",
    "protocol_id",
)


def say(**content: Any) -> None:
    """Print it; a number that is not finite is a mistake of ours, JSON has none."""
    click.echo(json.dumps(content, indent=2, allow_nan=False))


def finite(number: float | None) -> float | None:
    """*number*; None where it is none that JSON has."""
    return number if number is not None and math.isfinite(number) else None


def plain(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Records as JSON has them."""
    return [
        {
            name: _fingerprint(record) if name == "fingerprint" else getattr(record, name)
            for name in RECORD
        }
        for record in records
    ]


def shown(records: Sequence[Record]) -> list[Record]:
    """Those that stand in the printed tables: the newest of each number, then what has none."""
    from genbench.tables.select import by_table, choose

    chosen = [choose(rows) for rows in by_table(records).values()]
    found = [record for each in chosen for record in (*each.values.values(), *each.absent.values())]
    return list({record.id: record for record in found}.values())


def _fingerprint(record: Record) -> str | None:
    """Of the data, as the recipe has it."""
    return None if record.protocol is None else json.loads(record.protocol)["fingerprint"]
