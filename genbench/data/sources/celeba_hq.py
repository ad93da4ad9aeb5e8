"""CelebA-HQ: 30 000 faces of up to 1024x1024 pixels.

T. Karras, T. Aila, S. Laine, J. Lehtinen, "Progressive growing of GANs for improved quality,
    stability, and variation", ICLR 2018.

A folder with one level (data1024x1024/) or several, a folder of numbered images, a zip archive of
either, or Parquet shards. A resolution that is there is taken as it is; below it each pixel is
the mean of a square of pixels of the next larger level, as in ProgGAN's multi-resolution store.

No split is official. split=pioneer (Pioneer, Balanced Pioneer): first 27 000 and last 3 000;
split=introvae: first 29 000 and last 1 000; split=celeba: by the image of CelebA that a face was
made of, for which CelebA-HQ-to-CelebA-mapping.txt or image_list.txt must lie beside the images.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from genbench.data import decode
from genbench.data.archive import Archive
from genbench.data.listing import digest
from genbench.data.sources._celeba_lists import attributes, originals
from genbench.data.sources._celeba_places import first_size
from genbench.data.sources._files import Files, Folder, locate
from genbench.data.sources._options import choices
from genbench.data.sources._shards import Shards
from genbench.errors import BadInput
from genbench.interfaces import Chunk, ImageSource, Origin, Recipe, Source

ORIGIN = Origin(
    licence="CelebA terms: non-commercial research only",
    recipe="square as it is; a stored level or means of squares; first 9 in 10 train; mirrored",
    files=("celeba-hq/data1024x1024/ or a smaller level, celeba-hq.zip, or celeba-hq/*.parquet",),
    address="https://github.com/tkarras/progressive_growing_of_gans (and CelebAMask-HQ, "
    "https://github.com/switchablenorms/CelebAMask-HQ)",
    options={
        "split=pioneer": "first 27 000 of 30 000 train, last 3 000 test; the default",
        "split=introvae": "first 29 000 train, last 1 000 test",
        "split=celeba": "by the official partition of CelebA; 27 176 and 2 824 as published",
    },
)
RESIZE = "stored-level-else-mean-of-next"
SHARES = {"pioneer": (9, 10), "introvae": (29, 30)}  # of the images, that train
RULES = {
    "pioneer": "first-27000-of-30000",
    "introvae": "first-29000-of-30000",
    "celeba": "celeba-official",
}
FIRST_TEST = 182638  # the number of CelebA's first official test image
LEVEL = re.compile(r"(?:^|[/_-])(?:data)?(\d{1,4})x\1(?:$|[/_-])")  # of a folder: data256x256
NUMBER = re.compile(r"(?:img(?:HQ)?)?(\d{1,9})(?:\.\w+)?", re.ASCII)
MAPPINGS = ("CelebA-HQ-to-CelebA-mapping.txt", "image_list.txt")
ATTRIBUTES = "CelebAMask-HQ-attribute-anno.txt"


@dataclass(frozen=True)
class Level:
    """All images at one size."""

    side: int
    names: Sequence[str]  # in the order of their numbers


class CelebAHQ:
    """An `ImageSource` of square faces, in the order of their numbers."""

    licence = ORIGIN.licence

    def __init__(self, files: Files, lists: Path, split: str) -> None:
        """Take the images, the folder where lists may lie, and the name of a split."""
        self.name = "celeba-hq" if split == "pioneer" else f"celeba-hq:split={split}"
        self._files, self._lists = files, lists
        self._levels = _levels(files)
        self._test = _held_out(split, self._levels[0].names, lists)
        self.recipe = Recipe(
            crop="square-as-it-is",
            resize=RESIZE,
            split=RULES[split],
            flip=True,
            channels=decode.CHANNELS,
        )

    def __len__(self) -> int:
        """Images in both splits."""
        return len(self._test)

    def stamp(self) -> str:
        """Digest of the listing, of the split and of the attributes file."""
        file = self._lists / ATTRIBUTES
        listed = [f"{file.stat().st_size} {file.stat().st_mtime_ns}"] if file.is_file() else []
        return digest([self._files.stamp(), self._test.tobytes().hex(), *listed])

    def is_test(self) -> NDArray[np.bool_]:
        """Rows that are held out."""
        return self._test

    def read(self, start: int, stop: int, resolution: int) -> Chunk:
        """Faces at *resolution*.

        Raises:
            BadInput: it is no stored level and no whole part of a larger one.
        """
        level = self._level(resolution)

        def load(name: str) -> Image.Image:
            picture = decode.decode(self._files.read(name))
            if picture.size != (level.side, level.side):
                raise BadInput(
                    f"{picture.width}x{picture.height} pixels, the other images are "
                    f"{level.side}x{level.side}"
                )
            return picture.reduce(level.side // resolution)

        return decode.read_rows(level.names, start, stop, resolution, load)

    def attributes(self) -> Mapping[str, NDArray[np.generic]]:
        """The forty attributes where CelebAMask-HQ's list is at hand, else ``label`` of shards."""
        file = self._lists / ATTRIBUTES
        if file.is_file():
            numbers = [_number(name) for name in self._levels[0].names]
            return attributes(file, [f"{each}.jpg" for each in numbers])
        labels = self._files.labels() if isinstance(self._files, Shards) else None
        return {} if labels is None else {"label": labels}

    def _level(self, resolution: int) -> Level:
        """The smallest stored level from which means of whole squares give the resolution."""
        for level in sorted(self._levels, key=lambda level: level.side):
            if level.side >= resolution and level.side % resolution == 0:
                return level
        sides = ", ".join(str(level.side) for level in self._levels)
        raise BadInput(
            f"celeba-hq was asked for at {resolution}x{resolution}, but {self._files.where} has "
            f"{sides}; ask for one of these, or for one divided by a whole number"
        )


