"""Run folders: what `genbench train` makes and everything else reads.

run.json        what was trained on what, by which code, and how it ended
settings.json   every setting of model and training, with the source of each value
checkpoints/    see genbench.runs.checkpoints
tensorboard/    scalars while training
grids/          samples and reconstructions over time
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genbench.errors import BadInput
from genbench.interfaces import Json
from genbench.runs.state import RunState, in_words, read_state
from genbench.runtime import atomic
from genbench.runtime.paths import absolute, as_path

FORMAT = 1
EVALUATIONS = "evaluations.json"  # in the run folder: numbers taken in training, with protocol


@dataclass(frozen=True)
class Run:
    """A run folder that has been recognised as one."""

    folder: Path
    facts: Mapping[str, Json]  # run.json
    settings: Mapping[str, Mapping[str, Json]]  # settings.json: "model" and "training"

    def __repr__(self) -> str:
        """For a prompt and a notebook, where all its settings would be a screen."""
        side, seen = self.facts["resolution"], self.facts.get("seen")
        shown = "" if seen is None else f", {seen:,} images"
        return f"<Run {self.folder}: {self.model} at {side}x{side}, {self.status}{shown}>"

    @property
    def id(self) -> str:
        """Twelve hex digits, chosen when the run began."""
        return str(self.facts["id"])

    @property
    def name(self) -> str:
        """Name of the folder, which is how people call the run."""
        return absolute(self.folder).name

    @property
    def model(self) -> str:
        """Public name of the model."""
        return str(self.facts["model"])

    @property
    def resolution(self) -> int:
        """Of the images it was trained on."""
        return int(self.facts["resolution"])

    @property
    def state(self) -> RunState:
        """What it is doing, or how it ended."""
        return RunState(self.facts["state"])

    @property
    def status(self) -> str:
        """Its state with the reason, for readers: "stopped after 5 minutes, as asked"."""
        return in_words(self.state, str(self.facts.get("reason") or ""))

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.folder / "checkpoints"

    @property
    def device_kind(self) -> str:
        """What it was trained on: "CPU" or "GPU"."""
        return "CPU" if str(self.facts.get("device") or "cpu").startswith("cpu") else "GPU"

    @property
    def device_hours(self) -> float | None:
        """Hours of all its devices together; None before the first checkpoint."""
        seconds = self.facts.get("seconds")
        if seconds is None:
            return None
        return float(seconds) * int(self.facts.get("processes") or 1) / 3600

    def value(self, part: str, name: str) -> Any:
        """A setting's value; *part* is "model" or "training"."""
        return self.settings[part][name]["value"]

    def update(self, **facts: Json) -> Run:
        """Write changed facts into run.json."""
        changed = {**self.facts, **facts}
        atomic.write_json(self.folder / "run.json", changed)
        return Run(self.folder, changed, self.settings)


def create(folder: Path, facts: Mapping[str, Json], settings: Mapping[str, Any]) -> Run:
    """Make a new run folder.

    Raises:
        BadInput: something is already there.
    """
    if folder.exists():
        raise BadInput(
            f"{folder} already exists; continue it with --resume {as_path(folder)}, or choose "
            "another --name"
        )
    facts = {"format": FORMAT, "id": secrets.token_hex(6), **facts}
    with atomic.new_folder(folder) as temporary:
        atomic.write_json(temporary / "settings.json", settings)
        atomic.write_json(temporary / "run.json", facts)
    return Run(folder, facts, settings)


def read(folder: Path) -> Run:
    """The run in *folder*.

    Raises:
        BadInput: it is not a run folder; the message says what is missing.
    """
    if not folder.is_dir():
        raise BadInput(f"{folder} is not a run: there is no such folder; see: genbench runs")
    if not (folder / "run.json").is_file():
        raise BadInput(f"{folder} is not a run: it has no run.json; see: genbench runs")
    facts, settings = (
        atomic.read_json(folder / "run.json"),
        atomic.read_json(folder / "settings.json"),
    )
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise BadInput(f"{folder / 'run.json'} is not of run format {FORMAT}")
    try:
        state, reason = read_state(facts)
    except BadInput as error:
        raise BadInput(f"{folder / 'run.json'} cannot be read: {error}") from None
    return Run(folder, {**facts, "state": state, "reason": reason}, settings)


def discard(run: Run) -> None:
    """Delete a run folder, all of it."""
    shutil.rmtree(run.folder)
