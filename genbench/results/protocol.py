"""The protocol: the frozen recipe of a number, and the id that says two recipes are one.

Two numbers may stand in one column only if their protocols have the same id. When they do
not, `differences` names the fields that keep them apart.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from genbench.interfaces import Json

QUANTISED = "uint8, floor(127.5 x + 128), clamped"
TRUNCATED = "uint8, x / 2 + 0.5 times 255, clamped, truncated; images of the data likewise"
EXACT = "float32 network, TF32 off; float64 statistics"
COMPILED = "float32 network, compiled, TF32 off; float64 statistics"
UNQUANTISED = "float32 in [-1, 1], never quantised"


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """Everything that, changed, would make the number another number."""

    metric: str  # "fid:768"
    version: int  # of the metric's code
    parameters: Mapping[str, Json]  # of the metric: neighbours, kernel, directions
    looks: Mapping[str, Json]  # argument -> stream, what is gathered, network and its sha256
    images: Mapping[str, int]  # stream -> number of images
    splits: Mapping[str, str]  # stream -> split of the data set; empty for samples
    dataset: str
    fingerprint: str  # of the decoded data set
    recipe: Mapping[str, Json]  # crop, resize filter, split rule
    resolution: int
    quantise: str = QUANTISED
    repeats: int = 1  # independent sets of samples
    seeds: str = "blocks of 64 rows, one generator each, from (seed, stream, repeat, block)"
    precision: str = EXACT
    weights: str = "average where the model keeps one, else raw"
    checkpoint: str = "latest"

    @property
    def id(self) -> str:
        """Twelve hex digits of the sha256 of the canonical form."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()[:12]

    def canonical(self) -> str:
        """The one JSON text of this protocol: sorted keys, no spaces."""
        return json.dumps(self.describe(), sort_keys=True, separators=(",", ":"), allow_nan=False)

    def describe(self) -> dict[str, Json]:
        """As plain JSON."""
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return]  # a dict went in


def from_json(text: str) -> Protocol:
    """The protocol whose canonical form is *text*."""
    return Protocol(**json.loads(text))


def differences(a: Protocol, b: Protocol) -> dict[str, tuple[Any, Any]]:
    """Dotted names of the fields in which two protocols differ, with both values."""
    return differences_of_texts(a.canonical(), b.canonical())


def differences_of_texts(a: str, b: str) -> dict[str, tuple[Any, Any]]:
    """As `differences`, of canonical forms, also of protocols that another version has written."""
    left, right = dict(_flat(json.loads(a))), dict(_flat(json.loads(b)))
    names = sorted(left.keys() | right.keys())
    return {
        name: (left.get(name), right.get(name))
        for name in names
        if left.get(name) != right.get(name)
    }


def _flat(value: Json, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{prefix}.{key}" if prefix else key)
    else:
        yield prefix, value
