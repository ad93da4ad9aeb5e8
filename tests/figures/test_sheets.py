"""Sheets of images: which images stand where, and what is written about them."""

from __future__ import annotations

import dataclasses
import io
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from draws import rng
from mirror import Flat, trained
from PIL import Image
from torch import Tensor

from genbench.errors import BadInput, BadSetting, NotEnoughData, NotMeasurable
from genbench.figures.canvas import Drawing, Words, read, text
from genbench.figures.directions import directions
from genbench.figures.interpolations import interpolations
from genbench.figures.samples import (
    nearest,
    neighbours,
    reconstructions,
    row,
    sampled_side_by_side,
    samples,
    side_by_side,
    strip,
)
from genbench.figures.sheet import Sheet, Tile, draw
from genbench.figures.standard import standard

WORDS = Words("title", "caption", "alt")


def pixels(drawing: Drawing) -> Tensor:
    """The picture, uint8 (3, h, w)."""
    image = Image.open(io.BytesIO(drawing.render(".png"))).convert("RGB")
    return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)


def holds(picture: Tensor, image: Tensor, zoom: int) -> bool:
    """Whether *image* stands somewhere in *picture*, each pixel *zoom* pixels wide."""
    wanted = image.repeat_interleave(zoom, 1).repeat_interleave(zoom, 2)
    side = wanted.shape[-1]
    corners = (picture[:, : 1 - side, : 1 - side] == wanted[:, :1, :1]).all(0).nonzero()
    return any(torch.equal(picture[:, y : y + side, x : x + side], wanted) for y, x in corners)


# --- sheet ----------------------------------------------------------------------------------


def test_every_pixel_of_an_image_becomes_a_square_of_whole_pixels() -> None:
    images = torch.randint(0, 256, (3, 3, 5, 5), dtype=torch.uint8, generator=rng(1))
    tiles = [Tile(images[0], 0, 0), Tile(images[1], 0, 1.3, "12.5"), Tile(images[2], 1.2, 0.5)]
    sheet = Sheet(tiles, {0.0: "row"}, {0.0: "column"})

    picture = pixels(draw(sheet, WORDS))

    assert all(holds(picture, image, 20) for image in images)  # 100 pixels for at least 96


def test_a_caption_below_leaves_the_images_as_they_are() -> None:
    image = torch.randint(0, 256, (3, 5, 5), dtype=torch.uint8, generator=rng(2))
    drawing = draw(Sheet([Tile(image, 0, i) for i in range(3)]), WORDS)

    bare = Image.open(io.BytesIO(drawing.render(".png")))
    said = Image.open(io.BytesIO(drawing.render(".png", captioned=True)))

    assert said.width == bare.width
    assert said.height > bare.height
    box = (0, 0, bare.width, bare.height)
    assert np.array_equal(said.convert("RGB").crop(box), bare.convert("RGB"))


@pytest.mark.parametrize(
    "name", ["$x^2", "a\x1b[31mred", "\u202eleft", "中文", "<b>&'\"", "x" * 300]
)
def test_a_hostile_name_stays_text(name: str, tmp_path: Path) -> None:
    drawing = side_by_side([strip(trained(name=name), 2)])

    for suffix in (".png", ".pdf"):
        drawing.save(tmp_path / f"x{suffix}")
    assert read(tmp_path / "x.png").caption == drawing.words.caption


def test_letters_that_cannot_be_drawn_are_told_by_their_number() -> None:
    assert text("a中\x1b\u202e$") == "a<4E2D>\ufffd\ufffd\\$"


def test_title_caption_and_alt_are_in_the_files(tmp_path: Path) -> None:
    drawing = samples(trained(), 4)
    for name in ("x.png", "x.pdf"):
        drawing.save(tmp_path / name, captioned=False)

    found = read(tmp_path / "x.png")

    assert (found.title, found.caption, found.alt) == (
        drawing.words.title,
        drawing.words.caption,
        drawing.words.alt,
    )
    assert b"/Title (mirror: samples)" in (tmp_path / "x.pdf").read_bytes()
    assert "4 samples of one seed".encode("utf-16-be") in (tmp_path / "x.pdf").read_bytes()
    assert drawing.render(".pdf") == drawing.render(".pdf")  # no date


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"x\.jpg should end with \.png or \.pdf"):
        samples(trained(), 4).save(tmp_path / "x.jpg")
    (tmp_path / "x.png").write_bytes(b"something else")
    with pytest.raises(BadInput, match="is not a PNG file"):
        read(tmp_path / "x.png")
    Image.new("RGB", (2, 2)).save(tmp_path / "y.png")
    with pytest.raises(BadInput, match="does not say what it shows"):
        read(tmp_path / "y.png")


