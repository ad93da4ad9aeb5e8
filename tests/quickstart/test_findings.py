"""The three lines at the end of a quickstart say what its numbers say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from genbench.quickstart.findings import findings
from genbench.results.record import Record
from genbench.runs import Run, RunState


def run(name: str, model: str, state: RunState, seen: int) -> Run:
    facts: dict[str, Any] = {"id": name, "model": model, "state": state, "seen": seen}
    return Run(Path(name), facts, {})


def record(run: str, score: str, value: float | None) -> Record:
    return Record(
        evaluation="e",
        time="2026-01-01T00:00:00+00:00",
        model={"real": "real images", "mean": "mean image"}.get(run, run),
        run=run,
        dataset="toyfaces",
        resolution=32,
        metric=score,
        score=score,
        value=value,
        anchor=run in ("real", "mean"),
    )


SHOWN = run("balanced-pioneer-toyfaces-32", "balanced_pioneer", RunState.IMPORTED, 120_000)
BEFORE = run("introvae-toyfaces-32", "introvae", RunState.IMPORTED, 100_000)
HERE = run("introvae", "introvae", RunState.FINISHED, 7_500)
PCA = run("pca", "pca", RunState.FINISHED, 10_000)
RUNS = [SHOWN, BEFORE, HERE, PCA]
RECORDS = [
    record("balanced-pioneer-toyfaces-32", "psnr", 21.26),
    record("introvae-toyfaces-32", "psnr", 19.0),
    record("introvae", "psnr", 15.5),
    record("pca", "psnr", 26.04),
    record("mean", "psnr", 15.44),
    record("balanced-pioneer-toyfaces-32", "fd_toynet", 1.0),
    record("introvae-toyfaces-32", "fd_toynet", 4.5),
    record("introvae", "fd_toynet", 9.876),
    record("pca", "fd_toynet", 12.99),
    record("real", "fd_toynet", 0.0512),
    record("balanced-pioneer-toyfaces-32", "swd", 20.0),
    record("pca", "swd", 40.0),
]


def test_each_line_says_what_was_measured() -> None:
    assert findings(RECORDS, RUNS) == [
        "Balanced Pioneer (reference) reconstructs held-out faces at 21.3 dB; the mean image would "
        "be 15.4 dB, pca is best with 26.0 dB.",
        "The samples of balanced-pioneer-toyfaces-32 are the nearest to real faces: FD (toynet) "
        "1.00, where real faces are 0.0512 from each other.",
        "Longer training: introvae stands at FD (toynet) 9.88 after the 7,500 images of this "
        "quickstart, at 4.50 after 100,000.",
    ]


@pytest.mark.parametrize(
    ("lost", "lines"),
    [("psnr", 2), ("fd_toynet", 1)],
)
def test_what_was_not_measured_is_not_spoken_of(lost: str, lines: int) -> None:
    rest = [record(each.run, each.score, None) if each.score == lost else each for each in RECORDS]

    assert len(findings(rest, RUNS)) == lines


def test_without_a_model_trained_both_times_nothing_is_said_of_longer_training() -> None:
    assert len(findings(RECORDS, [SHOWN, BEFORE, PCA])) == 2


def test_samples_may_be_best_in_one_way_and_not_in_another() -> None:
    turned = [record(r.run, r.score, 60.0 - r.value) if r.score == "swd" else r for r in RECORDS]

    assert findings(turned, RUNS)[1].endswith("from each other; by their patches those of pca.")


def test_nothing_at_all_is_no_error() -> None:
    assert findings([], []) == []
