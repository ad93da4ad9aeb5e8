"""Who is better: on the same images, in one recipe, corrected over the table."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from made_up import LARGER, RECIPE, column, only, recorded, winners
from scipy import stats

from genbench.cli import main
from genbench.errors import BadInput, NotMeasurable
from genbench.results.protocol import Protocol
from genbench.results.record import Record
from genbench.results.store import Store
from genbench.tables.build import build
from genbench.tables.compare import (
    Contest,
    Scale,
    difference,
    hold,
)
from genbench.tables.select import best, choose

PAIRS = dataclasses.replace(
    RECIPE, metric="rmse", inputs={}, images={"pairs": 200}, splits={"pairs": "test"}, repeats=1
)
RNG = np.random.default_rng(0)
IMAGES = RNG.normal(50, 10, 200)  # how hard each image is, for every model


def rmse(model: str, shift: float, noise: float = 0.3, **changes: Any) -> Record:
    """A model whose error on each image is that of the image, and a shift, and a little noise."""
    values = IMAGES + shift + RNG.normal(0, noise, 200)
    about = {
        "metric": "rmse",
        "score": "rmse",
        "values": values.tolist(),
        "spread": float(values.std(ddof=1)) / 200**0.5,
        "n": 200,
        "spread_over": "standard error over images",
    }
    return recorded(float(values.mean()), PAIRS, model=model, **{**about, **changes})


def fid(model: str, *values: float, protocol: Protocol = RECIPE) -> Record:
    return recorded(
        float(np.mean(values)),
        protocol,
        model=model,
        values=values if len(values) > 1 else None,
        spread=float(np.std(values, ddof=1)) if len(values) > 1 else None,
        spread_over=f"std over {len(values)} sampling batches",
    )


def held(*records: Record, lower: bool | None = True, median: bool = False) -> list[Contest]:
    scales = {r.score: Scale(r.score, lower, median) for r in records}
    rows = list(dict.fromkeys(r.key for r in records))
    return hold(choose(records), scales.values(), rows)


def test_the_same_images_are_compared_pair_by_pair() -> None:
    a, b = rmse("a", 0.0), rmse("b", 0.2)
    found = difference(a, b)

    assert found.p == pytest.approx(stats.ttest_rel(a.values, b.values).pvalue, rel=1e-4)
    assert (found.test, found.n, found.rows) == ("paired t", 200, "images")
    assert found.error < a.spread / 10


def test_a_score_that_is_a_median_is_compared_by_medians() -> None:
    a, b = rmse("a", 0.0), rmse("b", 0.2)

    found = difference(a, b, median=True)

    assert found.value == pytest.approx(np.median(a.values) - np.median(b.values), rel=1e-4)
    assert found.test == "paired bootstrap of medians"


def test_sets_of_samples_are_pairs_because_seeds_and_reference_are_the_same() -> None:
    a, b = fid("a", 8.0, 8.1, 8.2), fid("b", 8.5, 8.7, 8.6)
    found = difference(a, b)

    assert found.value == pytest.approx(-0.5)
    assert found.p == pytest.approx(stats.ttest_rel(a.values, b.values).pvalue)
    assert (found.n, found.rows) == (3, "sets of samples")


def test_without_values_two_standard_errors_are_compared() -> None:
    """Steps of two latent spaces are no pairs."""
    about = {"score": "ppl", "metric": "ppl", "spread_over": "standard error over steps"}
    a, b = (
        recorded(v, PAIRS, model=m, spread=s, n=n, **about)
        for m, v, s, n in (("a", 100.0, 3.0, 50), ("b", 110.0, 4.0, 80))
    )

    found = difference(a, b)

    expected = stats.ttest_ind_from_stats(
        100, 3 * 50**0.5, 50, 110, 4 * 80**0.5, 80, equal_var=False
    )
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.value, found.error, found.paired) == (-10, 5, False)


def test_what_cannot_be_tested_says_what_to_do() -> None:
    with pytest.raises(NotMeasurable, match="b has one set of samples; measure five: --repeats 5"):
        difference(fid("a", 8.0, 8.1), fid("b", 8.5))
    old = rmse("b", 0.2, values=None, spread=None, spread_over=None)
    with pytest.raises(NotMeasurable, match="no values of single images were kept for b"):
        difference(rmse("a", 0.0), old)


def test_all_pairs_of_all_scores_are_corrected_together() -> None:
    """Three models and two scores are six tests."""
    records = [rmse(m, s) for m, s in (("a", 0.0), ("b", 0.05), ("c", 1.0))]
    records += [dataclasses.replace(r, score="other") for r in records]

    contests = held(*records)
    ps = [c.found.p for c in contests if c.found]

    assert len(ps) == 6
    assert [c.adjusted for c in contests] == pytest.approx(_holm(ps))


def _holm(ps: list[float]) -> list[float]:
    """By the definition, one rank after the other."""
    order = np.argsort(ps)
    steps = np.maximum.accumulate([(6 - rank) * ps[i] for rank, i in enumerate(order)])
    return [min(1.0, float(steps[list(order).index(i)])) for i in range(6)]


@pytest.mark.parametrize(("lower", "winner"), [(True, "a"), (False, "b"), (None, None)])
def test_the_winner_follows_the_direction_of_the_score(
    lower: bool | None, winner: str | None
) -> None:
    (contest,) = held(rmse("a", 0.0), rmse("b", 1.0), lower=lower)

    assert (contest.better or (None,))[0] == winner


def test_no_difference_has_no_winner() -> None:
    (contest,) = held(rmse("a", 0.0), rmse("b", 0.0))

    assert contest.adjusted > 0.05
    assert contest.better is None


def test_unlike_numbers_are_refused_with_exactly_the_fields_that_differ() -> None:
    (contest,) = held(fid("a", 8.0, 8.1), fid("b", 5.0, 5.1, protocol=LARGER))

    assert contest.found is None
    assert contest.apart == (
        "images.real is 10000, in b it is 50000",
        "images.samples is 10000, in b it is 50000",
    )


def test_ranking_unlike_numbers_is_refused_with_the_fields_that_differ() -> None:
    chosen = choose([fid("a", 8.0, 8.1), fid("b", 5.0, 5.1, protocol=LARGER)])

    with pytest.raises(BadInput) as error:
        best(chosen.values, lower_is_better=True)

    assert "images.real is 10000 and 50000; images.samples is 10000 and 50000" in str(error.value)
    assert "repeats" not in str(error.value)


# --- bold in tables ---------------------------------------------------------------------


def test_bold_follows_the_paired_test_where_values_are_there() -> None:
    """Error bars of 0.7 overlap, and yet b is worse on nearly every image."""
    far, near = only(rmse("a", 0.0), rmse("b", 0.2)), only(rmse("a", 0.0), rmse("b", 0.0))

    assert winners(far) == {"a"}
    assert winners(near) == {"a", "b"}
    assert "a paired test does not tell from it (Holm-adjusted p of 0.05 or more, over 1 tests" in (
        " ".join(far.notes)
    )
    assert "error bars together" not in " ".join(far.notes)


def test_bold_falls_back_on_error_bars_where_values_are_missing() -> None:
    table = only(rmse("a", 0.0), rmse("b", 0.2, values=None))

    assert winners(table) == {"a", "b"}
    assert "no more than the two error bars together" in " ".join(table.notes)


def test_few_sets_settle_nothing_in_bold() -> None:
    """Three sets apart by many error bars: t has two degrees of freedom."""
    few = only(fid("a", 8.0, 8.1, 8.2), fid("b", 9.0, 9.2, 9.1), fid("c", 8.15, 8.1, 8.3))
    many = only(fid("a", 8.0, 8.1, 8.2, 8.1, 8.0), fid("b", 8.2, 8.3, 8.4, 8.3, 8.21))

    assert winners(few) == {"a", "c"}
    assert "error bars" in " ".join(few.notes)
    assert winners(many) == {"a"}
    assert "paired test" in " ".join(many.notes)


def test_a_table_with_both_rules_says_which_is_where() -> None:
    table = only(rmse("a", 0.0), rmse("b", 0.2), fid("a", 8.0, 8.1), fid("b", 9.0, 9.1))

    assert any("in FID, every number whose distance to it" in note for note in table.notes)


def test_of_two_columns_with_one_title_the_rule_names_the_letter() -> None:
    many = [fid("a", 8.0, 8.1, 8.2, 8.1, 8.0), fid("b", 8.2, 8.3, 8.4, 8.3, 8.21)]
    few = [fid(m, 5.0, 5.1, protocol=LARGER) for m in "ab"]

    notes = " ".join(only(*many, *few).notes)

    (marker,) = [h.marker for h in only(*many, *few).columns if h.protocol_id == LARGER.id]
    assert f"in FID ({marker}), every number whose distance" in notes


def test_intervals_stand_in_the_footnote() -> None:
    (table,) = build([rmse("a", 0.0, low=49.1, high=50.9), rmse("b", 9.0)], column)

    assert "95 % intervals of RMSE by bootstrap: a 49.10 to 50.90" in table.footnotes[0].text


# --- the command ------------------------------------------------------------------------


@pytest.fixture
def table(tmp_path: Path) -> Path:
    real = dataclasses.replace(rmse("real", -9.0), anchor=True)
    Store(tmp_path / "t").append(
        [
            rmse("a", 0.0),
            rmse("b", 0.2),
            rmse("c", 5.0),
            real,
            fid("a", 8.0, 8.1),
            fid("b", 5.0, 5.1, protocol=LARGER),
        ]
    )
    return tmp_path / "t"


def compare(table: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["table", "--table", str(table), "compare", *words])


def test_the_command_prints_every_pair_and_who_wins(table: Path) -> None:
    result = compare(table, "--metric", "rmse")

    lines = result.stdout.splitlines()
    assert result.exit_code == 0, result.output
    assert lines[0].split() == [
        "score",
        "models",
        "difference",
        "p",
        "p",
        "(Holm)",
        "better",
        "test",
        "protocol",
    ]
    assert [line.split()[1:4] for line in lines[1:4]] == [
        ["a", "-", "b"],
        ["a", "-", "c"],
        ["b", "-", "c"],
    ]
    assert "paired t, 200 images" in lines[1]
    assert " a " in lines[1].split("±")[1]
    assert "corrected over the 3 tests here" in result.stdout
    assert "real" not in result.stdout


def test_yardsticks_are_compared_when_they_are_named(table: Path) -> None:
    assert "a - real" in compare(table, "--models", "a,real", "--metric", "rmse").stdout


def test_the_command_refuses_unlike_numbers_and_names_the_fields(table: Path) -> None:
    result = compare(table, "--metric", "fid", "--models", "a,b")

    assert result.exit_code == 1  # what was asked for makes sense, and nothing came of it
    assert (
        "refused: fid of a and b were measured in different ways: images.real is 10000, in b it "
        "is 50000; images.samples is 10000, in b it is 50000" in result.stderr
    )
    assert "no two of these numbers can be compared" in result.stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--metric", "rmsee"], 2, "no record of the table is of 'rmsee'. Did you mean rmse?"),
        (["--models", "a,z"], 2, "no row of the table is called 'z'."),
        (["--models", "a"], 1, "no two models with one score"),
    ],
)
def test_mistakes_are_said(table: Path, words: list[str], code: int, message: str) -> None:
    result = compare(table, *words)

    assert result.exit_code == code
    assert message in result.stderr
