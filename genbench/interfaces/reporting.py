"""What a form of report is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Report:
    """A form a report can take."""

    suffix: str  # of the file, ".md"
    render: Callable[[Any], str]  # genbench.tables.table.Report -> text of the file
