"""How a training step is carried out: in which precision, and compiled or not.

The default, precision 32 without compiling, is exact: on a CPU a resumed run equals the
uninterrupted one bit for bit. The others change numbers by rounding, and so in the end the run:

* tf32 keeps 10 bits of the factors of float32 products, on GPUs that have it;
* bf16 keeps 7 bits of them, and the feature maps of convolutions; weights, optimisers and
  averages stay float32;
* compiled networks add in another order, at about 1e-6 of a value.

All of it is a setting, so it stands in settings.json and a resumed run keeps it. Only
training steps are affected: grids and evaluations are drawn eagerly, in float32.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import nn

from genbench.interfaces import Json, Learns, Stage
from genbench.runtime.devices import bfloat16, full_float32, tensor_float32
from genbench.training.settings import Training


class Pace:
    """Has steps of a model taken as the settings say."""

    def __init__(
        self,
        model: Learns,
        settings: Training,
        device: torch.device,
        eager: Mapping[str, str] | None = None,
    ) -> None:
        """Nothing is compiled before the first step; *eager* ones (`Model.eager`) never are."""
        self.model, self.precision, self.device = model, settings.precision, device
        self.compiler = Compiler(model, device, eager or {}) if settings.compile else None

    @contextlib.contextmanager
    def kept(self, shown: int) -> Iterator[None]:
        """For one training step of the model, which shows so many images."""
        with self._arithmetic():
            if self.compiler is None:
                yield
            else:
                with self.compiler.at_work(self.model.stage(self.model.seen), shown):
                    yield

    def _arithmetic(self) -> AbstractContextManager[None]:
        if self.precision == "bf16":
            return bfloat16(self.device)
        return tensor_float32() if self.precision == "tf32" else full_float32()

    @property
    def note(self) -> str:
        """For the progress bar: what was compiled so far; empty where nothing was."""
        return self.compiler.note if self.compiler else ""

    def facts(self) -> dict[str, Json]:
        compiled = None if self.compiler is None else self.compiler.facts()
        return {"precision": self.precision, "compiled": compiled}


class Compiler:
    """Compiled forms of a model's networks, which stand in for them during steps.

    Compiled are the parts of the model that have parameters, but for those that it declares
    eager: a part differentiated twice, for a gradient penalty, cannot be. Every stage and
    batch size has its own graphs; those of the stage before are forgotten, since torch keeps
    only a few of each function and then silently stops compiling.
    """

    def __init__(self, model: Learns, device: torch.device, eager: Mapping[str, str]) -> None:
        """Find the networks, and whether there is a compiler at all.

        Args:
            model: whose networks these are.
            device: that they work on.
            eager: networks to leave alone -> why.
        """
        self.eager = dict(eager)
        assert isinstance(model, nn.Module)
        self.networks = {
            name: part
            for name, part in model.named_children()
            if name not in self.eager and any(True for _ in part.parameters())
        }
        self.trouble = trouble(device) if self.networks else "the model has no network to compile"
        self.seconds, self.graphs = 0.0, 0
        self._stage: tuple[object, ...] = ()
        self._forms: dict[str, Callable[..., Any]] = {}

    @contextlib.contextmanager
    def at_work(self, stage: Stage, rows: int) -> Iterator[None]:
        """The networks compiled for *stage*, for one step."""
        if self.trouble:
            yield
            return
        now = (stage.resolution, stage.alpha < 1, rows)
        if now != self._stage:
            torch.compiler.reset()
            # Exact sizes: a graph for any size is slower, and a stage has only one.
            self._forms = {
                name: torch.compile(network.forward, dynamic=False)
                for name, network in self.networks.items()
            }
            self._stage = now
        began, graphs = time.monotonic(), _graphs()
        with self._in_place():
            yield
        if _graphs() > graphs:
            self.graphs += _graphs() - graphs
            self.seconds += time.monotonic() - began

    @contextlib.contextmanager
    def _in_place(self) -> Iterator[None]:
        for name, network in self.networks.items():
            network.forward = self._forms[name]
        try:
            yield
        finally:
            for network in self.networks.values():
                del network.forward

    @property
    def note(self) -> str:
        """What was compiled, or why nothing was."""
        if self.trouble:
            return f"not compiled: {self.trouble}"
        return f"{self.graphs} graphs compiled in {self.seconds:.0f} s"

    def facts(self) -> dict[str, Json]:
        """Networks, those left eager with the reason, and what compiling took.

        The seconds are those of the steps that compiled something, with the step itself.
        """
        if self.trouble:
            return {"networks": [], "trouble": self.trouble}
        return {
            "networks": sorted(self.networks),
            "eager": self.eager,
            "graphs": self.graphs,
            "seconds": round(self.seconds, 1),
        }


def trouble(device: torch.device) -> str:
    """Why torch cannot compile for *device*, in one line; empty where it can."""
    probe = torch.compile(_probe, dynamic=False)
    try:
        probe(torch.zeros(8, device=device))
    except (RuntimeError, OSError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        needs = "a C++ compiler (g++)" if device.type == "cpu" else "triton and a C compiler"
        return f"torch.compile needs {needs} and said: {lines[0][:120]}"
    return ""


def _probe(x: torch.Tensor) -> torch.Tensor:
    return x.sin() + 1


def _graphs() -> int:
    from torch._dynamo.utils import counters  # a second of imports that few runs need

    return int(counters["stats"]["unique_graphs"])
