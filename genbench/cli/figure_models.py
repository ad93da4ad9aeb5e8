"""``genbench figure samples`` and the others that show what trained models do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from genbench.cli._figure_options import (
    count_option,
    model_options,
    open_run,
    out_options,
    save,
)
from genbench.cli._options import Place

if TYPE_CHECKING:
    from torch import Tensor


@click.command("samples")
@click.argument("run")
@count_option("--count", 32, "Images.")
@model_options
@out_options("samples")
def samples_command(
    run: str,
    count: int,
    seed: int,
    data: str | None,
    device: str,
    runs_dir: Path,
    out: Path,
    captioned: bool,
) -> None:
    """Images that the model of RUN generates.

    \b
    Example:
      genbench figure samples pca --out samples.png
    """
    from genbench.figures.samples import samples

    save(samples(open_run(run, runs_dir, out, device, data), count, seed), out, captioned)


@click.command("reconstructions")
@click.argument("run")
@count_option("--count", 16, "Images.")
@model_options
@out_options("reconstructions")
def reconstructions_command(
    run: str,
    count: int,
    seed: int,
    data: str | None,
    device: str,
    runs_dir: Path,
    out: Path,
    captioned: bool,
) -> None:
    """Test images above what the model of RUN makes of them.

    \b
    Example:
      genbench figure reconstructions pca --out reconstructions.pdf
    """
    from genbench.figures.samples import reconstructions

    save(reconstructions(open_run(run, runs_dir, out, device, data), count, seed), out, captioned)


@click.command("interpolations")
@click.argument("run")
@click.option(
    "--corners",
    type=click.Choice(["4", "6"]),
    default="4",
    show_default=True,
    help="Test images between which to go: a square or a hexagon.",
)
@model_options
@out_options("interpolations")
def interpolations_command(
    run: str,
    corners: str,
    seed: int,
    data: str | None,
    device: str,
    runs_dir: Path,
    out: Path,
    captioned: bool,
) -> None:
    """Decoded latents between four or six test images, along arcs where latents lie on a sphere.

    \b
    Example:
      genbench figure interpolations pca --corners 6
    """
    from genbench.figures.interpolations import interpolations

    of = open_run(run, runs_dir, out, device, data)
    save(interpolations(of, int(corners), seed), out, captioned)


@click.command("overview")
@click.argument("run")
@click.option(
    "--attribute",
    "wanted",
    multiple=True,
    help="A row of edits, by labels: glasses, hair_style=3; repeatable.",
)
@model_options
@out_options("overview")
def overview_command(
    run: str,
    wanted: tuple[str, ...],
    seed: int,
    data: str | None,
    device: str,
    runs_dir: Path,
    out: Path,
    captioned: bool,
) -> None:
    """Inputs, reconstructions, samples, a way between two inputs and edits on one sheet.

    \b
    Example:
      genbench figure overview pca --attribute smile --attribute glasses
    """
    from genbench.figures.overview import overview

    save(overview(open_run(run, runs_dir, out, device, data), wanted, seed), out, captioned)


@click.command("attributes")
@click.argument("run")
@click.option(
    "--attribute",
    "wanted",
    multiple=True,
    help="By labels: glasses, hair_style=3, smile+glasses; repeatable.",
)
@click.option(
    "--with",
    "have",
    type=Place(),
    help="Folder of images with something, instead of labels.",
)
@click.option("--without", "lack", type=Place(), help="Folder of images without it.")
@click.option("--from", "low", type=float, default=-2.0, show_default=True, help="Least intensity.")
@click.option("--to", "high", type=float, default=2.0, show_default=True, help="Greatest one.")
@count_option("--steps", 9, "Intensities.", 2)
@count_option("--images", 3, "Test images to edit.")
@count_option("--set-size", 64, "Training images on each side, at most.", 2)
@click.option(
    "--renormalise/--keep-norm",
    default=True,
    show_default=True,
    help="Bring edited codes back to the sphere, where they lie on one.",
)
@model_options
@out_options("attributes")
def attributes_command(
    run: str,
    wanted: tuple[str, ...],
    have: Path | None,
    lack: Path | None,
    low: float,
    high: float,
    steps: int,
    images: int,
    set_size: int,
    renormalise: bool,
    seed: int,
    data: str | None,
    device: str,
    runs_dir: Path,
    out: Path,
    captioned: bool,
) -> None:
    """Test images with an attribute taken away and added, from intensity -2 to 2.

    \b
    Examples:
      genbench figure attributes pca --attribute smile --attribute smile+glasses
      genbench figure attributes pca --with smiling/ --without serious/
    """
    from genbench.errors import BadSetting
    from genbench.figures.attributes import Sweep, between, edits, label_direction

    if (have is None) != (lack is None) or bool(wanted) == bool(have):
        raise BadSetting(
            "say what to edit: --attribute NAME, or two folders of images: --with A --without B"
        )
    sweep = Sweep(low, high, steps, images, renormalise)
    of = open_run(run, runs_dir, out, device, data)
    directions = [label_direction(of, each, set_size, seed) for each in wanted]
    if have is not None and lack is not None:
        sides = (_all_of(folder, of.data.resolution) for folder in (have, lack))
        directions.append(between(of, f"{have.name} − {lack.name}", *sides))
    save(edits(of, directions, sweep, seed), out, captioned)


def _all_of(folder: Path, resolution: int) -> Tensor:
    """Every image of a folder, uint8 (n, 3, r, r)."""
    import torch

    from genbench.data import open_images

    return torch.from_numpy(open_images(folder).of_resolution(resolution)[:])


@click.command("directions")
@click.argument("run")
@count_option("--directions", 4, "Rows.")
@count_option("--codes", 2048, "Training images that the directions are fitted to, at most.", 2)
@click.option(
    "--renormalise/--keep-norm",
    default=True,
    show_default=True,
    help="Bring codes back to the sphere, where they lie on one.",
)
@model_options
@out_options("directions")
def directions_command(
    run: str,
    directions: int,
    codes: int,
    renormalise: bool,
    seed: int,
    data: str | None,
    device: str,
    runs_dir: Path,
    out: Path,
    captioned: bool,
) -> None:
    """Walks along the principal directions of the latents, 3 standard deviations each way.

    \b
    Example:
      genbench figure directions pca --directions 4
    """
    from genbench.figures import directions as rows

    of = open_run(run, runs_dir, out, device, data)
    drawn = rows.directions(of, directions, codes, seed, renormalise=renormalise)
    save(drawn, out, captioned)


@click.command("neighbours")
@click.argument("run")
@count_option("--count", 6, "Samples.")
@count_option("--near", 5, "Training images beside each.")
@model_options
@out_options("neighbours")
def neighbours_command(
    run: str,
    count: int,
    near: int,
    seed: int,
    data: str | None,
    device: str,
    runs_dir: Path,
    out: Path,
    captioned: bool,
) -> None:
    """Samples, and the training images nearest to each: does the model copy?

    \b
    Example:
      genbench figure neighbours pca
    """
    from genbench.figures.samples import neighbours

    save(neighbours(open_run(run, runs_dir, out, device, data), count, near, seed), out, captioned)


@click.command("side-by-side")
@click.argument("runs", nargs=-1, required=True)
@count_option("--count", 8, "Test images.")
@model_options
@out_options("side-by-side")
def side_by_side_command(
    runs: tuple[str, ...],
    count: int,
    seed: int,
    data: str | None,
    device: str,
    runs_dir: Path,
    out: Path,
    captioned: bool,
) -> None:
    """The same test images as the models of several RUNS reconstruct them.

    \b
    Example:
      genbench figure side-by-side pca pioneer vae
    """
    from genbench.figures.samples import side_by_side, strip

    strips = [strip(open_run(run, runs_dir, out, device, data), count, seed) for run in runs]
    save(side_by_side(strips, seed), out, captioned)
