"""Where genbench looks for data and weights, and where it keeps what it made of them.

What the caller names wins; then the environment; then, for the cache alone, a default.
Nothing here creates a folder.

Also, whether a user has named a thing or a place.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePath

SEPARATORS = tuple(filter(None, (os.sep, os.altsep)))


def data_dir(given: Path | None = None) -> Path | None:
    """Folder of data sets: *given*, else ``GENBENCH_DATA``, else None."""
    return given or _from_environment("GENBENCH_DATA")


def weights_dir(given: Path | None = None) -> Path | None:
    """Folder of feature networks' weights: *given*, else ``GENBENCH_WEIGHTS``, else None."""
    return given or _from_environment("GENBENCH_WEIGHTS")


def cache_dir(given: Path | None = None) -> Path:
    """Folder of what can be made again.

    *given*, else ``GENBENCH_CACHE``, else genbench's folder in ``XDG_CACHE_HOME``, which is
    ~/.cache unless the user moved it.
    """
    if chosen := given or _from_environment("GENBENCH_CACHE"):
        return chosen
    home = _from_environment("XDG_CACHE_HOME")
    # The XDG base directory specification says that a relative path there is to be ignored.
    if home is None or not home.is_absolute():
        home = Path.home() / ".cache"
    return home / "genbench"


def at_home(path: str) -> str:
    """*path* with a leading "~" made the home folder, also behind the kind in "folder:~/faces".

    >>> at_home("folder:~/faces") == f"folder:{Path.home()}/faces"
    True
    """
    kind, colon, rest = path.rpartition(":~")
    if colon and (not rest or rest[0] in SEPARATORS):
        return f"{kind}:{Path.home()}{rest}"
    return str(Path(path).expanduser()) if path.startswith("~") else path


def expanded(place: str | Path | None) -> Path | None:
    """A folder that somebody may have named, with "~" made the home folder."""
    return None if place is None else Path(place).expanduser()


def is_path(name: str | Path) -> bool:
    """Whether *name* says where something is, not only what it is called."""
    if isinstance(name, Path):
        return True
    return name in (os.curdir, os.pardir) or any(sign in name for sign in SEPARATORS)


def as_path(folder: Path) -> str:
    """*folder* spelled so that a command takes it for a path: "./pca" where it is bare."""
    text = str(folder)
    return text if is_path(text) else f"{os.curdir}{os.sep}{text}"


def absolute(folder: Path) -> Path:
    """A path that ends in a name, also of "." and of ".."; links stay links, which have names."""
    found = folder.absolute()
    return found.resolve() if os.pardir in found.parts else found


def told_apart(places: Sequence[PurePath]) -> list[str]:
    """The shortest ends of paths that are all different: "ganA/fakes", "ganB/fakes".

    Those of one name get the same number of parts; a path that is there twice stays as it is.
    """
    ends = [place.name or str(place) for place in places]
    for end in dict.fromkeys(ends):
        alike = [at for at, other in enumerate(ends) if other == end]
        most = max(len(places[at].parts) for at in alike)
        parts = 1
        while len({_end(places[at], parts) for at in alike}) < len(alike) and parts < most:
            parts += 1
        if len(alike) > 1:
            for at in alike:
                ends[at] = _end(places[at], parts)
    return ends


def _end(place: PurePath, parts: int) -> str:
    return str(PurePath(*place.parts[-parts:]))


def _from_environment(name: str) -> Path | None:
    """The folder that a variable names; an empty variable is none at all."""
    value = os.environ.get(name, "")
    return Path(value).expanduser() if value else None
