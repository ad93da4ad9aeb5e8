"""The contract of metrics: every metric of the registry keeps it, and it catches what it should."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from genbench import registry
from genbench.accumulators import feature_metric, image_metric, pair_metric
from genbench.accumulators.images import AllImages
from genbench.accumulators.rows import FeatureRows
from genbench.contracts.metric import CHECKS, DECLARED, check_metric
from genbench.contracts.outcome import Verdict
from genbench.evaluation.plan import find_metrics
from genbench.interfaces import (
    Accumulator,
    Column,
    Curve,
    Input,
    Measured,
    Metric,
    Pass,
    State,
    Step,
    Stream,
    Tensors,
)

METRICS = find_metrics(["all"])
# Comparisons of all images with all others, or a thousand images: a minute each.
SLOW = {"swd", "kid:subsets", *(name for name in METRICS if name.startswith("neighbours"))}
FACES = {"identity", "neighbours:face", "neighbours:reconstructions-face"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in METRICS],
)
def test_every_metric_keeps_its_promises(name: str) -> None:
    weights = os.environ.get("GENBENCH_WEIGHTS")

    outcomes = check_metric(METRICS[name], Path(weights) if weights else None)

    assert [each for each in outcomes if each.verdict is Verdict.BROKEN] == []
    kept = {each.promise for each in outcomes if each.verdict is Verdict.KEPT}
    assert DECLARED in kept
    if name not in FACES:  # there are none on blurred noise: tests/metrics has photographs
        assert {"shards merged are one pass", "compute gives the declared columns"} <= kept


# --- what is broken is caught -----------------------------------------------------------------

GAP = {"gap": Column("gap", lower_is_better=True)}


def gap(real: Tensor, generated: Tensor) -> float:
    """Distance of the means: a metric that keeps every promise."""
    return abs(float(real.double().mean()) - float(generated.double().mean()))


GOOD = image_metric(gap, GAP)


def broken(metric: Metric) -> dict[str, str]:
    return {o.promise: o.why for o in check_metric(metric) if o.verdict is Verdict.BROKEN}


def checked(metric: Metric) -> set[str]:
    return {o.promise for o in check_metric(metric) if o.verdict is Verdict.KEPT}


def computed(function: Callable[[Tensor, Tensor], float | dict[str, float]]) -> Metric:
    return image_metric(function, GAP)


def test_good_ones_are_good() -> None:
    per_pair = pair_metric(lambda a, b: (a.double() - b.double()).abs().mean((1, 2, 3)), GAP)
    features = feature_metric(gap, "inception", "768", GAP)
    curve = Curve([1, 2], [3.0, 2.5], 2.0, 0.1)
    for metric in (GOOD, per_pair, features):
        everything = replace(metric, symmetric=True, curve=lambda **_: curve)
        assert broken(everything) == {}
    assert checked(replace(features, symmetric=True, curve=lambda **_: curve)) == set(CHECKS)


@dataclass(frozen=True)
class Careless(FeatureRows):
    """Takes what is not finite for 0."""

    def finish(self, whole: Tensors, about: Pass) -> Tensors:
        return {"features": whole["features"].nan_to_num(posinf=0)}


@dataclass(frozen=True)
class Counting(AllImages):
    """Counts batches or processes, which is nothing of the images."""

    batches: bool = False

    def start(self, about: Pass) -> Accumulator:
        return Counts(super().start(about), self.batches)


class Counts:
    def __init__(self, images: Accumulator, batches: bool) -> None:
        self.images, self.batches, self.n = images, batches, 0 if batches else 1

    def update(self, rows: tuple[Tensor, ...], index: Tensor) -> None:
        self.n += self.batches
        self.images.update(rows, index)

    def state(self) -> State:
        return replace(self.images.state(), sums={"count": torch.tensor(self.n)})


def kept_by(statistic: AllImages | FeatureRows) -> Metric:
    """The metric with a statistic of its own."""
    part = "images" if isinstance(statistic, AllImages) else "features"

    def compute(real: Tensors, generated: Tensors) -> dict[str, Measured]:
        return {"gap": Measured(gap(real[part], generated[part]))}

    inputs = {
        "real": Input(Stream.REAL, statistic),
        "generated": Input(Stream.SAMPLES, statistic),
    }
    return Metric(1, inputs, compute, GAP)


def drawn(real: Tensor, generated: Tensor) -> float:
    unseeded = torch.Generator()
    unseeded.seed()  # another one each time: what the contract is there to notice
    return gap(real, generated) + float(torch.rand((), generator=unseeded))


def zeroed(real: Tensor, generated: Tensor) -> float:
    found = gap(real, generated)
    real.zero_()
    return found


def first_image(real: Tensor, generated: Tensor) -> float:
    return gap(real[:1], generated[:1])


def one_sided(real: Tensor, generated: Tensor) -> float:
    return float(generated.double().var() / (1 + real.double().mean()))


FALLING = Curve([2, 1], [1.0, 1.0], 1.0, 0.1)
PATHS = Input(Stream.PATHS, FeatureRows("inception", "2048"), step=Step())
BROKEN: dict[str, tuple[str, Metric, str]] = {
    "no such layer": (
        DECLARED,
        feature_metric(gap, "inception", "2049", GAP),
        "inception has no layer '2049'; it gives 64, 192, 768, 2048, logits_unbiased",
    ),
    "no such network": (
        DECLARED,
        feature_metric(gap, "incepton", "2048", GAP),
        "no feature is called 'incepton'. Did you mean inception?",
    ),
    "paths through a network of bytes": (
        DECLARED,
        replace(GOOD, inputs={"paths": PATHS}),
        "paths are floats, and inception takes bytes alone",
    ),
    "a reference to nothing": (
        DECLARED,
        replace(GOOD, inputs={"generated": GOOD.inputs["generated"]}, reference=lambda: {}),
        "it has a reference, and no input of the data's own images",
    ),
    "a statistic that cannot be shared": (
        DECLARED,
        kept_by(AllImages([5])),  # type: ignore[arg-type]  # that is the point
        "unhashable",
    ),
    "nan": (
        "numbers are finite on good images",
        computed(lambda real, generated: float("nan")),
        "on images that are finite",
    ),
    "another column": (
        "compute gives the declared columns",
        computed(lambda real, generated: {"gap": 1.0, "other": 2.0}),
        "compute gives other, which no column declares",
    ),
    "a column too few": (
        "compute gives the declared columns",
        image_metric(lambda a, b: {"gap": 1.0}, {**GAP, "two": GAP["gap"]}),
        "compute does not give two; a column that some images lack is optional",
    ),
    "nan for 0": (
        "features that are not finite are refused by the image",
        kept_by(Careless("inception", "2048")),
        "real: image 7 has the feature nan, and the scores are",
    ),
    "counts processes": (
        "shards merged are one pass",
        kept_by(Counting()),
        "real: count is another one merged from 2 processes",
    ),
    "counts batches": (
        "any cut into batches gives the same",
        kept_by(Counting(batches=True)),
        "real: count is another one in batches of 7",
    ),
    "a draw of the shared generator": (
        "the same evidence gives the same number",
        computed(drawn),
        "draw from a seeded generator",
    ),
    "writes into what it is given": (
        "compute leaves its evidence alone",
        computed(zeroed),
        "real: compute changed images, which others are given too",
    ),
    "the first image alone": (
        "the order of images does not matter",
        computed(first_image),
        "in another order; if that is meant, say ordered=True",
    ),
    "sides that are unlike": (
        "both sides may change places",
        replace(computed(one_sided), symmetric=True),
        "when both sides change places",
    ),
    "pairs that are unlike": (
        "both sides may change places",
        replace(pair_metric(lambda a, b: a.double().mean((1, 2, 3)), GAP), symmetric=True),
        "when both sides change places",
    ),
    "the wrong way": (
        "better is better",
        image_metric(gap, {"gap": Column("gap", lower_is_better=False)}),
        "and higher is declared better",
    ),
    "a falling curve": (
        "the curve rises in images",
        replace(GOOD, curve=lambda **_: FALLING),
        "its curve has 2 values at [2, 1] images",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_promise_is_caught(case: str) -> None:
    promise, metric, words = BROKEN[case]

    found = broken(metric)

    assert promise in found
    assert words in found[promise]


def test_every_promise_has_a_metric_that_breaks_it() -> None:
    assert {promise for promise, _, _ in BROKEN.values()} == set(CHECKS)


def test_what_says_that_order_matters_may_look_at_it() -> None:
    assert broken(replace(computed(first_image), ordered=True)) == {}


def test_a_function_that_does_not_give_one_number_a_pair_is_named() -> None:
    found = broken(pair_metric(lambda a, b: a.double().mean((2, 3)), GAP))

    assert (
        "gap must give one number for each of 50 pairs, got shape (50, 3)"
        in (found["numbers are finite on good images"])
    )


def test_one_number_for_two_columns_is_named() -> None:
    found = broken(image_metric(gap, {**GAP, "two": GAP["gap"]}))

    assert (
        "one number was given for 2 columns, gap, two"
        in (found["compute gives the declared columns"])
    )


def test_a_metric_that_wants_other_images_is_not_called_broken() -> None:
    outcomes = check_metric(registry.metric("identity"))

    assert {o.verdict for o in outcomes if o.promise != DECLARED} == {Verdict.NOT_CHECKED}
    assert "blurred noise" in outcomes[-1].why
