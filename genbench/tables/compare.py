"""Which of two models is better, score by score: only between numbers of one recipe.

All tests of a table are corrected together, so that of all its pairs of models and all its
scores it is improbable that even one difference is called real by chance.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from genbench.errors import NotEnoughData, NotMeasurable
from genbench.results.protocol import Protocol, from_json
from genbench.results.record import Key, Record
from genbench.statistics.significance import (
    LEVEL,
    Difference,
    holm,
    paired_means,
    paired_medians,
    separate_means,
)
from genbench.tables.footnotes import differs
from genbench.tables.select import Selection, Slot

FEW = 5  # sets of samples below which a t test finds only large differences
SETS = "sets of samples"
OWN_ERROR = "standard error over"  # how a metric words an error bar of the number itself


@dataclass(frozen=True)
class Scale:
    """A score, and how to judge it."""

    score: str
    lower_is_better: bool | None
    median: bool = False  # of its values; else their mean


@dataclass(frozen=True)
class Contest:
    """Two models and one score."""

    scale: Scale
    a: Key
    b: Key
    protocol_id: str | None = None  # of both; None where they have none in common
    found: Difference | None = None
    adjusted: float = 1.0  # p, by Holm over all tests of the table
    reason: str = ""  # why there is no test
    apart: tuple[str, ...] = ()  # fields of the two protocols that differ

    @property
    def few(self) -> bool:
        """Whether the test is over so few sets that it says little."""
        return self.found is not None and self.found.rows == SETS and self.found.n < FEW

    @property
    def better(self) -> Key | None:
        """The model that wins, if the difference is real and one way is better."""
        if self.found is None or self.adjusted >= LEVEL or self.scale.lower_is_better is None:
            return None
        return self.a if (self.found.value < 0) == self.scale.lower_is_better else self.b


def hold(chosen: Selection, scales: Iterable[Scale], rows: Sequence[Key]) -> list[Contest]:
    """Every pair of *rows* in every score, corrected together.

    A pair has a contest for each protocol under which both were measured. Where there is none,
    the contest is refused, and `apart` names the fields that keep the newest numbers apart.
    """
    contests = [
        contest
        for scale in scales
        for a, b in itertools.combinations(rows, 2)
        for contest in _contests(chosen, scale, a, b)
    ]
    tested = [contest.found.p for contest in contests if contest.found is not None]
    adjusted = iter(holm(tested))
    return [
        contest if contest.found is None else dataclasses.replace(contest, adjusted=next(adjusted))
        for contest in contests
    ]


@dataclass(frozen=True)
class Verdicts:
    """What tests say of the contenders of a table."""

    count: int  # tests that were corrected together
    tests: Mapping[frozenset[Slot], Contest]  # those that may settle a tie
    settled: frozenset[int]  # columns in which every pair has such a test

    def differ(self, a: Slot, b: Slot) -> bool:
        """Whether a test tells them apart."""
        return self.tests[frozenset((a, b))].adjusted < LEVEL


def judge(
    chosen: Selection, columns: Sequence[tuple[Scale, str | None]], rows: Sequence[Key]
) -> Verdicts:
    """Test all pairs of *rows*, and say which columns, (score, protocol id), that settles.

    Ties are settled by tests on the same images, or on sets of samples that are not few.
    """
    contests = hold(chosen, dict.fromkeys(scale for scale, _ in columns), rows)
    tests = {
        frozenset((row, c.scale.score, c.protocol_id) for row in (c.a, c.b)): c
        for c in contests
        if c.found is not None and c.found.paired and not c.few
    }
    settled = set()
    for index, (scale, protocol_id) in enumerate(columns):
        slots = [(row, scale.score, protocol_id) for row in rows]
        pairs = itertools.combinations([slot for slot in slots if slot in chosen.values], 2)
        if all(frozenset(pair) in tests for pair in pairs):
            settled.add(index)
    count = sum(contest.found is not None for contest in contests)
    return Verdicts(count, tests, frozenset(settled))


def difference(a: Record, b: Record, *, median: bool = False) -> Difference:
    """How far two numbers of one protocol are apart, a − b, and how sure that is.

    Numbers that summarise the same images, or sets of samples against one reference, are
    compared pair by pair. Others are compared by their standard errors, which a reference
    that both share makes too careful, never too bold.

    Raises:
        NotMeasurable: what was recorded tells nothing about it; the message says why.
    """
    if a.values is not None and b.values is not None:
        if _sampled(a):
            n = min(len(a.values), len(b.values))  # real images may have had fewer sets
            return _paired(a.values[:n], b.values[:n], SETS, median=False)
        return _paired(a.values, b.values, "images", median)
    if any(OWN_ERROR not in (record.spread_over or "") for record in (a, b)):
        missing = a if a.values is None else b
        raise NotMeasurable(
            f"{missing.model} has one set of samples; measure five: --repeats 5"
            if _sampled(missing)
            else f"no values of single images were kept for {missing.model}; measure it again"
        )
    return separate_means(*_mean(a), *_mean(b))


def _paired(a: Sequence[float], b: Sequence[float], rows: str, median: bool) -> Difference:
    try:
        return paired_medians(a, b, rows) if median else paired_means(a, b, rows)
    except NotEnoughData as error:
        raise NotMeasurable(str(error)) from error


def _mean(record: Record) -> tuple[float, float, int]:
    assert record.value is not None
    return record.value, record.spread or 0.0, max(2, record.n or 2)


def _sampled(record: Record) -> bool:
    return "samples" in from_json(str(record.protocol)).images


def _contests(chosen: Selection, scale: Scale, a: Key, b: Key) -> Iterator[Contest]:
    mine, theirs = (_numbers(chosen, scale.score, row) for row in (a, b))
    if not mine or not theirs:
        return
    common = [name for name in chosen.protocols if name in mine and name in theirs]
    for name in common:
        contest = Contest(scale, a, b, name)
        try:
            found = difference(mine[name], theirs[name], median=scale.median)
            yield dataclasses.replace(contest, found=found)
        except NotMeasurable as error:
            yield dataclasses.replace(contest, reason=str(error))
    if not common:
        apart = differs(_newest(mine, chosen), _newest(theirs, chosen), b.model)
        yield Contest(scale, a, b, reason="measured in different ways", apart=apart)


def _numbers(chosen: Selection, score: str, row: Key) -> dict[str, Record]:
    return {
        str(name): record
        for (key, of, name), record in chosen.values.items()
        if key == row and of == score
    }


def _newest(numbers: Mapping[str, Record], chosen: Selection) -> Protocol:
    return chosen.protocols[max(numbers, key=lambda name: numbers[name].time)]
