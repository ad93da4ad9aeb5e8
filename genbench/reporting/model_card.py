"""The card of a model: where it comes from, what it can do, what a run may change."""

from __future__ import annotations

import inspect
import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields
from typing import Any

from torch import nn

from genbench import published, registry, runs
from genbench.interfaces import (
    Decodes,
    Encodes,
    Generates,
    Interpolates,
    Learns,
    Model,
    Prepares,
)
from genbench.settings import preset_layer, resolve
from genbench.training.settings import Training

ABILITIES: Mapping[type, str] = {
    Generates: "samples",
    Encodes: "encodes",
    Decodes: "decodes",
    Interpolates: "interpolates",
    Prepares: "looks at the training images before its first step",
}


def card(name: str) -> Iterator[str]:
    """The card of a model of the registry, line by line.

    Raises:
        UnknownName: no such model.
    """
    found = registry.plugin("model", name)
    declared = registry.model(name)
    yield name
    yield from (f"  {line}".rstrip() for line in story(found).splitlines())
    yield ""
    yield from _abilities(_outline(name, declared, next(iter(declared.presets))))
    if declared.geometry is not None:
        yield f"latents: {declared.geometry}"
    if declared.starts_from is not None:
        yield f"starts from a trained {declared.starts_from}: genbench train {name} --from RUN"
    if declared.adopts is not None:
        yield f"takes over the weights of {declared.adopts}: genbench import {name}"
    yield from _settings(declared)
    yield from _presets(declared)
    yield from _parameters(name, declared)
    yield from _published(declared)


def story(found: registry.Plugin) -> str:
    """The docstring of the file: paper, what it follows, what differs."""
    return inspect.getdoc(found.open()) or found.summary()


def paper(found: registry.Plugin) -> str | None:
    """What a plug-in names as its source, "Paper:" or "Method:", on one line; None if nothing."""
    block = re.search(r"^(?:Paper|Method):(.*(?:\n[ \t]+.*)*)", story(found), flags=re.MULTILINE)
    return None if block is None else " ".join(block[1].split())


def _abilities(model: Learns) -> Iterator[str]:
    words = [words for ability, words in ABILITIES.items() if isinstance(model, ability)]
    yield f"it {', '.join(words)}"


def _settings(declared: Model[Any]) -> Iterator[str]:
    yield ""
    yield "settings (default, meaning)"
    notes = comments(declared.settings)
    for field in fields(declared.settings):
        note = f"  {notes[field.name]}" if field.name in notes else ""
        yield f"  {field.name} = {_default(field)}{note}"


def _presets(declared: Model[Any]) -> Iterator[str]:
    yield ""
    yield "presets"
    for name, preset in declared.presets.items():
        size = f"{preset.resolution}x{preset.resolution}" if preset.resolution else "any resolution"
        source = preset.source or "for a CPU, no paper"
        yield f"  {name}: {preset.data or 'any data'} at {size}; {source}"
        yield from (f"      {key} = {value}" for key, value in preset.settings.items())


def _parameters(name: str, declared: Model[Any]) -> Iterator[str]:
    """Trainable numbers of each network under each preset, once for equal ones."""
    yield ""
    yield "parameters"
    lines: dict[str, list[str]] = {}
    for preset in declared.presets:
        model = _outline(name, declared, preset)
        counts = [f"{part} {count:,}" for part, count in parameters(model).items()]
        size = f"{model.resolution}x{model.resolution}"
        line = f"{size}: {', '.join(counts) or 'none are trained'}"
        lines.setdefault(line, []).append(preset)
    yield from (f"  {line}  ({', '.join(presets)})" for line, presets in lines.items())


def _outline(name: str, declared: Model[Any], preset: str) -> Learns:
    """The model of a preset, at the resolution that training it has without another word."""
    settings = resolve(declared.settings, [preset_layer(declared, preset, name)], name).values
    return runs.outline(name, settings, declared.presets[preset].resolution or Training.resolution)


def parameters(model: Any) -> dict[str, int]:
    """Trainable numbers of each network of a model, by the network's name."""
    networks: dict[str, nn.Module] = dict(model.named_children())
    counts = {
        name: sum(weight.numel() for weight in network.parameters())
        for name, network in networks.items()
    }
    return {name: count for name, count in counts.items() if count}


def _published(declared: Model[Any]) -> Iterator[str]:
    found = published.of_systems(declared.published_as)
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
