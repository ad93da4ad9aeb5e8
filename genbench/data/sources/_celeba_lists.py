"""The text files that come with CelebA: which image is in which part, and its attributes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genbench.errors import BadInput

PARTITION = "list_eval_partition.txt"  # "000001.jpg 0": 0 train, 1 validation, 2 test
ATTRIBUTES = "list_attr_celeba.txt"  # count, names, then "000001.jpg -1 1 ..."


def partition(file: Path, images: Sequence[str]) -> NDArray[np.int64]:
    """Part of each image: 0 train, 1 validation, 2 test.

    Raises:
        BadInput: a line that is something else, or an image that has none.
    """
    parts = {name: _one_of(fields, ("0", "1", "2"), 1, file, name) for name, fields in _rows(file)}
    return np.array(_pick(parts, images, file), np.int64).reshape(len(images))


def attributes(file: Path, images: Sequence[str]) -> dict[str, NDArray[np.generic]]:
    """Name of attribute -> whether each image has it.

    Raises:
        BadInput: a line that is something else, or an image that has none.
    """
    rows = _rows(file)
    _count, (first, more) = next(rows, None), next(rows, ("", []))
    names = [first, *more]
    signs = {name: _one_of(fields, ("-1", "1"), len(names), file, name) for name, fields in rows}
    table = np.array(_pick(signs, images, file)).reshape(len(images), len(names)) > 0
    return {name: table[:, i] for i, name in enumerate(names)}


def originals(file: Path, numbers: Sequence[int]) -> NDArray[np.int64]:
    """The number of the CelebA file that each image of CelebA-HQ was made of.

    The list ("idx orig_idx orig_file ...") counts from 0; files that are numbered from 1 to its
    length are taken to be its lines in order.

    Raises:
        BadInput: a line that is something else, or an image that has none.
    """
    found = {}
    for index, fields in list(_rows(file))[1:]:
        stem = fields[1].partition(".")[0] if len(fields) > 1 else ""
        if not (index.isdecimal() and stem.isdecimal()):
            raise BadInput(f"{file}: the line of {index!r} has no number and name of a file")
        found[int(index)] = int(stem)
    from_one = min(numbers) == 1 and max(numbers) == len(found)
    if missing := next((n for n in numbers if n - from_one not in found), None):
        raise BadInput(f"{file} has no line for {missing}; get the whole list")
    return np.array([found[n - from_one] for n in numbers], np.int64)


def _rows(file: Path) -> Iterator[tuple[str, list[str]]]:
    """First word and other words of each line that has any."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{file} cannot be read: {error}") from error
    for line in lines:
        if words := line.split():
            yield words[0], words[1:]


def _one_of(
    fields: Sequence[str], allowed: Sequence[str], count: int, file: Path, name: str
) -> list[int]:
    if len(fields) != count or not set(fields) <= set(allowed):
        raise BadInput(
            f"{file}: the line of {name} should have {count} of {', '.join(allowed)} after the "
            f"name, found {' '.join(fields)[:60]!r}"
        )
    return [int(field) for field in fields]


def _pick(values: dict[str, list[int]], images: Sequence[str], file: Path) -> list[list[int]]:
    if missing := next((image for image in images if image not in values), None):
        raise BadInput(f"{file} has no line for {missing}; get the whole list, or remove it")
    return [values[image] for image in images]
