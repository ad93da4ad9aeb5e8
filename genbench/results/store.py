"""The results table: a Delta Lake table. A model that was measured is a commit and a version.

Old versions stay readable, several processes may write at once, and a kill in the middle
of a commit leaves the table as it was.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from genbench.errors import BadInput
from genbench.results.diff import Change, compare
from genbench.results.record import FIELDS, Record, from_row, to_row
from genbench.runtime.atomic import DiskFull

ARROW = {
    str: pa.string(),
    float: pa.float64(),
    int: pa.int64(),
    bool: pa.bool_(),
    list: pa.list_(pa.float32()),  # 4 bytes an image: 40 kB for 10,000
}
# Values are a column of their own, so who does not ask for them does not read them.
SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        *(pa.field(n, ARROW[how.kind], nullable=not how.needed) for n, how in FIELDS.items()),
    ]
)
FACT = "genbench.fact."  # in front of the names of what commits say of themselves
NO_FACTS: Mapping[str, str] = MappingProxyType({})
ATTEMPTS = 12  # commits tried before a conflict is given up
T = TypeVar("T")


@dataclass(frozen=True)
class Commit:
    """One version of the table."""

    version: int
    time: str
    records: int  # added by it
    command: str
    facts: Mapping[str, str]  # what whoever committed wants to know again


class Store:
    """A results table in a folder."""

    def __init__(self, folder: str | Path) -> None:
        """Nothing is created before the first `append`."""
        self.folder = Path(folder)

    def append(
        self, records: Sequence[Record], command: str = "", facts: Mapping[str, str] = NO_FACTS
    ) -> int:
        """Commit *records* as one new version and return its number.

        Args:
            facts: for `history`.

        Raises:
            BadInput: another kind of table is there, or it cannot be written.
            DiskFull: no room; the table is as it was.
        """
        batch = pa.Table.from_pylist([to_row(record) for record in records], schema=SCHEMA)
        mark = secrets.token_hex(8)
        properties = CommitProperties(
            custom_metadata={
                **{f"{FACT}{name}": value for name, value in facts.items()},
                "genbench.records": str(len(records)),
                "genbench.command": command,
                "genbench.mark": mark,
            }
        )
        self.folder.parent.mkdir(parents=True, exist_ok=True)

        def commit() -> int:
            write_deltalake(
                str(self.folder),
                batch,
                mode="append",
                name="genbench",
                commit_properties=properties,
                schema_mode="merge",  # older tables have fewer columns
            )
            # Another process may have committed since: our version is the one with our mark.
            history = DeltaTable(str(self.folder)).history(limit=4 * ATTEMPTS)
            return next(int(e["version"]) for e in history if e.get("genbench.mark") == mark)

        return self._retry(commit)

    def read(self, version: int | None = None, *, values: bool = False) -> list[Record]:
        """The records of a version, oldest first; the newest version by default.

        Args:
            values: read the per-row values too, which paired tests take.

        Raises:
            BadInput: no table, or no such version.
        """
        rows = _once(self.rows(version, values=values))
        # Rows of one commit lie in the order in which they were measured; the sort keeps it.
        return sorted(map(from_row, rows), key=lambda record: record.time)

    def rows(self, version: int | None = None, *, values: bool = False) -> list[dict[str, Any]]:
        """The rows as they are stored, ids included, in no order; nothing is checked.

        Raises:
            BadInput: no table, or no such version, or a file of it that cannot be read.
        """
        table = self._open(version)
        known = [field.name for field in table.schema().fields]  # of an old table: fewer
        wanted = [name for name in known if values or name != "values"]
        try:
            # Addresses come with blanks spelt %20; all files lie in the folder itself.
            names = [address.rpartition("/")[2] for address in table.file_uris()]
            found = [row for name in names for row in _rows_in(self.folder / name, wanted)]
        except (DeltaError, OSError, pa.ArrowException) as error:
            raise BadInput(f"{self.folder} is damaged, a file cannot be read: {error}") from error
        return found

    @property
    def exists(self) -> bool:
        """Whether anything has been committed."""
        return (self.folder / "_delta_log").is_dir()

    def version(self) -> int:
        """Number of the newest version."""
        return self._open(None).version()

    def history(self) -> list[Commit]:
        """Every version, newest first."""
        return [
            Commit(
                version=int(entry["version"]),
                time=datetime.fromtimestamp(entry["timestamp"] / 1000, UTC).isoformat(
                    "T", "seconds"
                ),
                records=int(entry.get("genbench.records", 0)),
                command=str(entry.get("genbench.command", "")),
                facts={
                    name.removeprefix(FACT): str(value)
                    for name, value in entry.items()
                    if name.startswith(FACT)
                },
            )
            for entry in self._open(None).history()
        ]

    def diff(self, before: int, after: int) -> list[Change]:
        """What changed from one version to another, number by number: `genbench.results.diff`."""
        return compare(self.read(before), self.read(after))

    def _open(self, version: int | None) -> DeltaTable:
        if not self.exists:
            raise BadInput(
                f"{self.folder} holds no results table; "
                "make one with: genbench evaluate --models all"
            )
        try:
            newest = DeltaTable(str(self.folder))
        except DeltaError as error:
            raise BadInput(f"the table {self.folder} cannot be opened: {error}") from error
        if "protocol_id" not in newest.schema().to_json():
            raise BadInput(f"{self.folder} is a Delta table, but not one of genbench")
        if version is None:
            return newest
        if not 0 <= version <= newest.version():
            raise BadInput(
                f"{self.folder} has versions 0 to {newest.version()}, not {version}; "
                "see: genbench table history"
            )
        try:
            return DeltaTable(str(self.folder), version=version)
        except DeltaError as error:
            raise BadInput(f"version {version} of {self.folder} cannot be read: {error}") from error

    def _retry(self, commit: Callable[[], T]) -> T:
        """Try until nobody else commits at the same moment."""
        for attempt in range(ATTEMPTS):
            try:
                return commit()
            except (CommitFailedError, TableNotFoundError) as error:
                # Two writers met, or two created the table at once: the loser tries again.
                failure: Exception = error
                time.sleep(random.uniform(0, 0.05 * 2 ** min(attempt, 6)))
            except (DeltaError, OSError) as error:
                if "No space left" in str(error):
                    raise DiskFull(
                        f"no space left for the table {self.folder}; it is as it was before"
                    ) from error
                if "already exists" not in str(error):
                    raise BadInput(f"cannot write the table {self.folder}: {error}") from error
                failure = error
        raise BadInput(f"{self.folder} stayed busy through {ATTEMPTS} attempts: {failure}")


def _rows_in(file: Path, wanted: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of one file; columns that came after it are empty.

    One thread and no reading ahead: threads of arrow that are alive when the process ends
    abort it, now and then.
    """
    with pq.ParquetFile(file) as source:
        there = [name for name in wanted if name in source.schema_arrow.names]
        rows = source.read(columns=there, use_threads=False).to_pylist()
    return [dict.fromkeys(wanted) | row for row in rows]


def _once(rows: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every record once: two merges of one table at the same moment bring it twice."""
    known: dict[str, dict[str, Any]] = {}
    for row in rows:
        content = {name: value for name, value in row.items() if name != "values"}
        if known.setdefault(row["id"], content) is content or known[row["id"]] != content:
            yield row
