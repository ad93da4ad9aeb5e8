"""``genbench figure``: figures as papers show them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from genbench.cli.options import device_option, runs_option
from genbench.errors import UnknownName, nearest

if TYPE_CHECKING:
    from genbench.figures.canvas import Drawing
    from genbench.figures.trained import Trained

F = TypeVar("F", bound=Callable[..., Any])


class Kinds(click.Group):
    """Knows the nearest kind for one that does not exist."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a hint."""
        if args and args[0] not in self.commands:
            raise UnknownName(
                f"no figure is called {args[0]!r}.{nearest(args[0], self.commands)} "
                "See: genbench figure --help"
            )
        return super().resolve_command(ctx, args)


@click.group(cls=Kinds)
def figure_command() -> None:
    """Draw a figure, PNG or PDF by the ending of --out, its caption below and in its metadata.

    \b
    Examples:
      genbench figure reconstructions pioneer-celeba-64 --out reconstructions.pdf
      genbench figure attributes pioneer-celeba-64 --attribute Smiling --attribute Smiling+Male
      genbench figure tradeoff --x fid --y rmse --out tradeoff.pdf
    """


# --- options ------------------------------------------------------------------------------

seed_option = click.option(
    "--seed", type=int, default=0, show_default=True, help="Chooses images and noise."
)


def out_options(name: str) -> Callable[[F], F]:
    """--out and --caption; by default the file is called after the kind."""

    def decorate(function: F) -> F:
        function = click.option(
            "--caption/--no-caption", "captioned", default=True, show_default=True,
            help="Write the caption below the figure; it is in the metadata anyway.",
        )(function)  # fmt: skip
        return click.option(
            "--out", type=click.Path(path_type=Path), default=Path(f"{name}.png"),
            show_default=True, help="File to write, .png or .pdf.",
        )(function)  # fmt: skip

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


def _count(name: str, default: int, words: str, least: int = 1) -> Callable[[F], F]:
    return click.option(
        name, type=click.IntRange(least), default=default, show_default=True, help=words
    )


# --- figures of models --------------------------------------------------------------------


@figure_command.command("samples")
@click.argument("run")
@_count("--count", 32, "Images.")
@model_options
@out_options("samples")
def samples_command(
    run: str, count: int, seed: int, data: str | None, device: str, runs_dir: Path, out: Path,
    captioned: bool,
) -> None:  # fmt: skip
    """Images that the model of RUN generates.

    \b
    Example:
      genbench figure samples pca --out samples.png
    """
    from genbench.figures.samples import samples

    _save(samples(_open(run, runs_dir, out, device, data), count, seed), out, captioned)


@figure_command.command("reconstructions")
@click.argument("run")
@_count("--count", 16, "Images.")
@model_options
@out_options("reconstructions")
def reconstructions_command(
    run: str, count: int, seed: int, data: str | None, device: str, runs_dir: Path, out: Path,
    captioned: bool,
) -> None:  # fmt: skip
    """Test images above what the model of RUN makes of them.

    \b
    Example:
      genbench figure reconstructions pca --out reconstructions.pdf
    """
    from genbench.figures.samples import reconstructions

    _save(reconstructions(_open(run, runs_dir, out, device, data), count, seed), out, captioned)


@figure_command.command("interpolations")
@click.argument("run")
@click.option("--corners", type=click.Choice(["4", "6"]), default="4", show_default=True,
              help="Test images between which to go: a square or a hexagon.")  # fmt: skip
@model_options
@out_options("interpolations")
def interpolations_command(
    run: str, corners: str, seed: int, data: str | None, device: str, runs_dir: Path, out: Path,
    captioned: bool,
) -> None:  # fmt: skip
    """Decoded latents between four or six test images, along arcs where latents lie on a sphere.

    \b
    Example:
      genbench figure interpolations pca --corners 6
    """
    from genbench.figures.interpolations import interpolations

    of = _open(run, runs_dir, out, device, data)
    _save(interpolations(of, int(corners), seed), out, captioned)


@figure_command.command("attributes")
@click.argument("run")
@click.option("--attribute", "wanted", multiple=True,
              help="By labels: glasses, hair_style=3, smile+glasses; repeatable.")  # fmt: skip
@click.option("--with", "have", type=click.Path(path_type=Path),
              help="Folder of images with something, instead of labels.")  # fmt: skip
@click.option("--without", "lack", type=click.Path(path_type=Path),
              help="Folder of images without it.")  # fmt: skip
