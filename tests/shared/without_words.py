"""Whether the codes of a protocol are codes, and have been put into words."""

from __future__ import annotations

from collections.abc import Iterator

from genbench.interfaces import Json
from genbench.results import wording
from genbench.results.protocol import flat

# Names and digests: they are printed as they are.
NAMES = {"metric", "dataset", "fingerprint", "name", "layer", "digest", "landmarks_sha256"}


def without_words(plain: Json) -> Iterator[str]:
    """Every code of nested mappings that nobody has put into words, or that is no code."""
    for name, value in flat(plain):
        field = name.rpartition(".")[2]
        blank = " " in name or (isinstance(value, str) and " " in value)
        named = field in NAMES or name.startswith("splits.")
        if blank or (isinstance(value, str) and not named and not wording.has_words(field, value)):
            yield f"{name} is {value!r}"
