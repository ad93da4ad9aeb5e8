"""How close a reproduction came: one verdict for each printed number."""

from __future__ import annotations

import dataclasses
import enum
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from genbench.published import Published
from genbench.reproduction.papers import Target
from genbench.reproduction.run import Outcome
from genbench.results.record import Record
from genbench.tables.digits import number
from genbench.tables.select import spread

HEADS = ("system", "data", "metric", "published", "measured", "deviation", "verdict")


class Kind(enum.StrEnum):
    """What there is to say of a printed number, before any details."""

    NOT_ATTEMPTED = "not attempted"
    FAILED = "failed"
    MEASURED = "measured"
    ORDER_ONLY = "order only"
    NO_ERROR_BAR = "neither has an error bar"
    WITHIN = "within error"
    OUTSIDE = "outside error"


@dataclass(frozen=True)
class Verdict:
    """A printed number beside ours, and what to make of the two."""

    target: Target
    record: Record | None
    kind: Kind
    words: str  # the kind, with details
    deviation: float | None = None  # measured - published; None where that means nothing

    @property
    def measured(self) -> float | None:
        """Our number, if there is one."""
        return None if self.record is None else self.record.value


def judge(results: Sequence[tuple[Target, Outcome | None]], smoke: str | None) -> list[Verdict]:
    """A verdict for every number.

    Args:
        smoke: what makes this a smoke test, in words: it is then said instead of a verdict.
    """
    found = [_verdict(target, outcome, smoke) for target, outcome in results]
    orders = {} if smoke else _orders(found)
    return [
        dataclasses.replace(verdict, words=orders.get(i, verdict.words))
        for i, verdict in enumerate(found)
    ]


def _verdict(target: Target, outcome: Outcome | None, smoke: str | None) -> Verdict:
    if outcome is None or target.metric is None:
        return Verdict(target, None, Kind.NOT_ATTEMPTED, f"{Kind.NOT_ATTEMPTED}: {target.why_not}")
    if outcome.not_attempted is not None:
        words = f"{Kind.NOT_ATTEMPTED}: {outcome.not_attempted}"
        return Verdict(target, None, Kind.NOT_ATTEMPTED, words)
    record = outcome.records.get(target.metric)
    if record is None:
        why = outcome.failed or outcome.failures.get(target.metric, "it was not measured")
        return Verdict(target, None, Kind.FAILED, f"{Kind.FAILED}: {why}")
    if smoke is not None:
        words = f"{Kind.MEASURED}; a smoke test says nothing of the paper"
        return Verdict(target, record, Kind.MEASURED, words)
    if target.published.only_orders:
        words = f"{Kind.ORDER_ONLY}, and nothing else to put in order was measured"
        return Verdict(target, record, Kind.ORDER_ONLY, words)
    return _compared(target, record)


def _compared(target: Target, record: Record) -> Verdict:
    """Within error: the two lie no farther apart than both error bars together."""
    printed = target.published
    assert printed.value is not None
    assert record.value is not None
    gap = record.value - printed.value
    if printed.std is None and spread(record) is None:
        kind, words = Kind.NO_ERROR_BAR, Kind.NO_ERROR_BAR.value
    elif abs(gap) <= (printed.std or 0.0) + (spread(record) or 0.0):
        return Verdict(target, record, Kind.WITHIN, Kind.WITHIN, gap)
    else:
        better = (gap < 0) == target.lower_is_better
        kind, words = Kind.OUTSIDE, f"{Kind.OUTSIDE}, {'better' if better else 'worse'}"
    if printed.unknown:
        words += f"; protocol gap, the paper leaves open: {', '.join(printed.unknown)}"
    return Verdict(target, record, kind, words, gap)


def _orders(found: Sequence[Verdict]) -> dict[int, str]:
    """Verdicts on numbers whose scale is lost: does the order agree, by data set and metric."""
    groups: dict[tuple[str, str], list[int]] = {}
    for i, verdict in enumerate(found):
        printed = verdict.target.published
        if printed.only_orders and verdict.measured is not None:
            groups.setdefault((printed.where, printed.metric), []).append(i)
    words = {}
    for group in groups.values():
        if len(group) < 2:
            continue
        sign = 1 if found[group[0]].target.lower_is_better else -1
        theirs = sorted(group, key=lambda i: sign * (found[i].target.published.value or 0.0))
        ours = sorted(group, key=lambda i: sign * (found[i].measured or 0.0))
        for i in group:
            mine, printed_place = ours.index(i) + 1, theirs.index(i) + 1
            agrees = "as published" if mine == printed_place else f"published {printed_place}"
            words[i] = f"{Kind.ORDER_ONLY}: place {mine} of {len(group)}, {agrees}"
    return words


def lines(verdicts: Sequence[Verdict]) -> list[tuple[str, ...]]:
    """The cells of each number's line, under `HEADS`."""
    return [
        (
            verdict.target.published.system,
            verdict.target.published.where,
            _metric(verdict.target),
            _printed(verdict.target.published),
            "-" if verdict.record is None else _number(verdict.measured, spread(verdict.record)),
            _deviation(verdict),
            verdict.words,
        )
        for verdict in verdicts
    ]


def _metric(target: Target) -> str:
    printed = target.published.metric
    named = f"{printed} as {target.metric}" if target.metric else printed
    return named if target.metric != printed else printed


def _printed(published: Published) -> str:
    """As the paper has it: its digits are not rounded to its error bar."""
    if published.value is None:
        return "-"
    return f"{published.value:g}" + ("" if published.std is None else f" ± {published.std:g}")


def _number(value: float | None, error: float | None) -> str:
    return "-" if value is None else str(number(value, error, 2))


def _deviation(verdict: Verdict) -> str:
    printed = verdict.target.published.value
    if verdict.deviation is None or printed is None:
        return "-"
    share = f" ({verdict.deviation / abs(printed):+.1%})" if printed else ""
    return f"{verdict.deviation:+.4g}{share}"


def in_all(verdicts: Sequence[Verdict]) -> str:
    """How many there are of each kind, on one line."""
    counts = Counter(verdict.kind for verdict in verdicts)
    return ", ".join(f"{count} {kind}" for kind, count in counts.items())


def text(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """For the terminal: aligned columns."""
    rows = [HEADS, *lines(verdicts)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADS) - 1)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        yield "  ".join([*cells, row[-1]]).rstrip()
