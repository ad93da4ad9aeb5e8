"""What a quickstart has found, in three lines, worked out from its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from genbench.results.record import Record
from genbench.runs import Run, RunState

# Scores: of reconstructions, of samples, and of the finest patches of samples.
QUALITY, LIKENESS, DETAIL = "psnr", "fd_toynet", "swd"
SHOWN, CALLED = "balanced_pioneer", "Balanced Pioneer"  # the reference model of the first line


def findings(records: Sequence[Record], found: Sequence[Run]) -> list[str]:
    """A line each on reconstructions, on samples, and on what longer training brings.

    Args:
        records: of the runs and of the yardsticks, "real" and "mean".
        found: the runs.

    Returns:
        Fewer lines where a number is not there.
    """
    scores = {(record.run, record.score): record for record in records}
    rebuilt = {run.id: record for run in found if (record := _number(scores, run.id, QUALITY))}
    sampled = {run.id: record for run in found if (record := _number(scores, run.id, LIKENESS))}
    patched = {run.id: record for run in found if (record := _number(scores, run.id, DETAIL))}
    lines = [
        _reconstructions(rebuilt, found, _number(scores, "mean", QUALITY)),
        _samples(sampled, patched, _number(scores, "real", LIKENESS)),
        _longer(sampled, found),
    ]
    return [line for line in lines if line]


def _reconstructions(
    rebuilt: Mapping[str, Record], found: Sequence[Run], mean: Record | None
) -> str:
    shown = next((run for run in found if run.model == SHOWN and _reference(run)), None)
    if shown is None or shown.id not in rebuilt or mean is None:
        return ""
    best = max(rebuilt.values(), key=_value)
    line = (
        f"{CALLED} (reference) reconstructs held-out faces at {_value(rebuilt[shown.id]):.1f} dB; "
        f"the mean image would be {_value(mean):.1f} dB"
    )
    return f"{line}, {best.model} is best with {_value(best):.1f} dB."


def _samples(
    sampled: Mapping[str, Record], patched: Mapping[str, Record], floor: Record | None
) -> str:
    if not sampled or floor is None:
        return ""
    best = min(sampled.values(), key=_value)
    line = (
        f"The samples of {best.model} are the nearest to real faces: FD (toynet) "
        f"{_value(best):#.3g}, where real faces are {_value(floor):#.3g} from each other"
    )
    finest = min(patched.values(), key=_value, default=best)
    return line + (
        f"; by their patches those of {finest.model}." if finest.run != best.run else "."
    )


def _longer(sampled: Mapping[str, Record], found: Sequence[Run]) -> str:
    """Of the last model that was trained here, and that there is a reference model of."""
    there = {run.model: run for run in found if run.id in sampled and _reference(run)}
    here = [run for run in found if run.id in sampled and not _reference(run)]
    both = [(run, there[run.model]) for run in here if run.model in there]
    if not both:
        return ""
    now, before = both[-1]
    return (
        f"Longer training: {now.model} stands at FD (toynet) {_value(sampled[now.id]):#.3g} after "
        f"the {now.facts['seen']:,} images of this quickstart, at "
        f"{_value(sampled[before.id]):#.3g} after {before.facts['seen']:,}."
    )


def _reference(run: Run) -> bool:
    return run.state is RunState.IMPORTED


def _number(scores: Mapping[tuple[str, str], Record], run: str, score: str) -> Record | None:
    record = scores.get((run, score))
    return None if record is None or record.value is None else record


def _value(record: Record) -> float:
    assert record.value is not None
    return record.value
