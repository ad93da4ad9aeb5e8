"""Finds the aligned CelebA images among what lies in a folder.

Other archives may have CelebA in their names too (CelebA-HQ, masks, landmarks), so what is
found is judged by its content: one folder of numbered files of 178x218 or in that proportion.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from genbench.data import decode
from genbench.data.archive import Archive
from genbench.data.sources._files import Files, Folder, locate
from genbench.errors import BadInput

ALIGNED = "img_align_celeba"
F = TypeVar("F", bound=Files)
PROPORTION = 178 / 218  # of the aligned images


def find(argument: str | None, data_dir: Path | None) -> tuple[Files, Path]:
    """The images, and the folder where the official lists lie if they are at hand.

    Raises:
        BadInput: nothing is named, nothing fits, or several archives do.
    """
    named = locate(argument, data_dir) if argument else data_dir
    if named is None:
        raise BadInput(
            "celeba needs its aligned images: --data celeba:PATH with a folder or a zip archive, "
            "or --data-dir"
        )
    if named.is_file():
        return _fitting(Archive(named)), named.parent
    if not named.is_dir():
        raise BadInput(f"{named} does not exist; celeba wants a folder or a zip archive there")
    for place in (named / "celeba" / ALIGNED, named / ALIGNED):
        if place.is_dir():
            return _fitting(_images(place)), place.parent
    if named.name == ALIGNED or (argument and any(named.glob("[0-9]*.jpg"))):
        return _fitting(_images(named)), named.parent
    archive = _archive(named)
    return archive, archive.where.parent


def misfit(files: Files) -> str:
    """Why these cannot be the aligned images; empty where they can."""
    numbers = [number(name) for name in files.names]
    if None in numbers:
        return f"{files.names[numbers.index(None)]} is not a number"
    if len({name.rpartition("/")[0] for name in files.names}) > 1:
        return "its images lie in several folders"
    if len(set(numbers)) < len(numbers):
        return "two of its images have the same number"
    try:
        name, (width, height) = first_size(files)
    except BadInput as error:
        return str(error)
    # A rounded width or height of a small copy moves the proportion by about a percent.
    if abs(width / height / PROPORTION - 1) > 0.02:
        return f"{name} is {width}x{height}, not in the proportion 178:218"
    return ""


def number(name: str) -> int | None:
    """The number that an image's name is, or None where it is something else."""
    stem = name.rpartition("/")[2].rpartition(".")[0]
    return int(stem) if stem.isascii() and stem.isdigit() and len(stem) < 10 else None


def first_size(files: Files, names: Sequence[str] | None = None) -> tuple[str, tuple[int, int]]:
    """Name, width and height of the first image whose header can be read, of *names* or of all.

    Raises:
        BadInput: there is none.
    """
    names = files.names if names is None else names
    for name in names:
        with contextlib.suppress(BadInput):
            return name, decode.size(files.read(name))
    raise BadInput(f"none of its {len(names)} images can be read")


def _archive(folder: Path) -> Archive:
    """The only fitting archive of a folder."""
    for file in (folder / "celeba" / f"{ALIGNED}.zip", folder / f"{ALIGNED}.zip"):
        if file.is_file():
            return _fitting(Archive(file))
    candidates = sorted(folder.glob("celeba*.zip"))
    fitting = [archive for file in candidates if (archive := _if_fitting(file))]
    if len(fitting) == 1:
        return fitting[0]
    found = ", ".join(file.name for file in [archive.where for archive in fitting] or candidates)
    if fitting:
        raise BadInput(
            f"celeba: several archives in {folder} fit: {found}; name one, "
            f"--data celeba:{fitting[0].where}"
        )
    raise BadInput(
        f"celeba: no aligned images in {folder}; looked for celeba/{ALIGNED}/, {ALIGNED}/, "
        f"{ALIGNED}.zip and celeba*.zip" + (f" ({found} holds something else)" if found else "")
    )


def _if_fitting(file: Path) -> Archive | None:
    try:
        return _fitting(Archive(file))
    except BadInput:
        return None


def _fitting(files: F) -> F:
    if reason := misfit(files):
        raise BadInput(f"{files.where} does not hold the aligned images of CelebA: {reason}")
    return files


def _images(folder: Path) -> Files:
    return Folder(folder, deep=False)
