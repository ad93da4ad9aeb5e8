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

import torch

from genbench import registry
from genbench.data import Dataset, open_dataset
from genbench.errors import BadInput
from genbench.interfaces import Averages, Json, Learns, Prepares, Settles
from genbench.runs import checkpoints
from genbench.runs.state import RunState, in_words, read_state
from genbench.runtime import atomic, seeds
from genbench.runtime.devices import choose
from genbench.runtime.paths import as_path
from genbench.settings import Layer, resolve

FORMAT = 1
EVALUATIONS = "evaluations.json"  # in the run folder: numbers taken in training, with protocol


@dataclass(frozen=True)
class Run:
    """A run folder that has been recognised as one."""

    folder: Path
    facts: Mapping[str, Json]  # run.json
    settings: Mapping[str, Mapping[str, Json]]  # settings.json: "model" and "training"

    @property
    def id(self) -> str:
        """Twelve hex digits, chosen when the run began."""
        return str(self.facts["id"])

    @property
    def name(self) -> str:
        """Name of the folder, which is how people call the run."""
        return self.folder.name

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


def data_of(run: Run) -> Dataset:
    """The data set that *run* was trained on, opened as it was then.

    Raises:
        BadInput: it is gone, or holds other images now.
    """
    if run.facts["fingerprint"] is None:
        raise BadInput(f"{run.folder} does not say what it was trained on; give --data")
    place = run.value("training", "data_dir")
    data = open_dataset(
        str(run.facts["data"]),
        run.resolution,
        data_dir=Path(place) if place else None,
        on_bad=run.value("training", "on_bad"),
    )
    if not data.known_as(run.facts["fingerprint"]):
        raise BadInput(
            f"{run.folder} was trained on {run.facts['dataset']} with fingerprint "
            f"{str(run.facts['fingerprint'])[:12]}, but {run.facts['data']} now has "
            f"{data.fingerprint[:12]}: the images changed; start a new run"
        )
    return data


def build(name: str, settings: Any, resolution: int, seed: int) -> Learns:
    """A fresh model of the registry, its weights a function of *seed* alone."""
    declared = registry.model(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = declared.build(settings, resolution)
    model.seen = 0
    return model


def outline(name: str, settings: Any, resolution: int) -> Learns:
    """The model without numbers in it, which costs neither time nor memory, where it can be."""
    try:
        with torch.device("meta"):
            return registry.model(name).build(settings, resolution)
    except (RuntimeError, NotImplementedError):  # a stranger's model that looks at its numbers
        return build(name, settings, resolution, seed=0)


def prepare(model: Learns, data: Dataset, seed: int) -> None:
    """Let a model look at its training images before the first step, if it wants to."""
    if isinstance(model, Prepares):
        tensors = model.state_dict().values()
        device = next((tensor.device for tensor in tensors), torch.device("cpu"))
        model.prepare(data.train, seeds.generator(seed, "prepare", device=device))


def settings_of(run: Run) -> Any:
    """The settings of its model, as the model takes them."""
    values = {name: entry["value"] for name, entry in run.settings["model"].items()}
    schema = registry.model(run.model).settings
    return resolve(schema, [Layer(f"{run.name}/settings.json", values)], run.model).values


def rebuild(run: Run) -> Learns:
    """A fresh, untrained model with the settings of *run*."""
    return build(run.model, settings_of(run), run.resolution, int(run.value("training", "seed")))


def load(
    folder: str | Path,
    *,
    device: str = "auto",
    average: bool = True,
    checkpoint: str = checkpoints.LATEST,
) -> Learns:
    """The trained model of a run folder, in evaluation mode, ready for encode, decode, sample.

    Args:
        folder: the run.
        device: "auto", "cpu", "cuda", "cuda:1".
        average: use the running average of the weights where the model keeps one.
        checkpoint: "latest", or "best": what a metric liked most in training (``--evaluate``).

    Raises:
        BadInput: not a run, no checkpoint, or weights that do not fit the model.
    """
    run = read(Path(folder))
    if checkpoint == checkpoints.BEST:
        found = checkpoints.read(checkpoints.best(run.folder)[0], training=False)
    else:
        found, _ = checkpoints.latest(run.checkpoints, training=False)
    model = rebuild(run)
    restore(model, found, run.folder)
    if average:
        use_average(model, found.average)
    where = choose(device)
    return frozen(model, where)


def restore(model: Learns, checkpoint: checkpoints.Checkpoint, folder: Path) -> None:
    """Put the weights and the counter of *checkpoint* into *model*."""
    try:
        model.load_state_dict(checkpoint.model)
    except RuntimeError as error:
        lines = str(error).splitlines()
        raise BadInput(
            f"the weights in {folder} do not fit the model as this version builds it: "
            + " ".join(line.strip() for line in lines[1:3])
        ) from error
    model.seen = checkpoint.seen


def averaged(model: Learns) -> Mapping[str, torch.nn.Module]:
    """The networks of which a running average is kept; none where the model does not say."""
    return model.averaged() if isinstance(model, Averages) else {}


def use_average(model: Learns, average: Mapping[str, torch.Tensor]) -> None:
    """Replace the weights of the averaged networks by their averages."""
    for name, network in averaged(model).items():
        prefix = f"{name}."
        own = {
            key.removeprefix(prefix): value
            for key, value in average.items()
            if key.startswith(prefix)
        }
        network.load_state_dict(own)
    if isinstance(model, Settles):
        model.settle()


def untrained(run: Run, data: Dataset, device: str = "auto") -> Learns:
    """The model of *run* before its first step, answering at the full resolution.

    A model that started from a trained one is taken as it was built, before that too.
    """
    model = rebuild(run)
    model.to(choose(device))
    prepare(model, data, int(run.value("training", "seed")))
    model.seen = int(_newest(run).name)
    return frozen(model, choose(device))


def _newest(run: Run) -> Path:
    newest = checkpoints.newest(run.checkpoints)
    if newest is None:
        raise BadInput(f"{run.folder} holds no checkpoint yet")
    return newest


def frozen(model: Learns, device: torch.device) -> Learns:
    """*model* on *device*, in evaluation mode, without gradients."""
    model.to(device)
    model.eval()
    if isinstance(model, torch.nn.Module):
        model.requires_grad_(False)
    return model