def open_celeba_hq(argument: str | None, data_dir: Path | None) -> ImageSource:
    """A folder, an archive or Parquet shards, named or found under the data folder."""
    path, chosen = choices("celeba-hq", argument, {"split": tuple(RULES)})
    place = _find(path, data_dir)
    if place.is_file() and place.suffix == ".parquet":
        return CelebAHQ(Shards(place.parent, [place]), place.parent, chosen["split"])
    if place.is_file():
        return CelebAHQ(Archive(place), place.parent, chosen["split"])
    shards = sorted(place.rglob("*.parquet"))
    files: Files = Shards(place, shards) if shards else Folder(place)
    lists = next((p for p in (place, place.parent) if _has_lists(p)), place)
    return CelebAHQ(files, lists, chosen["split"])


def _find(path: str | None, data_dir: Path | None) -> Path:
    if path:
        place = locate(path, data_dir)
        if not place.exists():
            raise BadInput(f"{place} does not exist; celeba-hq wants a folder, a zip or Parquet")
        return place
    if data_dir is None:
        raise BadInput("celeba-hq needs its images: --data celeba-hq:PATH, or --data-dir")
    stems = ("celeba-hq", "celeba_hq", "CelebA-HQ", "celebahq", "celebA-HQ", "CelebAMask-HQ")
    places = [data_dir / f"{stem}{end}" for stem in stems for end in ("", ".zip")]
    found = next((place for place in places if place.exists()), None)
    if found is None:
        raise BadInput(
            f"celeba-hq: no {', '.join(stems)}, folder or .zip, in {data_dir}; name the images: "
            "--data celeba-hq:PATH"
        )
    images = found / "CelebA-HQ-img"  # masks lie beside it
    return images if images.is_dir() else found


def _has_lists(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (*MAPPINGS, ATTRIBUTES))


def _levels(files: Files) -> list[Level]:
    """The levels, largest first, all with the same numbers.

    Raises:
        BadInput: an image whose name is no number, or whose number is there twice; a level that
            lacks some; images that are not square.
    """
    folders: dict[str, list[str]] = {}
    for name in files.names:
        folders.setdefault(name.rpartition("/")[0], []).append(name)
    marked = {folder: names for folder, names in folders.items() if LEVEL.search(folder)}
    groups = list(marked.values()) or [list(files.names)]  # without levels, folders do not matter
    levels = [_measured(files, _numbered(files, names)) for names in groups]
    levels.sort(key=lambda level: -level.side)
    numbers = [[_number(name) for name in level.names] for level in levels]
    sides = [level.side for level in levels]
    if len(set(sides)) < len(sides):
        raise BadInput(f"celeba-hq: {files.where} has two levels of {max(sides)} pixels")
    for level, mine in zip(levels, numbers, strict=True):
        if mine != numbers[0]:
            raise BadInput(
                f"celeba-hq: {files.where} has {len(numbers[0])} images of {sides[0]} pixels and "
                f"{len(mine)} of {level.side}, not the same ones; complete them, or name a folder"
            )
    return levels


def _numbered(files: Files, names: Sequence[str]) -> list[str]:
    found: dict[int, str] = {}
    for name in names:
        mine = _number(name)
        if mine is None or mine in found:
            why = "is not a number" if mine is None else f"and {found[mine]} have one number"
            raise BadInput(f"celeba-hq: {files.where} is something else: {name} {why}")
        found[mine] = name
    return [found[key] for key in sorted(found)]


def _number(name: str) -> int | None:
    """ "data128x128/00001.jpg", "imgHQ00001.png" or a row of a shard -> 1; None for other names."""
    found = NUMBER.fullmatch(name.rpartition("/")[2])
    return int(found[1]) if found else None


def _measured(files: Files, names: Sequence[str]) -> Level:
    name, (width, height) = first_size(files, names)
    if width != height:
        raise BadInput(
            f"celeba-hq: {name} of {files.where} is {width}x{height}, wanted a square; "
            "is it the celeba of 178x218?"
        )
    return Level(width, names)


def _held_out(split: str, names: Sequence[str], lists: Path) -> NDArray[np.bool_]:
    if split == "celeba":
        file = next((lists / name for name in MAPPINGS if (lists / name).is_file()), None)
        if file is None:
            raise BadInput(
                f"celeba-hq: split=celeba needs {' or '.join(MAPPINGS)} in {lists}; get it with "
                "CelebAMask-HQ, or take split=pioneer"
            )
        return originals(file, [_number(name) or 0 for name in names]) >= FIRST_TEST
    share, of = SHARES[split]
    return np.arange(len(names)) >= len(names) * share // of


SOURCE = Source(open_celeba_hq, ORIGIN)
