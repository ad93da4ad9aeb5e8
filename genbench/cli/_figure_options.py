"""What the commands that draw figures share: their options, opening a run, writing the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from genbench.cli._options import Place, device_option, runs_option

if TYPE_CHECKING:
    from genbench.figures.canvas import Drawing
    from genbench.figures.trained_model import TrainedModel

F = TypeVar("F", bound=Callable[..., Any])

seed_option = click.option(
    "--seed", type=int, default=0, show_default=True, help="Chooses images and noise."
)


def out_options(name: str) -> Callable[[F], F]:
    """--out and --caption; by default the file is called after the kind."""

    def decorate(function: F) -> F:
        function = click.option(
            "--caption/--no-caption",
            "captioned",
            default=True,
            show_default=True,
            help="Write the caption below the figure; it is in the metadata anyway.",
        )(function)
        return click.option(
            "--out",
            type=Place(),
            default=Path(f"{name}.png"),
            show_default=True,
            help="File to write, .png or .pdf.",
        )(function)

    return decorate


def model_options(function: F) -> F:
    """What every figure of a trained model takes."""
    for option in (
        seed_option,
        click.option("--data", help="Data set, where a run does not say what it was trained on."),
        device_option,
        runs_option,
    ):
        function = option(function)
    return function


def count_option(name: str, default: int, words: str, least: int = 1) -> Callable[[F], F]:
    """How many of something."""
    return click.option(
        name, type=click.IntRange(least), default=default, show_default=True, help=words
    )


def open_run(run: str, runs_dir: Path, out: Path, device: str, data: str | None) -> TrainedModel:
    """The model of a run; a file that could not be written is refused before any work."""
    from genbench.figures.canvas import check_format
    from genbench.figures.trained_model import from_run
    from genbench.runs import find

    check_format(out)
    return from_run(find(run, runs_dir), device, data)


def save(drawing: Drawing, out: Path, captioned: bool) -> None:
    """Write the file; its name goes to standard output, the caption to standard error."""
    drawing.save(out, captioned=captioned)
    click.echo(str(out))
    click.echo(f"{drawing.words.title}. {drawing.words.caption}", err=True)
