"""Settings in layers, each value with the place it came from.

defaults < preset < file < command line. Settings are frozen dataclasses that stand beside
what they set; here they are only filled.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import yaml

from genbench.errors import BadInput, BadSetting, nearest
from genbench.interfaces import Json, Model

S = TypeVar("S")


@dataclass(frozen=True)
class Layer:
    """Values from one place. Strings are read as YAML reads them: 3, 1e-3, true, [1, 2]."""

    source: str  # "preset tiny", "file pioneer.yaml", "--set"
    values: Mapping[str, Any]
    others: Mapping[str, str] = field(default_factory=dict)  # sources of single values, if others


@dataclass(frozen=True)
class Resolved(Generic[S]):
    """Settings, and where each value came from."""

    values: S
    sources: Mapping[str, str]

    def over(self, layer: Layer) -> Resolved[S]:
        """The same with values of *layer*, which are of the right types, in the place of others."""
        values = dataclasses.replace(self.values, **layer.values)  # type: ignore[type-var]  # S is a dataclass
        return Resolved(values, {**self.sources, **dict.fromkeys(layer.values, layer.source)})

    def describe(self) -> dict[str, Json]:
        """{name: {"value": ..., "source": ...}}, for the run folder."""
        values = dataclasses.asdict(self.values)  # type: ignore[call-overload]  # S is a dataclass
        return {
            name: {"value": value, "source": self.sources[name]} for name, value in values.items()
        }


def resolve(schema: type[S], layers: Iterable[Layer], owner: str) -> Resolved[S]:
    """Fill *schema* from *layers*, later ones over earlier ones.

    Args:
        schema: a frozen dataclass of bool, int, float, str, optional or tuple fields.
        owner: whose settings these are, for messages: "pioneer", "training".

    Raises:
        BadSetting: a name that the schema does not have, or a value of another type.
    """
    kinds = typing.get_type_hints(schema)
    fields = {field.name: kinds[field.name] for field in dataclasses.fields(schema)}  # type: ignore[arg-type]  # S is a dataclass
    chosen: dict[str, Any] = {}
    sources = dict.fromkeys(fields, "default")
    for layer in layers:
        for name, value in layer.values.items():
            if name not in fields:
                raise BadSetting(
                    f"{owner} has no setting {name!r} (from {layer.source})."
                    f"{nearest(name, fields)} Known: {', '.join(fields)}"
                )
            source = layer.others.get(name, layer.source)
            chosen[name] = _convert(value, fields[name], f"{owner}.{name}", source)
            sources[name] = source
    return Resolved(schema(**chosen), sources)


def parse_assignments(texts: Iterable[str]) -> Layer:
    """``key=value`` from the command line.

    Raises:
        BadSetting: no equals sign, or no name before it.
    """
    values = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise BadSetting(f"--set takes key=value, got {text!r}; for example --set latent=64")
        values[name.strip()] = value
    return Layer("--set", values)


def preset_layer(model: Model[Any], preset: str, owner: str) -> Layer:
    """The settings of a preset; *owner* is the model's name, for the message.

    Raises:
        BadSetting: the model has no preset of that name.
    """
    if preset not in model.presets:
        raise BadSetting(
            f"{owner} has no preset {preset!r}.{nearest(preset, model.presets)} "
            f"Known: {', '.join(model.presets)}"
        )
    return Layer(f"preset {preset}", model.presets[preset].settings)


def read_layer(file: Path) -> Layer:
    """A YAML file with one setting a line.

    Raises:
        BadInput: the file is missing, is not YAML, or is not a mapping.
    """
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInput(f"the settings file {file} does not exist") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise BadInput(f"the settings file {file} cannot be read: {reason}") from None
    if values is None:
        values = {}
    if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
        raise BadInput(f"the settings file {file} must hold lines of the form 'name: value'")
    return Layer(f"file {file.name}", values)


def _convert(value: Any, kind: Any, name: str, source: str) -> Any:
    """*value* as the field wants it; a string is first read as YAML."""
    if isinstance(value, str) and kind is not str:
        try:
            value = yaml.safe_load(value)
        except yaml.YAMLError:
            raise _mismatch(value, kind, name, source) from None
    options = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    for option in options:
        origin = typing.get_origin(option) or option
        if option is type(None):
            if value is None:
                return None
        elif origin is tuple and isinstance(value, list | tuple):
            kinds = typing.get_args(option)
            if len(kinds) == 2 and kinds[1] is ...:
                kinds = (kinds[0],) * len(value)
            if len(kinds) == len(value):
                pairs = zip(value, kinds, strict=True)
                return tuple(_convert(item, each, name, source) for item, each in pairs)
        elif option is float and (number := _number(value)) is not None:
            return number
        elif isinstance(value, origin) and isinstance(value, bool) == (option is bool):
            return value
    raise _mismatch(value, kind, name, source)


def _number(value: Any) -> float | None:
    """A float out of a number or of text like 1e-3, which YAML takes for a string."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _mismatch(value: Any, kind: Any, name: str, source: str) -> BadSetting:
    wanted = getattr(kind, "__name__", str(kind)) if not typing.get_args(kind) else str(kind)
    return BadSetting(f"{name} wants {wanted}, got {value!r} (from {source})")
