"""The protocol: the frozen recipe of a number, and the id that says two recipes are one.

Two numbers may stand in one column only if their protocols have the same id. When they do
not, `differences` names the fields that keep them apart.

A protocol is made of codes and numbers, never of sentences, so that rewording moves no id;
`genbench.results.wording` has the sentences. Those of schema 1 held sentences. They are read
as they were written, keep their ids, and are comparable with nothing of schema 2.
"""

from __future__ import annotations

import hashlib
import json
import typing
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from genbench.interfaces import Json

MODE = "mode"  # what is not said, as it was the only way once
SCHEMA = 2  # of the protocols that are written; raise it when a field gets another meaning


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """Everything that, changed, would make the number another number."""

    metric: str  # "fid:768"
    version: int  # of the metric's code
    parameters: Mapping[str, Json]  # of the metric: neighbours, kernel, directions
    inputs: Mapping[str, Json]  # stream -> statistic, network and the digest of its weights
    images: Mapping[str, int]  # stream -> number of images
    splits: Mapping[str, str]  # stream -> split of the data set; empty for samples
    dataset: str
    fingerprint: str  # of the decoded data set
    recipe: Mapping[str, Json]  # crop, resize filter, split rule
    resolution: int
    quantise: str = "round"  # "truncate", or "none" where images are never quantised
    repeats: int = 1  # independent sets of samples
    seeds: str = "block64-v1"
    precision: str = "float32"  # or "float32-compiled"
    weights: str = "ema-else-raw"
    checkpoint: str = "latest"
    posterior: str = MODE  # or "sample": which latent of an encoder's distribution is decoded
    schema: int = SCHEMA

    @property
    def id(self) -> str:
        """Twelve hex digits of the sha256 of the canonical form."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()[:12]

    def canonical(self) -> str:
        """The one JSON text of this protocol: sorted keys, no spaces."""
        return json.dumps(self.describe(), sort_keys=True, separators=(",", ":"), allow_nan=False)

    def describe(self) -> dict[str, Json]:
        """As plain JSON, by the names of its schema."""
        plain: dict[str, Json] = json.loads(json.dumps(asdict(self)))
        if self.posterior == MODE:
            del plain["posterior"]
        if self.schema == 1:
            del plain["schema"]
            plain["looks"] = plain.pop("inputs")
        return plain


def of_right_types(protocol: Protocol) -> bool:
    """Whether its fields hold what they are declared to hold."""
    kinds = typing.get_type_hints(Protocol)
    right = all(
        isinstance(value, typing.get_origin(kinds[name]) or kinds[name])
        for name, value in vars(protocol).items()
    )
    return (
        right
        and all(isinstance(n, int) for n in protocol.images.values())
        and all(isinstance(codes, Mapping) for codes in protocol.inputs.values())
    )


def from_json(text: str) -> Protocol:
    """The protocol whose canonical form is *text*.

    Raises:
        ValueError, TypeError: it is of a schema that is not known, or no protocol.
    """
    plain = json.loads(text)
    schema = schema_of(plain)
    if schema not in (1, SCHEMA):
        raise ValueError(f"it is of schema {schema}, known are 1 to {SCHEMA}")
    if schema == 1:
        plain["inputs"] = plain.pop("looks", None)
    return Protocol(**{**plain, "schema": schema})


def schema_of(plain: Json) -> Json:
    """The schema of a protocol as plain JSON; the first one did not say which it was.

    Raises:
        TypeError: it is no protocol.
    """
    if not isinstance(plain, dict):
        raise TypeError("it is not a mapping")
    return plain.get("schema", 1)


def differences(a: Protocol, b: Protocol) -> dict[str, tuple[Any, Any]]:
    """Dotted names of the fields in which two protocols differ, with both values."""
    return differences_of_texts(a.canonical(), b.canonical())


def differences_of_texts(a: str, b: str) -> dict[str, tuple[Any, Any]]:
    """As `differences`, of canonical forms, also of protocols that another version has written.

    Of two schemas the numbers are all that is told: their fields do not mean the same.
    """
    plain = json.loads(a), json.loads(b)
    schemas = schema_of(plain[0]), schema_of(plain[1])
    if schemas[0] != schemas[1]:
        return {"schema": schemas}
    left, right = ({"posterior": MODE} | dict(flat(each)) for each in plain)
    names = sorted(left.keys() | right.keys())
    return {
        name: (left.get(name), right.get(name))
        for name in names
        if left.get(name) != right.get(name)
    }


def flat(value: Json, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted name, value) of everything in nested mappings, in their order."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from flat(inner, f"{prefix}.{key}" if prefix else key)
    else:
        yield prefix, value
