"""Charts of a results table: what stands in them, against examples done by hand."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from made_up import LARGER, RECIPE, recorded

from genbench import registry
from genbench.errors import BadInput, BadSetting, NotEnoughData, UnknownName
from genbench.figures.fid_curve import Extrapolation, curve
from genbench.figures.ranks import ranks, tied_ranks
from genbench.figures.scores import column_of, one_table, protocol_words
from genbench.figures.tradeoff import front, stairs, tradeoff
from genbench.interfaces import Column, Curve
from genbench.results.record import Record
from genbench.tables.table import Table

PAIRS = dataclasses.replace(RECIPE, metric="rmse", images={"pairs": 500}, repeats=1)
BARS = "std over 5 sampling batches"


def titles(_metric: str, score: str) -> Column:
    way = {"ssim": False, "l2_norm": None}.get(score, True)
    return Column(score.upper(), lower_is_better=way, unit="grey levels" if score == "rmse" else "")


def fid(model: str, value: float, spread: float = 0.0, **changes: Any) -> Record:
    about: dict[str, Any] = {"model": model, "spread": spread, "spread_over": BARS}
    return recorded(value, **{**about, **changes})


def rmse(model: str, value: float | None, **changes: Any) -> Record:
    about: dict[str, Any] = {
        "model": model,
        "metric": "rmse",
        "score": "rmse",
        "spread": 0.1,
        "spread_over": "standard error over images",
    }
    return recorded(value, PAIRS, **{**about, **changes})


THREE = [fid("a", 10), fid("b", 20), fid("c", 30), rmse("a", 9.0), rmse("b", 5.0), rmse("c", 7.0)]


# --- Pareto front -------------------------------------------------------------------------------


def test_the_front_by_hand() -> None:
    points = [(1.0, 9.0), (2.0, 5.0), (3.0, 7.0), (4.0, 1.0), (4.0, 2.0)]

    assert front(points, (True, True)) == [0, 1, 3]
    assert front(points, (True, False)) == [0]
    assert front(points, (False, True)) == [3]
    assert front(points, (False, False)) == [0, 2, 4]
    assert front([(1.0, 1.0), (1.0, 1.0)], (True, True)) == [0, 1]  # equal ones do not beat


@pytest.mark.parametrize(
    ("lower", "best", "corner"),
    [
        ((True, True), [(1.0, 9.0), (2.0, 5.0)], (2.0, 9.0)),
        ((False, False), [(1.0, 9.0), (2.0, 5.0)], (1.0, 5.0)),
        ((True, False), [(1.0, 5.0), (2.0, 9.0)], (2.0, 5.0)),
        ((False, True), [(1.0, 5.0), (2.0, 9.0)], (1.0, 9.0)),
    ],
)
def test_stairs_turn_where_both_points_are_as_good(
    lower: tuple[bool, bool], best: list[tuple[float, float]], corner: tuple[float, float]
) -> None:
    """The corner is the worst point that both of the front are at least as good as."""
    assert stairs(best, lower) == [best[0], corner, best[1]]


def test_a_tradeoff_names_its_front_its_bars_and_its_protocols() -> None:
    drawing = tradeoff(one_table(THREE, titles), "fid", "rmse")
    caption = drawing.words.caption

    assert "no model is better in both than a, b." in caption
    assert f"Bars: {BARS}; standard error over images." in caption
    assert f"protocol {RECIPE.id}" in caption
    assert f"protocol {PAIRS.id}" in caption
    (axes,) = drawing.canvas.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("FID ↓", "RMSE (grey levels) ↓")
    assert {"a", "b", "c"} <= {text.get_text() for text in axes.texts}


def test_more_than_three_points_are_drawn_large() -> None:
    small = tradeoff(one_table(THREE, titles), "fid", "rmse")
    large = tradeoff(one_table([*THREE, fid("d", 9), rmse("d", 1.0)], titles), "fid", "rmse")

    assert (small.figure().large, large.figure().large) == (False, True)
    assert large.canvas.get_size_inches()[0] > 1.5 * small.canvas.get_size_inches()[0]


def test_anchors_and_models_without_both_numbers_are_not_points() -> None:
    records = [
        *THREE,
        fid("gan", 5),
        rmse("gan", None, reason="it has no encoder"),
        fid("real", 1, anchor=True),
        rmse("real", 1.0, anchor=True),
    ]
    drawing = tradeoff(one_table(records, titles), "fid", "rmse", ["x", "y"])

    assert "Not shown: gan (no RMSE)." in drawing.words.caption
    assert [t.get_text() for t in drawing.canvas.axes[0].texts] == ["a", "b", "c"]
    assert drawing.canvas.axes[0].get_xscale() == "log"


def test_numbers_of_two_protocols_do_not_share_an_axis() -> None:
    """The refusal names the fields, and how to choose."""
    table = one_table([*THREE, fid("a", 9, protocol=LARGER)], titles)

    with pytest.raises(BadInput, match="measured under 2 protocols") as refusal:
        tradeoff(table, "fid", "rmse")
    assert "images.samples is 10000 and 50000" in str(refusal.value)
    assert "dataset is" not in str(refusal.value)
    assert f"--x fid@{LARGER.id[:6]}" in str(refusal.value)
    assert LARGER.id in tradeoff(table, f"fid@{LARGER.id[:6]}", "rmse").words.caption
    with pytest.raises(BadSetting, match="no protocol of fid begins with 'zzz'"):
        tradeoff(table, "fid@zzz", "rmse")


def test_mistakes_about_scores_are_one_line() -> None:
    table = one_table([*THREE, fid("a", 3, metric="l2_norm", score="l2_norm")], titles)

    with pytest.raises(UnknownName, match=r"faces at 64×64 has no numbers of 'fdi'.* mean fid\?"):
        column_of(table, "fdi", "--x")
    with pytest.raises(BadSetting, match="neither way is better for l2_norm"):
        tradeoff(table, "l2_norm", "rmse")
    lonely = one_table([fid("a", 1), rmse("b", 2.0)], titles)
    with pytest.raises(NotEnoughData, match="no model has both fid and rmse"):
        tradeoff(lonely, "fid", "rmse")


def test_one_data_set_has_to_be_chosen() -> None:
    other = dataclasses.replace(RECIPE, dataset="cats", resolution=32, fingerprint="cd" * 32)
    records = [*THREE, fid("a", 3, protocol=other, dataset="cats", resolution=32)]

    with pytest.raises(BadSetting, match="faces at 64×64, cats at 32×32; choose with --data"):
        one_table(records, titles)
    assert one_table(records, titles, "cats").dataset == "cats"
    assert one_table(records, titles, None, 64).dataset == "faces"
    with pytest.raises(BadSetting, match="no numbers on dogs; it has faces"):
        one_table(records, titles, "dogs")


def test_protocols_are_told_once() -> None:
    table = one_table(THREE, titles)

    assert protocol_words(table, [0, 0]).count(RECIPE.id) == 1


# --- ranks --------------------------------------------------------------------------------------


def test_ranks_with_ties_by_hand() -> None:
    """Standard competition with the mean of tied ranks: 10, 20, 20, 30 -> 1, 2.5, 2.5, 4."""
    values = [20.0, 10.0, 30.0, 20.0]

    def same(i: int, j: int) -> bool:
        return values[i] == values[j]

    assert tied_ranks(values, True, same) == [2.5, 1, 4, 2.5]
    assert tied_ranks(values, False, same) == [2.5, 4, 1, 2.5]


def test_ties_that_are_no_chain_keep_the_sum_of_ranks() -> None:
    """1 ties with 2 and 2 with 3, but not 1 with 3."""
    found = tied_ranks([1.0, 2.0, 3.0], True, lambda i, j: abs(i - j) == 1)

    assert found == [1.5, 2.0, 2.5]
    assert sum(found) == 6


def test_average_ranks_of_three_models() -> None:
    """FID 1 2 3; RMSE of a, b, c 9, 5, 7: 3 1 2. Averages 2, 1.5, 2.5."""
    drawing = ranks(THREE, titles)

    assert drawing.words.alt == "average ranks: b 1.50, a 2.00, c 2.50"
    assert [t.get_text() for t in drawing.canvas.axes[0].get_yticklabels()] == ["b", "a", "c"]


def test_numbers_within_their_error_bars_share_a_rank() -> None:
    records = [fid("a", 10, 3), fid("b", 12, 3), fid("c", 30, 3)]

    assert ranks(records, titles).words.alt == "average ranks: a 1.50, b 1.50, c 3.00"


def test_only_scores_that_all_models_have_are_ranked() -> None:
    records = [*THREE, fid("gan", 5), rmse("gan", None, reason="it has no encoder")]

    every = ranks(records, titles).words
    assert every.alt == "average ranks: gan 1.00, a 2.00, b 3.00, c 4.00"
    assert "or a metric has a main score: RMSE." in every.caption
    both = ranks(records, titles, scores=["fid", "rmse"]).words
    assert both.alt == "average ranks: b 1.50, a 2.00, c 2.50"
    assert "Models left out: gan." in both.caption
    assert ranks(records, titles, models=["a", "c"]).words.alt == "average ranks: a 1.50, c 1.50"


def test_a_metric_counts_once_unless_its_scores_are_asked_for() -> None:
    """swd_16 shares the protocol of swd, so it is of the same metric."""
    recipe = dataclasses.replace(RECIPE, metric="swd")
    swd = [
        recorded(value, recipe, model=name, metric="swd", score="swd")
        for name, value in (("a", 3.0), ("b", 2.0), ("c", 1.0))
    ]
    records = [*THREE, *swd, *(dataclasses.replace(r, score="swd_16") for r in swd)]

    assert "in 3 scores" in ranks(records, titles).words.caption
    asked = ranks(records, titles, scores=["swd", "swd_16"])
    assert asked.words.alt == "average ranks: c 1.00, b 2.00, a 3.00"


def test_mistakes_about_ranks_are_one_line() -> None:
    with pytest.raises(BadSetting, match="neither way is better for l2_norm"):
        ranks(
            [fid(name, 1, metric="l2_norm", score="l2_norm") for name in "ab"],
            titles,
            scores=["l2_norm"],
        )
    with pytest.raises(UnknownName, match=r"no model 'vea'\. Did you mean vae\?"):
        ranks([fid("vae", 1), fid("b", 2)], titles, models=["vea"])
    with pytest.raises(NotEnoughData, match="got 1 models and 1 such scores"):
        ranks([fid("a", 1)], titles)


# --- FID against the number of images -----------------------------------------------------------


def test_the_line_meets_the_axis_at_the_limit_and_passes_through_the_mean() -> None:
    """FID(n) = 8 + 1000 / n."""
    images = [100, 200, 400]
    found = Extrapolation("a", Curve(images, [8 + 1000 / n for n in images], 8.0, 0.5))

    drawing = curve([found], "FID", "Metric fid_inf; seed 0.")

    axes = drawing.canvas.axes[0]
    line = axes.lines[1]
    assert list(line.get_xdata()) == pytest.approx([0, 1 / 100])
    assert list(line.get_ydata()) == pytest.approx([8, 18])
    assert [t.get_text() for t in axes.get_xticklabels()] == ["∞", "400", "200", "100"]
    assert "a 8.00 ± 0.50" in drawing.words.caption
    assert drawing.words.caption.endswith("Metric fid_inf; seed 0.")


def test_a_metric_may_be_named_as_it_was_asked_for() -> None:
    assert registry.metric("fid:768").columns.keys() == {"fid_768"}
    with pytest.raises(UnknownName, match="has no numbers of 'fid_768'"):
        column_of(Table("t", "toyfaces", 32, "0" * 64, (), ()), "fid:768", "--x")
