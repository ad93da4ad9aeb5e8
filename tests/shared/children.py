"""Processes that tests start: waited for without a limit, and gone when the test ends.

How fast a machine is decides no test: a wait ends when what was waited for has happened, or when
the process that should bring it about has ended.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Linux kills a child when the tests themselves are killed; then it becomes what was asked for.
LINKED = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
if os.getppid() == int(sys.argv[1]):  # else they have been killed already
    os.execvp(sys.argv[2], sys.argv[2:])
"""
MARK = "GENBENCH_TEST_CHILD"  # in the environment of a child, and of all that it starts
PROC = Path("/proc")


class Child:
    """A process in a group of its own. What it says goes to files, so it never waits for us."""

    def __init__(self, *command: object, env: dict[str, str] | None = None, **options: Any) -> None:
        self._out = tempfile.TemporaryFile()  # noqa: SIM115  # open until it is killed
        self._err = tempfile.TemporaryFile()  # noqa: SIM115
        self._mark = uuid.uuid4().hex
        self._process = subprocess.Popen(
            [*_linked(), *(str(word) for word in command)],
            env={**(os.environ if env is None else env), MARK: self._mark},
            stdout=self._out,
            stderr=self._err,
            start_new_session=True,
            **options,
        )
        self.pid = self._process.pid

    @property
    def code(self) -> int | None:
        """Its exit code; None while it lives."""
        return self._process.poll()

    @property
    def out(self) -> str:
        """What it has said on standard output so far."""
        return _written(self._out.fileno())

    @property
    def err(self) -> str:
        """What it has said on standard error so far."""
        return _written(self._err.fileno())

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def until(self, happened: Callable[[], object]) -> None:
        """Wait until something has happened; that it ends before is a failure."""
        code = self.code  # of before we look: it may end as soon as it has brought it about
        while not happened():
            assert code is None, f"it has ended with {code}: {self.err}"
            time.sleep(0.01)
            code = self.code

    def end(self) -> int:
        """Wait for its end; returns its exit code."""
        return self._process.wait()

    def done(self) -> str:
        """Wait for its good end; returns what it has said on standard output."""
        assert self.end() == 0, self.err
        return self.out

    def kill(self) -> None:
        """Kill it with all that it has started, whether in its group or not; once is enough."""
        if self._out.closed:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        for pid in _marked(self._mark):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        self._out.close()
        self._err.close()


Start = Callable[..., Child]


@contextlib.contextmanager
def children() -> Iterator[Start]:
    """Gives what starts a `Child` of a command; at the end of the block all of them are killed."""
    started: list[Child] = []

    def start(*command: object, **options: Any) -> Child:
        started.append(Child(*command, **options))
        return started[-1]

    try:
        yield start
    finally:
        for child in started:
            child.kill()


def all_done(running: list[Child]) -> list[str]:
    """Wait for the good end of all; the first that fails is told of, not those it left waiting."""
    while any(child.code is None for child in running):
        for child in running:
            assert not child.code, child.err
        time.sleep(0.01)
    return [child.done() for child in running]


def _linked() -> list[str]:
    """What a command begins with, so that nobody who kills the tests leaves it behind."""
    command = [sys.executable, "-I", "-S", "-c", LINKED, str(os.getpid())]
    return command if sys.platform == "linux" else []


def _written(descriptor: int) -> str:
    """The whole file; its position, which the child shares, stays."""
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode(errors="replace")


def _marked(mark: str) -> Iterator[int]:
    """Processes that inherited the mark, where the system has /proc to look into."""
    wanted = f"{MARK}={mark}".encode()
    for folder in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended, or is not ours
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                yield int(folder.name)
