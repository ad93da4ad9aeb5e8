"""The card of a model: where it comes from, what it can do, what a run may change."""

from __future__ import annotations

import inspect
import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields
from typing import Any

import torch
from torch import nn

from genbench import published, registry, runs
from genbench.settings import Layer, resolve

ABILITIES = {
    "sample": "samples",
    "encode": "encodes",
    "decode": "decodes",
    "interpolate": "interpolates",
    "prepare": "looks at the training images before its first step",
}


def card(name: str) -> Iterator[str]:
    """The card of a model of the registry, line by line.

    Raises:
        UnknownName: no such model.
    """
    found = registry.plugin("model", name)
    plugin = found.load()
    yield name
    yield from (f"  {line}".rstrip() for line in story(found).splitlines())
    yield ""
    yield f"it {', '.join(words for method, words in ABILITIES.items() if hasattr(plugin, method))}"
    if hasattr(plugin, "GEOMETRY"):
        yield f"latents: {plugin.GEOMETRY}"
    if hasattr(plugin, "STARTS_FROM"):
        yield f"starts from a trained {plugin.STARTS_FROM}: genbench train {name} --from RUN"
    yield from _settings(plugin)
    yield from _presets(plugin)
    yield from _parameters(name, plugin)
    yield from _published(plugin)


def story(found: registry.Plugin) -> str:
    """The docstring of the file: paper, what it follows, what differs."""
    return inspect.getdoc(found.open()) or found.summary()


def paper(found: registry.Plugin) -> str | None:
    """What a room names as its source, "Paper:" or "Method:", on one line; None if nothing."""
    block = re.search(r"^(?:Paper|Method):(.*(?:\n[ \t]+.*)*)", story(found), flags=re.MULTILINE)
    return None if block is None else " ".join(block[1].split())


def _settings(plugin: Any) -> Iterator[str]:
    yield ""
    yield "settings (default, meaning)"
    notes = comments(plugin.Settings)
    for field in fields(plugin.Settings):
        note = f"  {notes[field.name]}" if field.name in notes else ""
        yield f"  {field.name} = {_default(field)}{note}"


def _presets(plugin: Any) -> Iterator[str]:
    sources: Mapping[str, str] = getattr(plugin, "PRESET_SOURCE", {})
    yield ""
    yield "presets"
    for preset, values in plugin.PRESETS.items():
        size = getattr(plugin, "PRESET_RESOLUTION", {}).get(preset)
        data = getattr(plugin, "PRESET_DATA", {}).get(preset)
        about = [data or "any data", f"{size}x{size}" if size else "any resolution"]
        yield f"  {preset}: {' at '.join(about)}; {sources.get(preset, 'for a CPU, no paper')}"
        yield from (f"      {key} = {value}" for key, value in values.items())


def _parameters(name: str, plugin: Any) -> Iterator[str]:
    """Trainable numbers of each network under each preset, once for equal ones."""
    yield ""
    yield "parameters"
    sizes = getattr(plugin, "PRESET_RESOLUTION", {})
    lines: dict[str, list[str]] = {}
    for preset, values in plugin.PRESETS.items():
        if preset not in sizes:
            continue
        settings = resolve(plugin.Settings, [Layer(f"preset {preset}", values)], name).values
        model = _built(name, plugin, settings, sizes[preset])
        counts = [f"{part} {count:,}" for part, count in parameters(model).items()]
        said = f"{sizes[preset]}x{sizes[preset]}: {', '.join(counts) or 'none are trained'}"
        lines.setdefault(said, []).append(preset)
    yield from (f"  {said}  ({', '.join(presets)})" for said, presets in lines.items())


def _built(name: str, plugin: Any, settings: Any, resolution: int) -> Any:
    """The model without numbers in it, which costs neither time nor memory, where it can be."""
    try:
        with torch.device("meta"):
            return plugin(settings, resolution)
    except (RuntimeError, NotImplementedError):  # a stranger's model that looks at its numbers
        return runs.build(name, settings, resolution, seed=0)


def parameters(model: Any) -> dict[str, int]:
    """Trainable numbers of each network of a model, by the network's name."""
    networks: dict[str, nn.Module] = dict(model.named_children())
    counts = {
        name: sum(weight.numel() for weight in network.parameters())
        for name, network in networks.items()
    }
    return {name: count for name, count in counts.items() if count}


def _published(plugin: Any) -> Iterator[str]:
    found = published.of_systems(getattr(plugin, "PUBLISHED_AS", ()))
    if not found:
        return
    yield ""
    yield "published"
    for row in found:
        number = "-" if row.value is None else f"{row.value:g}"
        spread = "" if row.std is None else f" ± {row.std:g}"
        about = f"{row.where} {row.split} {row.metric}"
        yield f"  {row.system}  {about}: {number}{spread}  [{row.source}]"


def comments(settings: type) -> dict[str, str]:
    """The comment behind each field of a dataclass, read from its source."""
    found: dict[str, str] = {}
    for owner in reversed(settings.__mro__[:-1]):
        try:
            source = inspect.getsource(owner)
        except (OSError, TypeError):  # made without a file
            continue
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                name = token.line.strip().partition(":")[0]
                if name in settings.__dataclass_fields__:  # type: ignore[attr-defined]  # it is one
                    found[name] = token.string.lstrip("# ")
    return found


def _default(field: Field[Any]) -> str:
    if field.default is not MISSING:
        return repr(field.default)
    return repr(field.default_factory()) if field.default_factory is not MISSING else "required"
