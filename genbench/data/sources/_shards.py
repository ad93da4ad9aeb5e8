"""Encoded images in the rows of Parquet files, as the Hugging Face hub stores image data sets."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from genbench.data.decode import MAX_FILE
from genbench.data.listing import digest
from genbench.errors import BadInput

MAX_GROUP = 4 * 2**30  # bytes of a row group, which is read whole; usual ones have 100 images
GROUPS = 2  # kept in memory: chunks that follow each other share one
BROKEN = (OSError, pa.ArrowException, ValueError)


class Shards:
    """The images of several Parquet files, in the order of files and rows; a `Files`.

    The image column is one of bytes, or of structs with a field ``bytes``. Nothing else of the
    files is decoded, but for a column of whole numbers called ``label``.
    """

    def __init__(self, where: Path, shards: Sequence[Path]) -> None:
        """Read the footers of *shards*, which lie in *where*."""
        self.where = where
        self._shards = sorted(shards)
        self._groups: list[tuple[Path, int]] = []
        sizes = []
        for shard in self._shards:
            footer = _footer(shard)
            self._column = _image_column(shard, footer.schema.to_arrow_schema())
            for group in range(footer.num_row_groups):
                about = footer.row_group(group)
                if not 0 <= about.total_byte_size <= MAX_GROUP:
                    raise BadInput(
                        f"{shard}: a row group of {about.total_byte_size} bytes; {MAX_GROUP} are "
                        "the most that are read; write it with smaller row groups"
                    )
                self._groups.append((shard, group))
                sizes.append(about.num_rows)
        self._ends = np.cumsum(sizes, dtype=np.int64)
        self.names: Sequence[str] = range_names(int(self._ends[-1]) if sizes else 0)
        if not self.names:
            raise BadInput(f"{where}: its Parquet files have no rows")
        self._kept: OrderedDict[int, Any] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, name: str) -> bytes:
        row = int(name)
        number = int(np.searchsorted(self._ends, row, side="right"))
        column = self._group(number)
        value = column[row - int(self._ends[number]) + len(column)].as_py()
        content = value.get("bytes") if isinstance(value, dict) else value
        if not isinstance(content, bytes):
            raise BadInput("no bytes of an image in this row")
        if len(content) > MAX_FILE:
            raise BadInput(f"{len(content)} bytes; {MAX_FILE} are the most that are read")
        return content

    def find(self, name: str) -> bytes | None:
        """See `Files`; there are no others."""
        return None

    def stamp(self) -> str:
        """Digest of names, sizes and times of change."""
        states = [(shard.name, shard.stat()) for shard in self._shards]
        return digest(f"{name} {state.st_size} {state.st_mtime_ns}" for name, state in states)

    def labels(self) -> NDArray[np.int64] | None:
        """The column ``label``, or None where there is none of whole numbers."""
        found = []
        for shard in self._shards:
            schema = _footer(shard).schema.to_arrow_schema()
            if "label" not in schema.names or not pa.types.is_integer(schema.field("label").type):
                return None
            try:
                with pq.ParquetFile(shard) as file:
                    table = file.read(columns=["label"], use_threads=False)
                found.append(table["label"].to_numpy().astype(np.int64))
            except BROKEN as error:
                raise BadInput(f"{shard}: its labels are damaged ({_line(error)})") from error
        return np.concatenate(found)

    def _group(self, number: int) -> Any:
        """The image column of a row group."""
        with self._lock:
            if number in self._kept:
                self._kept.move_to_end(number)
                return self._kept[number]
            shard, group = self._groups[number]
            try:
                with pq.ParquetFile(shard) as file:
                    table = file.read_row_group(group, columns=[self._column], use_threads=False)
            except BROKEN as error:
                raise BadInput(f"damaged in {shard.name} ({_line(error)})") from error
            rows = len(table)
            first = int(self._ends[number - 1]) if number else 0
            if rows != int(self._ends[number]) - first:
                raise BadInput(f"{shard.name} has {rows} rows where its footer states others")
            self._kept[number] = table[self._column]
            while len(self._kept) > GROUPS:
                self._kept.popitem(last=False)
            return self._kept[number]


def range_names(count: int) -> list[str]:
    """Names of rows that have none, in order: 00000, 00001 ..."""
    return [f"{row:05}" for row in range(count)]


def _footer(shard: Path) -> Any:
    try:
        return pq.read_metadata(shard)
    except BROKEN as error:
        raise BadInput(f"{shard} is not a whole Parquet file ({_line(error)})") from error


def _image_column(shard: Path, schema: Any) -> str:
    """The only column of encoded images, called image or img where there are several."""
    fitting = [field.name for field in schema if _holds_bytes(field.type)]
    for name in ("image", "img"):
        if name in fitting:
            return name
    if len(fitting) != 1:
        raise BadInput(
            f"{shard} has no column of encoded images called image; its columns: "
            f"{', '.join(schema.names)}"
        )
    return str(fitting[0])


def _holds_bytes(kind: Any) -> bool:
    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0 and _holds_bytes(kind.field("bytes").type)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
