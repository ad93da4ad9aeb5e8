"""The training loop: feed, step, average, log, draw, measure, checkpoint, stop when told to."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

import torch

from genbench import registry
from genbench.data import Dataset
from genbench.distributed import group
from genbench.errors import Diverged
from genbench.interfaces import Alarm, Learns, Tensors
from genbench.runs import End, Run, RunState, checkpoints, restore
from genbench.runtime import progress, seeds
from genbench.training import grids, parallel
from genbench.training.checkpointing import Keeper
from genbench.training.determinism import enforce
from genbench.training.divergence import Alarms
from genbench.training.ema import EMA
from genbench.training.forecast import Forecast
from genbench.training.loader import Loader
from genbench.training.log import Log, not_finite, to_numbers, where
from genbench.training.precision import Pace
from genbench.training.settings import Training
from genbench.training.signals import Clock, signals
from genbench.training.stages import cost_of, guessed_costs, stretches
from genbench.training.validation import TIMES, Validation, parse

ROLLBACKS = 3  # of one call; whoever diverges again and again needs other settings


class Rung(Diverged):
    """An alarm that is to end training; weights since *since* are doubtful."""

    def __init__(self, message: str, since: int) -> None:
        """*since* is in images seen."""
        super().__init__(message)
        self.since = since


@dataclass
class Due:
    """When what is done now and then was done last."""

    saved: float  # time.monotonic()
    drawn: int  # number of the grid
    steps: int = 0


class Trainer:
    """One run at work: a model, its data, and everything a checkpoint holds."""

    def __init__(
        self,
        run: Run,
        model: Learns,
        data: Dataset,
        settings: Training,
        forecast: Forecast | None = None,
    ) -> None:
        """Put the model on its device and prepare the loader; nothing is written yet.

        Args:
            forecast: how long the stages take, for the time that is left.
        """
        self.forecast = forecast
        self.run, self.model, self.data, self.settings = run, model, data, settings
        self.device = torch.device(str(run.facts["device"]))
        if settings.threads is not None:
            torch.set_num_threads(settings.threads)
        model.to(self.device)
        model.train()
        self.declared = registry.model(run.model)
        flip = settings.flip and data.recipe.flip and self.declared.flips
        self.loader = Loader(data.train, settings.seed, self.device, flip=flip)
        self.averages = EMA(model)
        self.pace = Pace(model, settings, self.device, self.declared.eager)
        self.rng = seeds.generator(settings.seed, "training", device=self.device)
        self.total = total(model, data, settings)
        parallel.attach(model)
        self.keeper = Keeper(run.checkpoints, settings.keep, writes=parallel.first())
        wishes = [parse(words) for words in settings.evaluate]
        every = settings.evaluate_every or self.total // TIMES
        self.validation = Validation(run, data, wishes, every, self.device)
        self._spent, self._began = float(run.facts.get("seconds") or 0), time.monotonic()

    # --- state

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

    def state(self) -> checkpoints.Checkpoint:
        """Everything of this moment.

        Raises:
            Diverged: there is nothing worth keeping; the checkpoints that are there stay.
        """
        state = self.model.state_dict()
        # Scalars are looked at now and then, and before the update: weights can be gone by now.
        floats = {name: value for name, value in state.items() if value.is_floating_point()}
        self._refuse([name for name, value in floats.items() if not value.isfinite().all()])
        return checkpoints.Checkpoint(
            seen=self.model.seen,
            model=state,
            average=self.averages.state(),
            optimizers={n: o.state_dict() for n, o in self.model.optimizers().items()},
            random={"training": self.rng.get_state(), "torch": torch.get_rng_state()},
        )

    def save(self) -> None:
        """Have a checkpoint of this moment written, and say in run.json how far the run is."""
        self.keeper.save(self.state())
        self.run = parallel.note(self.run, seen=self.model.seen, seconds=self.seconds())

    def seconds(self) -> float:
        """Time that the run has taken, all its parts together."""
        return round(self._spent + time.monotonic() - self._began, 1)

    # --- work

    def train(self) -> End:
        """Train to the end, to the time limit or to a signal; returns how it ended.

        Raises:
            Diverged: a scalar stopped being finite, or an alarm rang that was to stop training;
                the newest checkpoint is the last good one.
            KeyboardInterrupt: a second signal came before the checkpoint was written.
        """
        clock = Clock(self.settings)
        with enforce(deterministic=self.settings.deterministic):
            return self._train(clock)

    def _train(self, clock: Clock) -> End:
        try:
            for chance in range(ROLLBACKS + 1):
                try:
                    return self._until_stopped(clock)
                except Diverged as end:
                    self._set_aside(end)
                    if self.settings.on_divergence != "rollback" or chance == ROLLBACKS:
                        raise
                    self._roll_back(end)
            raise AssertionError("the last chance returns or raises")
        finally:
            self.loader.close()
            self.keeper.close()

    def _until_stopped(self, clock: Clock) -> End:
        model, total = self.model, self.total
        title = f"{self.run.model} on {self.data.name}"
        self.alarms = Alarms(self.declared.alarms)
        self.validation.begin(model.seen)
        with (
            signals() as stop,
            closing(Log(self.run, model.seen, self.device, self.settings.loggers)) as log,
            progress.bar(
                title, total, start=model.seen, shown=parallel.first(), cost=self._cost()
            ) as advance,
        ):
            self.log, self.note = log, where(model.stage(model.seen))
            self._draw()
            due = Due(time.monotonic(), self._grid_number())
            end: End | None = None
            while model.seen < total and end is None:
                before = model.seen
                scalars = self._step()
                due.steps += 1
                if due.steps % self.settings.log_every == 0 or model.seen >= total:
                    self._look(scalars)
                advance(model.seen - before, note=self.note)
                self._now_and_then(due, before)
                stop.end = stop.end or clock.end()
                end = parallel.agreed_end(stop.end, due.steps)
            self._finish()
        return end or End(RunState.FINISHED)

    def _cost(self) -> Callable[[int], float]:
        """What images of this training cost, for the time that is left."""
        if self.forecast is not None:
            return cost_of(self.forecast.parts, self.forecast.costs)
        parts = stretches(self.model, self.model.seen, self.total)
        return cost_of(parts, guessed_costs(parts))

    def _step(self) -> Tensors:
        """Show one batch; returns the model's scalars."""
        model = self.model
        shown = min(model.stage(model.seen).batch, self.total - model.seen)
        with self.pace.kept(shown):
            scalars = parallel.take_step(model, self.loader, shown, self.rng)
        self.averages.update()
        model.seen += shown
        return scalars

    def _now_and_then(self, due: Due, before: int) -> None:
        """Grids, metrics, checkpoints."""
        if self._grid_number() > due.drawn:
            due.drawn = self._grid_number()
            self._draw()
        if self.validation.due(before, self.model.seen):
            self._measure()
        late = time.monotonic() - due.saved > 60 * self.settings.checkpoint_minutes
        if parallel.first_wishes(late, due.steps):
            self.save()
            due.saved = time.monotonic()

    def _finish(self) -> None:
        self.keeper.wait()
        newest = checkpoints.newest(self.run.checkpoints)
        missing = newest is None or int(newest.name) != self.model.seen
        if group.everyone(missing)[0]:  # the first process writes, so it knows
            self._draw()
            self.save()
            self.keeper.wait()

    # --- looking

    def _look(self, scalars: Tensors) -> None:
        """Log a step's scalars, and see whether training goes well."""
        row, stage = to_numbers(scalars), self.model.stage(self.model.seen)
        self._refuse(not_finite(row))
        note = self.log.row(row, stage, self.model.seen)
        self.note = "  ".join(filter(None, [note, self.pace.note]))
        self._heed(self.alarms.see(row, self.model.seen, stage.resolution))

    def _heed(self, alarm: Alarm | None) -> None:
        """Do about an alarm what was asked for."""
        if alarm is None:
            return
        words = f"{self.run.name}: {alarm.name}, after {self.model.seen} images; {alarm.advice}"
        if self.settings.on_divergence != "continue":
            raise Rung(words, self.alarms.since)
        rung = [*self.run.facts.get("alarms", []), {"seen": self.model.seen, "alarm": alarm.name}]
        if alarm.name not in [each["alarm"] for each in rung[:-1]]:  # once is enough
            if parallel.first():
                sys.stderr.write(f"{words}; training goes on, as asked\n")
            self.run = parallel.note(self.run, alarms=rung)

    def _refuse(self, bad: Sequence[str]) -> None:
        """Raise `Diverged` if anything stands in *bad*, the names of what is not finite."""
        if bad:
            named = ", ".join(bad[:3]) + (f" and {len(bad) - 3} more" if len(bad) > 3 else "")
            raise Diverged(
                f"{self.run.name}: {named} stopped being finite after {self.model.seen} "
                f"images; the last good checkpoint is kept in {self.run.checkpoints}; "
                "try a smaller --set lr=..., or another --seed"
            )

    def _set_aside(self, end: Diverged) -> None:
        """Checkpoints written while an alarm was brewing are not for going on from."""
        self.keeper.wait()
        if isinstance(end, Rung) and parallel.first():
            checkpoints.set_aside(self.run.checkpoints, end.since)

    def _roll_back(self, end: Diverged) -> None:
        """Go back to the last good checkpoint and on with other noise: the same would end alike.

        Raises:
            BadInput: there is no checkpoint yet.
        """
        lost = self.model.seen
        with group.agreed():  # the first process has set aside what must not be read
            pass
        self.resume()
        done = [*self.run.facts.get("rollbacks", [])]
        done.append({"at": lost, "to": self.model.seen, "why": str(end)})
        self.run = parallel.note(self.run, rollbacks=done)
        fresh = seeds.generator(self.settings.seed, "training", "rollback", len(done))
        self.rng.manual_seed(fresh.initial_seed())
        torch.manual_seed(fresh.initial_seed())
        if parallel.first():
            sys.stderr.write(f"{end}; going back to {self.model.seen} images\n")

    # --- drawing and measuring

    @contextmanager
    def _at_rest(self) -> Iterator[Learns]:
        """The model as it is evaluated: averaged weights, evaluation mode."""
        self.model.eval()
        with self.averages.applied():
            yield self.model
        self.model.train()

    def _grid_number(self) -> int:
        return self.model.seen * self.settings.grids // max(self.total, 1)

    def _draw(self) -> None:
        if not self.settings.grids or not self.model.seen:
            return
        deviation = 0.0
        if parallel.first():
            with self._at_rest() as model:
                drawn = grids.make(model, self.data.test, self.settings.seed, self.device)
            grids.write(drawn, self.run.folder / "grids", self.model)
            self.log.sheets(drawn.sheets, self.model.seen)
            deviation = drawn.deviation
        self._heed(self.alarms.see_samples(group.everyone(deviation)[0]))

    def _measure(self) -> None:
        """Metrics of this moment; weights that are the best so far are kept."""
        model = self.model
        if model.stage(model.seen).resolution != model.resolution:
            return  # smaller images than the data's; a number of those would be another number
        with self._at_rest():
            found = self.validation.measure(model, self.settings.seed)
        self.log.scalars(found, model.seen)
        best = group.everyone(self.validation.best(found))[0]
        if best is not None:
            self.keeper.save_best(self.state(), best)


def total(model: Learns, data: Dataset, settings: Training) -> int:
    """Images that the whole training shows: what was asked for, or what the model wants."""
    wanted = model.total(len(data.train))  # some models learn from it how long an epoch is
    return wanted if settings.images is None else settings.images
