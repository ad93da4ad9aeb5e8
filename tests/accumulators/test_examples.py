"""The examples in the docstrings of what plug-ins may use."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest

MODULES = ("finite", "images", "merge", "metrics", "moments", "pairs", "row_buffer", "rows")


@pytest.mark.parametrize("name", MODULES)
def test_the_example_runs(name: str) -> None:
    module = import_module(f"genbench.accumulators.{name}")

    failed, tried = doctest.testmod(module)

    assert tried > 0, f"{name} has no example"
    assert failed == 0
