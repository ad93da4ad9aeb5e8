"""Runs beside each other: how far they are, what they cost, how they differ."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from typing import Any

from genbench.errors import BadInput
from genbench.interfaces import Json
from genbench.results.protocol import differences_of_texts
from genbench.runs import Run, RunState, best_weights, checkpoints
from genbench.runs.run import EVALUATIONS
from genbench.runtime import atomic
from genbench.tables.digits import number

HEAD = ("run", "model", "data", "images", "cost", "best so far", "state")
ABOUT = ("model", "dataset", "resolution", "fingerprint", "preset", "seen", "device")
Rows = list[tuple[str, ...]]


def overview(runs: Sequence[Run]) -> Rows:
    """A head and a row for each run: state, progress, cost, best metric."""
    return [HEAD, *(_line(run) for run in runs)]


def plain(run: Run) -> dict[str, Json]:
    """What there is to know of a run, for programs."""
    best = _best_of(run)
    return {
        "name": run.name,
        "folder": str(run.folder),
        "id": run.id,
        "model": run.model,
        "preset": run.facts.get("preset"),
        "data": run.facts["data"],
        "dataset": run.facts["dataset"],
        "resolution": run.resolution,
        "fingerprint": run.facts["fingerprint"],
        "created": run.facts.get("created"),
        "state": run.state.value,
        "reason": str(run.facts.get("reason") or "") or None,
        "saved": _saved(run),
        "total": int(run.facts["total"]),
        "device": run.device_kind,
        "device_hours": run.device_hours,
        "best": best and {name: best[name] for name in ("metric", "value", "seen")},
    }


def comparison(runs: Sequence[Run], *, everything: bool = False) -> Rows:
    """A head and a row for each fact, setting and number that is not the same in all runs.

    Args:
        everything: show what is the same, too.
    """
    rows = [*_facts(runs), *_settings(runs), *_numbers(runs)]
    kept = [row for row in rows if everything or len(set(row[1:])) > 1]
    return [("", *(run.name for run in runs)), *kept]


def cost(run: Run) -> str:
    """Hours of its devices, "1.2 GPU-hours"; nothing before the first checkpoint."""
    hours = run.device_hours
    return "-" if hours is None else f"{hours:.2f} {run.device_kind}-hours"


def _line(run: Run) -> tuple[str, ...]:
    newest = checkpoints.newest(run.checkpoints)
    saved, total = _saved(run), max(int(run.facts["total"]), 1)
    state = run.status
    if run.state is RunState.TRAINING:  # nobody can tell from a folder whether the process is alive
        ago = _age(newest.stat().st_mtime) if newest else ""
        state = f"training, saved {ago} ago" if ago else "training, nothing saved yet"
    return (
        run.name,
        run.model,
        f"{run.facts['dataset']} {run.resolution}x{run.resolution}",
        f"{saved}/{total} ({saved / total:.0%})",
        cost(run),
        _best(run),
        state,
    )


def _age(when: float) -> str:
    seconds = max(0.0, datetime.datetime.now(datetime.UTC).timestamp() - when)
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _saved(run: Run) -> int:
    """Images that its newest checkpoint has seen."""
    newest = checkpoints.newest(run.checkpoints)
    return int(newest.name) if newest else 0


def _best(run: Run) -> str:
    about = _best_of(run)
    if about is None:
        return "-"
    return f"{about['metric']} {number(about['value'], None, 3)} at {about['seen']}"


def _best_of(run: Run) -> dict[str, Any] | None:
    """What is said of the best weights; None where training has kept none."""
    try:
        return best_weights.best(run.folder)[1]
    except BadInput:
        return None


def _facts(runs: Sequence[Run]) -> Iterator[tuple[str, ...]]:
    for name in ABOUT:
        yield name, *(_shown(run.facts.get(name))[:24] for run in runs)
    yield "state", *(run.status[:24] for run in runs)
    yield "cost", *(cost(run) for run in runs)
    for name in ("genbench", "git", "torch", "python", "threads"):
        yield name, *(_shown((run.facts.get("provenance") or {}).get(name)) for run in runs)


def _settings(runs: Sequence[Run]) -> Iterator[tuple[str, ...]]:
    for part in ("model", "training"):
        for name in dict.fromkeys(name for run in runs for name in run.settings.get(part, {})):
            found = [run.settings.get(part, {}).get(name) for run in runs]
            yield f"{part}.{name}", *("-" if f is None else _shown(f["value"]) for f in found)


def _numbers(runs: Sequence[Run]) -> Iterator[tuple[str, ...]]:
    """The newest of each metric taken in training, where the recipes are the same."""
    measured = [_measured(run) for run in runs]
    for name in dict.fromkeys(name for each in measured for name in each):
        found = [each.get(name) for each in measured]
        recipes = {row["protocol"] for row in found if row is not None}
        if len(recipes) > 1:
            first, second, *_ = sorted(recipes)
            apart = ", ".join(differences_of_texts(first, second))
            yield f"{name} (not comparable: {apart})", *("not shown" for _ in runs)
        else:
            yield name, *("-" if row is None else _number(row) for row in found)


def _measured(run: Run) -> dict[str, dict[str, Any]]:
    file = run.folder / EVALUATIONS
    rows = atomic.read_json(file) if file.is_file() else []
    return {row["asked"]: row for row in rows if row["value"] is not None}


def _number(row: dict[str, Any]) -> str:
    return f"{number(row['value'], row['spread'], 3)} at {row['seen']}"


def _shown(value: Json) -> str:
    return "-" if value is None else str(value)
