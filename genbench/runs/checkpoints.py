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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from safetensors import SafetensorError

from genbench.errors import BadInput
from genbench.runtime.atomic import new_folder, read_json, sha256

if TYPE_CHECKING:  # torch loads where weights are read: a list of runs need not wait for it
    from torch import Tensor

FORMAT = 1
T = TypeVar("T")
MODEL, AVERAGE, OPTIMIZERS = "model.safetensors", "average.safetensors", "optimizers.pt"


@dataclass(frozen=True)
class Checkpoint:
    """Everything that training needs to go on as if nothing had happened."""

    seen: int  # training images shown
    model: Mapping[str, Tensor]
    average: Mapping[str, Tensor] = field(default_factory=dict)
    optimizers: Mapping[str, Any] = field(default_factory=dict)
    random: Mapping[str, Tensor] = field(default_factory=dict)  # states of the generators
    digest: str = ""  # of the weights, where they were read from files


@dataclass(frozen=True)
class Weights:
    """Which weights of a run are meant, known by their content."""

    digest: str
    seen: int  # training images shown
    passed_over: tuple[str, ...] = ()  # newer checkpoints, with what is wrong with them

    @property
    def remark(self) -> str | None:
        """What is to be said of them, if newer ones were passed over."""
        if not self.passed_over:
            return None
        wrong = "; ".join(self.passed_over)
        return f"weights of {self.seen:,} images were taken, for newer ones are damaged: {wrong}"


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
        # Renamed first: who looks for weights meanwhile shall not take half of one for damaged.
        old.rename(folder / f".{old.name}.old")
    for old in folder.glob(".*.old"):
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
    return _first_whole(folder, lambda place: read(place, training=training))


def look(folder: Path) -> Weights:
    """The weights that `latest` takes; they are checked, and not loaded.

    Raises:
        BadInput: there are none, or all are damaged.
    """
    found, damaged = _first_whole(folder, check)
    return replace(found, passed_over=tuple(damaged))


def check(source: Path) -> Weights:
    """Whether the weights of a checkpoint are those that were written; which these are.

    Raises:
        BadInput: a file is missing or is not what was written.
    """
    state = _state(source, (MODEL, AVERAGE))
    return Weights(_digest(state), int(state["seen"]))


def _first_whole(folder: Path, act: Callable[[Path], T]) -> tuple[T, list[str]]:
    """What *act* makes of the newest checkpoint that it can use, and why not of newer ones.

    Raises:
        BadInput: it can use none.
    """
    damaged: dict[Path, str] = {}
    while True:
        # Looked up anew each time: a training that goes on removes old ones and writes new ones.
        found = next((place for place in _folders(folder) if place not in damaged), None)
        if found is None:
            why = "; ".join(damaged.values()) or "it holds no checkpoint yet"
            raise BadInput(f"{folder} has no checkpoint to load: {why}")
        try:
            return act(found), list(damaged.values())
        except BadInput as error:
            if found.is_dir():
                damaged[found] = str(error)


def read(source: Path, *, training: bool) -> Checkpoint:
    """One checkpoint, after checking the sha256 of every file that is read.

    Raises:
        BadInput: a file is missing or is not what was written.
    """
    import torch
    from safetensors.torch import load_file

    state = _state(source, (MODEL, AVERAGE) + ((OPTIMIZERS,) if training else ()))
    rest: dict[str, Any] = {"optimizers": {}, "random": {}}
    try:
        model, average = load_file(source / MODEL), load_file(source / AVERAGE)
        if training:
            rest = torch.load(source / OPTIMIZERS, weights_only=True, map_location="cpu")
    except (SafetensorError, RuntimeError, pickle.UnpicklingError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise BadInput(f"{source} cannot be read: {reason}") from error
    seen, optimizers, random = int(state["seen"]), rest["optimizers"], rest["random"]
    return Checkpoint(seen, model, average, optimizers, random, _digest(state))


def _state(source: Path, names: Sequence[str]) -> dict[str, Any]:
    """What state.json says, once the files *names* are what it promises."""
    state = read_json(source / "state.json")
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise BadInput(f"{source / 'state.json'} is not a genbench checkpoint of format {FORMAT}")
    files = state.get("files")
    if not isinstance(files, dict) or not isinstance(state.get("seen"), int):
        raise BadInput(f"{source / 'state.json'} does not say which files belong to it")
    for name in names:
        try:
            whole = sha256(source / name) == files.get(name)
        except OSError:
            whole = False
        if not whole:
            raise BadInput(f"{source / name} is damaged or missing")
    return state


def _digest(state: Mapping[str, Any]) -> str:
    """Of the weights that evaluation uses."""
    return f"{state['files'][MODEL][:16]}-{state['files'][AVERAGE][:16]}"


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
