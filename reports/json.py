"""The whole report as JSON, for programs: `parse` makes the same report of it again.

Pictures are base64 inside the file. Words are as they are, hostile ones too, in ASCII.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from typing import Any

from genbench.errors import BadInput
from genbench.interfaces import Report
from genbench.tables.footnotes import Footnote
from genbench.tables.table import (
    Cell,
    Document,
    Figure,
    Row,
    Table,
    TableColumn,
)

FORMAT = 1  # raised when a reader of older files would go wrong


def render(report: Document) -> str:
    """One object; "format" says which version of this layout it is."""
    plain = {"format": FORMAT, **dataclasses.asdict(report)}
    return json.dumps(plain, indent=1, allow_nan=False, default=_bytes) + "\n"


def parse(text: str) -> Document:
    """The report that `render` made *text* of.

    Raises:
        BadInput: it is not such a text.
    """
    try:
        plain = json.loads(text)
        if plain.pop("format") != FORMAT:
            raise KeyError("format")
        tables = [_table(table) for table in plain.pop("tables")]
        figures = [
            Figure(**figure | {"png": base64.b64decode(figure["png"])})
            for figure in plain.pop("figures")
        ]
        facts = tuple((name, value) for name, value in plain.pop("facts"))
        return Document(facts=facts, **_tuples(plain | {"tables": tables, "figures": figures}))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(
            f"this is no report of genbench in JSON, format {FORMAT} ({error!r}); "
            "make one with: genbench report --format json"
        ) from None


def _table(plain: dict[str, Any]) -> Table:
    columns = tuple(TableColumn(**column) for column in plain["columns"])
    rows = tuple(
        Row(**row | {"cells": tuple(Cell(**cell) for cell in row["cells"])})
        for row in plain["rows"]
    )
    footnotes = tuple(
        Footnote(**_tuples(note | {"fields": [tuple(field) for field in note["fields"]]}))
        for note in plain["footnotes"]
    )
    return Table(**_tuples(plain | {"columns": columns, "rows": rows, "footnotes": footnotes}))


def _tuples(plain: dict[str, Any]) -> dict[str, Any]:
    """Lists as tuples, as the model of a report has them."""
    return {name: tuple(it) if isinstance(it, list) else it for name, it in plain.items()}


def _bytes(value: Any) -> str:
    if not isinstance(value, bytes):
        raise TypeError(f"a report holds no {type(value).__name__}")
    return base64.b64encode(value).decode()


REPORT = Report(".json", render)
