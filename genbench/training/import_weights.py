"""Weights of other people's repositories, as a run that can be measured like any other."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from genbench import registry, runs
from genbench.errors import BadInput, BadSetting
from genbench.interfaces import Adopts
from genbench.runs import Run, RunState, checkpoints
from genbench.runtime import atomic, provenance
from genbench.settings import Layer, preset_layer, resolve
from genbench.training.settings import Training


def import_run(
    model: str,
    sources: Sequence[str],
    *,
    name: str,
    preset: str | None = None,
    settings: Layer | Mapping[str, Any] | None = None,
    resolution: int | None = None,
    seen: int | None = None,
    runs_dir: str | Path = "runs",
) -> Run:
    """Make a run folder of a published checkpoint; what ``genbench import`` does.

    Args:
        model: public name of the model that the weights belong to.
        sources: files, each as PATH or as PART=PATH where a part of the model has one of its own.
        name: of the run folder.
        preset: the settings that the weights were trained with.
        settings: over the preset.
        resolution: of the images; by default the preset's.
        seen: images they were trained on, where the file does not say it; by default so many
            that nothing grows any more.
        runs_dir: folder of run folders.

    Returns:
        The run, in the state "imported". It can be measured, not trained on.

    Raises:
        BadInput: a file cannot be read without running code in it, or its tensors do not fit.
        BadSetting: the model cannot take over weights, or the preset is unknown.
    """
    declared = registry.model(model)
    if declared.adopts is None:
        able = [name for name, each in registry.models().items() if each.adopts is not None]
        raise BadSetting(f"{model} takes over no foreign weights; these do: {', '.join(able)}")
    layers, size = [], resolution
    if preset is not None:
        layers.append(preset_layer(declared, preset, model))
        size = resolution or declared.presets[preset].resolution
    layers.append(settings if isinstance(settings, Layer) else Layer("caller", settings or {}))
    chosen = resolve(declared.settings, layers, model)
    if size is None:
        raise BadSetting(
            "the resolution of the weights is not known; give --preset or --resolution"
        )
    built = runs.build(model, chosen.values, size, seed=0)
    assert isinstance(built, Adopts)
    adopted = built.adopt(dict(read(sources)))
    shown = next(n for n in (seen, adopted.seen, built.total(1)) if n is not None)
    engine = resolve(Training, [Layer("import", {"resolution": size})], "training")
    facts = {
        "model": model,
        "data": None,
        "dataset": "unknown data",
        "fingerprint": None,
        "resolution": size,
        "preset": preset,
        "from": None,
        "device": "cpu",
        "created": provenance.now(),
        "state": RunState.IMPORTED,
        "seen": shown,
        "total": shown,
        "imported": [_about(source) for source in sources],
        "provenance": provenance.describe(torch.device("cpu")),
    }
    described = {"model": chosen.describe(), "training": engine.describe()}
    run = runs.create(Path(runs_dir) / name, facts, described)
    average = dict(adopted.average) or runs.average_as_it_is(built)
    checkpoint = checkpoints.Checkpoint(shown, built.state_dict(), average)
    checkpoints.write(run.checkpoints, checkpoint, keep=1)
    return run


def read(sources: Sequence[str]) -> Iterator[tuple[str, Tensor]]:
    """Every tensor of the files under its dotted name, and numbers as tensors."""
    for source in sources:
        prefix, path = _split(source)
        if not path.is_file():
            raise BadInput(f"{path} is not a file; give the weights as PATH or PART=PATH")
        yield from _flat(_load(path), prefix)


def _load(path: Path) -> Any:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise BadInput(
            f"{path} holds pickled objects, whose code genbench never runs; where you trust it, "
            "write its weights with the code that made it: "
            "torch.save(model.state_dict(), 'weights.pt'), and import that"
        ) from error
    except (SafetensorError, RuntimeError, EOFError, ValueError) as error:
        raise BadInput(f"{path} cannot be read as weights: {str(error).splitlines()[0]}") from error


def _flat(value: Any, name: str) -> Iterator[tuple[str, Tensor]]:
    """Tensors and numbers in nested mappings; what DataParallel puts before a name is left out."""
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, bool | int | float):
        yield name, torch.tensor(value)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            key = ".".join(word for word in str(key).split(".") if word != "module")
            yield from _flat(inner, f"{name}.{key}" if name else key)


def _split(source: str) -> tuple[str, Path]:
    """PART=PATH -> part, path; a path that has a sign of equality in it is still one."""
    part, equals, path = source.partition("=")
    return (part, Path(path)) if equals and not Path(source).is_file() else ("", Path(source))


def _about(source: str) -> dict[str, str]:
    part, path = _split(source)
    return {"part": part, "file": path.name, "sha256": atomic.sha256(path)}
