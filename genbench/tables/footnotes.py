"""A protocol in words: what stands under a table so that its numbers can be compared."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from genbench.interfaces import Json
from genbench.results import wording
from genbench.results.protocol import MODE, SCHEMA, Protocol, differences, flat

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
    bars: tuple[str, ...] = ()  # those of the clauses that say what "±" is

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
            f"{n} {wording.stream(name.removeprefix('images.'))}"
            for name, n in known.items()
            if name.startswith("images.")
        )
        return "; ".join([", ".join(images), *self.bars, f"protocol {self.protocol_id}"])


def words(protocol: Protocol) -> tuple[str, ...]:
    """The recipe in clauses, digests shortened."""
    side = protocol.resolution
    recipe = _in_words(protocol.recipe)
    text = dict(fields(protocol))
    clauses = (
        f"metric {protocol.metric} version {protocol.version}, protocol {protocol.id}",
        _images(protocol),
        *_inputs(protocol.inputs),
        _in_words(protocol.parameters),
        f"{protocol.repeats} sets of samples" if protocol.repeats > 1 else "",
        f"data {protocol.dataset} at {side}×{side}, fingerprint {short(protocol.fingerprint)}",
        recipe and f"images: {recipe}",
        f"pixels: {text['quantise']}",
        f"precision: {text['precision']}",
        f"weights: {text['weights']}",
        f"checkpoint: {text['checkpoint']}",
        "" if protocol.posterior == MODE else f"posterior: {text['posterior']}",
        f"seeds: {text['seeds']}",
        f"schema {protocol.schema}" if protocol.schema < SCHEMA else "",
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
        f"{name} is {here}, in {marker} it is {there}"
        for name, (here, there) in apart(protocol, other).items()
    )


def apart(a: Protocol, b: Protocol) -> dict[str, tuple[str, str]]:
    """Dotted names of the fields in which two protocols differ, with both values in words."""
    left, right = ({"posterior": each.posterior} | each.describe() for each in (a, b))
    return {
        name: (
            short(wording.words_at(name, here, left)),
            short(wording.words_at(name, there, right)),
        )
        for name, (here, there) in differences(a, b).items()
    }


def fields(protocol: Protocol) -> tuple[tuple[str, str], ...]:
    """The schema, then every other field in full: (dotted name, value in words)."""
    # Of the first schema the JSON does not say which it is.
    plain = {"schema": protocol.schema, **protocol.describe()}
    return tuple((name, wording.words_at(name, value, plain)) for name, value in flat(plain))


def short(words: str) -> str:
    """Words with digests shortened."""
    return re.sub(rf"\b([0-9a-f]{{{SHORT}}})[0-9a-f]{{{32 - SHORT},}}\b", r"\1", words)


def _images(protocol: Protocol) -> str:
    """ "10000 real (train), 10000 samples"."""
    counts = []
    for stream, n in protocol.images.items():
        split, name = protocol.splits.get(stream), wording.stream(stream)
        counts.append(f"{n} {name} ({split})" if split else f"{n} {name}")
    return ", ".join(counts)


def _inputs(inputs: Mapping[str, Json]) -> Iterator[str]:
    """What is kept of each stream; streams of which the same is kept share a clause."""
    ways: dict[str, list[str]] = {}
    for name, codes in inputs.items():
        # "view" stood there in schema 1, whose inputs went by other names.
        way = _in_words({field: value for field, value in codes.items() if field != "view"})
        ways.setdefault(way, []).append(wording.stream(name))
    for way, streams in ways.items():
        if way:
            yield f"{' and '.join(streams)}: {way}"


def _in_words(codes: Mapping[str, Json]) -> str:
    """Nested codes in words, digests shortened."""
    return ", ".join(f"{label} {short(words)}" for label, words in wording.clauses(codes))
