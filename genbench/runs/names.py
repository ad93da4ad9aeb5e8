"""Which run somebody means who gives a name or a path: one rule for every command."""

from __future__ import annotations

import os
from pathlib import Path

from genbench.errors import BadInput, nearest
from genbench.runs.run import Run, read
from genbench.runtime.paths import as_path, is_path

DEPTHS = ("[!.]*/run.json", "[!.]*/[!.]*/run.json")


def list_all(folder: Path) -> list[Run]:
    """Every run below *folder*, oldest first.

    A run whose name has a slash lies one folder deeper: before its model's name was spelled
    without, a run of ``package/model`` did.
    """
    if not folder.is_dir():
        return []
    files = [file for depth in DEPTHS for file in sorted(folder.glob(depth))]
    found = [read(file.parent) for file in files]
    return sorted(found, key=lambda run: str(run.facts.get("created", "")))


def find(name: str | Path, runs_dir: Path) -> Run:
    """The run that *name* means.

    A path is the folder that it names or, where that is no run, one below *runs_dir*; a bare name
    is a run in *runs_dir* or, where there is none of that name, a folder here.

    Args:
        name: a bare name, "pca"; or a path, which has a separator in it, "./pca", or is a `Path`.
        runs_dir: folder of run folders.

    Raises:
        BadInput: there is none, or a bare name is one run in *runs_dir* and another one here.
    """
    run = find_if_any(name, runs_dir)
    if run is not None:
        return run
    if is_path(name):
        return read(Path(name))  # which says what is wrong with that folder
    known = [run.name for run in list_all(runs_dir)]
    raise BadInput(
        f"no run is called {name!r} in {runs_dir}.{nearest(str(name), known)} See: genbench runs"
    )


def find_if_any(name: str | Path, runs_dir: Path) -> Run | None:
    """As `find`; None where there is no such run.

    Raises:
        BadInput: a bare name is two runs.
    """
    here, there = Path(name).expanduser(), runs_dir / name
    places = [there, here]
    if is_path(name):
        places = [here, there] if _may_be_below(name) else [here]
    found = [place for place in places if (place / "run.json").is_file()]
    if len(found) == 2 and not is_path(name) and not here.samefile(there):
        raise BadInput(
            f"{name!r} is two runs, {as_path(there)} and {as_path(here)}; give the path of the "
            "one that is meant"
        )
    return read(found[0]) if found else None


def _may_be_below(name: str | Path) -> bool:
    """Whether a path may also be meant from the folder of runs: "package/model", not "./model"."""
    return isinstance(name, str) and not name.startswith(os.curdir) and not Path(name).is_absolute()
