"""``genbench table compare``: which of two models is better, and how sure that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from genbench.cli._json import finite, say
from genbench.cli._options import Names
from genbench.cli._table_asked import Asked, version_option

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from genbench.results.record import Key, Record
    from genbench.tables.compare import Contest


@click.command()
@click.option(
    "--metric",
    "metrics",
    type=Names(),
    default="all",
    show_default=True,
    help="Metrics or scores, separated by commas.",
)
@click.option(
    "--models",
    type=Names(),
    default="all",
    show_default=True,
    help="Rows of the table or ids of runs, separated by commas; all are the "
    "contenders, without yardsticks such as real images.",
)
@version_option
@click.pass_obj
def compare(
    asked: Asked, metrics: tuple[str, ...], models: tuple[str, ...], version: int | None
) -> None:
    """Test the differences between models, pair by pair.

    Only numbers of one protocol are compared. Others are refused, with the fields that differ.

    \b
    Examples:
      genbench table compare
      genbench table compare --metric rmse,fid --models pioneer-celeba-64,age-celeba-64
    """
    from genbench.errors import NothingMeasured
    from genbench.tables.labels import labels

    records = _of_models(_of_metrics(asked.store.read(version, values=True), metrics), models)
    # Whoever names models wants to know why they stand in two tables; else each is by itself.
    groups = [records] if models != ("all",) else _by_table(records)
    contests = [contest for group in groups for contest in _contests(group)]
    names = {key: label for group in groups for key, label in labels(group).items()}
    if not contests:
        raise NothingMeasured(
            "there are no two models with one score; measure more: genbench evaluate"
        )
    tested = [contest for contest in contests if contest.found is not None]
    if asked.as_json:
        _say_json(contests)
    elif tested:
        click.echo("\n".join(_table(tested, names)))
    for line in dict.fromkeys(_refusal(c, names) for c in contests if c.found is None):
        click.echo(line, err=True)
    if not tested:
        raise NothingMeasured("no two of these numbers can be compared; the reasons stand above")
    if not asked.as_json:
        click.echo("\n".join(_remarks(tested)))


def _say_json(contests: Sequence[Contest]) -> None:
    """Tests, and the pairs that cannot be tested."""
    tests: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    for c in contests:
        pair = {"score": c.scale.score, "a": _key(c.a), "b": _key(c.b)}
        if c.found is None:
            refused.append({**pair, "reason": c.reason, "differ": list(c.apart)})
            continue
        tests.append(
            {
                **pair,
                "difference": c.found.value,
                "error": finite(c.found.error),
                "p": c.found.p,
                "p_holm": c.adjusted,
                "better": None if c.better is None else _key(c.better),
                "test": c.found.test,
                "n": c.found.n,
                "rows": c.found.rows,
                "paired": c.found.paired,
                "protocol_id": c.protocol_id,
            }
        )
    say(tests=tests, refused=refused)


def _key(key: Key) -> dict[str, str]:
    return {"model": key.model, "run": key.run}


def _of_metrics(records: Sequence[Record], names: tuple[str, ...]) -> list[Record]:
    from genbench.errors import BadInput, nearest

    if names == ("all",):
        return list(records)
    known = {name for record in records for name in (record.metric, record.score)}
    for name in names:
        if name not in known:
            raise BadInput(
                f"no record of the table is of {name!r}.{nearest(name, known)} "
                f"There are: {', '.join(sorted({r.metric for r in records}))}"
            )
    return [record for record in records if {record.metric, record.score} & set(names)]


def _of_models(records: Sequence[Record], names: tuple[str, ...]) -> list[Record]:
    from genbench.errors import BadInput, nearest

    if names == ("all",):
        return [record for record in records if not record.anchor]
    called = _names(records)
    known = {name for each in called.values() for name in each}
    for name in names:
        if name not in known:
            raise BadInput(
                f"no row of the table is called {name!r}.{nearest(name, known)} "
                f"There are: {', '.join(sorted({r.model for r in records}))}"
            )
    return [record for record in records if called[record.key] & set(names)]


def _names(records: Sequence[Record]) -> dict[Key, set[str]]:
    """All that a row answers to: its name, its run, and its label in the printed tables."""
    from genbench.tables.labels import labels

    found = {record.key: {record.model, record.run} for record in records}
    for group in _by_table(records):
        for key, label in labels(group).items():
            found[key].add(label)
    return found


def _by_table(records: Sequence[Record]) -> list[list[Record]]:
    from genbench.tables.select import by_table

    return list(by_table(records).values())


def _contests(records: Sequence[Record]) -> list[Contest]:
    """Every pair in every score."""
    from genbench.tables.compare import Scale, hold
    from genbench.tables.headings import column
    from genbench.tables.select import choose

    chosen = choose(records)
    heads = {r.score: column(r.metric, r.score) for r in reversed(records)}
    scales = [Scale(score, how.lower_is_better, how.median) for score, how in heads.items()]
    return hold(chosen, scales[::-1], list(dict.fromkeys(r.key for r in records)))


def _table(contests: Sequence[Contest], names: Mapping[Key, str]) -> list[str]:
    """Aligned lines, for people and for scripts."""
    from genbench.tables.digits import p_value

    rows = [("score", "models", "difference", "p", "p (Holm)", "better", "test", "protocol")]
    for c in contests:
        assert c.found is not None
        better = names[c.better] if c.better else "-"
        rows.append(
            (
                c.scale.score,
                f"{names[c.a]} - {names[c.b]}",
                _difference(c),
                p_value(c.found.p),
                p_value(c.adjusted),
                better,
                f"{c.found.test}, {c.found.n} {c.found.rows}",
                c.protocol_id or "",
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _difference(contest: Contest) -> str:
    from genbench.tables.digits import number

    assert contest.found is not None
    words = str(number(contest.found.value, contest.found.error, 3))
    return words if words.startswith(("-", "(")) else f"+{words}"


def _refusal(contest: Contest, names: Mapping[Key, str]) -> str:
    both = f"{contest.scale.score} of {names[contest.a]} and {names[contest.b]}"
    if contest.apart:
        return f"refused: {both} were measured in different ways: {'; '.join(contest.apart)}"
    return f"not tested: {both}: {contest.reason}"


def _remarks(contests: Sequence[Contest]) -> list[str]:
    """How to read the table."""
    from genbench.statistics.significance import LEVEL

    tests = f"{len(contests)} test" + "s" * (len(contests) > 1)
    lines = [
        "",
        "The difference is the first model minus the second, ± its standard error.",
        f"Better is who wins at p (Holm) < {LEVEL:g}, corrected over the {tests} here.",
    ]
    if any(contest.found is not None and not contest.found.paired for contest in contests):
        lines.append(
            "Welch's t compares two error bars: steps and samples of two models do not pair up."
        )
    if few := sorted({c.found.n for c in contests if c.found is not None and c.few}):
        lines.append(
            f"{' and '.join(map(str, few))} sets of samples are few: the test takes their "
            "differences to be normal and finds large ones only; --repeats 5 or more."
        )
    return lines
