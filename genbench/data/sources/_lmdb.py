"""Reads LMDB files: the values of all keys, in the order of the keys.

Source: the structures in LMDB's mdb.c, on-disk version 1, of 64-bit little-endian machines, as
LSUN is published. Pages of one size hold a B+ tree; the first two are copies of the head, of which
the one with the later transaction counts. A value too large for a page has pages of its own.

The library maps the file into memory and trusts it: a file that is cut off or changed ends the
process by a signal. Here every number that the file states is checked before it is followed.
"""

from __future__ import annotations

import hashlib
import os
import struct
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genbench.data.decode import MAX_FILE
from genbench.errors import BadInput

MAGIC, VERSION = 0xBEEFC0DE, 1
HEADER = 16  # bytes before the content of a page
BRANCH, LEAF, META = 1, 2, 8  # flags of a page
BIG = 1  # flag of a node: its value lies on pages of its own
SMALLEST_PAGE, LARGEST_PAGE = 512, 65536
DEPTH = 32  # of the tree, at most
NOTHING = 2**64 - 1  # the root of an empty tree


@dataclass(frozen=True, eq=False)
class Index:
    """Where the values lie, in the order of their keys."""

    offsets: NDArray[np.int64]  # (n,) bytes from the start of the file
    sizes: NDArray[np.int64]  # (n,) bytes
    digest: str  # sha256 of all keys and sizes


@dataclass(frozen=True)
class _Head:
    page_size: int
    entries: int
    root: int
    last_page: int


@dataclass(frozen=True, eq=False)
class _Nodes:
    """The nodes of one page."""

    low: NDArray[np.int64]  # (k,) size of the value, or number of the page below
    flags: NDArray[np.int64]
    keys: NDArray[np.int64]  # (k,) where the key starts in the page
    key_sizes: NDArray[np.int64]


