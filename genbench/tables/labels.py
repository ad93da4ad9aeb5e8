"""What rows are called: two things of one name by what tells them apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath

from genbench.results.record import Key, Record
from genbench.runtime.paths import told_apart

SHORT = 8  # digits of a digest that are printed


def labels(records: Iterable[Record]) -> dict[Key, str]:
    """A label for each row, no two alike.

    The name alone, where one thing has it; else the places where folders lie, how many images
    weights of one run have seen, or the ids.
    """
    newest = {record.key: record for record in records}
    named: dict[str, list[Key]] = {}
    for key in newest:
        named.setdefault(key.model, []).append(key)
    found: dict[Key, str] = {}
    for keys in named.values():
        found |= _told_apart({key: newest[key] for key in keys})
    counts = Counter(found.values())
    return {key: found[key] if counts[found[key]] == 1 else _in_full(key) for key in newest}


def _told_apart(records: Mapping[Key, Record]) -> dict[Key, str]:
    """Of rows of one name."""
    keys = list(records)
    if len(keys) == 1:
        return {key: key.model for key in keys}
    for way in (_by_place, _by_images, _by_run):
        words = way(list(records.values()))
        if words and len(set(words)) == len(words):
            return dict(zip(keys, words, strict=True))
    return {key: _in_full(key) for key in keys}


def _in_full(key: Key) -> str:
    """With all that it is known by; what is called by its content has no more."""
    more = "" if ":" in key.run else f", weights {key.content[:SHORT] or 'not recorded'}"
    return f"{key.model} ({key.run}{more})"


def _by_place(records: Sequence[Record]) -> list[str]:
    """Ends of paths, where all are folders that are called by their own names."""
    places = [PurePath(str(record.provenance.get("place") or "")) for record in records]
    if any(place.name != record.model for place, record in zip(places, records, strict=True)):
        return []
    return told_apart(places)


def _by_images(records: Sequence[Record]) -> list[str]:
    """How long each was trained, where they are weights of one run."""
    seen = [record.provenance.get("seen") for record in records]
    if len({record.run for record in records}) > 1 or None in seen:
        return []
    return [
        f"{record.model} ({images:,} images)" for record, images in zip(records, seen, strict=True)
    ]


def _by_run(records: Sequence[Record]) -> list[str]:
    return [f"{record.model} ({record.run})" for record in records]
