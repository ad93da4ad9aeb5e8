"""Writing that a kill, a full disk or a second process cannot spoil."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from genbench.errors import BadInput, GenbenchError


class DiskFull(GenbenchError):
    """No room left where the result should go; what was there before is untouched."""


@contextlib.contextmanager
def full_disk_is_an_error(target: Path) -> Iterator[None]:
    """Turn 'no space left' into one line that names the place."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DiskFull(
            f"no space left on the disk of {target}; free some and run the same command again"
        ) from error


@contextlib.contextmanager
def new_file(target: Path) -> Iterator[Path]:
    """A temporary path beside *target* that takes its place, whole, when the block ends well."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        with full_disk_is_an_error(target):
            yield temporary
            temporary.chmod(0o644)  # mkstemp lets nobody else read, which results are for
            _sync(temporary)
            temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A temporary folder beside *target* that takes its name, whole, when the block ends well.

    An existing *target* is replaced only at the end.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        with full_disk_is_an_error(target):
            yield temporary
            _take_name(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def resumed_folder(target: Path) -> Iterator[Path]:
    """The same, but what a kill, Ctrl-C or a full disk has left is given to the next attempt.

    One process at a time must see to it that it is alone. A user's error leaves nothing.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.partial")
    temporary.mkdir(exist_ok=True)
    try:
        with full_disk_is_an_error(target):
            yield temporary
            _take_name(temporary, target)
    except DiskFull:
        raise
    except GenbenchError:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _take_name(temporary: Path, target: Path) -> None:
    """Let a folder take the place of *target*, its files safe on the disk before that."""
    for file in temporary.rglob("*"):
        if file.is_file():
            _sync(file)
    temporary.chmod(0o755)
    if target.exists():
        shutil.rmtree(target)
    temporary.rename(target)
    _sync(target.parent)


def write_text(target: Path, text: str) -> None:
    """Replace *target* by *text*, or leave it as it was."""
    with new_file(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(target: Path, value: Any) -> None:
    """Replace *target* by *value* as indented JSON, or leave it as it was."""
    write_text(target, json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_json(source: Path) -> Any:
    """The value in a JSON file.

    Raises:
        BadInput: there is no such file, or it is not JSON.
    """
    try:
        return json.loads(source.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInput(f"{source} does not exist") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BadInput(f"{source} is not valid JSON: {error}") from None


def sha256(source: Path) -> str:
    """Hex digest of a file's content."""
    with source.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextlib.contextmanager
def lock(target: Path) -> Iterator[None]:
    """One process at a time; the lock goes with the process, however it ends."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _sync(path: Path) -> None:
    """Make sure that a file or folder survives a power cut before something points to it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
