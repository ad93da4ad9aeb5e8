"""A process that a test starts does not outlive it, and is waited for as long as it takes."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from children import Start, all_done, children

SLEEPS = "import time; time.sleep(1e6)"
# Starts another one that leaves the group, as launchers of many processes do.
PARENT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {SLEEPS!r}], start_new_session=True)
print(child.pid, flush=True)
child.wait()
"""


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks into /proc")
def test_what_a_child_has_started_goes_with_it() -> None:
    with children() as start:
        parent = start(sys.executable, "-c", PARENT)
        parent.until(lambda: parent.out.endswith("\n"))
        grandchild = int(parent.out)
        assert lives(parent.pid)
        assert lives(grandchild)

    assert not lives(parent.pid)
    while lives(grandchild):  # killed, and not yet gone
        os.sched_yield()


TESTS = """
import sys, time
sys.path.insert(0, {shared!r})
from children import Child
child = Child(sys.executable, "-c", {sleeps!r})
print(child.pid, flush=True)
time.sleep(1e6)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a service of Linux")
def test_who_kills_the_tests_kills_the_child(start: Start) -> None:
    shared = str(Path(__file__).parent / "shared")
    tests = start(sys.executable, "-c", TESTS.format(shared=shared, sleeps=SLEEPS))
    tests.until(lambda: tests.out.endswith("\n"))
    child = int(tests.out)

    os.kill(tests.pid, signal.SIGKILL)

    while lives(child):
        os.sched_yield()


def test_waiting_ends_with_the_child(start: Start) -> None:
    child = start(sys.executable, "-c", "import sys; sys.exit('no such thing')")

    with pytest.raises(AssertionError, match="it has ended with 1: no such thing"):
        child.until(lambda: False)


def test_reading_moves_nothing(start: Start) -> None:
    """The child writes on where it was, not where we have read."""
    child = start(sys.executable, "-c", "for n in range(3000): print(n, flush=True)")
    while child.code is None:
        assert "0\n1\n".startswith(child.out[:4])

    assert child.done().split() == [str(n) for n in range(3000)]


def test_the_one_that_failed_is_told_of(start: Start) -> None:
    """Not the one that waits for it, and would wait for ever."""
    waiting = start(sys.executable, "-c", SLEEPS)
    failing = start(sys.executable, "-c", "raise SystemExit('out of luck')")

    with pytest.raises(AssertionError, match="out of luck"):
        all_done([waiting, failing])
