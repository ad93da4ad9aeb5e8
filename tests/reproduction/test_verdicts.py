"""What is said of a measured number beside a printed one."""

from __future__ import annotations

from typing import Any

import pytest
from made_up import recorded

from genbench.published import Published
from genbench.reproduction import (
    judge,
    lines,
)
from genbench.reproduction.chart import chart
from genbench.reproduction.papers import Job, Target
from genbench.reproduction.run import Outcome

# --- verdicts


def printed(value: float, std: float | None = None, system: str = "S", **more: Any) -> Target:
    about: dict[str, Any] = {
        "dataset": "celeba",
        "resolution": 64,
        "split": "samples",
        "metric": "fid",
        "protocol": "FID of 10,000 samples, Inception implementation not named",
        "source": "Paper Table 1",
    }
    number = Published(system=system, value=value, std=std, **{**about, **more})
    job = Job("pioneer", "celeba-64", "celeba", 64, "pioneer-table1")
    return Target(number, job, number.metric, number.metric)


def measured(value: float, spread: float | None = None, metric: str = "fid") -> Outcome:
    return Outcome({metric: recorded(value, spread=spread)})


@pytest.mark.parametrize(
    ("target", "outcome", "words", "deviation"),
    [
        (printed(8.0, 0.5), measured(8.9, 0.5), "within error", 0.9),
        (printed(8.0, 0.5), measured(9.1, 0.5), "outside error, worse; protocol gap", 1.1),
        (printed(8.0, 0.5), measured(6.9, 0.5), "outside error, better; protocol gap", -1.1),
        (printed(8.0), measured(8.0), "neither has an error bar; protocol gap", 0.0),
        (printed(8.0), Outcome(failures={"fid": "no weights"}), "failed: no weights", None),
        (printed(8.0), Outcome(failed="diverged"), "failed: diverged", None),
        (printed(8.0), Outcome(not_attempted="no data"), "not attempted: no data", None),
        (Target(printed(8.0).published, why_not="why"), None, "not attempted: why", None),
    ],
)
def test_a_verdict(
    target: Target, outcome: Outcome | None, words: str, deviation: float | None
) -> None:
    (verdict,) = judge([(target, outcome)], None)

    assert verdict.words.startswith(words)
    assert verdict.deviation == (None if deviation is None else pytest.approx(deviation))
    if "gap" in words:
        assert verdict.words.endswith("the paper leaves open: Inception implementation")


def test_a_number_of_unknown_scale_is_only_put_in_order() -> None:
    lost = {"metric": "rmse", "split": "test", "protocol": "RMSE, SCALE NOT STATED"}
    results = [
        (printed(18.0, system="ALI", **lost), measured(0.30, metric="rmse")),
        (printed(4.97, system="AGE", **lost), measured(0.10, metric="rmse")),
        (printed(1.82, system="PIONEER", **lost), measured(0.20, metric="rmse")),
    ]

    verdicts = judge(results, None)

    assert [v.words for v in verdicts] == [
        "order only: place 3 of 3, as published",
        "order only: place 1 of 3, published 2",
        "order only: place 2 of 3, published 1",
    ]
    assert [line[5] for line in lines(verdicts)] == ["-"] * 3
    assert chart("t", verdicts, None) is None
    (alone,) = judge(results[:1], None)
    assert alone.words == "order only, and nothing else to put in order was measured"


def test_a_chart_shows_both_and_says_what_it_is() -> None:
    results = [
        (printed(8.0, 0.5), measured(9.0, 0.2)),
        (printed(20.0, system="$x^2$ <b>"), Outcome(failed="no")),
    ]

    drawing = chart("a table", judge(results, "smoke test, 0.01 of the images"), "smoke test")

    assert drawing is not None
    assert "smoke test" in drawing.words.title
    assert "1 of 2 numbers were measured" in drawing.words.caption
    assert drawing.render(".pdf")[:4] == b"%PDF"
    (axes,) = drawing.canvas.axes
    assert {round(float(x), 3) for line in axes.lines for x in line.get_xdata()} >= {8.0, 20.0, 9.0}
