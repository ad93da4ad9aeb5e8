"""Fréchet distance of reconstructions to the very images that were reconstructed.

Both sides show the same held-out images, so exact reconstructions give 0 however few they
are, and the number does not compare with FID, whose sides are independent.
Paper: M. Heusel et al., NeurIPS 2017, arXiv:1706.08500, for the distance; see `fid`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

from genbench.accumulators.moments import Moments
from genbench.accumulators.rows import COLLAPSED
from genbench.interfaces import Column, Input, Measured, Metric, Stream, Tensors

from .fid import LAYER, OTHERS, frechet_distance


def _compute(name: str, real: Tensors, generated: Tensors) -> Mapping[str, Measured]:
    distance = frechet_distance(real["mean"], real["cov"], generated["mean"], generated["cov"])
    return {name: Measured(distance, note=_remark(generated))}


def _remark(generated: Tensors) -> str | None:
    """What the number alone does not say."""
    if not generated["cov"].any():
        return f"{COLLAPSED}, so nothing is compared but means"
    n, d = int(generated["n"]), len(generated["mean"])
    if n > d:
        return None
    return (
        f"{n} images are no more than its {d} features, so the distance depends on "
        "their number: raise --pairs, or compare equal numbers only"
    )


def _metric(layer: str, variants: Mapping[str, Metric]) -> Metric:
    moments = Moments("inception", layer)
    name, title = ("rfid", "rFID") if layer == LAYER else (f"rfid_{layer}", f"rFID-{layer}")
    return Metric(
        version=1,
        inputs={
            "real": Input(Stream.HELD_OUT, moments),
            "generated": Input(Stream.RECONSTRUCTIONS, moments),
        },
        compute=functools.partial(_compute, name),
        columns={name: Column(title, lower_is_better=True)},
        variants=variants,
        symmetric=True,
    )


METRIC = _metric(LAYER, {layer: _metric(layer, {}) for layer in OTHERS})
