"""The training loop: feed, step, average, log, draw, checkpoint, stop when told to."""

from __future__ import annotations

import contextlib
import math
import signal
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType

import torch
from torch.utils.tensorboard import SummaryWriter

from genbench import checkpoints, progress, seeds
from genbench.data import Dataset
from genbench.errors import Diverged
from genbench.files import full_disk_is_an_error
from genbench.interfaces import Learns, Stage, Tensors
from genbench.runs import Run, restore
from genbench.training import pictures
from genbench.training.averages import Averages
from genbench.training.feed import Feed
from genbench.training.settings import Training


@dataclass
class Stop:
    """Whether, and why, training should end after the present step."""

    reason: str = ""


class Trainer:
    """One run at work: a model, its data, and everything a checkpoint holds."""

    def __init__(self, run: Run, model: Learns, data: Dataset, settings: Training) -> None:
        """Put the model on its device and prepare the feed; nothing is written yet."""
        self.run, self.model, self.data, self.settings = run, model, data, settings
        self.device = torch.device(str(run.facts["device"]))
        if settings.threads is not None:
            torch.set_num_threads(settings.threads)
        model.to(self.device)
        model.train()
        flip = settings.flip and data.recipe.flip and model.FLIPS
        self.feed = Feed(data.train, settings.seed, self.device, flip=flip)
        self.averages = Averages(model)
        self.rng = seeds.generator(settings.seed, "training", device=self.device)
        self.total = total(model, data, settings)

    def resume(self) -> list[str]:
        """Go on from the newest good checkpoint; returns what was wrong with newer ones."""
        checkpoint, damaged = checkpoints.latest(self.run.checkpoints, training=True)
        restore(self.model, checkpoint, self.run.folder)
        self.averages.restore({k: v.to(self.device) for k, v in checkpoint.average.items()})
        for name, optimizer in self.model.optimizers().items():
            optimizer.load_state_dict(checkpoint.optimizers[name])
        self.rng.set_state(checkpoint.random["training"])
        torch.set_rng_state(checkpoint.random["torch"])
        return damaged

    def save(self) -> None:
        """Write a checkpoint of this moment.

        Raises:
            Diverged: there is nothing worth keeping; the checkpoints that are there stay.
        """
        state = self.model.state_dict()
        # Scalars are looked at now and then, and before the update: weights can be gone by now.
        floats = {name: value for name, value in state.items() if value.is_floating_point()}
        self._refuse([name for name, value in floats.items() if not value.isfinite().all()])
        checkpoint = checkpoints.Checkpoint(
            seen=self.model.seen,
            model=state,
            average=self.averages.state(),
            optimizers={n: o.state_dict() for n, o in self.model.optimizers().items()},
            random={"training": self.rng.get_state(), "torch": torch.get_rng_state()},
        )
        checkpoints.write(self.run.checkpoints, checkpoint, self.settings.keep)

    def train(self) -> str:
        """Train to the end, to the time limit or to a signal; returns why it ended.

        Raises:
            Diverged: a scalar stopped being finite; the last good checkpoint stays.
            KeyboardInterrupt: a second signal came before the checkpoint was written.
        """
        model, total = self.model, self.total
        title = f"{self.run.model} on {self.data.name}"
        with (
            _signals() as stop,
            _writer(self.run, model.seen) as log,
            progress.bar(title, total, start=model.seen) as advance,
        ):
            started = saved = time.monotonic()
            worked = time.process_time()
            logged, steps = (model.seen, started), 0
            note = _where(model.stage(model.seen))
            self._draw()
            drawn = self._grid_number()
            while model.seen < total and not stop.reason:
                scalars, shown = self._step()
                steps += 1
                if steps % self.settings.log_every == 0 or model.seen >= total:
                    now = time.monotonic()
                    rate = (model.seen - logged[0]) / max(now - logged[1], 1e-9)
                    note = self._log(log, scalars, rate)
                    logged = (model.seen, now)
                advance(shown, note=note)
                if self._grid_number() > drawn:
                    drawn = self._grid_number()
                    self._draw()
                if time.monotonic() - saved > 60 * self.settings.checkpoint_minutes:
                    self.save()
                    saved = time.monotonic()
                stop.reason = stop.reason or self._out_of_time(started, worked)
            self._finish()
        return stop.reason or "finished"

    def _step(self) -> tuple[Tensors, int]:
        """Show one batch; returns the model's scalars and the number of images shown."""
        model = self.model
        shown = min(model.stage(model.seen).batch, self.total - model.seen)
        scalars = model.step(self.feed.batch(model.seen, shown), self.rng)
        self.averages.update()
        model.seen += shown
        return scalars, shown

    def _log(self, log: SummaryWriter, scalars: Tensors, rate: float) -> str:
        """Write scalars to TensorBoard; returns them as a note for the progress bar."""
        names = list(scalars)
        # One transfer for all of them: a wait per scalar would stall a GPU.
        values = torch.stack([scalars[n].detach().float() for n in names]).tolist() if names else []
        self._refuse([n for n, v in zip(names, values, strict=True) if not math.isfinite(v)])
        stage = self.model.stage(self.model.seen)
        row = dict(zip(names, values, strict=True))
        row |= {"alpha": stage.alpha, "resolution": stage.resolution, "images_per_second": rate}
        with full_disk_is_an_error(self.run.folder):
            for name, value in row.items():
                log.add_scalar(name, value, self.model.seen)
        shown = [f"{n} {row[n]:.3f}" for n in names[:3]]
        return "  ".join([_where(stage), *shown])

    def _refuse(self, bad: list[str]) -> None:
        """Raise `Diverged` if anything stands in *bad*, the names of what is not finite."""
        if bad:
            named = ", ".join(bad[:3]) + (f" and {len(bad) - 3} more" if len(bad) > 3 else "")
            raise Diverged(
                f"{self.run.name}: {named} stopped being finite after {self.model.seen} "
                f"images; the last good checkpoint is kept in {self.run.checkpoints}; "
                "try a smaller --set lr=..., or another --seed"
            )

    def _grid_number(self) -> int:
        return self.model.seen * self.settings.grids // max(self.total, 1)

    def _draw(self) -> None:
        if not self.settings.grids or not self.model.seen:
            return
        self.model.eval()
        with self.averages.applied():
            pictures.draw(
                self.model,
                self.data.test,
                self.run.folder / "grids",
                self.settings.seed,
                self.device,
            )
        self.model.train()

    def _out_of_time(self, started: float, worked: float) -> str:
        """Why training should end now, if it should."""
        for limit, passed, what in (
            (self.settings.minutes, time.monotonic() - started, "minutes"),
            (self.settings.cpu_minutes, time.process_time() - worked, "minutes of processor time"),
        ):
            if limit is not None and passed >= 60 * limit:
                return f"stopped after {limit:g} {what}, as asked"
        return ""

    def _finish(self) -> None:
        newest = checkpoints.newest(self.run.checkpoints)
        if newest is None or int(newest.name) != self.model.seen:
            self._draw()
            self.save()


def total(model: Learns, data: Dataset, settings: Training) -> int:
    """Images that the whole training shows: what was asked for, or what the model wants."""
    wanted = model.total(len(data.train))  # some models learn from it how long an epoch is
    return wanted if settings.images is None else settings.images


def _where(stage: Stage) -> str:
    """Phase and fade, for the progress bar."""
    return f"{stage.name}  alpha {stage.alpha:.2f}"


@contextlib.contextmanager
def _signals() -> Iterator[Stop]:
    """Let Ctrl-C or a scheduler's SIGTERM end training after the step; a second one ends it now."""
    stop = Stop()

    def ask(number: int, _: FrameType | None) -> None:
        if stop.reason:
            raise KeyboardInterrupt
        stop.reason = f"stopped by {signal.Signals(number).name}"

    try:
        before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread: nobody sends signals here
        yield stop
        return
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _writer(run: Run, seen: int) -> Iterator[SummaryWriter]:
    """TensorBoard events; rows later than *seen*, of work that was lost, are withdrawn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of tensorboard's own imports
        writer = SummaryWriter(str(run.folder / "tensorboard"), purge_step=seen or None)
    try:
        yield writer
    finally:
        writer.close()
