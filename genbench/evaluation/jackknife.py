"""Error bars of numbers that one set of images on each side gives: a part is left out in turn.

    s² = (k − 1) / k · Σ (θ_i − mean θ)²,   θ_i the number without the i-th of k parts

Source: B. Efron, "The Jackknife, the Bootstrap and Other Resampling Plans", SIAM, 1982. Nothing
is drawn twice, so distances between sets are not biased by images that are there two times. Parts
of both sides are left out together: where the sides are independent their variances add up, and
where they are pairs no pair is torn.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from genbench.accumulators.images import AllImages
from genbench.accumulators.moments import Moments
from genbench.accumulators.rows import FeatureRows
from genbench.errors import GenbenchError
from genbench.evaluation.collect import Evidence
from genbench.interfaces import STREAMS, Input, Measured, Metric, Tensors
from genbench.runtime import spill

PARTS = 10
OVER = f"jackknife standard error over images, {PARTS} parts"
ONE_SIDE = f"jackknife standard error over generated images, {PARTS} parts"
FEWEST = 5 * PARTS  # images on a side: of fewer a part is too little to say anything
MOST = 256 << 20  # bytes of images that are copied for each part


def inputs_for(inputs: Iterable[Input]) -> list[Input]:
    """What has to be kept beside *inputs*: rows, wherever a statistic has forgotten them."""
    return [_rows_of(each) for each in inputs if isinstance(each.statistic, Moments)]


def with_errors(
    metric: Metric, found: Mapping[str, Measured], known: Evidence, shared: Mapping[str, Tensors]
) -> dict[str, Measured]:
    """Numbers with the error bars that *found* lacks, where they can be had.

    Args:
        metric: that has made *found*.
        known: evidence of both sides.
        shared: what the metric has worked out of the reference.
    """
    if all(number.spread is not None for number in found.values()):
        return dict(found)
    rows = {name: _rows(each, known) for name, each in metric.inputs.items()}
    # Mean and covariance that somebody has given stay what they are.
    fixed = {
        name: known.of(each)
        for name, each in metric.inputs.items()
        if rows[name] is None and _is_given(each)
    }
    varied = {name: each for name, each in rows.items() if name not in fixed}
    if not varied or any(each is None or not _fits(each) for each in varied.values()):
        return dict(found)
    try:
        parts = [_without(part, metric, varied, {**fixed, **shared}) for part in range(PARTS)]
    except GenbenchError:  # too few are left for one of them
        return dict(found)
    over = ONE_SIDE if fixed else OVER
    return {
        name: _barred(number, [part[name] for part in parts], over)
        for name, number in found.items()
    }


def _rows_of(input_: Input) -> Input:
    moments: Any = input_.statistic
    return dataclasses.replace(input_, statistic=FeatureRows(moments.network, moments.layer))


def _rows(input_: Input, known: Evidence) -> Tensors | None:
    """The rows behind the evidence of an input; None where there are none to be had."""
    if isinstance(input_.statistic, Moments):
        return known.found.get(_rows_of(input_))
    if isinstance(input_.statistic, FeatureRows | AllImages):
        return known.found.get(input_)
    return None


def _is_given(input_: Input) -> bool:
    """Whether it is of the data's side, and may have come without rows."""
    return isinstance(input_.statistic, Moments) and not STREAMS[input_.stream].generated


def _fits(rows: Tensors) -> bool:
    tensor = rows["features"] if "features" in rows else rows["images"]
    size = 0 if "features" in rows else tensor.nbytes
    return len(tensor) >= FEWEST and size <= MOST


def _without(
    part: int, metric: Metric, rows: Mapping[str, Any], beside: Mapping[str, Tensors]
) -> Mapping[str, Measured]:
    """The numbers of all rows but every tenth, from row *part* on; *beside* stays whole."""
    given = {name: _evidence(metric.inputs[name], _kept(each, part)) for name, each in rows.items()}
    return metric.compute(**given, **beside)


def _kept(rows: Tensors, part: int) -> dict[str, Tensor]:
    """Rows without those of a part; what is no row stays."""
    n = max(len(each) for each in rows.values() if each.ndim)
    index = torch.arange(n)
    index = index[index % PARTS != part]
    return {name: _selected(each, index) if each.ndim else each for name, each in rows.items()}


def _selected(rows: Tensor, index: Tensor) -> Tensor:
    room = spill.allocate((len(index), *rows.shape[1:]), rows.dtype)
    return torch.index_select(rows, 0, index, out=room)


def _evidence(input_: Input, rows: dict[str, Tensor]) -> Tensors:
    if not isinstance(input_.statistic, Moments):
        return rows
    features = rows["features"].double()
    mean = features.mean(0)
    centred = features - mean
    cov = centred.T @ centred / (len(features) - 1)
    return {"n": torch.tensor(len(features)), "mean": mean, "cov": cov}


def _barred(number: Measured, parts: list[Measured], over: str) -> Measured:
    """The number with its standard error; one that some parts do not have stays bare."""
    values = torch.tensor([part.value for part in parts], dtype=torch.float64)
    if number.spread is not None or not bool(values.isfinite().all()):
        return number
    spread = float(values.var(correction=0)) * (PARTS - 1)
    return dataclasses.replace(number, spread=math.sqrt(spread), spread_over=over)