# --- samples, reconstructions, side by side ---------------------------------------------------


def test_the_seed_chooses_the_images() -> None:
    of = trained()
    same, other = of.held_out(8, 0), of.held_out(8, 1)

    assert torch.equal(same, of.held_out(8, 0))
    assert not torch.equal(same, other)
    assert reconstructions(of, 8, 3).render(".png") == reconstructions(of, 8, 3).render(".png")
    assert "chosen by the seed, not by hand" in reconstructions(of).words.caption
    assert re.search(
        r"data noise at 4×4, fingerprint abababababab; seed 3\.$",
        reconstructions(of, 8, 3).words.caption,
    )


def test_inputs_and_outputs_are_in_the_sheet() -> None:
    of = trained()
    picture = pixels(reconstructions(of, 10))

    assert all(holds(picture, image, 24) for image in of.held_out(10, 0))


def test_a_report_shows_what_a_model_can() -> None:
    class Sampler:
        sample = Flat.sample

    assert len(list(standard(trained()))) == 3
    (only,) = standard(trained(Sampler()))
    assert only.words.title == "mirror: samples"


def test_a_model_that_cannot_encode_is_refused() -> None:
    class Sampler:
        sample = Flat.sample

    for kind in (reconstructions, interpolations, directions):
        with pytest.raises(
            NotMeasurable, match=r"mirror has no .*: its model has no method encode"
        ):
            kind(trained(Sampler()))
    with pytest.raises(NotMeasurable, match="other has no reconstructions to set side by side"):
        strip(trained(Sampler(), "other"))


def test_models_side_by_side_see_the_same_data() -> None:
    one = trained()
    other = dataclasses.replace(
        one, name="other", data=dataclasses.replace(one.data, fingerprint="cd" * 32)
    )

    with pytest.raises(BadInput, match=r"noise at 4×4 \(abab.* and noise at 4×4 \(cdcd"):
        side_by_side([strip(one), strip(other)])


def test_samples_of_several_models_stand_in_rows() -> None:
    drawing = sampled_side_by_side([row(trained(name=name), 3) for name in ("one", "two")])

    (axes,) = drawing.canvas.axes  # all images in one, on white
    pixels = axes.images[0].get_array()
    assert ((pixels < 255).any(2).mean(0) > 0).sum() == 3 * 96
    assert ((pixels < 255).any(2).mean(1) > 0).sum() == 2 * 96
    assert [text.get_text() for text in drawing.canvas.texts] == ["one", "two"]
    assert "one, two" in drawing.words.caption
    assert drawing.figure(first=True).first


def test_more_images_than_there_are_are_refused() -> None:
    with pytest.raises(NotEnoughData, match="shows 21 test images, noise has 20"):
        reconstructions(trained(), 21)


# --- neighbours -------------------------------------------------------------------------------


def test_nearest_training_images_and_their_distance() -> None:
    """Training images themselves, one changed by 8 grey levels in one of 48 numbers."""
    of = trained()
    images = of.data.train.take(torch.tensor([7, 30]))
    images[1, 0, 0, 0] = images[1, 0, 0, 0].int().sub(8).abs().to(torch.uint8)
    moved = (images[1].int() - of.data.train.take(torch.tensor([30]))[0].int()).abs().sum()

    distances, rows = nearest(images, of, 3)

    assert rows[:, 0].tolist() == [7, 30]
    assert distances[:, 0].tolist() == pytest.approx([0, float(moved) / 48])
    every = (images[:1].int() - of.data.train.take(slice(None)).int()).abs().flatten(1)
    expected = every.float().mean(1).sort().values[:3]
    assert distances[0].tolist() == pytest.approx(expected.tolist(), rel=1e-5)
    assert "grey levels" in neighbours(of, 2, 3).words.caption
