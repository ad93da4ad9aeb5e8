"""The embedded faces: the same for everyone, at any resolution, edited one attribute at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from genbench.data.toyfaces.attributes import (
    ATTRIBUTES,
    Flag,
    Span,
    limits,
    splitmix64,
)
from genbench.data.toyfaces.shapes import Sheet
from genbench.errors import BadInput, BadSetting
from genbench.registry import plugin

toyfaces: Any = plugin("dataset", "toyfaces").open()


@pytest.fixture
def _threads() -> Iterator[None]:
    """Leave the number of threads as it was."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def faces(n: int, seed: int = 0) -> dict[str, Tensor]:
    values: dict[str, Tensor] = toyfaces.attributes(seed, torch.arange(n))
    return values


def draw(values: dict[str, Tensor], resolution: int) -> Tensor:
    """Grey levels as float32."""
    picture: Tensor = toyfaces.draw(values, resolution).float()
    return picture


def corners(n: int) -> dict[str, Tensor]:
    """Faces whose every attribute is at one end of its range."""
    high = {name: value >= value.double().mean() for name, value in faces(n, seed=9).items()}
    return {
        name: torch.where(high[name], limits(kind)[1], limits(kind)[0]).float()
        for name, kind in ATTRIBUTES.items()
    }


# --- rows -------------------------------------------------------------------------------


def test_hash_is_splitmix64() -> None:
    """Check values for state 1234567 as Rosetta Code lists them for SplitMix64."""
    assert splitmix64(1234567, np.arange(5, dtype=np.uint64)).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


@pytest.mark.parametrize("resolution", [8, 32, 48])
def test_row_does_not_depend_on_the_batch_it_is_drawn_in(resolution: int) -> None:
    """One grey level of room: the tail of a vector may be rounded in another way."""
    source = toyfaces.SOURCE.open(None, None)
    whole = source.read(0, 150, resolution).images.astype(int)
    parts = [source.read(*rows, resolution).images for rows in ((0, 1), (1, 98), (98, 150))]

    assert np.abs(whole - np.concatenate(parts)).max() <= 1


@pytest.mark.usefixtures("_threads")
def test_row_does_not_depend_on_threads() -> None:
    pictures = []
    for count in (1, 3):
        torch.set_num_threads(count)
        pictures.append(draw(faces(40), 64))

    assert (pictures[0] - pictures[1]).abs().max() <= 1


def test_attributes_depend_on_seed_and_row_alone() -> None:
    rows = torch.tensor([5, 2, 5, 11_999])
    some, every = toyfaces.attributes(3, rows), faces(12_000, seed=3)

    assert all(torch.equal(some[name], every[name][rows]) for name in ATTRIBUTES)


def test_neighbouring_seeds_give_unrelated_faces() -> None:
    """Correlations of 12,000 unrelated pairs scatter by 1 / sqrt(12,000); 5 of these."""
    here, there = faces(12_000, seed=0), faces(12_000, seed=1)
    for name in ATTRIBUTES:
        pair = torch.stack([here[name].double(), there[name].double()])
        assert torch.corrcoef(pair)[0, 1].abs() < 5 / 12_000**0.5, name


# --- attributes -------------------------------------------------------------------------


def test_attributes_spread_as_they_say() -> None:
    """A uniform number has deviation (high - low) / sqrt(12); means get 5 standard errors."""
    values = faces(12_000)
    for name, kind in ATTRIBUTES.items():
        if isinstance(kind, Span):
            deviation = (kind.high - kind.low) / 12**0.5
            assert values[name].dtype == torch.float32
            middle = pytest.approx((kind.low + kind.high) / 2, abs=5 * deviation / 12_000**0.5)
            assert values[name].double().mean().item() == middle, name
            assert values[name].double().std().item() == pytest.approx(deviation, rel=0.03), name
            continue
        shares = (1 - kind.share, kind.share) if isinstance(kind, Flag) else kind.shares
        assert sum(shares) == pytest.approx(1)
        found = torch.bincount(values[name].long(), minlength=len(shares)) / 12_000
        assert found.numpy() == pytest.approx(np.array(shares), abs=5 * 0.5 / 12_000**0.5), name


