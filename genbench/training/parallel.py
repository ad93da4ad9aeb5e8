"""Training in several processes as in one: equal weights, a share of each batch, one end.

The images of a step are those of a single process, whatever the number of processes: each
takes its rows of them. Gradients are averaged before an optimiser moves. One process, the
first, writes and prints.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Generator, Tensor, nn
from torch.optim import Optimizer

from genbench.distributed import BatchNorm2d, group, shared, this_share
from genbench.errors import BadSetting
from genbench.interfaces import Json, Learns, Stage, Tensors
from genbench.runs import End, Run
from genbench.training.loader import Loader, Share
from genbench.training.settings import Training

T = TypeVar("T")
# Gradients of GPUs go from GPU to GPU, words and numbers of the host beside them.
BACKENDS = {"cpu": "gloo", "cuda": "cpu:gloo,cuda:nccl"}
BUCKET = 1 << 24  # numbers sent at once: 64 MB of float32, beside the gradients themselves
PROBES = 1000  # places of a training at which its batches are looked at
AGREE_EVERY = 10  # steps between two questions whether somebody was told to stop


# --- beginning and end ------------------------------------------------------------------


@contextlib.contextmanager
def processes(settings: Training, device: torch.device) -> Iterator[torch.device]:
    """Training in as many processes as are wanted, which end together; gives this one's device.

    Raises:
        BadSetting: another number of processes is there, or too few devices.
        GenbenchError: what ended another process.
    """
    backend = BACKENDS[device.type]
    own = group.launch(settings.devices, device, nodes=settings.nodes, backend=backend)
    try:
        yield own
    except Exception as error:
        other = group.end_of_another(error)
        if other is None:
            raise
        raise other from None


def from_first(work: Callable[[], T]) -> T:
    """What the first process makes, in all of them."""
    result = None
    with group.agreed():
        if first():
            result = work()
    found = group.everyone(result)[0]
    assert found is not None
    return found


def in_turn(work: Callable[[], T]) -> T:
    """The same work in one process of each machine, then in the others, which find it cached."""
    results: list[T] = []
    for turn in (True, False):
        with group.agreed():
            if (group.local_rank() == 0) is turn:
                results.append(work())
        if group.count() == 1:
            break
    return results[0]


def first() -> bool:
    """Whether this process writes and prints."""
    return group.rank() == 0


def note(run: Run, **facts: Json) -> Run:
    """The run with changed facts, which the first process writes into run.json."""
    if first():
        return run.update(**facts)
    return dataclasses.replace(run, facts={**run.facts, **facts})


def agreed_end(end: End | None, steps: int) -> End | None:
    """How all should end after this step; None to go on.

    Args:
        end: how this process should.
        steps: taken so far. Only now and then do the processes ask each other.
    """
    if group.count() == 1:
        return end
    if steps % AGREE_EVERY or not _anybody(wish=end is not None):
        return None
    return next(filter(None, group.everyone(end)))


def first_wishes(wish: bool, steps: int) -> bool:  # as `agreed_end`
    """Whether the first process wishes something that all must do at the same step."""
    if group.count() == 1:
        return wish
    return steps % AGREE_EVERY == 0 and _anybody(wish=wish and first())


def _anybody(*, wish: bool) -> bool:
    asked = torch.tensor([wish], dtype=torch.uint8)
    dist.all_reduce(asked, dist.ReduceOp.MAX)
    return bool(asked.item())


# --- steps ------------------------------------------------------------------------------


def attach(model: Learns) -> None:
    """Make the model of every process the same, and let it stay so.

    Raises:
        BadSetting: a batch norm would go by the share of its process alone.
    """
    if group.count() == 1:
        return
    assert isinstance(model, nn.Module)
    for name, part in model.named_modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm) and not isinstance(part, BatchNorm2d):
            raise BadSetting(
                f"{name} of this model is a {type(part).__name__}, which would see only the share "
                "of the batch that its process has; build it as genbench.distributed.BatchNorm2d, "
                "or train with --devices 1"
            )
    with torch.no_grad():
        # Equal seeds make equal weights; what was prepared on a GPU may differ in the last place.
        for value in model.state_dict().values():
            dist.broadcast(value, 0)
    for optimizer in model.optimizers().values():
        optimizer.register_step_pre_hook(_average)


def shares(stage: Stage, shown: int) -> int:
    """Into how many equal shares the images of a step go: at most one for each process.

    A short last batch is not divided: every process does all of it, as a single one would.
    """
    if shown != stage.batch:
        return 1
    return math.gcd(group.count(), stage.batch // stage.updates)


def take_step(model: Learns, loader: Loader, shown: int, rng: Generator) -> Tensors:
    """One training step on the next *shown* images, of which this process takes its share."""
    stage = model.stage(model.seen)
    with shared(shares(stage, shown)):
        share = Share(stage.updates, *this_share())
        return model.step(loader.batch(model.seen, shown, share), rng)


def mean(scalars: Tensor) -> Tensor:
    """Numbers to log, (n,), as means over all processes."""
    if group.count() > 1:
        dist.all_reduce(scalars)
        scalars /= group.count()
    return scalars


def idle(model: Learns, total: int) -> list[str]:
    """What to know about batches that not all processes can share.

    Args:
        model: its stages are looked at from where it stands.
        total: images that the whole training shows.
    """
    if group.count() == 1:
        return []
    count, found = group.count(), dict[int, Stage]()
    # A stage that is shorter than a probe's distance costs little time, so it may be missed.
    for seen in range(model.seen, total, max(1, (total - model.seen) // PROBES)):
        stage = model.stage(seen)
        if shares(stage, stage.batch) < count:
            found.setdefault(stage.batch, stage)
    return [
        f"{stage.name}: a batch of {stage.batch} goes into {shares(stage, stage.batch)} equal "
        f"shares, so {count} processes are as fast as {shares(stage, stage.batch)}"
        for stage in found.values()
    ]


@torch.no_grad()
def _average(optimizer: Optimizer, _: Any, __: Any) -> None:
    """Give every process the mean of their gradients, just before the optimiser uses them."""
    weights = (weight for part in optimizer.param_groups for weight in part["params"])
    for bucket in _buckets([weight.grad for weight in weights if weight.grad is not None]):
        flat = torch.cat([gradient.reshape(-1) for gradient in bucket])
        dist.all_reduce(flat)
        flat /= group.count()
        pieces = torch.split(flat, [gradient.numel() for gradient in bucket])
        torch._foreach_copy_(
            list(bucket), [p.view(g.shape) for p, g in zip(pieces, bucket, strict=True)]
        )


def _buckets(gradients: Sequence[Tensor]) -> Iterator[Sequence[Tensor]]:
    """Gradients of one type together, up to `BUCKET` numbers."""
    bucket: list[Tensor] = []
    for gradient in gradients:
        size = sum(g.numel() for g in bucket) + gradient.numel()
        if bucket and (size > BUCKET or gradient.dtype != bucket[0].dtype):
            yield bucket
            bucket = []
        bucket.append(gradient)
    if bucket:
        yield bucket
