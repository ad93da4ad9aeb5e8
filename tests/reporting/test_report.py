"""From records to tables, through the metrics that are installed."""

from __future__ import annotations

from pathlib import Path

from made_up import recorded, winners

from genbench import registry
from genbench.reporting.report import _scores_of, compose
from genbench.tables import fame
from genbench.tables.build import build
from genbench.tables.headings import column
from genbench.tables.table import TableColumn


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


def test_the_trade_off_is_of_scores_that_say_which_way_is_better(tmp_path: Path) -> None:
    """Before, a score that has lost its metric ended the whole report."""
    lost = [
        recorded(value, metric=f"{score}:lost", score=score, model=model)
        for score in ("fid", "rmse")
        for model, value in (("a", 2.0), ("b", 1.0))
    ]

    document = compose(lost, tmp_path, "t")

    assert [column.score for column in document.tables[0].columns] == ["fid", "rmse"]
    assert document.figures == ()


def test_every_metric_has_its_place_in_the_order_of_fame() -> None:
    """A metric that is forgotten there would stand behind those of strangers."""
    assert set(fame.FAME) == {name for name in registry.plugins("metric") if "/" not in name}
    assert {name for group in fame.HEADLINES for name in group} <= set(fame.FAME)


def test_every_column_says_in_a_sentence_what_it_is() -> None:
    for name in fame.FAME:
        for score in registry.metric(name).columns:
            assert column(name, score).about


def test_a_score_that_only_begins_as_fid_is_not_taken_for_it() -> None:
    heads = [
        TableColumn(score, score, "", True, 3, None) for score in ("fidelity", "fid_768", "fid")
    ]

    assert _scores_of("fid", heads) == ["fid_768", "fid"]
