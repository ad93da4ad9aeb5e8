"""Which preset a training takes that was given none: one that suits the machine and its data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genbench import registry
from genbench.data.dataset import open_source
from genbench.errors import GenbenchError
from genbench.interfaces import Preset
from genbench.runtime import devices
from genbench.settings import Layer
from genbench.training.settings import Training

AUTO, NONE, TINY = "auto", "none", "tiny"


@dataclass(frozen=True)
class Choice:
    """A preset, and why it is this one."""

    preset: str | None  # None: the model's defaults
    reason: str = ""  # empty where the user has named it


def choose(
    model: str,
    preset: str | None,
    training: Layer | Mapping[str, Any] | None,
    config: Path | None = None,
) -> Choice:
    """The preset that was asked for; for "auto" one that suits what is found here.

    That is tiny on a CPU, and the first published one whose images are found on a GPU. A file of
    settings stands on the model's defaults, as it does in Python.

    Raises:
        UnknownName: no such model.
        BadSetting: no such device.
    """
    if preset == NONE:
        return Choice(None, "as asked")
    if preset != AUTO:
        return Choice(preset)
    if config is not None:
        return Choice(None, f"{config.name} sets the rest")
    presets = registry.model(model).presets
    asked = training.values if isinstance(training, Layer) else training or {}
    if TINY not in presets:
        return Choice(None, "it has no preset tiny")
    if devices.choose(str(asked.get("device", "auto"))).type == "cpu":
        return Choice(TINY, "on a CPU" if "device" in asked else "a CPU was found")
    drawn = Training.data  # nobody has published anything on the images drawn here
    published = {
        name: each
        for name, each in presets.items()
        if each.source and each.data not in (None, drawn)
    }
    fitting = {name: each for name, each in published.items() if _fits(each, asked)}
    for name, each in fitting.items():
        if _found(str(asked.get("data", each.data)), asked.get("data_dir")):
            return Choice(name, f"a GPU and {each.data} were found")
    wanted = ", ".join(dict.fromkeys(str(each.data) for each in fitting.values()))
    return Choice(
        TINY,
        f"a GPU was found, but not {wanted}"
        if wanted
        else "no published preset is for these images",
    )


def _fits(preset: Preset, asked: Mapping[str, Any]) -> bool:
    """Whether a preset is for the images that were asked for."""
    name = str(asked.get("data", preset.data)).partition(":")[0]
    return name == preset.data and asked.get("resolution") in (None, preset.resolution)


def _found(data: str, data_dir: Any) -> bool:
    try:
        open_source(data, Path(data_dir) if data_dir else None)
    except GenbenchError:
        return False
    return True