@click.option("--from", "low", type=float, default=-2.0, show_default=True, help="Least intensity.")
@click.option("--to", "high", type=float, default=2.0, show_default=True, help="Greatest one.")
@_count("--steps", 9, "Intensities.", 2)
@_count("--images", 3, "Test images to edit.")
@_count("--set-size", 64, "Training images on each side, at most.", 2)
@click.option("--renormalise/--keep-norm", default=True, show_default=True,
              help="Bring edited codes back to the sphere, where they lie on one.")  # fmt: skip
@model_options
@out_options("attributes")
def attributes_command(
    run: str, wanted: tuple[str, ...], have: Path | None, lack: Path | None, low: float,
    high: float, steps: int, images: int, set_size: int, renormalise: bool, seed: int,
    data: str | None, device: str, runs_dir: Path, out: Path, captioned: bool,
) -> None:  # fmt: skip
    """Test images with an attribute taken away and added, from intensity -2 to 2.

    \b
    Examples:
      genbench figure attributes pca --attribute smile --attribute smile+glasses
      genbench figure attributes pca --with smiling/ --without serious/
    """
    from genbench.data import read_images
    from genbench.errors import BadSetting
    from genbench.figures.attributes import Sweep, between, edits, labelled

    if (have is None) != (lack is None) or bool(wanted) == bool(have):
        raise BadSetting(
            "say what to edit: --attribute NAME, or two folders of images: --with A --without B"
        )
    sweep = Sweep(low, high, steps, images, renormalise)
    of = _open(run, runs_dir, out, device, data)
    directions = [labelled(of, each, set_size, seed) for each in wanted]
    if have is not None and lack is not None:
        sides = (read_images(folder, of.data.resolution) for folder in (have, lack))
        directions.append(between(of, f"{have.name} − {lack.name}", *sides))
    _save(edits(of, directions, sweep, seed), out, captioned)


@figure_command.command("directions")
@click.argument("run")
@_count("--directions", 4, "Rows.")
@_count("--codes", 2048, "Training images that the directions are fitted to, at most.", 2)
@click.option("--renormalise/--keep-norm", default=True, show_default=True,
              help="Bring codes back to the sphere, where they lie on one.")  # fmt: skip
@model_options
@out_options("directions")
def directions_command(
    run: str, directions: int, codes: int, renormalise: bool, seed: int, data: str | None,
    device: str, runs_dir: Path, out: Path, captioned: bool,
) -> None:  # fmt: skip
    """Walks along the principal directions of the latents, 3 standard deviations each way.

    \b
    Example:
      genbench figure directions pca --directions 4
    """
    from genbench.figures import directions as rows

    of = _open(run, runs_dir, out, device, data)
    drawn = rows.directions(of, directions, codes, seed, renormalise=renormalise)
    _save(drawn, out, captioned)


@figure_command.command("neighbours")
@click.argument("run")
@_count("--count", 6, "Samples.")
@_count("--near", 5, "Training images beside each.")
@model_options
@out_options("neighbours")
def neighbours_command(
    run: str, count: int, near: int, seed: int, data: str | None, device: str, runs_dir: Path,
    out: Path, captioned: bool,
) -> None:  # fmt: skip
    """Samples, and the training images nearest to each: does the model copy?

    \b
    Example:
      genbench figure neighbours pca
    """
    from genbench.figures.samples import neighbours

    _save(neighbours(_open(run, runs_dir, out, device, data), count, near, seed), out, captioned)


@figure_command.command("side-by-side")
@click.argument("runs", nargs=-1, required=True)
@_count("--count", 8, "Test images.")
@model_options
@out_options("side-by-side")
def side_by_side_command(
    runs: tuple[str, ...], count: int, seed: int, data: str | None, device: str, runs_dir: Path,
    out: Path, captioned: bool,
) -> None:  # fmt: skip
    """The same test images as the models of several RUNS reconstruct them.

    \b
    Example:
      genbench figure side-by-side pca pioneer vae
    """
    from genbench.figures.samples import side_by_side

    models = [_open(run, runs_dir, out, device, data) for run in runs]
    _save(side_by_side(models, count, seed), out, captioned)


def _open(run: str, runs_dir: Path, out: Path, device: str, data: str | None) -> Trained:
    """The model of a run; a file that could not be written is refused before any work."""
    from genbench.figures.canvas import check_format
    from genbench.figures.trained import find, from_run

    check_format(out)
    return from_run(find(run, runs_dir), device, data)


def _save(drawing: Drawing, out: Path, captioned: bool) -> None:
    drawing.save(out, captioned=captioned)
    click.echo(str(out))
    click.echo(f"{drawing.words.title}. {drawing.words.caption}", err=True)
