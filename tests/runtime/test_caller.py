"""Warnings point at the user's line."""

from __future__ import annotations

import contextlib
import types
import warnings
from collections.abc import Iterator

import pytest

from genbench.errors import RangeWarning
from genbench.runtime import caller


def inside(name: str, code: str) -> types.ModuleType:
    """A module of that name, as if it were a file of a package."""
    module = types.ModuleType(name)
    module.caller, module.RangeWarning = caller, RangeWarning  # type: ignore[attr-defined]
    exec(code, module.__dict__)  # frames count by the name of their module
    return module


def test_a_warning_points_at_the_call_from_outside() -> None:
    """Frames of other packages between ours do not count: torch decorates, contextlib waits."""
    deep = inside("genbench.deep", "def act():\n    caller.warn('bad range', RangeWarning)")

    @contextlib.contextmanager
    def stranger() -> Iterator[None]:
        deep.act()
        yield

    entry = inside("genbench.entry", "def evaluate(way):\n    with way():\n        pass")

    with pytest.warns(RangeWarning, match="bad range") as caught:
        entry.evaluate(stranger)
    assert caught[0].filename == __file__


def test_it_can_be_made_an_error() -> None:
    deep = inside("genbench.deep", "def act():\n    caller.warn('bad range', RangeWarning)")

    with warnings.catch_warnings(), pytest.raises(RangeWarning):
        warnings.simplefilter("error", RangeWarning)
        deep.act()