def test_attributes_are_independent_of_each_other() -> None:
    """The largest of 528 correlations of 12,000 rows; 5 standard errors."""
    table = torch.stack([value.double() for value in faces(12_000).values()])
    correlation = torch.corrcoef(table) - torch.eye(len(table))

    assert correlation.abs().max() < 5 / 12_000**0.5


# Mean change in grey levels over all 64 x 64 x 3 numbers from one end of an attribute to the
# other: about half of the least that version 1 of the drawing gave on 24 faces.
CHANGES = {
    "smile": 0.06,
    "mouth_open": 0.25,
    "mouth_size": 0.05,
    "yaw": 2,
    "tilt": 4,
    "face_width": 2.4,
    "face_height": 1.5,
    "jaw": 0.24,
    "skin": 8,
    "blush": 0.06,
    "eye_size": 0.6,
    "eye_open": 0.6,
    "eye_spacing": 0.55,
    "eye_colour": 0.045,
    "gaze": 0.28,
    "brow_height": 0.1,
    "brow_slant": 0.07,
    "brow_weight": 0.05,
    "nose_size": 0.035,
    "hair_style": 1.8,
    "hair_colour": 8,
    "hair_length": 1.8,
    "parting": 0.4,
    "beard": 0.5,
    "glasses": 0.5,
    "glasses_shape": 0.28,
    "glasses_colour": 0.47,
    "hat": 3.7,
    "hat_colour": 5.5,
    "shirt_colour": 3.8,
    "light": 2.6,
    "background": 8,
    "gradient": 11,
}


def ends(name: str, resolution: int) -> tuple[Tensor, Tensor]:
    """24 faces at the least and at the greatest value of one attribute, all else held."""
    values = faces(24)
    if name.startswith("glasses_"):
        values["glasses"][:] = True
    if name == "hat_colour":
        values["hat"] = torch.arange(24) % 2 + 1
    if name in ("hair_colour", "hair_length", "parting"):
        values["hair_style"][:], values["hat"][:] = 3, 0
    low, high = limits(ATTRIBUTES[name])
    if name in ("hat_colour", "shirt_colour", "background"):
        high = 0.5  # the hue opposite; 1 is where it began
    here, there = ({**values, name: torch.full_like(values[name], end)} for end in (low, high))
    return draw(here, resolution), draw(there, resolution)


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_each_attribute_can_be_seen_on_every_face(name: str) -> None:
    here, there = ends(name, 64)
    change = (here - there).abs()

    assert change.mean((1, 2, 3)).min() > CHANGES[name]
    # Half of the least peak that was found, 23 levels, for the thickness of a brow.
    assert change.amax((1, 2, 3)).min() > 10


@pytest.mark.parametrize(
    ("name", "rows"),
    [("smile", slice(0, 32)), ("brow_slant", slice(40, 64)), ("shirt_colour", slice(0, 40))],
)
def test_an_edit_stays_in_its_part_of_the_face(name: str, rows: slice) -> None:
    """Smiling leaves the upper half alone, brows the mouth, and a shirt the head."""
    here, there = ends(name, 64)

    assert (here - there)[:, :, rows].abs().max() <= 1


def test_attributes_that_are_not_worn_change_nothing() -> None:
    values = faces(24)
    values["glasses"][:], values["hat"][:] = False, 0
    other = {"glasses_shape": 1 - values["glasses_shape"], "hat_colour": 1 - values["hat_colour"]}

    assert torch.equal(draw(values, 32), draw({**values, **other}, 32))


# --- pictures ---------------------------------------------------------------------------


@pytest.mark.parametrize("resolution", [8, 31, 64])
def test_pictures_are_bytes_of_the_size_asked_for(resolution: int) -> None:
    chunk = toyfaces.SOURCE.open("60", None).read(55, 70, resolution)

    assert chunk.images.shape == (5, 3, resolution, resolution)
    assert chunk.images.dtype == np.uint8
    assert list(chunk.rows) == [55, 56, 57, 58, 59]
    assert not chunk.bad


