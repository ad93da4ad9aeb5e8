"""The identity of every metric of the registry, pinned: what moves an id is named.

After a change that is meant, python tests/results/test_golden_protocols.py writes the list anew.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from without_words import without_words

from genbench import registry
from genbench.evaluation.passes import Passes
from genbench.evaluation.scoring import describe
from genbench.features import clip, dinov2
from genbench.features._lpips import Lpips
from genbench.features._vit import Vit
from genbench.features.inception import Inception
from genbench.features.toynet import Toynet
from genbench.interfaces import Json, Metric, Recipe, Stream
from genbench.results.protocol import Protocol, differences_of_texts

GOLDEN = Path(__file__).parent / "data" / "protocols.json"
RECIPE = Recipe(crop="centre-square", resize="pil-bilinear-antialias", split="official")
SIZES = {stream: 1000 + number for number, stream in enumerate(Stream)}


class SameDigest(dict[str, str]):
    """The same numbers, whatever layer is asked for."""

    def __missing__(self, layer: str) -> str:
        return "0" * 64


class StandIn:
    """What a network says of itself, with weights that are made up."""

    files: dict[str, str] = {}  # noqa: RUF012  # nobody adds to it

    def __init__(self, name: str, of: Any, **facts: Any) -> None:
        self.name, self.of = name, of
        self.facts = SimpleNamespace(name=name, digest="0" * 64, digests=SameDigest(), **facts)

    def describe(self, layer: str) -> Json:
        return self.of.describe(self.facts, layer)


def vit(name: str, family: Any, quick: bool) -> StandIn:
    depth = SimpleNamespace(blocks=[None] * 12)
    facts = {"width": 768, "patch": 14, "side": 224, "network": depth, "quick": quick}
    return StandIn(name, Vit, family=family, **facts)


NETWORKS = {
    "inception": StandIn("inception", Inception),
    "clip": vit("clip", clip.FAMILY, True),
    "dinov2": vit("dinov2", dinov2.FAMILY, False),
    "toynet": StandIn("toynet", Toynet),
    **{f"lpips_{net}": StandIn(f"lpips_{net}", Lpips) for net in ("alex", "squeeze", "vgg")},
}


def passes(**how: Any) -> Passes:
    """An evaluation of data that are made up."""
    facts = {"name": "faces", "fingerprint": "ab" * 32, "recipe": RECIPE, "undivided": False}
    data = SimpleNamespace(**facts, resolution=64)
    usual = {"quantise": "round", "repeats": 5, "compile": False, "posterior": "mode"}
    asked = SimpleNamespace(**usual | how)
    made_up = {"data": data, "how": asked, "sizes": SIZES, "networks": NETWORKS, "given": None}
    return cast("Passes", SimpleNamespace(**made_up))


def metrics() -> dict[str, Metric]:
    """Every metric of this distribution with its variants, by the names that users give them."""
    found: dict[str, Metric] = {}
    for name, plugin in registry.plugins("metric").items():
        if plugin.file is not None:
            found[name] = plugin.load()
            found |= {f"{name}:{each}": way for each, way in found[name].variants.items()}
    return found


def current() -> dict[str, Protocol]:
    return {name: describe(name, metric, passes()) for name, metric in metrics().items()}


NOW = current()


@pytest.mark.parametrize("name", NOW)
def test_the_id_of_a_metric_stays(name: str) -> None:
    """Golden. Where it fails, numbers of before and after would share no column."""
    known = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert name in known, f"{name} is new: write the list anew"
    text = json.dumps(known[name]["protocol"])

    moved = differences_of_texts(text, NOW[name].canonical())

    assert not moved, f"fields of {name} moved: {', '.join(moved)}"
    assert known[name]["id"] == NOW[name].id


def test_no_metric_is_lost_from_the_list() -> None:
    assert set(json.loads(GOLDEN.read_text(encoding="utf-8"))) == set(NOW)


@pytest.mark.parametrize("name", NOW)
def test_a_protocol_holds_codes_and_every_code_has_words(name: str) -> None:
    assert not list(without_words(NOW[name].describe()))


@pytest.mark.parametrize(
    "how",
    [{"quantise": "truncate"}, {"compile": True}, {"posterior": "sample"}],
    ids=["truncate", "compile", "posterior"],
)
def test_ways_to_measure_are_codes_too(how: dict[str, Any]) -> None:
    protocol = describe("rmse", metrics()["rmse"], passes(**how), "best-fid:768:5000-every-1000")

    assert not list(without_words(protocol.describe()))
    assert protocol.id != NOW["rmse"].id


def test_the_posterior_is_of_reconstructions_only() -> None:
    moved = {
        name: describe(name, metric, passes(posterior="sample")).id != NOW[name].id
        for name, metric in metrics().items()
    }

    assert not any(moved[name] for name in ("fid", "swd", "ppl"))
    assert all(moved[name] for name in ("rmse", "psnr", "lpips"))
    sample = describe("rmse", metrics()["rmse"], passes(posterior="sample"))
    fields = differences_of_texts(sample.canonical(), NOW["rmse"].canonical())
    assert fields == {"posterior": ("sample", "mode")}


def test_two_metrics_never_share_an_id() -> None:
    assert len({protocol.id for protocol in NOW.values()}) == len(NOW)


@pytest.mark.parametrize("name", ["fid", "lpips:vgg-layers", "neighbours:lpips"])
def test_names_of_arguments_are_no_part_of_the_identity(name: str) -> None:
    metric = metrics()[name]
    other = {f"x{i}": input_ for i, input_ in enumerate(reversed(metric.inputs.values()))}

    renamed = dataclasses.replace(metric, inputs=other)

    assert describe(name, renamed, passes()).id == NOW[name].id


def test_inputs_of_one_stream_are_told_apart() -> None:
    keys = NOW["lpips:alex-layers"].inputs

    assert {key: codes["layer"] for key, codes in keys.items()} == {
        f"pairs/{number}": str(number) for number in range(1, 6)
    }


if __name__ == "__main__":
    lines = (
        f"{json.dumps(name)}: "
        f"{json.dumps({'id': each.id, 'protocol': each.describe()}, sort_keys=True)}"
        for name, each in sorted(NOW.items())
    )
    GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
