"""The contract of feature networks: ours keep it, where weights are; what breaks it is caught."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from genbench import registry
from genbench.contracts.feature import CHECKS, check_network
from genbench.contracts.outcome import Verdict
from genbench.errors import MissingWeights, NotMeasurable
from genbench.images import to_floats
from genbench.interfaces import Network


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name == "inception" else ())
        for name in registry.plugins("feature")
    ],
)
def test_every_network_keeps_its_promises(name: str) -> None:
    weights = os.environ.get("GENBENCH_WEIGHTS")

    outcomes = check_network(registry.network(name), Path(weights) if weights else None)

    assert [each for each in outcomes if each.verdict is Verdict.BROKEN] == []


class Means:
    """A network that keeps every promise: means of channels, and a map of them."""

    name, digest, layers = "means", "0" * 64, ("mean", "map")
    files: Mapping[str, str] = {}
    smallest = 8

    def __call__(self, images: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        if images.shape[-1] < self.smallest:
            raise NotMeasurable(f"sides of {self.smallest} pixels or more are wanted")
        x = to_floats(images) if images.dtype == torch.uint8 else images
        found = {"mean": x.mean((2, 3)), "map": x[..., ::4, ::4].flatten(1)}
        return {layer: found[layer] for layer in layers}

    def compile(self) -> None:
        pass

    def describe(self, layer: str) -> dict[str, Any]:
        return {"name": self.name, "digest": self.digest, "layer": layer}


def network(kind: type[Means]) -> Network:
    return Network(lambda **_: kind(), ("mean", "map"), smallest=8, floats=True)


def changed(change: Callable[[Tensor, dict[str, Tensor]], dict[str, Tensor]]) -> Network:
    """The network with other features, by the images and what it makes of them."""

    class Changed(Means):
        def __call__(self, images: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
            return change(images, super().__call__(images, layers))

    return network(Changed)


def test_good_ones_are_good() -> None:
    assert {o.promise for o in check_network(network(Means)) if o.verdict is Verdict.KEPT} == (
        set(CHECKS)
    )


class Nameless(Means):
    digest = ""


class Moody(Means):
    """Describes itself by how often it was asked."""

    def __init__(self) -> None:
        self.times = count()

    def describe(self, layer: str) -> dict[str, Any]:
        return {**super().describe(layer), "asked": next(self.times)}


class Eager(Means):
    """Gives every layer, whatever it is asked for."""

    def __call__(self, images: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        return super().__call__(images, self.layers)


class Tiny(Means):
    smallest = 1


class Other(Means):
    layers = ("mean", "map", "more")


def wider(images: Tensor, found: dict[str, Tensor]) -> dict[str, Tensor]:
    return {layer: rows[None] for layer, rows in found.items()}


def infinite(images: Tensor, found: dict[str, Tensor]) -> dict[str, Tensor]:
    return {layer: rows / 0 for layer, rows in found.items()}


def normalised(images: Tensor, found: dict[str, Tensor]) -> dict[str, Tensor]:
    """As a batch norm in training mode does it."""
    return {layer: rows - rows.mean(0) for layer, rows in found.items()}


def dropped(images: Tensor, found: dict[str, Tensor]) -> dict[str, Tensor]:
    return {layer: torch.nn.functional.dropout(rows) for layer, rows in found.items()}


def inverted(images: Tensor, found: dict[str, Tensor]) -> dict[str, Tensor]:
    if images.dtype == torch.uint8:
        images.bitwise_not_()
    return found


def scaled(images: Tensor, found: dict[str, Tensor]) -> dict[str, Tensor]:
    weight = torch.ones((), requires_grad=True)
    return {layer: rows * weight for layer, rows in found.items()}


def louder(images: Tensor, found: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        layer: rows * (1 if images.dtype == torch.uint8 else 255) for layer, rows in found.items()
    }


GIVES, ALONE, BATCHES, IMAGES, GRADIENT, DESCRIBES, SMALL, FLOATS = CHECKS
BROKEN: dict[str, tuple[str, Network, str]] = {
    "another layer": (GIVES, network(Other), "layer more, which is not declared"),
    "three dimensions": (GIVES, changed(wider), "is (1, 6, 3) of torch.float32, wanted (6, d)"),
    "infinite": (GIVES, changed(infinite), "layer mean is not finite"),
    "all layers": (ALONE, network(Eager), "asked for layer mean it gives mean, map"),
    "training mode": (BATCHES, changed(normalised), "depends on the other images of its batch"),
    "dropout": (BATCHES, changed(dropped), "or on chance"),
    "writes": (IMAGES, changed(inverted), "it changes the images it is given"),
    "a gradient": (GRADIENT, changed(scaled), "use torch.no_grad()"),
    "moods": (DESCRIBES, network(Moody), "in another way once it was used"),
    "no digest": (DESCRIBES, network(Nameless), "no digest of its weights"),
    "small images": (SMALL, network(Tiny), "takes images of 7 pixels, below its declared"),
    "floats of another range": (FLOATS, changed(louder), "between bytes and the same as floats"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_promise_is_caught(case: str) -> None:
    promise, declared, words = BROKEN[case]

    found = {o.promise: o.why for o in check_network(declared) if o.verdict is Verdict.BROKEN}

    assert words in found[promise]


def test_every_promise_has_a_network_that_breaks_it() -> None:
    assert {promise for promise, _, _ in BROKEN.values()} == set(CHECKS)


def test_without_weights_nothing_is_checked() -> None:
    def load(**_: object) -> Means:
        raise MissingWeights("no means.pth; fetch it")

    outcomes = check_network(replace(network(Means), load=load))

    assert {(o.verdict, o.why) for o in outcomes} == {
        (Verdict.NOT_CHECKED, "no means.pth; fetch it")
    }
