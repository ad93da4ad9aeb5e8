"""How a command ends that was to measure, where not one number came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from genbench.errors import NothingMeasured

if TYPE_CHECKING:
    from genbench.results.record import Record


def need_numbers(records: Sequence[Record]) -> None:
    """See that there is one.

    Raises:
        NothingMeasured: there is none; the message says why.
    """
    if any(record.value is not None for record in records):
        return
    reasons = dict.fromkeys(f"{r.metric}: {r.reason}" for r in records)
    more = f" (and {len(reasons) - 1} more reasons above)" if len(reasons) > 1 else ""
    raise NothingMeasured(f"nothing could be measured; {next(iter(reasons))}{more}")
