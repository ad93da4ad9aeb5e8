"""Metrics taken while a model learns, and the checkpoint that they like most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from genbench import registry
from genbench.data import Dataset
from genbench.distributed import group
from genbench.errors import BadSetting
from genbench.evaluation.api import Request, plans
from genbench.evaluation.candidates import in_training
from genbench.evaluation.measure import carry_out
from genbench.evaluation.settings import Evaluation
from genbench.interfaces import Json, Learns
from genbench.results.record import Record
from genbench.runs import Run, best_weights
from genbench.runs.run import EVALUATIONS
from genbench.runtime import atomic, progress

TIMES = 20  # over the whole training, where nobody says how often


@dataclass(frozen=True)
class Wish:
    """A metric, and how many images it is to look at."""

    metric: str  # "fid:768"
    images: int

    @property
    def title(self) -> str:
        """As it was asked for, and as it is logged."""
        return f"{self.metric}:{self.images}"

    @property
    def score(self) -> str:
        return next(iter(registry.metric(self.metric).columns))

    @property
    def lower_is_better(self) -> bool | None:
        """Which way the main score is better; None, where neither is."""
        return registry.metric(self.metric).columns[self.score].lower_is_better


def parse(words: str) -> Wish:
    """Take "fid:768:2000" apart: a metric of the registry, a colon, a number of images.

    Raises:
        BadSetting: no number of images.
        UnknownName: no such metric.
    """
    name, _, number = words.rpartition(":")
    if not name or not number.isdigit() or int(number) < 2:
        raise BadSetting(
            f"--evaluate {words}: wanted a metric and a number of images, such as swd:500 or "
            "fid:768:2000"
        )
    registry.metric(name)
    return Wish(name, int(number))


class Validation:
    """Measures a run's model now and then, and remembers."""

    def __init__(
        self, run: Run, data: Dataset, wishes: Sequence[Wish], every: int, device: torch.device
    ) -> None:
        """*every* is in images seen; numbers of work that was lost are withdrawn on `begin`."""
        self.run, self.data, self.wishes, self.every = run, data, wishes, max(1, every)
        self.device = device
        self.rows: list[dict[str, Json]] = []

    def begin(self, seen: int) -> None:
        """Go on after *seen* images."""
        file = self.run.folder / EVALUATIONS
        known = atomic.read_json(file) if file.is_file() else []
        self.rows = [row for row in known if row["seen"] <= seen]

    def due(self, before: int, seen: int) -> bool:
        """Whether a multiple of `every` lies after *before* and not after *seen*."""
        return bool(self.wishes) and before // self.every < seen // self.every

    def measure(self, model: Learns, seed: int) -> dict[str, float]:
        """Numbers by title; *model* has the weights that are to be measured.

        Nothing that training draws is touched: models sample from generators of their own, and
        torch's is put back.
        """
        found: dict[str, float] = {}
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            for images in sorted({wish.images for wish in self.wishes}):
                wishes = [wish for wish in self.wishes if wish.images == images]
                records = {(r.metric, r.score): r for r in self._records(model, wishes, seed)}
                for wish in wishes:
                    record = records[wish.metric, wish.score]
                    self.rows.append(_row(model.seen, wish, record))
                    if record.value is not None:
                        found[wish.title] = record.value
        if group.rank() == 0:
            atomic.write_json(self.run.folder / EVALUATIONS, self.rows)
        return found

    def best(self, found: Mapping[str, float]) -> dict[str, Json] | None:
        """What to say of the weights just measured if they are the best so far, else None.

        The metric that was asked for first decides; if neither way is better by it, nothing is.
        """
        wish = self.wishes[0]
        if wish.title not in found or wish.lower_is_better is None:
            return None
        value, file = found[wish.title], self.run.folder / best_weights.BEST / "best.json"
        rule = best_weights.best_rule(wish.title, self.every)
        before = atomic.read_json(file) if file.is_file() else None
        if before is not None and best_weights.as_code(before["rule"]) == rule:
            gain = before["value"] - value if wish.lower_is_better else value - before["value"]
            if gain <= 0:
                return None
        return {"rule": rule, "metric": wish.title, "value": value}

    def _records(self, model: Learns, wishes: Sequence[Wish], seed: int) -> list[Record]:
        n = wishes[0].images
        how = Evaluation(
            metrics=tuple(wish.metric for wish in wishes),
            images=n,
            pairs=n,
            paths=n,
            repeats=1,
            fewer=True,
            seed=seed,
            device=str(self.device),
        )
        candidate = in_training(self.run.name, model)
        request = Request(models=candidate, how=how, data=self.data)
        with progress.silent():
            return [record for plan in plans(request) for record in carry_out(plan)]


def _row(seen: int, wish: Wish, record: Record) -> dict[str, Json]:
    return {
        "seen": seen,
        "asked": wish.title,
        "score": record.score,
        "value": record.value,
        "spread": record.spread,
        "n": record.n,
        "reason": record.reason,
        "protocol": record.protocol,
        "protocol_id": record.protocol_id,
    }
