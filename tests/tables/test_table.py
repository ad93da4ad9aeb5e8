"""From records to tables: one protocol a column, the newest record, the best by the rule."""

from __future__ import annotations

import dataclasses
import math

import pytest
from made_up import LARGER, RECIPE, cells, column, only, recorded, winners

from genbench.errors import BadInput
from genbench.interfaces import Column
from genbench.tables.build import build
from genbench.tables.table import (
    NO_RECORD,
    NOT_MEASURED,
    Cell,
    text,
)

# --- columns ----------------------------------------------------------------------------


def test_a_column_holds_one_protocol() -> None:
    table = only(
        recorded(8.0), recorded(5.0, LARGER), recorded(9.0, model="b"), recorded(None, model="c")
    )

    assert [head.protocol_id for head in table.columns] == [RECIPE.id, LARGER.id]
    assert [cell.value for cell in cells(table, "a")] == [8.0, 5.0]
    assert [cell.value for cell in cells(table, "b")] == [9.0, None]


def test_the_second_footnote_names_the_fields_that_differ() -> None:
    table = only(recorded(8.0), recorded(5.0, LARGER), recorded(9.0, model="b"))
    first, second = table.footnotes

    assert [head.marker for head in table.columns] == ["a", "b"]
    assert first.differs == ()
    assert second.differs == (
        "images.real is 50000, in a it is 10000",
        "images.samples is 50000, in a it is 10000",
    )


def test_scores_of_one_protocol_share_a_footnote() -> None:
    table = only(recorded(0.5, score="precision"), recorded(0.4, score="recall"))

    assert [head.marker for head in table.columns] == ["a", "a"]
    assert table.footnotes[0].titles == ("PRECISION", "RECALL")


def test_what_differs_is_said_once_for_all_scores_of_a_metric() -> None:
    scores = ("precision", "recall")
    table = only(*(recorded(0.5, p, score=s) for p in (RECIPE, LARGER) for s in scores))

    assert len(table.footnotes[1].differs) == 2


def test_a_footnote_tells_the_recipe_in_words() -> None:
    (note,) = only(recorded(8.0, spread=0.1, spread_over="std over 5 sets")).footnotes

    for words in (
        "10000 real (train), 10000 samples",
        "network inception, digest 676767676767",
        "images: resize PIL bilinear",
        "5 sets of samples",
        "fingerprint abababababab",
        f"protocol {RECIPE.id}",
        "± is std over 5 sets",
    ):
        assert words in note.text
    assert note.brief.endswith(f"; ± is std over 5 sets; protocol {RECIPE.id}")
    assert "67" * 32 not in note.text
    assert ("inputs.samples.network.digest", "67" * 32) in note.fields


def test_what_all_protocols_share_is_said_once() -> None:
    table = only(recorded(8.0), recorded(5.0, LARGER))

    assert any("images: resize PIL bilinear" in note for note in table.notes)
    assert not any("PIL bilinear" in note.text for note in table.footnotes)
    assert "50000 samples" in table.footnotes[0].text + table.footnotes[1].text


def test_the_protocol_with_most_numbers_comes_first_in_any_order() -> None:
    few, many = recorded(5.0, LARGER), [recorded(8.0), recorded(9.0, model="b")]

    for records in ([few, *many], [*many, few]):
        assert [head.protocol_id for head in only(*records).columns] == [RECIPE.id, LARGER.id]


# --- rows and tables --------------------------------------------------------------------


def test_the_newest_record_of_a_protocol_wins() -> None:
    """Also where the zone of the clock differs: 12:00+02:00 is before 11:00 UTC."""
    new = recorded(7.0, time="2030-01-01T11:00:00+00:00")
    old = recorded(8.0, time="2030-01-01T12:00:00+02:00")

    assert cells(only(new, old), "a")[0].value == 7.0
    assert cells(only(old, new), "a")[0].value == 7.0


def test_two_runs_of_a_model_are_two_rows_named_by_run() -> None:
    table = only(recorded(8.0, run="r1"), recorded(9.0, run="r2"), recorded(1.0, model="b"))

    assert [row.label for row in table.rows] == ["a (r1)", "a (r2)", "b"]


def test_other_data_is_another_table() -> None:
    """Another fingerprint too: other bytes under the same name."""
    bytes_differ = dataclasses.replace(RECIPE, fingerprint="cd" * 32)
    tables = build(
        [recorded(1.0), recorded(2.0, bytes_differ), recorded(3.0, resolution=128)], column
    )

    assert [table.title for table in tables] == [
        "faces, 64×64, data abababababab",
        "faces, 64×64, data cdcdcdcdcdcd",
        "faces, 128×128",
    ]


