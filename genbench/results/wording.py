"""The sentences for the codes of a protocol: the one place where they are said in words.

A code is what is hashed, so it stays; what stands here may be said better at any time. A code
that nobody has put into words, such as that of somebody else's metric, is printed as it is, and
so is everything in a protocol of schema 1, which held sentences already.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping

from genbench.data import schema1
from genbench.interfaces import Json

# How a field is called in print, where that is not its name.
LABELS = {
    "statistic": "kept",
    "start": "t",
    "percentiles": "percentiles kept",
    "landmarks_sha256": "landmarks sha256",
    "trained_on": "trained on",
}

# field -> code -> words. {name} is the value of a field that stands beside, in words; a field
# that is said in this way is not said again. {n} is a number within the code itself.
WORDS: Mapping[str, Mapping[str, str]] = {
    **schema1.SENTENCES,
    "resize": {
        **schema1.SENTENCES["resize"],
        "tf1-bilinear": "tf1 bilinear to {side}x{side}, no half-pixel offset, no antialiasing",
        "mean-to-{n}": "averaged down to {n} or less than twice that",
        "bilinear-antialias": "bilinear, antialiased, to {side}x{side}, not quantised",
        "bicubic-antialias-clip": "bicubic, antialiased, to {side}x{side}, clipped, not quantised",
    },
    "crop": {
        **schema1.SENTENCES["crop"],
        "none": "none",
        "face-box-8": "face box: of 8 parts, rows 3 to 7, columns 2 to 6",
    },
    "checked": {
        **schema1.SENTENCES["checked"],
        "mean-and-covariance": "mean and covariance of features, no images",
    },
    "split": {**schema1.SENTENCES["split"], "whole": "none, all images on either side"},
    "statistic": {
        "moments": "mean and covariance, divisor {divisor}",
        "features": "features of every image, float32",
        "images": "every image, uint8",
        "first-images": "the first {first} images, uint8",
        "mse-255": "mean squared error of each pair, grey levels of 0..255",
        "ssim": "SSIM of each pair",
        "ms-ssim": "MS-SSIM of each pair",
        "ms-ssim-couples": "MS-SSIM of rows 0 and 1, 2 and 3, and so on",
        "class-scores": "scores of {splits} splits, in order",
        "squared-distance": "squared distance of each pair, float64",
        "signed-sums": "{sums} signed sums of the features of each image",
        "face-distance": "Euclidean distance between the descriptors of the faces of each pair",
        "face-descriptor": "descriptor of the face on each image",
    },
    "divisor": {"n-1": "n - 1"},
    "start": {"zero": "= 0", "uniform": "uniform in [0, 1)"},
    "normalisation": {
        "minus-128-over-128": "(x - 128) / 128",
        "channel-mean-256": "(x - mean of the channel) / 256, means from the file",
    },
    "trained_on": {"toyfaces-attributes": "the attributes of toyfaces, no photograph"},
    "version": {"lpips-0.1": "LPIPS v0.1"},
    "activation": {"gelu": "GELU", "quick-gelu": "quick GELU"},
    "detector": {"dlib-hog-frontal": "dlib's frontal HOG detector, upsampling {upsampling}"},
    "box": {
        "first-image-nearest-centre": "found on the first image of a pair and used on both; "
        "of several the nearest to the centre"
    },
    "landmarks": {"dlib-5-points": "5 points, found within the box on each image"},
    "face": {"upright": "{side}x{side}, upright, padding {padding}"},
    "kernel": {"poly3": "(x·y / d + 1)^3"},
    "estimator": {
        "unbiased-all-pairs": "unbiased, all pairs",
        "unbiased-subsets": "unbiased, mean of {subsets} subsets of {size}",
    },
    "fit": {"a+b/n": "a + b/n over {sizes} sizes from {smallest} n to n"},
    "window": {
        "gaussian": "Gaussian {side}x{side}, sigma {sigma}, inside the image",
        "gaussian-shrinking": "Gaussian, side s = min({side}, h, w), sigma {sigma} s / {side}, "
        "inside the image",
    },
    "between": {"mean-2x2-floor": "means of 2x2 pixels; an odd side loses its last row or column"},
    "order": {
        "mean": "mean over channels and positions",
        "mean-clip-product": "mean over positions and channels, clipped at 0, then the product",
    },
    "variance": {"population": "population"},
    "patches": {"": "{patches} of {side}x{side} an image and level"},
    "levels": {"laplacian": "Laplacian pyramid down to {coarsest}"},
    "distance": {
        "pixel-l1": "mean absolute difference of pixels",
        "one-minus-ssim": "1 - SSIM, the least of the {shortlist} whose thumbnails are nearest",
        "lpips-signed-sums": "LPIPS (AlexNet), from sketches",
        "face-descriptor": "distance of face descriptors",
    },
    "gap": {"test-minus-train": "mean error of test images less that of training images"},
    "quantise": {
        "round": "uint8, floor(127.5 x + 128), clamped",
        "truncate": "uint8, x / 2 + 0.5 times 255, clamped, truncated; images of the data likewise",
        "none": "float32 in [-1, 1], never quantised",
    },
    "precision": {
        "float32": "float32 network, TF32 off; float64 statistics",
        "float32-compiled": "float32 network, compiled, TF32 off; float64 statistics",
    },
    "seeds": {
        "block64-v1": "blocks of 64 rows, one generator each, from (seed, stream, repeat, block)"
    },
    "weights": {"ema-else-raw": "average where the model keeps one, else raw"},
    "posterior": {
        "mode": "mode of what the encoder gives",
        "sample": "a sample of what the encoder gives",
    },
    "checkpoint": {
        "latest": "latest",
        "best-{text}-every-{n}": "best {text} in training, measured every {n} images",
    },
}
BETWEEN = {"percentiles": " to "}  # the entries of a list; else commas
PARTS = {"{n}": r"(?P<n>\d+)", "{text}": r"(?P<text>.+)"}  # of codes


def stream(code: str) -> str:
    """ "held-out" -> "held out", as people write it; what has a "/" is one of several inputs."""
    return code.replace("-", " ").replace("/", " ")


def words(field: str, value: Json, beside: Mapping[str, Json]) -> str:
    """What a value of a field says; codes that are not known as they are.

    Args:
        field: its name, without the names of what it is in.
        value: code, number or list.
        beside: all fields of the mapping that holds it, which the words may need.
    """
    if value is None:
        return "not there"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return BETWEEN.get(field, ", ").join(map(str, value))
    template, own = _template(field, value)
    if template is None:
        return str(value)
    known = {**beside, **own, field: value}
    names = _names(template)
    if not known.keys() >= set(names):
        return str(value)
    ready = {**own, field: value}
    return template.format(
        **{name: ready[name] if name in ready else words(name, known[name], {}) for name in names}
    )


def words_at(name: str, value: Json, plain: Mapping[str, Json]) -> str:
    """As `words`, of a dotted name in *plain*, a protocol as plain JSON."""
    *path, field = name.split(".")
    beside: Json = plain
    for part in path:
        beside = beside.get(part)
        if not isinstance(beside, Mapping):
            beside = {}  # the other protocol has more here
    return words(field, value, beside)


def clauses(codes: Mapping[str, Json], owner: str = "") -> Iterator[tuple[str, Json]]:
    """(label, words) of everything in nested mappings, each thing said once.

    A "name" is called by what it names: "network": {"name": "inception"} is "network inception".
    """
    inside = {name for field, value in codes.items() for name in _inside(field, value, codes)}
    for field in sorted(codes, key=lambda field: field != "name"):
        value = codes[field]
        if value is None or field in inside:
            continue
        if isinstance(value, Mapping):
            yield from clauses(value, field)
        else:
            label = owner if field == "name" and owner else LABELS.get(field, field)
            yield label, words(field, value, codes)


def has_words(field: str, code: str) -> bool:
    """Whether somebody has put a code into words."""
    return _template(field, code)[0] is not None


def _inside(field: str, value: Json, codes: Mapping[str, Json]) -> set[str]:
    """Fields beside *field* that stand in its words."""
    if isinstance(value, Mapping | list):
        return set()
    template, own = _template(field, value)
    names = set(_names(template or "")) - own.keys()
    return names - {field} if names <= codes.keys() else set()


def _template(field: str, value: Json) -> tuple[str | None, dict[str, str]]:
    """The words for a value, and what its code itself says of the names in them."""
    known = WORDS.get(field, {})
    if not isinstance(value, str):
        return known.get(""), {}
    if value in known:
        return known[value], {}
    for pattern, template in known.items():
        if "{" in pattern and (found := re.fullmatch(_pattern(pattern), value)):
            return template, found.groupdict()
    return None, {}


def _pattern(code: str) -> str:
    """A code with numbers or text in it as a regular expression."""
    pieces = re.split(r"(\{\w+\})", code)
    return "".join(PARTS.get(piece, re.escape(piece)) for piece in pieces)


def _names(template: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(template) if name]
