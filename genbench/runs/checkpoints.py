"""Checkpoints: written whole or not at all, checked when read, nothing in them can run code.

A checkpoint is a folder named after the number of images seen:

    model.safetensors     weights and buffers
    average.safetensors   running averages of the networks that keep one
    optimizers.pt         optimiser states, read with ``weights_only=True``
    state.json            counters, and the sha256 of every other file
"""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError

from genbench.errors import BadInput
from genbench.runtime.atomic import new_folder, read_json, sha256

if TYPE_CHECKING:  # torch loads where weights are read: a list of runs need not wait for it
    from torch import Tensor

FORMAT = 1
MODEL, AVERAGE, OPTIMIZERS = "model.safetensors", "average.safetensors", "optimizers.pt"


@dataclass(frozen=True)
class Checkpoint:
    """Everything that training needs to go on as if nothing had happened."""

    seen: int  # training images shown
    model: Mapping[str, Tensor]
    average: Mapping[str, Tensor] = field(default_factory=dict)
    optimizers: Mapping[str, Any] = field(default_factory=dict)
    random: Mapping[str, Tensor] = field(default_factory=dict)  # states of the generators


def write(folder: Path, checkpoint: Checkpoint, keep: int) -> Path:
    """Add a checkpoint to *folder*, then remove all but the newest *keep*."""
    import torch
    from safetensors.torch import save_file

    target = folder / f"{checkpoint.seen:010d}"
    with new_folder(target) as temporary:
        save_file(_plain(checkpoint.model), temporary / MODEL)
        save_file(_plain(checkpoint.average), temporary / AVERAGE)
        torch.save(
            {"optimizers": dict(checkpoint.optimizers), "random": dict(checkpoint.random)},
            temporary / OPTIMIZERS,
        )
        files = {name: sha256(temporary / name) for name in (MODEL, AVERAGE, OPTIMIZERS)}
        state = {"format": FORMAT, "seen": checkpoint.seen, "files": files}
        (temporary / "state.json").write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")
    for old in _folders(folder)[keep:]:
        shutil.rmtree(old, ignore_errors=True)
    return target


def snapshot(checkpoint: Checkpoint) -> Checkpoint:
    """A copy in the memory of the host that further training does not change."""
    copied: Checkpoint = _copied(checkpoint)
    return copied


def set_aside(folder: Path, after: int) -> list[str]:
    """Rename checkpoints of more than *after* images, so that nobody goes on from them.

    The oldest one stays in any case; those set aside before are deleted. Returns the new names.
    """
    for old in folder.glob("doubtful-*"):
        shutil.rmtree(old, ignore_errors=True)
    doubtful = [entry for entry in _folders(folder)[:-1] if int(entry.name) > after]
    return [entry.rename(folder / f"doubtful-{entry.name}").name for entry in doubtful]


def latest(folder: Path, *, training: bool) -> tuple[Checkpoint, list[str]]:
    """The newest checkpoint that is whole, and what was wrong with those passed over.

    Args:
        folder: the run's folder of checkpoints.
        training: read the optimiser and random states too.

    Raises:
        BadInput: there is none, or all are damaged.
    """
    damaged: list[str] = []
    for candidate in _folders(folder):
        try:
            return read(candidate, training=training), damaged
        except BadInput as error:
            damaged.append(str(error))
    found = "; ".join(damaged) if damaged else "it holds no checkpoint yet"
    raise BadInput(f"{folder} has no checkpoint to load: {found}")


def read(source: Path, *, training: bool) -> Checkpoint:
    """One checkpoint, after checking the sha256 of every file that is read.

    Raises:
        BadInput: a file is missing or is not what was written.
    """
    import torch
    from safetensors.torch import load_file

    state = read_json(source / "state.json")
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise BadInput(f"{source / 'state.json'} is not a genbench checkpoint of format {FORMAT}")
    for name in (MODEL, AVERAGE) + ((OPTIMIZERS,) if training else ()):
        file = source / name
        if not file.is_file() or sha256(file) != state["files"].get(name):
            raise BadInput(f"{file} is damaged or missing")
    rest: dict[str, Any] = {"optimizers": {}, "random": {}}
    try:
        model, average = load_file(source / MODEL), load_file(source / AVERAGE)
        if training:
            rest = torch.load(source / OPTIMIZERS, weights_only=True, map_location="cpu")
    except (SafetensorError, RuntimeError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0]
        raise BadInput(f"{source} cannot be read: {reason}") from error
    return Checkpoint(int(state["seen"]), model, average, rest["optimizers"], rest["random"])


def weights_digest(source: Path) -> str:
    """sha256 of the weights that evaluation uses, as state.json states it."""
    files = read_json(source / "state.json")["files"]
    return f"{files[MODEL][:16]}-{files[AVERAGE][:16]}"


def newest(folder: Path) -> Path | None:
    """The newest checkpoint folder, unread."""
    return next(iter(_folders(folder)), None)


def _folders(folder: Path) -> list[Path]:
    """Checkpoint folders, newest first; temporary ones have a dot in front."""
    if not folder.is_dir():
        return []
    found = (entry for entry in folder.iterdir() if entry.is_dir() and entry.name.isdigit())
    return sorted(found, reverse=True)


def _copied(value: Any) -> Any:
    from torch import Tensor

    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, Checkpoint):
        return replace(value, **{f.name: _copied(getattr(value, f.name)) for f in fields(value)})
    if isinstance(value, Mapping):
        return {key: _copied(inner) for key, inner in value.items()}
    return [_copied(inner) for inner in value] if isinstance(value, list) else value


def _plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Contiguous copies on the CPU that share no memory, as safetensors wants them."""
    return {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
