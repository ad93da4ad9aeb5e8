"""What depends on the data's own images alone is worked out once, when somebody asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from genbench.accumulators.images import AllImages
from genbench.errors import BadInput, GenbenchError
from genbench.evaluation.collect import Evidence
from genbench.evaluation.references import References
from genbench.interfaces import Column, Input, Measured, Metric, Stream, Tensors

REAL = Input(Stream.REAL, AllImages())
SMALL = Input(Stream.REAL, AllImages(5))
KNOWN = Evidence({REAL: {"x": torch.ones(3)}, SMALL: {"x": torch.ones(2)}})


def counted() -> tuple[Callable[..., Tensors], list[Tensors]]:
    """A reference that remembers what it was asked."""
    asked: list[Tensors] = []

    def reference(real: Tensors) -> Tensors:
        asked.append(real)
        return {"sum": real["x"].sum()}

    return reference, asked


def metric(reference: Callable[..., Tensors] | None, real: Input = REAL) -> Metric:
    return Metric(
        version=1,
        inputs={"real": real, "generated": Input(Stream.SAMPLES, AllImages())},
        compute=lambda real, generated, reference: {"m": Measured(float(reference["sum"]))},
        columns={"m": Column("m", lower_is_better=True)},
        reference=reference,
    )


def test_it_is_worked_out_once_for_all_models_and_only_when_asked() -> None:
    reference, asked = counted()
    references = References(KNOWN)
    assert asked == []

    first = references.of(metric(reference))

    assert first["reference"]["sum"] == 3
    assert references.of(metric(reference)) == first  # another metric with the same question
    assert len(asked) == 1


def test_other_evidence_is_another_question() -> None:
    reference, asked = counted()
    references = References(KNOWN)

    sums = [references.of(metric(reference, real))["reference"]["sum"] for real in (REAL, SMALL)]

    assert sums == [3, 2]
    assert [len(each["x"]) for each in asked] == [3, 2]


def test_it_sees_no_image_of_a_model() -> None:
    """Held-out images are the data's own, samples are not."""
    found = metric(None)
    held_out = replace(
        found, inputs={**found.inputs, "unseen": Input(Stream.HELD_OUT, AllImages())}
    )

    assert list(held_out.of_data(dict.fromkeys(held_out.inputs, 0))) == ["real", "unseen"]


def test_a_metric_without_one_is_given_none() -> None:
    assert References(KNOWN).of(metric(None)) == {}


def test_evidence_that_failed_is_the_reason() -> None:
    reference, _ = counted()
    failed = Evidence(failed={REAL: BadInput("real image 7 is not finite")})

    with pytest.raises(GenbenchError, match="real image 7"):
        References(failed).of(metric(reference))


def test_a_metric_called_by_hand_works_it_out_itself() -> None:
    reference, asked = counted()

    found = metric(reference)(real={"x": torch.ones(4)}, generated={})

    assert found["m"].value == 4
    assert len(asked) == 1
