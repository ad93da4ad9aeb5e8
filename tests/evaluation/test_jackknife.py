"""Error bars of numbers that one set on each side gives."""

from __future__ import annotations

import math

import pytest
import torch
from draws import rng
from genbench.metrics.fid import METRIC as FID
from torch import Tensor

from genbench.accumulators.rows import FeatureRows
from genbench.evaluation import jackknife
from genbench.evaluation.collect import Evidence
from genbench.interfaces import Column, Input, Measured, Metric, Stream, Tensors

ROWS = FeatureRows("toynet", "64")


def difference(real: Tensors, generated: Tensors) -> dict[str, Measured]:
    gap = generated["features"].double().mean() - real["features"].double().mean()
    return {"gap": Measured(float(gap))}


LINEAR = Metric(
    version=1,
    inputs={"real": Input(Stream.REAL, ROWS), "generated": Input(Stream.SAMPLES, ROWS)},
    compute=difference,
    columns={"gap": Column("gap", lower_is_better=None)},
)


def evidence(metric: Metric, real: Tensor, fake: Tensor) -> Evidence:
    sides = zip(metric.inputs.values(), (real, fake), strict=True)
    return Evidence({each: {"features": rows} for each, rows in sides})


def test_of_a_mean_it_is_the_error_of_the_means_of_parts() -> None:
    """Σ (m_i − m)² / k (k − 1) over the means of k parts, of both sides together."""
    rng = torch.Generator().manual_seed(0)
    real, fake = torch.randn(100, 1, generator=rng), torch.randn(100, 1, generator=rng)
    known = evidence(LINEAR, real, fake)

    found = jackknife.with_errors(LINEAR, difference(*known.found.values()), known, {})["gap"]

    parts = (fake.double() - real.double()).view(10, 10).mean(0)
    wanted = math.sqrt(float(parts.var(correction=0)) / 9)
    assert found.spread == pytest.approx(wanted, rel=1e-9)
    assert found.spread_over is not None
    assert "jackknife" in found.spread_over


def test_it_is_the_spread_of_fid_over_many_pairs_of_sets() -> None:
    """Against 60 sets of Gaussians; with 10 parts one error is itself uncertain by a quarter."""
    sides = list(FID.inputs.values())
    shared = {"reference": {"bias factor": torch.tensor(1.0)}}
    values, errors = [], []
    for seed in range(60):
        rng = torch.Generator().manual_seed(seed)
        sets = [
            torch.randn(200, 6, generator=rng).double(),
            torch.randn(200, 6, generator=rng) * 1.3,
        ]
        known = Evidence(
            {
                **{
                    side: {
                        "n": torch.tensor(200),
                        "mean": x.double().mean(0),
                        "cov": x.T.double().cov(),
                    }
                    for side, x in zip(sides, sets, strict=True)
                },
                **{
                    side: {"features": x.float()}
                    for side, x in zip(jackknife.inputs_for(sides), sets, strict=True)
                },
            }
        )
        plain = FID.compute(real=known.of(sides[0]), generated=known.of(sides[1]), **shared)
        found = jackknife.with_errors(FID, plain, known, shared)["fid"]
        assert found.spread is not None
        values.append(found.value)
        errors.append(found.spread)

    spread = float(torch.tensor(values).std())
    typical = float(torch.tensor(errors).square().mean().sqrt())
    assert typical == pytest.approx(spread, rel=0.3)  # 60 values know their spread to a tenth


def test_a_number_that_has_an_error_bar_keeps_it() -> None:
    known = evidence(
        LINEAR, torch.randn(100, 1, generator=rng(1)), torch.randn(100, 1, generator=rng(2))
    )
    own = {"gap": Measured(1.0, 0.5, "own")}

    assert jackknife.with_errors(LINEAR, own, known, {}) == own


def test_few_images_have_none() -> None:
    known = evidence(
        LINEAR, torch.randn(40, 1, generator=rng(1)), torch.randn(100, 1, generator=rng(2))
    )
    bare = {"gap": Measured(1.0)}

    assert jackknife.with_errors(LINEAR, bare, known, {}) == bare
