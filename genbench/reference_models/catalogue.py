"""Reference models: what there is, and how it becomes a model or a run.

Each lies beside this file: ``NAME.safetensors``, the weights that it answers with, and
``NAME.json``, how they were trained and what was measured with them. They let everything be
tried, and checked against known numbers, before anything is trained or fetched. They show that
the models work, not how good they are: the faces are drawn, and small.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genbench import runs
from genbench.errors import BadInput, UnknownName, WrongWeights, nearest
from genbench.interfaces import Json, Learns
from genbench.runs import Run, RunState, checkpoints
from genbench.runtime import atomic

if TYPE_CHECKING:  # torch loads where a model is wanted: a list of them need not wait for it
    from torch import Tensor

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Entry:
    """A reference model, its weights unread."""

    name: str
    folder: Path

    @cached_property
    def card(self) -> Mapping[str, Any]:
        """What NAME.json says.

        ``facts`` and ``settings`` are those of its run, ``sha256`` that of the weights,
        ``numbers`` came of measuring it as ``evaluation`` says.
        """
        found: Mapping[str, Any] = atomic.read_json(self.folder / f"{self.name}.json")
        return found

    @property
    def weights(self) -> Path:
        """The file of the weights."""
        return self.folder / f"{self.name}.safetensors"

    def text(self) -> str:
        """The model card, as Markdown."""
        return (self.folder / f"{self.name}.md").read_text(encoding="utf-8")

    @property
    def facts(self) -> Mapping[str, Json]:
        """Those of the run that a use of it makes.

        The id follows from the weights, so that numbers of two machines are of one model.
        """
        digest: str = self.card["sha256"]
        imported: list[Json] = [{"part": "", "file": self.weights.name, "sha256": digest}]
        facts = {"id": digest[:12], "state": RunState.IMPORTED, "imported": imported}
        return {**self.card["facts"], **facts}


def entries() -> list[Entry]:
    """Every reference model, by name."""
    return [Entry(file.stem, FOLDER) for file in sorted(FOLDER.glob("*.json"))]


def entry(name: str) -> Entry:
    """The reference model *name*.

    Raises:
        UnknownName: there is none; the message says which there are.
    """
    known = {each.name: each for each in entries()}
    if name not in known:
        raise UnknownName(
            f"no reference model is called {name!r}.{nearest(name, known)} See: genbench zoo list"
        )
    return known[name]


def zoo(name: str, *, device: str = "auto") -> Learns:
    """A reference model, in evaluation mode, ready for encode, decode, sample.

    Args:
        name: as ``genbench zoo list`` has it, "pioneer-toyfaces-32".
        device: "auto", "cpu", "cuda", "cuda:1".

    Raises:
        UnknownName: there is none of that name.
    """
    from genbench.runtime.devices import choose

    return runs.frozen(_built(entry(name)), choose(device))


def use(name: str, *, runs_dir: str | Path = "runs", called: str | None = None) -> Run:
    """Make a run folder of a reference model; what ``genbench zoo use`` does.

    Args:
        name: as ``genbench zoo list`` has it.
        runs_dir: folder of run folders.
        called: name of the run; by default that of the model.

    Returns:
        The run, in the state "imported": it is measured and drawn as any other, and not trained
        on. The one that is there, where it was made before.

    Raises:
        UnknownName: there is none of that name.
        BadInput: another run has the name.
    """
    found, folder = entry(name), Path(runs_dir) / (called or name)
    run = runs.read(folder) if (folder / "run.json").is_file() else None
    if run is None or run.id != found.facts["id"]:
        run = runs.create(folder, found.facts, found.card["settings"])
    try:
        checkpoints.look(run.checkpoints)
    except BadInput:  # new, or a use of it was killed here, or its weights are damaged
        shutil.rmtree(run.checkpoints, ignore_errors=True)
        model = _built(found)
        average = runs.average_as_it_is(model)
        checkpoint = checkpoints.Checkpoint(model.seen, model.state_dict(), average)
        checkpoints.write(run.checkpoints, checkpoint, keep=1)
    return run


def pack(run: Run, card: Mapping[str, Json], folder: Path = FOLDER) -> Entry:
    """Make a reference model of a run: what it answers with, and what it says of itself.

    Args:
        run: a trained one.
        card: what NAME.json says beside facts, settings and sha256.
        folder: where both files go.
    """
    from safetensors.torch import save_file

    model = runs.load(run.folder, device="cpu")
    found = Entry(run.name, folder)
    save_file(_answering(model), found.weights)
    facts = {name: run.facts[name] for name in sorted(run.facts) if name not in LOCAL}
    provenance = facts.get("provenance")
    if isinstance(provenance, dict):
        facts["provenance"] = {k: v for k, v in provenance.items() if k != "platform"}
    whole = {
        "sha256": atomic.sha256(found.weights),
        **card,
        "facts": facts,
        "settings": run.settings,
    }
    atomic.write_json(folder / f"{run.name}.json", whole)
    return found


LOCAL = ("id", "state", "reason", "from", "processes")  # facts that are the run's, not the model's


def _answering(model: Learns) -> dict[str, Tensor]:
    """The tensors of a model's state that it answers with.

    The rest serves training alone: networks have weights, and a buffer of older images has none.
    """
    from torch import nn

    assert isinstance(model, nn.Module)
    idle = {name for name, part in model.named_children() if next(part.parameters(), None) is None}
    return {
        name: tensor.contiguous()
        for name, tensor in model.state_dict().items()
        if name.split(".")[0] not in idle
    }


def _built(found: Entry) -> Learns:
    """The model with its weights."""
    from safetensors.torch import load_file

    if atomic.sha256(found.weights) != found.card["sha256"]:
        raise WrongWeights(f"{found.weights} is not what its card says; install genbench anew")
    model = runs.rebuild(Run(Path(found.name), found.facts, found.card["settings"]))
    model.load_state_dict({**model.state_dict(), **load_file(found.weights)})
    model.seen = int(found.card["facts"]["seen"])
    return model