def test_what_was_not_measured_stands_with_the_data_of_its_evaluation() -> None:
    bytes_differ = dataclasses.replace(RECIPE, fingerprint="cd" * 32)
    first, second = build(
        [
            recorded(1.0),
            recorded(2.0, bytes_differ, evaluation="e2"),
            recorded(None, model="b", evaluation="e2", reason="why"),
        ],
        column,
    )

    assert [row.label for row in first.rows] == ["a"]
    assert [row.label for row in second.rows] == ["a", "b"]


def test_a_value_without_a_protocol_is_refused() -> None:
    with pytest.raises(BadInput, match="value of fid for a but no protocol"):
        build([dataclasses.replace(recorded(8.0), protocol=None, protocol_id=None)], column)


# --- not measured -----------------------------------------------------------------------


def test_a_reason_fills_the_columns_that_have_no_value_in_its_row() -> None:
    table = only(
        recorded(8.0),
        recorded(5.0, LARGER),
        recorded(8.5, model="b"),
        recorded(None, model="b", reason="out of memory"),
        recorded(None, model="c", reason="cannot sample"),
    )
    kept, filled = cells(table, "b")

    assert (kept.value, kept.reason) == (8.5, None)
    assert (filled.value, filled.reason) == (None, "out of memory")
    assert [cell.reason for cell in cells(table, "c")] == ["cannot sample"] * 2
    assert table.reasons == ("out of memory", "cannot sample")
    assert table.mark(filled) == "1"
    assert text(filled, table.columns[1]) == NOT_MEASURED


def test_a_score_that_nobody_has_still_has_a_column() -> None:
    table = only(recorded(None, reason="no weights"))

    assert [(head.title, head.protocol_id) for head in table.columns] == [("FID", None)]
    assert table.footnotes == ()


def test_nobody_asked_is_told_from_not_measured() -> None:
    table = only(recorded(8.0), recorded(9.0, model="b"), recorded(0.5, score="recall"))
    (_, asked_not) = cells(table, "b")

    assert text(asked_not, table.columns[1]) == NO_RECORD
    assert any(note.startswith(NO_RECORD) for note in table.notes)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_not_printed(value: float) -> None:
    (cell,) = cells(only(recorded(value)), "a")

    assert cell == Cell(reason="the number is not finite")


def test_different_counts_in_a_column_are_told() -> None:
    table = only(recorded(8.0, n=90), recorded(9.0, model="b", n=100))

    assert "FID (a) is taken over different numbers: a 90, b 100." in table.notes


# --- best -------------------------------------------------------------------------------


def test_the_best_follows_the_direction_of_the_score() -> None:
    lower = only(recorded(8.0), recorded(9.0, model="b"))
    higher = only(recorded(0.8, score="recall"), recorded(0.9, score="recall", model="b"))

    assert winners(lower) == {"a"}
    assert winners(higher) == {"b"}


@pytest.mark.parametrize(
    ("second", "spread", "expected"),
    [
        (8.3, 0.1, {"a", "b"}),  # 0.3 <= 0.2 + 0.1
        (8.31, 0.1, {"a"}),
        (8.2, None, {"a", "b"}),  # a missing error bar is 0
        (8.21, None, {"a"}),
    ],
)
def test_ties_within_the_error_bars_share_it(
    second: float, spread: float | None, expected: set[str]
) -> None:
    table = only(recorded(8.0, spread=0.2), recorded(second, model="b", spread=spread))

    assert winners(table) == expected


def test_anchors_are_last_and_never_best() -> None:
    table = only(
        recorded(1.0, model="real images", anchor=True),
        recorded(0.5, model="a (untrained)", anchor=True),
        recorded(8.0),
        recorded(9.0, model="b"),
    )

    assert [row.label for row in table.rows] == ["a", "b", "real images", "a (untrained)"]
    assert [row.anchor for row in table.rows] == [False, False, True, True]
    assert winners(table) == {"a"}


def test_a_name_does_not_make_an_anchor() -> None:
    """Somebody's model may be called anything."""
    table = only(recorded(1.0, model="real images"), recorded(8.0))

    assert winners(table) == {"real images"}


def test_a_remark_stands_under_the_table_once() -> None:
    table = only(recorded(1.0, note="too few"), recorded(8.0, model="b", note="too few"))

    assert table.remarks[-1] == "FID of a, b: too few."


def test_nobody_is_best_alone() -> None:
    assert winners(only(recorded(8.0), recorded(1.0, model="real images", anchor=True))) == set()


def test_best_is_found_in_each_column_by_itself() -> None:
    table = only(
        recorded(8.0),
        recorded(9.0, model="b"),
        recorded(5.0, LARGER),
        recorded(4.0, LARGER, model="b"),
    )

    assert {*map(frozenset, (winners(table, 0), winners(table, 1)))} == {
        frozenset("a"),
        frozenset("b"),
    }


