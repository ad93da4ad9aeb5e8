"""Metrics of one function each: what it is given, and how its scores are printed, is all they say.

Each constructor gives a `genbench.interfaces.Metric`, whose full form is for those who need more:
another statistic, another stream. Fields that no argument here fills are set with
``dataclasses.replace``.

>>> import torch
>>> from genbench.interfaces import Column
>>> def brightness_gap(real, generated):
...     return (real.float().mean() - generated.float().mean()).abs().item()
>>> METRIC = image_metric(brightness_gap, {"gap": Column("gap", lower_is_better=True)})
>>> METRIC.inputs["real"].stream.value, METRIC.inputs["generated"].stream.value
('real', 'samples')
>>> images = torch.zeros(4, 3, 8, 8, dtype=torch.uint8)
>>> METRIC(real={"images": images}, generated={"images": images + 2})["gap"].value
2.0
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TypeAlias

from torch import Tensor

from genbench.accumulators.images import AllImages
from genbench.accumulators.pairs import PerPair, mean_over_images, median_over_images
from genbench.accumulators.rows import COLLAPSED, FeatureRows, collapsed
from genbench.errors import BadPlugin
from genbench.interfaces import Column, Input, Json, Measured, Metric, Stream, Tensors

Score: TypeAlias = float | Measured
Scores: TypeAlias = Score | Mapping[str, Score]  # of one column, or of several by their names
Check: TypeAlias = Callable[[int], object]  # of the resolution; may raise `NotMeasurable`


def pair_metric(
    function: Callable[[Tensor, Tensor], Tensor],
    columns: Mapping[str, Column],
    *,
    version: int = 1,
    code: str | None = None,
    parameters: Mapping[str, Json] | None = None,
    check: Check | None = None,
) -> Metric:
    """Compares each held-out image with its reconstruction.

    Every column is the mean over images, or the median where it says so, with its error bar.

    Args:
        function: uint8 images and their reconstructions, (n, 3, h, w) twice on the device ->
            one number for each pair, (n,).
        columns: score name -> how it is printed; the main score first.
        version: raised when the same images give other numbers.
        code: what the numbers are, for the protocol; by default the name of the main score.
        parameters: of the function, for the protocol.
        check: refuses a resolution before any pass.
    """
    main = next(iter(columns))
    pairs = PerPair(main, function, code or main)

    def compute(pairs: Tensors) -> Mapping[str, Measured]:
        return {name: _over_images(pairs[main], column) for name, column in columns.items()}

    inputs = {"pairs": Input(Stream.PAIRS, pairs)}
    return Metric(version, inputs, compute, columns, parameters=parameters or {}, check=check)


def feature_metric(
    function: Callable[[Tensor, Tensor], Scores],
    network: str,
    layer: str,
    columns: Mapping[str, Column],
    *,
    version: int = 1,
    parameters: Mapping[str, Json] | None = None,
) -> Metric:
    """Compares the features of training images with those of samples.

    Features that are not finite are refused before the function sees them.

    Args:
        function: features of real and of generated images, float32 (n, d) and (m, d) on the CPU
            -> the score, or all scores by name; `Measured` where it has an error bar or a note.
        network: see `genbench list feature`.
        layer: of the network.
        columns: score name -> how it is printed; the main score first.
        version: raised when the same features give other numbers.
        parameters: of the function, for the protocol.
    """
    rows = FeatureRows(network, layer)

    def compute(real: Tensors, generated: Tensors) -> Mapping[str, Measured]:
        found = function(real["features"], generated["features"])
        return _measured(found, columns, generated["features"])

    return Metric(version, _sides(rows), compute, columns, parameters=parameters or {})


def image_metric(
    function: Callable[[Tensor, Tensor], Scores],
    columns: Mapping[str, Column],
    *,
    version: int = 1,
    parameters: Mapping[str, Json] | None = None,
    check: Check | None = None,
) -> Metric:
    """Compares training images with samples, all of them at once.

    Args:
        function: real and generated images, uint8 (n, 3, h, h) and (m, 3, h, h) on the CPU ->
            the score, or all scores by name; `Measured` where it has an error bar or a note.
        columns: score name -> how it is printed; the main score first.
        version: raised when the same images give other numbers.
        parameters: of the function, for the protocol.
        check: refuses a resolution before any pass.
    """

    def compute(real: Tensors, generated: Tensors) -> Mapping[str, Measured]:
        found = function(real["images"], generated["images"])
        return _measured(found, columns, generated["images"])

    inputs = _sides(AllImages())
    return Metric(version, inputs, compute, columns, parameters=parameters or {}, check=check)


def _sides(statistic: FeatureRows | AllImages) -> dict[str, Input]:
    return {
        "real": Input(Stream.REAL, statistic),
        "generated": Input(Stream.SAMPLES, statistic),
    }


def _over_images(values: Tensor, column: Column) -> Measured:
    return median_over_images(values) if column.median else mean_over_images(values)


def _measured(
    found: Scores, columns: Mapping[str, Column], generated: Tensor
) -> dict[str, Measured]:
    """Scores by name, as numbers that say where all of *generated* is one row.

    Raises:
        BadPlugin: one number where there are several columns.
    """
    if not isinstance(found, Mapping):
        if len(columns) > 1:
            raise BadPlugin(
                f"one number was given for {len(columns)} columns, {', '.join(columns)}; "
                "return a dictionary with a number for each"
            )
        found = {next(iter(columns)): found}
    note = COLLAPSED if collapsed(generated) else None
    return {name: _with_note(number, note) for name, number in found.items()}


def _with_note(number: Score, note: str | None) -> Measured:
    """As `Measured`; its own note comes first."""
    if not isinstance(number, Measured):
        return Measured(float(number), note=note)
    return number if number.note else dataclasses.replace(number, note=note)
