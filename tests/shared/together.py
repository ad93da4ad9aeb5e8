"""Runs the same Python code in several processes that form a gloo group."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import torch
from children import all_done, children

PREAMBLE = """
import json, os
import torch
import torch.distributed as dist
torch.set_num_threads(1)
RANK, COUNT = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
if COUNT > 1:
    dist.init_process_group(
        "gloo", init_method=os.environ["MEETING"], rank=RANK, world_size=COUNT
    )
    from genbench.distributed import shared
    sharing = shared(COUNT)
    sharing.__enter__()
def tell(value):
    print("told " + json.dumps(value), flush=True)
"""
# Threads of gloo can abort a process that leaves in the ordinary way.
FAREWELL = """
if COUNT > 1:
    dist.barrier()
    dist.destroy_process_group()
os._exit(0)
"""


def alone(code: str) -> Any:
    """Run *code* in this process, which has no other beside it; returns what it tells.

    A process of its own would load torch for seconds. So it must leave alone what tests share.
    """
    told: list[Any] = []
    exec(code, {"RANK": 0, "COUNT": 1, "torch": torch, "tell": told.append})
    (value,) = told
    return value


def together(code: str, folder: Path, count: int = 2) -> list[Any]:
    """Run *code* in *count* processes; returns what each of them hands to ``tell``.

    The code may use RANK, COUNT, torch and dist, and shares a training step. With a count of 1
    there is no group.
    """
    meeting = f"file://{folder / f'meeting-{count}'}"
    shared = os.environ | {"WORLD_SIZE": str(count), "MEETING": meeting}
    command = [sys.executable, "-c", PREAMBLE + code + FAREWELL]
    with children() as start:
        running = [start(*command, env=shared | {"RANK": str(rank)}) for rank in range(count)]
        said = all_done(running)
    lines = [line for out in said for line in out.splitlines() if line.startswith("told ")]
    return [json.loads(line.removeprefix("told ")) for line in lines]
