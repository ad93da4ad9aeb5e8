"""The words by which a user names a data set: NAME, NAME:PATH, NAME:option=value, or both."""

from __future__ import annotations

import re
from pathlib import Path

from genbench.runtime.paths import at_home

HERE = Path()
OPTION = re.compile(r"(?:^|,)([a-z]+)=([a-z0-9-]+)$")  # the last one of an argument


def options(argument: str | None) -> tuple[str | None, dict[str, str]]:
    """Path and options of what follows the colon: "PATH,split=ali" -> ("PATH", {"split": "ali"}).

    A comma or an equals sign within the path does no harm, as long as it does not end so.
    """
    found: dict[str, str] = {}
    path = argument or ""
    while last := OPTION.search(path):
        found = {last[1]: last[2]} | found
        path = path[: last.start()]
    return path or None, found


def anchored(spec: str, base: Path = HERE) -> str:
    """The same with its path made absolute, where it exists: a run finds its data from anywhere.

    Args:
        base: the folder that a relative path starts from.
    """
    name, colon, argument = at_home(spec).partition(":")
    if colon and (base / argument).exists():
        return f"{name}:{(base / argument).resolve()}"
    path, _ = options(argument)
    if path is None or not (base / path).exists():
        return spec
    return f"{name}:{(base / path).resolve()}{argument[len(path) :]}"
