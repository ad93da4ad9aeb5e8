"""Cores that are left to a process."""

from __future__ import annotations

import os

import pytest

from genbench.runtime import cores


@pytest.mark.parametrize(
    ("load", "free"), [(0.0, 8), (0.4, 8), (2.1, 6), (7.9, 1), (40.0, 1)], ids=str
)
def test_cores_that_others_use_are_left_to_them(
    load: float, free: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert cores.free() == free


def test_a_process_that_may_use_two_of_many_has_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "getloadavg", lambda: (8.0, 0.0, 0.0))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5}, raising=False)
    assert (cores.allowed(), cores.free()) == (2, 2)
