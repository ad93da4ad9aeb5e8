"""``genbench stats``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from genbench.cli._options import Place, data_dir_option, device_option, weights_options


@click.command()
@click.argument("data")
@click.option("--out", type=Place(dir_okay=False), required=True, help="The .npz file.")
@click.option("--resolution", type=click.IntRange(min=1), help="Side of the images in pixels.")
@click.option(
    "--layer",
    type=click.Choice(["64", "192", "768", "2048"]),
    help="Of Inception.  [default: the deepest of the weights at hand]",
)
@data_dir_option
@weights_options
@click.option("--batch", type=click.IntRange(min=1), help="Images at once.")
@device_option
def stats_command(
    data: str,
    out: Path,
    resolution: int | None,
    layer: str | None,
    data_dir: Path | None,
    **options: Any,
) -> None:
    """Write mean and covariance of the features of DATA, the reference of FID, without its images.

    DATA is a folder or a file of images, all of which are taken, or a data set with --resolution,
    of which the training images are. The file is read by genbench compare, pytorch-fid and
    clean-fid.

    \b
    Examples:
      genbench stats real/ --out real.npz
      genbench stats toyfaces --resolution 64 --layer 768 --out toyfaces.npz
    """
    from genbench.data import open_dataset  # torch loads here, not for --help
    from genbench.data.dataset import whole
    from genbench.data.image_sets.open_images import open_images
    from genbench.distributed import group
    from genbench.errors import BadInput
    from genbench.evaluation.reference_statistics import write
    from genbench.evaluation.settings import Evaluation
    from genbench.registry import plugins
    from genbench.runtime.paths import at_home

    if Path(at_home(data)).exists():
        images = open_images(at_home(data), resolution=resolution)
        if images.left_out:
            click.echo(f"{data}: {len(images)} images; not taken: {images.left_out}", err=True)
        opened = whole(images)
    elif data.partition(":")[0] not in plugins("dataset"):
        raise BadInput(f"{data} is no folder or file that is there, and no data set")
    elif resolution is None:
        raise BadInput(f"{data} is a data set; say at which size: --resolution R")
    else:
        opened = open_dataset(data, resolution, data_dir=data_dir)
    found = write(out, opened, Evaluation(metrics=(), **options), layer)
    if group.rank() == 0:
        click.echo(
            f"{out}: mean and covariance of {len(opened.train):,} images of {opened.name}, "
            f"{found.layer} features; genbench compare {out} FAKE measures {found.metric} with them"
        )
