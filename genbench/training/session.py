"""One stretch of training, from a start or a resumption to its end, as run.json tells it."""

from __future__ import annotations

import dataclasses
import sys

import torch

from genbench.distributed import group
from genbench.errors import Diverged, GenbenchError
from genbench.interfaces import Json
from genbench.runs import Run, RunState
from genbench.runtime import provenance
from genbench.training import parallel, slurm
from genbench.training.loop import Trainer
from genbench.training.settings import Training


def machines(engine: Training, device: torch.device) -> dict[str, Json]:
    """What run.json says of the devices at work."""
    return {
        "device": str(device),
        "devices": engine.devices,
        "nodes": engine.nodes,
        "processes": group.count(),
    }


def local(run: Run, device: torch.device) -> Run:
    """The run as this process is to see it: on its own device."""
    return dataclasses.replace(run, facts={**run.facts, "device": str(device)})


def carry_out(trainer: Trainer) -> Run:
    """Train, and leave in run.json how it ended and how long it took, all its parts together.

    Raises:
        GenbenchError: what ended it; run.json says so.
    """
    remarks = parallel.idle(trainer.model, trainer.total)
    if parallel.first():
        sys.stderr.writelines(f"{line}\n" for line in remarks)
    try:
        end = trainer.train()
    except GenbenchError as error:
        parallel.note(
            trainer.run,
            state=RunState.DIVERGED if isinstance(error, Diverged) else RunState.FAILED,
            reason=str(error),
            seen=trainer.model.seen,
            seconds=trainer.seconds(),
        )
        raise
    run = parallel.note(
        trainer.run,
        state=end.state,
        reason=end.reason,
        seen=trainer.model.seen,
        total=trainer.total,
        seconds=trainer.seconds(),
        ended=provenance.now(),
        **trainer.pace.facts(),
    )
    if parallel.first() and (words := slurm.requeue(end.signal)):
        sys.stderr.write(f"{words}\n")
    return run
