"""Run folders: what was trained, with which settings, and its weights at each checkpoint.

Reading and finding them loads no torch; it comes with the first name that needs a model.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from genbench.runs.names import find, find_if_any, list_all
from genbench.runs.run import Run, create, discard, read
from genbench.runs.state import End, RunState

if TYPE_CHECKING:
    from genbench.runs.models import (
        average_as_it_is,
        averaged,
        build,
        data_of,
        frozen,
        load,
        load_known,
        outline,
        prepare,
        rebuild,
        restore,
        settings_of,
        untrained,
        use_average,
    )

__all__ = [
    "End",
    "Run",
    "RunState",
    "average_as_it_is",
    "averaged",
    "build",
    "create",
    "data_of",
    "discard",
    "find",
    "find_if_any",
    "frozen",
    "list_all",
    "load",
    "load_known",
    "outline",
    "prepare",
    "read",
    "rebuild",
    "restore",
    "settings_of",
    "untrained",
    "use_average",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("genbench.runs.models"), name)
    raise AttributeError(f"module 'genbench.runs' has no attribute {name!r}")
