"""Sheets of what lies in latent space: ways between codes, directions, edits of attributes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from mirror import Flat, Round, trained
from torch import Tensor

from genbench.errors import BadSetting, NotEnoughData, NotMeasurable, UnknownName
from genbench.figures.attributes import Sweep, between, edit, edits, label_direction, sides_of
from genbench.figures.directions import directions, principal, walks
from genbench.figures.interpolations import hexagon, interpolations, square

# --- interpolations -----------------------------------------------------------------------------


@pytest.mark.parametrize("model", [Flat(), Round()])
def test_corners_of_the_square_are_the_codes_themselves(model: Flat) -> None:
    of = trained(model)
    codes = of.encode(of.held_out(4, 0))

    found = square(of, codes)

    assert found.shape == (8, 8, 48)
    corners = torch.stack([found[0, 0], found[0, 7], found[7, 0], found[7, 7]])
    torch.testing.assert_close(corners, codes, rtol=0, atol=1e-6)
    assert torch.equal(of.decode(corners), of.decode(codes))


def test_the_square_goes_down_the_sides_and_then_across() -> None:
    """On straight ways row i, column j is bilinear in i / 7 and j / 7."""
    of = trained()
    codes = torch.randn(4, 48, generator=torch.Generator().manual_seed(0))
    t, s = 2 / 7, 5 / 7

    left, right = (1 - t) * codes[0] + t * codes[2], (1 - t) * codes[1] + t * codes[3]
    torch.testing.assert_close(square(of, codes)[2, 5], (1 - s) * left + s * right)


def test_arcs_stay_on_the_sphere() -> None:
    of = trained(Round())
    codes = of.encode(of.held_out(6, 0))

    for points in (square(of, codes[:4]), hexagon(of, codes)):
        norms = points.flatten(0, -2).norm(dim=1)
        torch.testing.assert_close(norms, torch.ones(len(norms)))


def test_the_hexagon_is_that_of_the_specification() -> None:
    """On straight ways each point is a mean of the corners with weights known by hand."""
    of = trained()
    weights = hexagon(of, torch.eye(6))

    rows = {  # places in rows of 3, 4, 5, 4 and 3 -> weights of corners 1 to 6
        0: (1, 0, 0, 0, 0, 0),
        1: (0.5, 0.5, 0, 0, 0, 0),
        2: (0, 1, 0, 0, 0, 0),
        3: (0.5, 0, 0.5, 0, 0, 0),
        6: (0, 0.5, 0, 0.5, 0, 0),
        7: (0, 0, 1, 0, 0, 0),
        11: (0, 0, 0, 1, 0, 0),
        12: (0, 0, 0.5, 0, 0.5, 0),
        15: (0, 0, 0, 0.5, 0, 0.5),
        16: (0, 0, 0, 0, 1, 0),
        17: (0, 0, 0, 0, 0.5, 0.5),
        18: (0, 0, 0, 0, 0, 1),
        # half of (half of the way 1-6 and half of 2-5), half of the way 3-4
        4: (0.875 / 4, 0.75 / 4, 0.75 / 2, 0.25 / 2, 0.25 / 4, 0.125 / 4),
        5: (0.25 / 4, 0.875 / 4, 0.75 / 2, 0.25 / 2, 0.125 / 4, 0.75 / 4),
        8: (0.75 / 4, 0.25 / 4, 0.875 / 2, 0.125 / 2, 0.75 / 4, 0.25 / 4),
        9: (0.5 / 4, 0.5 / 4, 0.5 / 2, 0.5 / 2, 0.5 / 4, 0.5 / 4),
        10: (0.25 / 4, 0.75 / 4, 0.125 / 2, 0.875 / 2, 0.25 / 4, 0.75 / 4),
        13: (0.25 / 4, 0.125 / 4, 0.75 / 2, 0.25 / 2, 0.875 / 4, 0.75 / 4),
        14: (0.125 / 4, 0.25 / 4, 0.25 / 2, 0.75 / 2, 0.75 / 4, 0.875 / 4),
    }
    assert weights.shape == (19, 6)
    for place, expected in rows.items():
        assert weights[place].tolist() == pytest.approx(expected), place


def test_the_hexagon_of_a_sphere_nests_arcs_and_normalises() -> None:
    of = trained(Round())
    codes = of.encode(of.held_out(6, 0)).double()

    def arc(a: Tensor, b: Tensor, t: float) -> Tensor:
        w = torch.acos(torch.dot(a, b))
        return (((1 - t) * w).sin() * a + (t * w).sin() * b) / w.sin()

    first, second = arc(codes[0], codes[5], 0.75), arc(codes[1], codes[4], 0.25)
    both = arc(arc(first, second, 0.5), arc(codes[2], codes[3], 0.875), 0.5)
    torch.testing.assert_close(hexagon(of, codes)[10], both / both.norm(), rtol=0, atol=1e-6)


def test_interpolations_say_which_way_they_go() -> None:
    assert "by linear interpolation" in interpolations(trained()).words.caption
    assert "by spherical interpolation" in interpolations(trained(Round()), 6).words.caption
    with pytest.raises(BadSetting, match="4 or 6 corners, got 5"):
        interpolations(trained(), 5)


# --- directions ---------------------------------------------------------------------------------


def test_principal_directions_of_points_on_an_ellipse() -> None:
    """Variance 9 along (0.6, 0.8) and 1 across it, about (5, 5)."""
    axes = torch.tensor([[0.6, 0.8], [-0.8, 0.6]], dtype=torch.float64)
    along = torch.tensor([[3.0, 0], [-3, 0], [0, 1], [0, -1]], dtype=torch.float64) * 1.5**0.5
    found = principal(along @ axes + 5)

    assert found.mean.tolist() == pytest.approx([5, 5])
    assert found.variances.tolist() == pytest.approx([9, 1])
    walked = walks(found, 1, torch.tensor([-3.0, 0, 3]))
    expected = [[5 - 5.4, 5 - 7.2], [5, 5], [5 + 5.4, 5 + 7.2]]
    torch.testing.assert_close(walked[0], torch.tensor(expected, dtype=torch.float64))


def test_stored_codes_need_no_encoder() -> None:
    class Table:
        decode = Flat.decode

        def stored(self, index: Tensor) -> Tensor:
            return torch.arange(40 * 48).view(40, 48).float()[index] / 2000

    of = trained(Table())
    assert "codes of 40 training images" in directions(of, 2).words.caption
    with pytest.raises(NotMeasurable, match="no method encode"):  # rows of other data
        directions(dataclasses.replace(of, own=False), 2)
    with pytest.raises(NotEnoughData, match="need 2 codes, got 1; raise --codes"):
        directions(trained(Table()), most=1)


# --- attributes ---------------------------------------------------------------------------------

LABELS = {
    "glasses": [i % 2 == 0 for i in range(40)],
    "smile": np.linspace(-1, 1, 40, dtype=np.float32),
    "hair": [i % 4 for i in range(40)],
    "rare": [i == 0 for i in range(40)],
}


def test_a_direction_is_the_difference_of_mean_codes() -> None:
    of = trained(**LABELS)
    codes = of.encode(of.data.train.take(slice(None)))
    even = codes[0::2].mean(0) - codes[1::2].mean(0)
    third = codes[3::4].mean(0) - torch.cat([codes[0::4], codes[1::4], codes[2::4]]).mean(0)

    torch.testing.assert_close(label_direction(of, "glasses").delta, even)
    torch.testing.assert_close(label_direction(of, "hair=3").delta, third)
    torch.testing.assert_close(label_direction(of, "glasses+hair=3").delta, even + third)


def test_of_a_quantity_the_highest_quarter_stands_against_the_lowest() -> None:
    found = sides_of({"smile": LABELS["smile"]}, "smile")  # type: ignore[dict-item]

    assert sorted(found.have.tolist()) == list(range(30, 40))
    assert sorted(found.lack.tolist()) == list(range(10))


def test_a_set_is_no_larger_than_asked_and_chosen_by_the_seed() -> None:
    columns = {"glasses": np.asarray(LABELS["glasses"])}
    found = sides_of(columns, "glasses", 5, 0)

    assert len(found.have) == len(found.lack) == 5
    assert torch.equal(found.have, sides_of(columns, "glasses", 5, 0).have)
    assert not torch.equal(found.have, sides_of(columns, "glasses", 5, 1).have)


def test_edits_go_from_minus_two_to_two_and_stay_on_the_sphere() -> None:
    of, how = trained(Round(), **LABELS), Sweep(images=2)
    codes = of.encode(of.held_out(2, 0))
    delta = label_direction(of, "glasses").delta

    moved = edit(of, codes, delta, how)
    free = edit(of, codes, delta, Sweep(images=2, renormalise=False))

    assert how.intensities.tolist() == [-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2]
    torch.testing.assert_close(moved.norm(dim=2), torch.ones(2, 9))
    torch.testing.assert_close(free[:, 8], codes + 2 * delta)
    torch.testing.assert_close(moved[:, 4], codes)
    caption = edits(of, [label_direction(of, "glasses+smile")], how).words.caption
    assert "brought back to the sphere" in caption
    assert "20 against 20 training images, glasses or not and 10 against 10" in caption


def test_two_folders_make_a_direction() -> None:
    of = trained()
    have, lack = of.held_out(4, 0), of.held_out(4, 1)
    delta = of.encode(have).mean(0) - of.encode(lack).mean(0)

    found = between(of, "a − b", have, lack)

    torch.testing.assert_close(found.delta, delta)
    assert found.words == "4 images of one folder against 4 of another"


@pytest.mark.parametrize(
    ("wanted", "kind", "words"),
    [
        ("glases", UnknownName, r"no attribute is called 'glases'\. Did you mean glasses\?"),
        ("hair", BadSetting, r"hair has 4 values, 0, 1, 2, 3; say which .*--attribute hair=0"),
        ("hair=9", BadSetting, r"hair is never '9' in the training images; it is 0, 1, 2, 3"),
        ("rare", NotEnoughData, r"1 training images stand on the side with rare, at least 2"),
    ],
)
def test_a_wrong_attribute_is_one_line(wanted: str, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        label_direction(trained(**LABELS), wanted)


def test_data_without_labels_and_sweeps_that_show_nothing_are_refused() -> None:
    with pytest.raises(NotMeasurable, match=r"noise has no labels.*--with and --without"):
        label_direction(trained(), "glasses")
    with pytest.raises(BadSetting, match="got 1 to -1 in 9 steps on 3"):
        Sweep(1, -1)