class Lmdb:
    """An LMDB file, open for reading by any number of threads."""

    def __init__(self, file: Path) -> None:
        """Read the head.

        Raises:
            BadInput: no such file, not LMDB, or shorter than its head says.
        """
        self.file = file
        self._lock = threading.Lock()
        self._index: Index | None = None
        try:
            self._stream = file.open("rb")
            self._size = os.fstat(self._stream.fileno()).st_size
        except OSError as error:
            raise BadInput(f"{file} cannot be read ({error.strerror})") from error
        self._head = self._read_head()

    def __len__(self) -> int:
        return self._head.entries

    def __del__(self) -> None:
        if hasattr(self, "_stream"):
            self._stream.close()

    def read(self, row: int) -> bytes:
        """The value of key number *row*.

        Raises:
            BadInput: the tree is damaged, or the value is absurdly large.
        """
        index = self.index()
        size = int(index.sizes[row])
        if size > MAX_FILE:
            raise BadInput(f"states {size} bytes; {MAX_FILE} are the most that are read")
        return self._bytes(int(index.offsets[row]), size)

    def index(self) -> Index:
        """Walk the tree, once: its pages without those of large values, 0.2 GB of LSUN's 43.

        Raises:
            BadInput: the tree is damaged.
        """
        with self._lock:
            if self._index is None:
                self._index = self._walk()
            return self._index

    def _read_head(self) -> _Head:
        first = self._meta(0)
        if first is None:
            raise self._damaged("its first page is no head of version 1")
        page_size = first[1].page_size
        second = self._meta(page_size)
        head = max([first, second or first], key=lambda found: found[0])[1]
        if self._size < (head.last_page + 1) * page_size:
            raise BadInput(
                f"{self.file} has {self._size} bytes, its head states "
                f"{(head.last_page + 1) * page_size}; it was cut off, get it again"
            )
        if head.entries > head.last_page * page_size // 10:  # no node is smaller
            raise self._damaged(f"its head states {head.entries} keys")
        return head

    def _meta(self, offset: int) -> tuple[int, _Head] | None:
        """Transaction and head on the page there; None where there is no head."""
        page = os.pread(self._stream.fileno(), 152, offset)
        if len(page) < 152:
            return None
        magic, version = struct.unpack_from("<II", page, HEADER)
        if (magic, version) != (MAGIC, VERSION) or not page[10] & META:
            return None
        page_size = struct.unpack_from("<I", page, 40)[0]
        entries, root = struct.unpack_from("<QQ", page, 120)
        last_page, transaction = struct.unpack_from("<QQ", page, 136)
        power = page_size & (page_size - 1) == 0
        if not (power and SMALLEST_PAGE <= page_size <= LARGEST_PAGE) or last_page >> 48:
            return None
        return transaction, _Head(page_size, entries, root, last_page)

    def _walk(self) -> Index:
        offsets: list[NDArray[np.int64]] = []
        sizes: list[NDArray[np.int64]] = []
        digest = hashlib.sha256()
        # Pages still to be read, the next one last, with their depth.
        pending = [] if self._head.root == NOTHING else [(self._head.root, 0)]
        visited = 0
        while pending:
            number, depth = pending.pop()
            visited += 1
            if visited > self._head.last_page or depth > DEPTH:
                raise self._damaged("its pages go round in circles")
            page = self._page(number)
            kind, nodes = self._nodes(page)
            if kind == BRANCH:
                below = nodes.low | nodes.flags << 32
                pending += [(int(child), depth + 1) for child in below[::-1]]
                continue
            places = self._places(number, page, nodes)
            offsets.append(places)
            sizes.append(nodes.low)
            _note(digest, page, nodes)
        found = Index(_joined(offsets), _joined(sizes), digest.hexdigest())
        if len(found.sizes) != self._head.entries:
            raise self._damaged(f"{len(found.sizes)} keys found, {self._head.entries} stated")
        return found

    def _page(self, number: int) -> NDArray[np.uint8]:
        if not 2 <= number <= self._head.last_page:
            raise self._damaged(f"it points to page {number} of {self._head.last_page}")
        size = self._head.page_size
        return np.frombuffer(self._bytes(number * size, size), np.uint8)

    def _nodes(self, page: NDArray[np.uint8]) -> tuple[int, _Nodes]:
        words = page.view("<u2").astype(np.int64)
        kind = int(words[5]) & 0xFF
        count = (int(words[6]) - HEADER) // 2
        if kind not in (BRANCH, LEAF) or not 0 < count <= (len(page) - HEADER) // 2:
            raise self._damaged(f"a page of the kind {kind} with {count} nodes")
        starts = words[8 : 8 + count]
        if (starts % 2).any() or (starts + 8 > len(page)).any():
            raise self._damaged("a node lies outside of its page")
        low, high, flags, key_sizes = (words[starts // 2 + i] for i in range(4))
        if (starts + 8 + key_sizes > len(page)).any():
            raise self._damaged("a key is longer than its page")
        return kind, _Nodes(low | high << 16, flags, starts + 8, key_sizes)

    def _places(self, number: int, page: NDArray[np.uint8], nodes: _Nodes) -> NDArray[np.int64]:
        """Where the values of a leaf begin in the file."""
        if (nodes.flags & ~BIG).any():
            raise self._damaged("it has several values for one key")
        start = nodes.keys + nodes.key_sizes
        big = nodes.flags & BIG > 0
        inside = np.where(big, 8, nodes.low)  # of a large value its page number
        if (start + inside > len(page)).any():
            raise self._damaged("a value is longer than its page")
        size = self._head.page_size
        places = number * size + start
        if big.any():
            own = page[start[big][:, None] + np.arange(8)].copy().view("<u8")[:, 0]
            if (own > self._head.last_page).any():
                raise self._damaged("a value lies outside of the file")
            places[big] = own.astype(np.int64) * size + HEADER
        if (places + nodes.low > self._size).any():
            raise self._damaged("a value lies outside of the file")
        return places

    def _bytes(self, offset: int, size: int) -> bytes:
        try:
            content = os.pread(self._stream.fileno(), size, offset)
        except OSError as error:
            raise BadInput(f"{self.file} cannot be read ({error.strerror})") from error
        if len(content) != size:
            raise self._damaged("it ends early")
        return content

    def _damaged(self, why: str) -> BadInput:
        return BadInput(f"{self.file} is not a whole LMDB file ({why}); get it again")


def _note(digest: hashlib._Hash, page: NDArray[np.uint8], nodes: _Nodes) -> None:
    """Add each key, with its length, and the size of its value."""
    for row in range(len(nodes.low)):
        start, length = int(nodes.keys[row]), int(nodes.key_sizes[row])
        digest.update(struct.pack("<HQ", length, int(nodes.low[row])))
        digest.update(page[start : start + length].tobytes())


def _joined(parts: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)