def test_pictures_differ_from_face_to_face() -> None:
    """No two of 200 faces are close; the nearest pair was 9.5 levels apart on average."""
    pictures = draw(faces(200), 16).flatten(1)
    distance = torch.cdist(pictures, pictures, p=1) / pictures.shape[1]

    assert distance.fill_diagonal_(torch.inf).min() > 6


@pytest.mark.parametrize(("resolution", "levels"), [(8, 0.5), (16, 0.5), (32, 3), (64, 1.5)])
def test_resolutions_show_the_same_face(resolution: int, levels: float) -> None:
    """Averaging 2 x 2 pixels gives the smaller picture: to rounding (1/4 level of mean error)
    below 32, where it is made so, and to what soft edges of one pixel leave above: 1.6 and
    0.8 levels measured."""
    fine, coarse = draw(faces(100), 2 * resolution), draw(faces(100), resolution)

    assert (avg_pool2d(fine, 2) - coarse).abs().mean() < levels


@pytest.mark.parametrize("resolution", [8, 64])
def test_mirrored_attributes_give_the_mirrored_picture(resolution: int) -> None:
    """So a mirrored face is as likely as the face, and flips may be used in training."""
    values = faces(100)
    sides = ("yaw", "tilt", "gaze", "parting", "light")
    mirrored = {**values, **{name: -values[name] for name in sides}}

    pair = draw(values, resolution), draw(mirrored, resolution).flip(3)
    assert (pair[0] - pair[1]).abs().max() <= 1


def test_painting_only_some_rows_cuts_nothing_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Second implementation: every layer painted on the whole sheet, at the ends of all ranges."""
    quick = draw(corners(200), 64)
    monkeypatch.setattr(Sheet, "band", lambda sheet, *_: sheet)
    whole = draw(corners(200), 64)

    # The neck starts at a row hidden behind the head; nothing else may differ.
    assert (quick - whole).abs().max() <= 1


# --- the source -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argument", "rows", "test"), [(None, 12_000, 2_000), ("600", 600, 100), ("6", 6, 1)]
)
def test_last_sixth_is_held_out(argument: str | None, rows: int, test: int) -> None:
    source = toyfaces.SOURCE.open(argument, None)

    assert len(source) == rows
    assert np.flatnonzero(source.is_test()).tolist() == list(range(rows - test, rows))
    assert {len(column) for column in source.attributes().values()} == {rows}


def test_a_smaller_set_is_the_start_of_the_larger_one() -> None:
    small, large = (toyfaces.SOURCE.open(n, None) for n in ("20", "600"))

    assert np.array_equal(small.read(0, 20, 16).images, large.read(0, 20, 16).images)
    assert small.stamp() != large.stamp()


@pytest.mark.parametrize("argument", ["", "5", "many", "-60", "1e3", "6.5", "٦٠"])
def test_a_bad_number_of_faces_is_named(argument: str) -> None:
    with pytest.raises(BadSetting, match="toyfaces:N draws N faces") as error:
        toyfaces.SOURCE.open(argument, None)
    assert repr(argument) in str(error.value)


@pytest.mark.parametrize("resolution", [7, 1025])
def test_a_resolution_out_of_range_is_refused(resolution: int) -> None:
    with pytest.raises(BadInput, match=f"8 to 1024 pixels on a side, asked for {resolution}"):
        toyfaces.SOURCE.open(None, None).read(0, 1, resolution)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ({"smile": torch.tensor([0.0, 1.5])}, r"smile wants -1..1, got 0..1.5"),
        ({"yaw": torch.tensor([0.0, torch.nan])}, r"yaw wants -1..1, got nan"),
        ({"smirk": torch.zeros(2)}, "unknown: smirk"),
        ({"tilt": torch.zeros(3)}, r"tilt of shape \(3,\)"),
    ],
)
def test_a_face_that_cannot_be_drawn_is_refused(edit: dict[str, Tensor], words: str) -> None:
    with pytest.raises(BadSetting, match=words):
        toyfaces.draw({**faces(2), **edit}, 16)


def test_a_forgotten_attribute_is_named() -> None:
    values = faces(2)
    del values["light"]

    with pytest.raises(BadSetting, match="missing: light"):
        toyfaces.draw(values, 16)
