"""Finds files of published weights, and makes sure that they are what their names promise."""

from __future__ import annotations

import functools
import hashlib
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError

from genbench.errors import MissingWeights, WrongWeights
from genbench.runtime import atomic, paths
from genbench.runtime.progress import bar

CHUNK = 1 << 20  # bytes read at a time
PATIENCE = 30.0  # seconds without a byte before a download is given up


@dataclass(frozen=True)
class WeightsFile:
    """A published file of weights."""

    names: tuple[str, ...]  # it may have; the first is the one it gets
    sha256: str
    url: str | None  # where it was published; None where there is no such place
    origin: str  # who made it, and the licence
    gives: str  # what it is good for
    size: int = 0  # bytes; 0 where not known


def find(
    candidates: Sequence[WeightsFile], weights_dir: Path | None, *, download: bool = False
) -> tuple[WeightsFile, Path]:
    """The first of *candidates* that is at hand, its content checked, and its path.

    Looks into *weights_dir*, then the folder of GENBENCH_WEIGHTS, then the cache folder.

    Args:
        candidates: the best first.
        weights_dir: where the user keeps weights, or None.
        download: fetch the best one that has an address, unless it is there.

    Raises:
        MissingWeights: none is there, or the download failed.
        WrongWeights: a file has one of the names, and other content.
    """
    folders = _folders(weights_dir)
    for candidate in candidates:
        path = _at_hand(candidate, folders)
        if path is not None:
            return candidate, path
        if download and candidate.url is not None:
            return candidate, fetch(candidate, folders[-1])
    raise MissingWeights(_advice(candidates, folders))


def at_hand(names: Sequence[str], weights_dir: Path | None) -> Path | None:
    """The first file of these names, whatever it holds: for weights that the user vouches for."""
    places_of = (folder / name for folder in _folders(weights_dir) for name in names)
    return next((path for path in places_of if path.is_file()), None)


def fetch(file: WeightsFile, folder: Path) -> Path:
    """Download *file* into *folder*; it takes its name only when it is whole and right.

    Raises:
        MissingWeights: it cannot be fetched.
        WrongWeights: what came is something else.
    """
    target = folder / file.names[0]
    with atomic.lock(folder / f".{target.name}.lock"):
        if target.is_file() and digest(target) == file.sha256:
            return target  # another process was faster
        with atomic.new_file(target) as temporary:
            found = _download(file, folder, temporary)
            if found != file.sha256:
                raise WrongWeights(
                    f"{file.url} gave a file with sha256 {found}, wanted {file.sha256}; "
                    "nothing was kept, try again later"
                )
    return target


def _folders(given: Path | None) -> list[Path]:
    """Where to look, in this order; the last is the cache, where downloads go."""
    named = [folder for folder in (given, paths.weights_dir()) if folder is not None]
    return [*named, paths.cache_dir() / "weights"]


def _at_hand(file: WeightsFile, folders: Sequence[Path]) -> Path | None:
    for path in (folder / name for folder in folders for name in file.names):
        if not path.is_file():
            continue
        found = digest(path)
        if found != file.sha256:
            source = f"fetch it again from {file.url}" if file.url else "put the right file there"
            raise WrongWeights(
                f"{path} is not the file of that name: its sha256 is {found}, "
                f"wanted {file.sha256}; remove it and {source}"
            )
        return path
    return None


def digest(path: Path) -> str:
    """sha256 of a file, taken once as long as nobody touches it."""
    known = path.stat()
    return _digest_of(path.resolve(), known.st_size, known.st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _digest_of(path: Path, _size: int, _mtime: int) -> str:
    return atomic.sha256(path)


def _download(file: WeightsFile, folder: Path, into: Path) -> str:
    """Fetch *file*; sha256 of what came."""
    digest = hashlib.sha256()
    with into.open("wb") as stream, bar(f"fetching {file.names[0]}", file.size, "bytes") as advance:
        for chunk in _chunks(file, folder):
            digest.update(chunk)
            stream.write(chunk)
            advance(len(chunk))
    return digest.hexdigest()


def _chunks(file: WeightsFile, folder: Path) -> Iterator[bytes]:
    try:
        with urllib.request.urlopen(str(file.url), timeout=PATIENCE) as answer:
            while chunk := answer.read(CHUNK):
                yield chunk
    except (OSError, HTTPException) as error:  # URLError and TimeoutError are OSErrors
        if isinstance(error, HTTPError):
            error.close()  # it holds the connection
        reason = getattr(error, "reason", None) or error
        raise MissingWeights(
            f"{file.url} cannot be fetched: {reason}; check the network, "
            f"or fetch it by hand and put it into {folder}"
        ) from error


def _advice(candidates: Sequence[WeightsFile], folders: Sequence[Path]) -> str:
    names = " or ".join(name for file in candidates for name in file.names)
    searched = ", ".join(map(str, folders))
    address = next((file.url for file in candidates if file.url), None)
    step = (
        f"run with --download, or fetch {address} and put it into one of them"
        if address
        else "put it into one of them, or name its folder with --weights-dir"
    )
    return f"no {names} in {searched}; {step}"
