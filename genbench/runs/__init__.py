"""Run folders: what was trained, with which settings, and its weights at each checkpoint."""

from genbench.runs.run import (
    Run,
    build,
    create,
    data_of,
    discard,
    find,
    list_all,
    load,
    prepare,
    read,
    rebuild,
    restore,
    untrained,
    use_average,
)

__all__ = [
    "Run",
    "build",
    "create",
    "data_of",
    "discard",
    "find",
    "list_all",
    "load",
    "prepare",
    "read",
    "rebuild",
    "restore",
    "untrained",
    "use_average",
]