def test_a_score_that_nobody_has_is_a_note_and_not_a_column() -> None:
    absent = {"metric": "kid", "score": "kid", "reason": "no weights"}
    table = only(
        recorded(8.0),
        recorded(None, **absent),
        recorded(9.0, model="b"),
        recorded(None, model="b", **absent),
    )

    assert [column.score for column in table.columns] == ["fid"]
    assert table.notes[0] == "Not measured: KID: no weights."


def test_scores_that_nobody_has_are_named_in_one_note() -> None:
    """`identity` at 32×32 said its reason once a score and once a model."""
    faceless = [
        recorded(None, metric="identity", score=score, model=model, reason="no face")
        for score in ("identity", "identity_same")
        for model in ("a", "b")
    ]
    weightless = recorded(None, metric="kid", score="kid", reason="no weights")
    yardstick = recorded(
        None, metric="kid", score="kid", model="real images", anchor=True, reason="it is real"
    )
    table = only(recorded(8.0), *faceless, weightless, yardstick)

    assert table.notes[0] == "Not measured: KID: no weights; IDENTITY, IDENTITY_SAME: no face."
    assert sum("no face" in note for note in table.notes) == 1
    assert "Not measured: KID, IDENTITY, IDENTITY_SAME." in table.brief


def test_the_columns_people_look_for_come_first_and_strangers_last() -> None:
    scores = ("ours/mine", "swd", "psnr", "kid:768", "rmse", "fid:768", "lpips", "fid")
    table = only(*(recorded(1.0, metric=score, score=score) for score in scores))

    order = [head.score for head in table.columns]
    assert order == ["fid", "lpips", "rmse", "psnr", "fid:768", "kid:768", "swd", "ours/mine"]
    assert [head.score for head in table.columns if head.headline] == order[:4]


@pytest.mark.parametrize(
    ("scores", "stands_in"),
    [
        (("kid", "fd_dinov2", "fd_toynet"), "fd_toynet"),
        (("swd", "kid"), "kid"),
        (("swd", "fid:768"), "fid:768"),
    ],
)
def test_where_fid_is_absent_another_distance_stands_in(
    scores: tuple[str, ...], stands_in: str
) -> None:
    others = ("rmse", "ssim", "ppl", "identity")
    no_weights = recorded(None, metric="fid", score="fid", reason="no weights")
    table = only(
        no_weights, *(recorded(1.0, metric=score, score=score) for score in (*others, *scores))
    )

    assert [head.score for head in table.columns if head.headline] == [stands_in, "rmse"]
    assert table.columns[0].score == stands_in


def test_where_nobody_knows_the_metrics_some_columns_are_still_shown_first() -> None:
    scores = [f"ours/{i}" for i in range(6)]
    table = only(*(recorded(1.0, metric=score, score=score) for score in scores))

    assert [head.score for head in table.columns if head.headline] == scores[:4]


def test_few_columns_are_all_shown_first() -> None:
    table = only(*(recorded(1.0, metric=score, score=score) for score in ("ours/1", "fid")))

    assert all(head.headline for head in table.columns)


def test_a_level_that_repeats_the_mean_of_all_levels_is_left_out() -> None:
    """SWD at 16×16 has one level, which is the mean."""

    def levels(metric: str, score: str) -> Column:
        return dataclasses.replace(column(metric, score), optional=score == "swd_16")

    records = [
        recorded(value, metric="swd", score=score, model=model)
        for model, value in (("a", 8.0), ("b", 9.0))
        for score in ("swd", "swd_16", "other")
    ]
    (table,) = build(records, levels)

    assert [head.score for head in table.columns] == ["swd", "other"]
    assert "Left out, because the numbers are the same: SWD_16 is SWD." in table.notes


def test_the_numbers_of_a_column_end_at_one_decimal() -> None:
    table = only(recorded(31.2384, spread=0.0523), recorded(18.3, spread=0.21, model="b"))

    words = [text(row.cells[0], table.columns[0]) for row in table.rows]

    assert words == ["31.24 ± 0.05", "18.30 ± 0.21"]


def test_where_nothing_was_measured_the_columns_stay() -> None:
    table = only(recorded(None, reason="no weights"))

    assert [column.score for column in table.columns] == ["fid"]
    assert table.rows[0].cells[0].reason == "no weights"


def test_where_neither_way_is_better_nobody_is_best() -> None:
    records = [recorded(8.0), recorded(9.0, model="b")]
    (table,) = build(records, lambda _, score: Column(score, lower_is_better=None))

    assert winners(table) == set()
    assert table.columns[0].arrow == ""
