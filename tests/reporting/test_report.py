"""From records to tables, through the metrics that are installed."""

from __future__ import annotations

from made_up import recorded, winners

from genbench.reporting.report import column
from genbench.tables.table import build


def test_a_score_whose_metric_is_not_installed_has_no_best() -> None:
    """Nobody knows which way it is better; before, the smallest was printed bold."""
    records = [
        recorded(value, metric="likelihood", score="likelihood", model=model)
        for model, value in (("a", -3.5), ("b", -1.5))
    ]
    (table,) = build(records, column)

    assert winners(table) == set()
    assert table.columns[0].arrow == ""
    assert table.columns[0].title == "likelihood"


def test_of_an_installed_metric_the_better_is_best() -> None:
    records = [recorded(value, model=model) for model, value in (("a", 8.0), ("b", 5.0))]
    (table,) = build(records, column)

    assert winners(table) == {"b"}


def test_a_score_that_its_metric_no_longer_has_is_printed_plainly() -> None:
    assert column("fid", "fid_2015").lower_is_better is None
    assert column("fid", "fid").lower_is_better is True
