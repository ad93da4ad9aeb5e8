"""A protocol in words: what stands under a table so that its numbers can be compared."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from genbench.interfaces import Json
from genbench.results.protocol import Protocol, differences

SHORT = 12  # hex digits that stand for a digest in words


@dataclass(frozen=True)
class Footnote:
    """The protocol of one or several columns."""

    marker: str
    titles: tuple[str, ...]  # of the columns
    protocol_id: str  # empty for what a paper has printed
    clauses: tuple[str, ...]  # the recipe in words, without what all protocols of the table share
    differs: tuple[str, ...] = ()  # from other columns of the same scores, a clause a field
    fields: tuple[tuple[str, str], ...] = ()  # all of it: (dotted name, value)

    @property
    def text(self) -> str:
        """The clauses in one sentence."""
        return "; ".join(self.clauses)

    @property
    def brief(self) -> str:
        """What changes most: numbers of images and error bar, and the id of all the rest."""
        if not self.protocol_id:
            return self.text
        known = dict(self.fields)
        images = (
            f"{n} {name.removeprefix('images.')}"
            for name, n in known.items()
            if name.startswith("images.")
        )
        bars = (clause for clause in self.clauses if clause.startswith("±"))
        return "; ".join([", ".join(images), *bars, f"protocol {self.protocol_id}"])


def words(protocol: Protocol) -> tuple[str, ...]:
    """The recipe in clauses, digests shortened."""
    side = protocol.resolution
    recipe = ", ".join(f"{name} {short(value)}" for name, value in _leaves(protocol.recipe))
    clauses = (
        f"metric {protocol.metric} version {protocol.version}, protocol {protocol.id}",
        _images(protocol),
        *_looks(protocol.looks),
        ", ".join(f"{name} {short(value)}" for name, value in protocol.parameters.items()),
        f"{protocol.repeats} sets of samples" if protocol.repeats > 1 else "",
        f"data {protocol.dataset} at {side}×{side}, fingerprint {short(protocol.fingerprint)}",
        recipe and f"images: {recipe}",
        f"pixels: {protocol.quantise}",
        f"precision: {protocol.precision}",
        f"weights: {protocol.weights}",
        f"checkpoint: {protocol.checkpoint}",
        f"seeds: {protocol.seeds}",
    )
    return tuple(filter(None, clauses))


def shared(protocols: Iterable[Protocol]) -> tuple[str, ...]:
    """The clauses that all of several protocols have; none where there is only one."""
    all_words = [words(protocol) for protocol in protocols]
    if len(all_words) < 2:
        return ()
    return tuple(clause for clause in all_words[0] if all(clause in other for other in all_words))


def differs(protocol: Protocol, other: Protocol, marker: str) -> tuple[str, ...]:
    """Every field that keeps two protocols apart, a clause each; *marker* names the other."""
    return tuple(
        f"{name} is {short(here)}, in {marker} it is {short(there)}"
        for name, (here, there) in differences(protocol, other).items()
    )


def fields(protocol: Protocol) -> tuple[tuple[str, str], ...]:
    """Every field in full: (dotted name, value)."""
    return tuple((name, _text(value)) for name, value in _flat(protocol.describe()))


def short(value: Json) -> str:
    """A value in words, digests shortened."""
    return re.sub(rf"\b([0-9a-f]{{{SHORT}}})[0-9a-f]{{{32 - SHORT},}}\b", r"\1", _text(value))


def _text(value: Json) -> str:
    if value is None:
        return "not there"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return str(value)


def _images(protocol: Protocol) -> str:
    """ "10000 real (train), 10000 samples"."""
    counts = []
    for stream, n in protocol.images.items():
        split = protocol.splits.get(stream)
        counts.append(f"{n} {stream} ({split})" if split else f"{n} {stream}")
    return ", ".join(counts)


def _looks(inputs: Mapping[str, Json]) -> Iterator[str]:
    """What each argument is made from; arguments made in the same way share a clause."""
    ways: dict[str, list[str]] = {}
    for argument, input_ in inputs.items():
        leaves = [(name, value) for name, value in _leaves(input_) if name != "view"]
        way = ", ".join(f"{name} {short(value)}" for name, value in leaves)
        ways.setdefault(way, []).append(argument)
    for way, arguments in ways.items():
        if way:
            yield f"{' and '.join(arguments)}: {way}"


def _leaves(value: Json, owner: str = "") -> Iterator[tuple[str, Json]]:
    """(last name, value) of everything in nested mappings; a "name" is called by its owner."""
    if not isinstance(value, Mapping):
        yield owner, value
        return
    for key, inner in value.items():
        if inner is not None:
            yield from _leaves(inner, owner if key == "name" and owner else key)


def _flat(value: Json, prefix: str = "") -> Iterator[tuple[str, Json]]:
    if not isinstance(value, Mapping):
        yield prefix, value
        return
    for key, inner in value.items():
        yield from _flat(inner, f"{prefix}.{key}" if prefix else key)
