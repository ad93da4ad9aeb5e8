"""The model that others copy keeps the contract and trains; and a model that lacks a member."""

from __future__ import annotations

import dataclasses
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

import genbench
from genbench import registry
from genbench.contracts.model import check_model, members
from genbench.interfaces import Averages, Learns

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NAME = "genbench-example/linear"


class Distribution:
    name = "genbench-example"


class Entry:
    """The entry point of the example, with a declaration of the test's."""

    name, module, dist, group = (
        "linear",
        "genbench_example.model",
        Distribution(),
        "genbench.models",
    )

    def __init__(self, declared: Any = None) -> None:
        self.value = f"{self.module}:MODEL"
        self.declared = declared

    def load(self) -> Any:
        return self.declared or EntryPoint(self.name, self.value, self.group).load()


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make the registry find the example, or a declaration in its place."""
    monkeypatch.syspath_prepend(EXAMPLES)

    def find(declared: Any = None) -> Any:
        entry = Entry(declared)
        monkeypatch.setattr(
            registry, "entry_points", lambda group: [entry] if group == entry.group else []
        )
        return registry.model(NAME)

    return find


def test_the_example_keeps_every_promise(example: Any) -> None:
    wrong = {title: why for title, why in check_model(NAME, example()).items() if why}

    assert wrong == {}


def test_the_example_learns(example: Any, tmp_path: Path) -> None:
    example()
    losses = []
    for images in (64, 3200):
        run = genbench.train(
            NAME,
            preset="tiny",
            training={"data": "toyfaces:200", "resolution": 8, "images": images, "grids": 0},
            runs_dir=tmp_path,
            name=f"run-{images}",
        )
        model: Any = genbench.load(run.folder, device="cpu")
        found = genbench.open_dataset("toyfaces:200", 8).test.take(slice(0, 16))
        images_ = found.float() / 127.5 - 1
        losses.append(float((model.decode(model.encode(images_)) - images_).square().mean()))

    assert losses[1] < losses[0] / 2


@pytest.mark.parametrize("member", members(Learns))
def test_a_model_without_a_member_is_told_which(example: Any, member: str) -> None:
    whole = example()

    class Lacks(whole.build):  # type: ignore[name-defined, misc]  # known only here
        def __getattribute__(self, name: str) -> Any:
            if name == member:
                raise AttributeError(name)
            return super().__getattribute__(name)

    outcome = check_model(NAME, example(dataclasses.replace(whole, build=Lacks)))

    assert f"has no {member};" in outcome["every member is there"]


@pytest.mark.parametrize("member", members(Averages))
def test_half_of_a_capability_is_refused(example: Any, member: str) -> None:
    whole = example()
    half = type("Half", (whole.build,), {member: lambda _: {}})

    outcome = check_model(NAME, example(dataclasses.replace(whole, build=half)))

    assert f"has {member} but no" in outcome["every member is there"]
