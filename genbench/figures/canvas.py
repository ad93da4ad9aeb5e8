"""A drawing and its words: where figures meet matplotlib, without pyplot and its global state."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from genbench.errors import BadInput, BadSetting
from genbench.runtime.atomic import new_file
from genbench.tables.table import Figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

WIDTH = 6.8  # inches across the text of a page
COLUMN = 3.4  # inches across one of two columns
DPI = 200
SIZE = 8.0  # points, of labels
SMALL = 7.0  # points, of captions, ticks and notes

# M. Okabe, K. Ito, "Color Universal Design", 2002: told apart by the colour-blind, and with one
# marker and one kind of line each also in grey. Their yellow is left out, white paper eats it.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "*", "<", ">")
LINES = ("-", "--", "-.", ":")

FORMATS = (".png", ".pdf")
RC: Mapping[str, Any] = {
    "font.family": ["DejaVu Sans"],  # comes with matplotlib, so that every machine draws alike
    "font.size": SIZE,
    "axes.titlesize": SIZE,
    "axes.labelsize": SIZE,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "pdf.fonttype": 42,  # publishers refuse Type 3 fonts
}


@dataclass(frozen=True)
class Words:
    """What is said about a drawing."""

    title: str
    caption: str  # ends with what made it: data, run, protocol, seed
    alt: str  # what is to be seen, for those who cannot see it


@dataclass(frozen=True)
class Drawing:
    """A finished drawing."""

    words: Words
    canvas: Canvas
    dpi: float = DPI
    large: bool = False  # wants the width of a page

    def figure(self, *, first: bool = False) -> Figure:
        """For a report, which prints the caption itself.

        Args:
            first: it stands above the tables.
        """
        words = self.words
        picture = self.render(".png")
        return Figure(words.title, words.caption, picture, words.alt, first, self.large)

    def render(self, suffix: str, *, captioned: bool = False) -> bytes:
        """The bytes of a file, title and caption in its metadata; *captioned*: in the picture."""
        stream = io.BytesIO()
        with _style(), _caption(self, captioned) as bounds:
            self.canvas.savefig(
                stream,
                format=suffix.removeprefix("."),
                dpi=self.dpi,
                bbox_inches=bounds,
                metadata=_metadata(self.words, suffix),
            )
        return stream.getvalue()

    def save(self, target: Path, *, captioned: bool = True) -> None:
        """Write a file, whole or not at all; its ending says which format.

        Raises:
            BadSetting: another ending than .png or .pdf.
        """
        content = self.render(check_format(target), captioned=captioned)
        with new_file(target) as temporary:
            temporary.write_bytes(content)
            temporary.chmod(0o644)


def check_format(target: Path) -> str:
    """The ending of a file that a drawing can be written to.

    Raises:
        BadSetting: another one than .png or .pdf.
    """
    suffix = target.suffix.lower()
    if suffix not in FORMATS:
        raise BadSetting(f"{target} should end with {' or '.join(FORMATS)}; change --out")
    return suffix


def read(source: Path) -> Figure:
    """A figure that `Drawing.save` wrote, with its words, for a report.

    Raises:
        BadInput: not a PNG file of genbench.
    """
    try:
        content = source.read_bytes()
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            metadata = {str(name): str(value) for name, value in image.info.items()}
    except (OSError, SyntaxError) as error:  # Pillow's word for a broken PNG is SyntaxError
        raise BadInput(f"{source} is not a PNG file: {error}") from error
    if not {"Title", "Description", "Alt"} <= metadata.keys():
        raise BadInput(
            f"{source} does not say what it shows; make it with: genbench figure ... --out x.png"
        )
    return Figure(metadata["Title"], metadata["Description"], content, metadata["Alt"])


# --- making a canvas ----------------------------------------------------------------------


@contextmanager
def blank(width: float, height: float) -> Iterator[Canvas]:
    """An empty canvas, in inches, to be drawn on in the style of the house."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    with _style():
        canvas = Canvas(figsize=(width, height), dpi=DPI)
        FigureCanvasAgg(canvas)
        yield canvas


