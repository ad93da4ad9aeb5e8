"""The data sets of GLO's table 1, on which it compares four models under the same names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genbench.interfaces import Preset

IMAGES = {  # preset -> data set, resolution
    "glo-mnist-32": ("mnist", 32),
    "glo-svhn-32": ("svhn", 32),
    "glo-celeba-64": ("celeba", 64),
    "glo-celeba-128": ("celeba", 128),
    "glo-lsun-64": ("lsun-bedroom", 64),
    "glo-lsun-128": ("lsun-bedroom", 128),
}


def glo_presets(source: str, settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Preset]:
    """A preset for each of them.

    Args:
        source: where the settings of all of them come from.
        settings: by data set, "mnist"; in "celeba" and "lsun" of both sizes.
    """
    return {
        name: Preset(settings[name.split("-")[1]], data, resolution, source)
        for name, (data, resolution) in IMAGES.items()
    }
