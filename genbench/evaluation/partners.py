"""Originals and what became of them, matched by their names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass

from genbench.data.image_sets.image_set import ImageSet
from genbench.errors import BadInput

NAMED = 3  # images without a partner that are named


@dataclass(frozen=True)
class Partners:
    """Two sets of which image i of one belongs to image i of the other."""

    originals: ImageSet
    reconstructions: ImageSet
    alone: Sequence[str] = ()  # what has no partner, a line for each side


def match(originals: ImageSet, reconstructions: ImageSet) -> Partners:
    """The pairs of two sets: by the relative path without its ending, or else with it.

    What has no names, such as an array, is matched by its order.

    Raises:
        BadInput: no image has a partner, or two sets of different length have no names.
    """
    sets = originals, reconstructions
    if originals.numbered or reconstructions.numbered:
        if len(originals) != len(reconstructions):
            raise BadInput(
                f"{originals.name} holds {len(originals)} images and {reconstructions.name} "
                f"{len(reconstructions)}; without names for both they are matched by their order, "
                "so give as many of each"
            )
        return Partners(originals, reconstructions)
    key = _stem if all(_distinct(map(_stem, each.names)) for each in sets) else str
    rows = [{key(name): row for row, name in enumerate(each.names)} for each in sets]
    both = [name for name in rows[0] if name in rows[1]]
    if not both:
        raise BadInput(
            f"no image of {originals.name} has a partner of its name in {reconstructions.name}: "
            f"there are {originals.names[0]}, ... and {reconstructions.names[0]}, ...; "
            "name the files alike"
        )
    alone = [_alone(sets[here], sets[1 - here], key, rows[1 - here]) for here in (0, 1)]
    return Partners(
        originals.subset([rows[0][name] for name in both]),
        reconstructions.subset([rows[1][name] for name in both]),
        [line for line in alone if line],
    )


def _alone(
    here: ImageSet, there: ImageSet, key: Callable[[str], str], known: Container[str]
) -> str:
    """What of one set has no partner in the other; empty where all have."""
    names = [name for name in here.names if key(name) not in known]
    if not names:
        return ""
    more = f", and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return (
        f"{len(names)} of {len(here)} images of {here.name} have no partner in {there.name} and "
        f"are left out: {', '.join(names[:NAMED])}{more}"
    )


def _stem(name: str) -> str:
    """A relative path without the ending of the file."""
    folder, slash, file = name.rpartition("/")
    stem, _, _ = file.rpartition(".")
    return f"{folder}{slash}{stem or file}"


def _distinct(names: Iterable[str]) -> bool:
    return max(Counter(names).values()) == 1
