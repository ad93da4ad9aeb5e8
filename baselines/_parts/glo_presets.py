"""The data sets of GLO's table 1, on which it compares four models under the same names."""

from __future__ import annotations

from collections.abc import Mapping

RESOLUTION: Mapping[str, int] = {
    "glo-mnist-32": 32,
    "glo-svhn-32": 32,
    "glo-celeba-64": 64,
    "glo-celeba-128": 128,
    "glo-lsun-64": 64,
    "glo-lsun-128": 128,
}
DATA: Mapping[str, str] = {
    "glo-mnist-32": "mnist",
    "glo-svhn-32": "svhn",
    "glo-celeba-64": "celeba",
    "glo-celeba-128": "celeba",
    "glo-lsun-64": "lsun-bedroom",
    "glo-lsun-128": "lsun-bedroom",
}


def source(words: str) -> dict[str, str]:
    """Where the settings of all of them come from."""
    return dict.fromkeys(RESOLUTION, words)
