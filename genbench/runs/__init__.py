"""Run folders: what was trained, with which settings, and its weights at each checkpoint."""

from genbench.runs.names import find, find_if_any, list_all
from genbench.runs.run import (
    Run,
    averaged,
    build,
    create,
    data_of,
    discard,
    frozen,
    load,
    outline,
    prepare,
    read,
    rebuild,
    restore,
    settings_of,
    untrained,
    use_average,
)
from genbench.runs.state import End, RunState

__all__ = [
    "End",
    "Run",
    "RunState",
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
    "outline",
    "prepare",
    "read",
    "rebuild",
    "restore",
    "settings_of",
    "untrained",
    "use_average",
]
