"""The model of a run: built, prepared, rebuilt with its settings, loaded with its weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from genbench import registry
from genbench.data import Dataset, open_dataset
from genbench.distributed import group
from genbench.errors import BadInput, PassedOverWarning
from genbench.interfaces import Averages, Learns, Prepares, Settles
from genbench.runs import best_weights, checkpoints
from genbench.runs._shapes_only import ShapesOnly
from genbench.runs.checkpoints import Weights
from genbench.runs.run import Run, read
from genbench.runtime import caller, seeds
from genbench.runtime.devices import choose
from genbench.settings import Layer, resolve


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
        with torch.device("meta"), ShapesOnly():
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
    checkpoint: str = best_weights.LATEST,
) -> Learns:
    """The trained model of a run folder, in evaluation mode, ready for encode, decode, sample.

    Where the newest weights are damaged, the newest that are whole are taken.

    Args:
        folder: the run.
        device: "auto", "cpu", "cuda", "cuda:1".
        average: use the running average of the weights where the model keeps one.
        checkpoint: "latest", or "best": what a metric liked most in training (``--evaluate``).

    Warns:
        PassedOverWarning: newer weights are damaged; it says which.

    Raises:
        BadInput: not a run, no checkpoint, or weights that do not fit the model.
    """
    return load_known(read(Path(folder)), device, average=average, checkpoint=checkpoint)[0]


def load_known(
    run: Run, device: str = "auto", *, average: bool = True, checkpoint: str = best_weights.LATEST
) -> tuple[Learns, Weights]:
    """As `load`, of a run that is at hand; with which weights these are."""
    passed_over: list[str] = []
    if checkpoint == best_weights.BEST:
        found = _best(run)
    else:
        found, passed_over = checkpoints.latest(run.checkpoints, training=False)
    weights = Weights(found.digest, found.seen, tuple(passed_over))
    if weights.remark is not None and group.rank() == 0:
        caller.warn(f"{run.name}: {weights.remark}", PassedOverWarning)
    model = rebuild(run)
    restore(model, found, run.folder)
    if average:
        use_average(model, found.average)
    return frozen(model, choose(device)), weights


def _best(run: Run) -> checkpoints.Checkpoint:
    place, _ = best_weights.best(run.folder)
    try:
        return checkpoints.read(place, training=False)
    except BadInput:
        if best_weights.best(run.folder)[0] == place:
            raise
        return _best(run)  # training has just found better ones


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


def average_as_it_is(model: Learns) -> dict[str, torch.Tensor]:
    """The present weights of the averaged networks, in place of an average that is not at hand."""
    return {
        f"{name}.{key}": value
        for name, network in averaged(model).items()
        for key, value in network.state_dict().items()
    }


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
    model.seen = checkpoints.look(run.checkpoints).seen
    return frozen(model, choose(device))


def frozen(model: Learns, device: torch.device) -> Learns:
    """*model* on *device*, in evaluation mode, without gradients."""
    model.to(device)
    model.eval()
    if isinstance(model, torch.nn.Module):
        model.requires_grad_(False)
    return model
