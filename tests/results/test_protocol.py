"""The recipe of a number and its id."""

from __future__ import annotations

import dataclasses

import pytest

from genbench.results.protocol import Protocol, differences, from_json, of_right_types

PROTOCOL = Protocol(
    metric="fid:768",
    version=1,
    parameters={"k": 3},
    inputs={"real": {"network": {"digest": "ab"}}},
    images={"real": 10, "samples": 10},
    splits={"real": "train"},
    dataset="celeba",
    fingerprint="f00",
    recipe={"crop": "centre"},
    resolution=32,
)


def test_the_id_is_a_function_of_content_not_of_order() -> None:
    other = dataclasses.replace(PROTOCOL, images={"samples": 10, "real": 10})

    assert other.id == PROTOCOL.id


def test_the_id_is_fixed() -> None:
    """Golden, computed once: if it changes, every stored number changes columns."""
    assert PROTOCOL.id == "7656df048d9f"


def test_a_protocol_survives_its_canonical_form() -> None:
    assert from_json(PROTOCOL.canonical()) == PROTOCOL


def test_every_field_changes_the_id() -> None:
    """Nothing in the recipe is decoration."""
    changed = {
        field.name: {"x": 1}
        if isinstance(getattr(PROTOCOL, field.name), dict)
        else getattr(PROTOCOL, field.name) * 2
        for field in dataclasses.fields(PROTOCOL)
    }

    ids = {dataclasses.replace(PROTOCOL, **{name: value}).id for name, value in changed.items()}

    assert len(ids | {PROTOCOL.id}) == len(changed) + 1


def test_differences_name_the_fields_that_differ() -> None:
    other = dataclasses.replace(PROTOCOL, images={"real": 10, "samples": 99}, inputs={"real": {}})

    assert differences(PROTOCOL, other) == {
        "images.samples": (10, 99),
        "inputs.real.network.digest": ("ab", None),
    }
    assert differences(PROTOCOL, PROTOCOL) == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"metric": 5},
        {"checkpoint": 5},  # before, this one passed
        {"resolution": "32"},
        {"recipe": []},
        {"images": {"real": "10"}},
        {"inputs": {"real": "moments"}},
    ],
)
def test_a_field_of_the_wrong_type_is_noticed(wrong: dict[str, object]) -> None:
    """All fields of a protocol, whatever is added to it."""
    assert of_right_types(PROTOCOL)
    assert not of_right_types(dataclasses.replace(PROTOCOL, **wrong))  # type: ignore[arg-type]