def text(words: object, most: int = 200) -> str:
    """*words* as a label: on one line, no formula, nothing that steers or has no letter.

    Names come from folders and other distributions. A letter that the font lacks is told by
    its number; a dollar sign does not begin a formula.
    """
    line = " ".join(str(words).split())
    if len(line) > most:
        line = f"{line[: most - 1]}…"
    known = _letters()
    spelt = "".join(
        letter if ord(letter) in known else f"<{ord(letter):X}>" for letter in map(_steady, line)
    )
    return spelt.replace("$", r"\$")


def wrap(words: str, inches: float, size: float) -> list[str]:
    """*words* broken into lines no wider than *inches* at *size* points, long ones anywhere."""
    lines, line = [], ""
    for word in words.split():
        longer = f"{line} {word}" if line else word
        if width_of(longer, size) <= inches:
            line = longer
            continue
        lines += [line] if line else []
        line = word
        while width_of(line, size) > inches and len(line) > 1:
            fits = next(
                (n for n in range(len(line) - 1, 1, -1) if width_of(line[:n], size) <= inches), 1
            )
            lines, line = [*lines, line[:fits]], line[fits:]
    return [*lines, line] if line else lines


def width_of(words: str, size: float) -> float:
    """Inches that *words*, made by `text`, take at *size* points, letters not pulled together."""
    return sum(_advance(letter) for letter in words.replace(r"\$", "$")) * size / 72


@cache
def _advance(letter: str) -> float:
    """Width of a letter, in units of the size of the font."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family="DejaVu Sans", size=100)
    # Between two bars, for a space alone has no width.
    widths = [
        text_to_path.get_text_width_height_descent(words, font, False)[0]
        for words in (f"|{letter}|", "||")
    ]
    return float(widths[0] - widths[1]) / 100


@contextmanager
def _style() -> Iterator[None]:
    import matplotlib

    with warnings.catch_warnings(), matplotlib.rc_context(dict(RC)):  # type: ignore[arg-type]
        warnings.filterwarnings("ignore", category=DeprecationWarning)  # of its own imports
        yield


def _steady(letter: str) -> str:
    """The letter, unless it is a control character or turns the direction of text."""
    return letter if letter.isprintable() else "\ufffd"


@cache
def _letters() -> frozenset[int]:
    """What the font can draw."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    font = get_font(findfont(FontProperties(family="DejaVu Sans")))
    return frozenset(font.get_charmap())


@contextmanager
def _caption(drawing: Drawing, shown: bool) -> Iterator[Any]:
    """Write the caption under the canvas while it is saved; gives the bounds to save."""
    from matplotlib.transforms import Bbox

    if not shown:
        yield None
        return
    canvas = drawing.canvas
    width, height = (float(x) for x in canvas.get_size_inches())
    label = text(f"{drawing.words.title}. {drawing.words.caption}", 4000)
    lines = wrap(label, width - 0.1, SMALL)
    line = 1.3 * SMALL / 72
    # Whole pixels, so that images above the caption keep theirs.
    strip = round((line * len(lines) + 0.12) * drawing.dpi) / drawing.dpi
    how: dict[str, Any] = {"va": "top", "ha": "left", "fontsize": SMALL, "color": "#333333"}
    artists = [
        canvas.text(0.05 / width, -(0.05 + line * row) / height, words, **how)
        for row, words in enumerate(lines)
    ]
    try:
        yield Bbox.from_bounds(0, -strip, width, height + strip)
    finally:
        for artist in artists:
            artist.remove()


def _metadata(words: Words, suffix: str) -> dict[str, Any]:
    if suffix == ".pdf":
        # No date: the same figure is the same file.
        return {
            "Title": words.title,
            "Subject": words.caption,
            "Keywords": words.alt,
            "Creator": "genbench",
            "CreationDate": None,
        }
    return {
        "Title": words.title,
        "Description": words.caption,
        "Alt": words.alt,
        "Software": "genbench",
    }
