"""The sentences that fingerprints of schema 1 hashed, by the codes that stand for them today.

A run trained before knows its data by a fingerprint over these sentences, so it would not know
them again if a letter here changed: what is to be said in other words is said elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from genbench.interfaces import Json

SENTENCES: Mapping[str, Mapping[str, str]] = {
    "crop": {
        "centre-square": "centre square of the short side",
        "drawn": "none, drawn at the resolution",
        "pad-28-to-32": "28x28 as it is; below and above, 2 px of black around it make 32x32",
        "square-as-it-is": "none, square as it is",
        "none-32": "none, 32x32 as it is",
        "short-side-centre-{n}": "short side to {n}, centre square {n}",
    },
    "resize": {
        "none": "none",
        "pil-bilinear-antialias": "PIL bilinear, antialiased",
        "none-at-28-32-else-pil-bilinear-antialias": "none at 28 and 32, else PIL bilinear, "
        "antialiased",
        "none-at-32-else-pil-bilinear-antialias": "none at 32, else PIL bilinear, antialiased",
        "stored-level-else-mean-of-next": "none at a stored level, else means of squares of the "
        "next larger one",
    },
    "split": {
        "official": "official",
        "official-without-validation": "official partition, validation left out",
        "official-validation-is-test": "official: training part, validation part is test",
        "official-train-is-test": "extra part trains, official training part is test",
        "last-sixth": "last sixth is test",
        "name-sha256-1-in-10": "sha256 of the name, 1 in 10 is test",
        "first-9-in-10": "by number, first 9 in 10 train, rest test",
        "first-27000-of-30000": "by number, first 9 in 10 train (27 000 of 30 000), rest test",
        "first-29000-of-30000": "by number, first 29 in 30 train (29 000 of 30 000), rest test",
        "celeba-official": "by number in CelebA, official test part is test, all others train",
    },
    "channels": {
        "rgb": "RGB",
        "grey-to-rgb": "grey repeated to RGB",
        "rgb-grey-repeated-alpha-on-white": "RGB, grey repeated, transparency on white",
    },
    "checked": {
        "listing-and-{n}-of-each-split": "names and sizes of all image files, pixels of {n} evenly "
        "spaced ones of each split",
    },
}


def sentence(field: str, code: str) -> str:
    """What schema 1 said for a code; the code itself where schema 1 never knew it."""
    known = SENTENCES.get(field, {})
    if code in known:
        return known[code]
    for pattern, words in known.items():
        if "{n}" in pattern:
            before, after = map(re.escape, pattern.split("{n}"))
            if found := re.fullmatch(rf"{before}(\d+){after}", code):
                return words.replace("{n}", found[1])
    return code


def recipe(codes: Mapping[str, Json]) -> dict[str, Json]:
    """The recipe of a data set as schema 1 hashed it."""
    return {field: sentence(field, str(code)) for field, code in codes.items()}
