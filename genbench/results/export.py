"""Records in files: Parquet, CSV and JSON, exact in both directions.

What comes from a file is believed only as far as its ids hold: a row that was changed after
it was measured is refused, and with it the file.
"""

from __future__ import annotations

import base64
import binascii
import csv
import dataclasses
import io
import json
import sys
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pyarrow as pa
import pyarrow.parquet as pq

from genbench.errors import BadInput, BadSetting, nearest
from genbench.results.record import FIELDS, LATER, Record, to_row
from genbench.results.store import SCHEMA
from genbench.results.verify import record_of
from genbench.runtime.atomic import new_file

Row = dict[str, Any]
MARK = "genbench table"  # of a JSON file
COLUMNS = tuple(SCHEMA.names)
# Spreadsheets take a cell that begins so for a formula: it is written as a JSON string.
FORMULAS = '=+-@"'
LONGEST = 1 << 30  # characters of a cell; values of 50 000 images fill 270 000


@dataclass(frozen=True)
class FileForm:
    """How rows become bytes, and bytes rows."""

    write: Callable[[Sequence[Row]], bytes]
    read: Callable[[bytes], list[Row]]


def save(records: Sequence[Record], file: Path, form: str | None = None) -> None:
    """Write *records* to *file*, whole or not at all.

    Args:
        records: with their values, where they have any.
        form: "parquet", "csv" or "json"; by default what the name ends in.

    Raises:
        BadSetting: no such form.
        DiskFull: no room; what was there stays.
    """
    content = FORMS[form_of(file, form)].write([to_row(record) for record in records])
    with new_file(file) as temporary:
        temporary.write_bytes(content)


def load(file: Path, form: str | None = None) -> list[Record]:
    """The records in *file*, every one of them checked against its id.

    Raises:
        BadSetting: no such form.
        BadInput: not a file of that form, or a row that is not what its id promises.
    """
    reader = FORMS[form_of(file, form)].read
    try:
        rows = reader(file.read_bytes())
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror or error}") from None
    except (
        BadInput,
        ValueError,
        TypeError,
        KeyError,
        csv.Error,
        RecursionError,
        pa.ArrowException,
        MemoryError,
    ) as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise BadInput(f"{file} holds no table that genbench has exported: {reason}") from None
    found = []
    for number, row in enumerate(rows, start=1):
        try:
            found.append(record_of(row))
        except BadInput as error:
            raise BadInput(
                f"{file}, record {number} ({str(row.get('id'))[:40]!r}): {error}; "
                "nothing was imported"
            ) from None
    return found


def form_of(file: Path, given: str | None) -> str:
    """The form that was asked for, or that the name of the file ends in.

    Raises:
        BadSetting: neither tells one.
    """
    name = given or file.suffix.removeprefix(".").lower()
    if name not in FORMS:
        raise BadSetting(
            f"{file} does not end in the name of a form, and {name!r} is none."
            f"{nearest(name, FORMS)} Known: {', '.join(FORMS)}"
        )
    return name


def _to_parquet(rows: Sequence[Row]) -> bytes:
    target = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(list(rows), schema=SCHEMA), target, compression="zstd")
    return target.getvalue().to_pybytes()  # type: ignore[no-any-return]  # pyarrow has no types


def _from_parquet(content: bytes) -> list[Row]:
    file = pq.ParquetFile(pa.BufferReader(content))
    there = file.schema_arrow.names
    _check_columns(there)
    # Ids and digests are checked later; here only the types have to be those of a table.
    schema = pa.schema([SCHEMA.field(name) for name in there])
    return file.read().cast(schema).to_pylist()  # type: ignore[no-any-return]


def _check_columns(there: Sequence[str]) -> None:
    """Refuse columns that are none of ours; those that came later may be missing."""
    later = {each.name for each in dataclasses.fields(Record) if each.metadata == LATER}
    wrong = (set(COLUMNS) - set(there) - later) | (set(there) - set(COLUMNS))
    if wrong or len(set(there)) < len(there):
        names = ", ".join(sorted(wrong)) or "of one name"
        raise BadInput(f"the columns {names[:200]} are missing or too many")


def _to_json(rows: Sequence[Row]) -> bytes:
    plain = [
        {**row, "provenance": json.loads(row["provenance"]), "values": _packed(row["values"])}
        for row in rows
    ]
    whole = {"format": MARK, "version": 1, "records": plain}
    return json.dumps(whole, indent=1, allow_nan=False).encode() + b"\n"


def _from_json(content: bytes) -> list[Row]:
    whole = json.loads(content, parse_constant=_no_number)
    if not isinstance(whole, dict) or whole.get("format") != MARK or whole.get("version") != 1:
        raise BadInput(f"it is not marked as a {MARK!r} of version 1")
    rows = whole.get("records")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadInput("its records are not a list of mappings")
    return [
        {**row, "provenance": json.dumps(row.get("provenance")), "values": _unpacked(row)}
        for row in rows
    ]


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON")


def _to_csv(rows: Sequence[Row]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        packed = {**row, "values": _packed(row["values"])}
        writer.writerow([_cell(packed[name]) for name in COLUMNS])
    return text.getvalue().encode()


def _from_csv(content: bytes) -> list[Row]:
    with _long_cells():
        lines = csv.reader(io.StringIO(content.decode(), newline=""), strict=True)
        header = next(lines, [])
        _check_columns(header)
        rows = []
        for cells in lines:
            if len(cells) != len(header):
                raise BadInput(f"line {lines.line_num} has {len(cells)} cells, not {len(header)}")
            texts = dict(zip(header, cells, strict=True))
            row = {name: _value(name, text) for name, text in texts.items()}
            rows.append({**row, "values": _unpacked(row)})
    return rows


@contextmanager
def _long_cells() -> Iterator[None]:
    before = csv.field_size_limit(LONGEST)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _cell(value: Any) -> str:
    """Nothing for None; numbers as they are read back exactly; text so that it stays text."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return json.dumps(value)
    strange = not value or value[0] in FORMULAS or any(c < " " for c in value)
    return json.dumps(value) if strange else value


def _value(name: str, text: str) -> Any:
    """What `_cell` has made *text* of."""
    if not text:
        return None
    kind = FIELDS[name].kind if name in FIELDS else str
    if kind is float:
        return float(text)
    if kind in (int, bool):
        return json.loads(text)
    return json.loads(text) if text.startswith('"') else text


def _packed(values: Sequence[float] | None) -> str | None:
    """Single precision, little end first, in base64: exact, and NaN stays the NaN that it was."""
    if values is None:
        return None
    return base64.b64encode(_little(array("f", values)).tobytes()).decode()


def _unpacked(row: Mapping[str, Any]) -> list[float] | None:
    text = row.get("values")
    if text is None:
        return None
    try:
        content = base64.b64decode(text, validate=True)
        return _little(array("f", content)).tolist()
    except (binascii.Error, ValueError, TypeError) as error:
        raise BadInput(
            f"the values of {str(row.get('id'))[:40]!r} are not legible: {error}"
        ) from None


def _little(numbers: array[float]) -> array[float]:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


FORMS: Mapping[str, FileForm] = {
    "parquet": FileForm(_to_parquet, _from_parquet),
    "csv": FileForm(_to_csv, _from_csv),
    "json": FileForm(_to_json, _from_json),
}
