"""``genbench import``."""

from __future__ import annotations

from pathlib import Path

import click

from genbench.cli._options import runs_option


@click.command()
@click.argument("model")
@click.argument("sources", nargs=-1, required=True, metavar="[PART=]FILE...")
@click.option("--name", required=True, help="Name of the run folder.")
@click.option("--preset", help="Settings that the weights were trained with.")
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting of the model; may be given several times.",
)
@click.option("--resolution", type=int, help="Side of the images; by default the preset's.")
@click.option(
    "--seen",
    type=click.IntRange(min=0),
    help="Images they were trained on, where the file does not say it.",
)
@runs_option
def import_command(
    model: str,
    sources: tuple[str, ...],
    name: str,
    preset: str | None,
    assignments: tuple[str, ...],
    resolution: int | None,
    seen: int | None,
    runs_dir: Path,
) -> None:
    """Make a run of weights that the published code of MODEL has saved; no code in them is run.

    \b
    Examples:
      genbench import pioneer 36200000_state --preset celeba-128 --name pioneer-released
      genbench import age encoder=netE.pt generator=netG.pt --preset celeba-64 --name age-released
      genbench import introvae model.pt --preset code-256-a --set released_shortcuts=true --name iv
    """
    from genbench.settings import parse_assignments
    from genbench.training.import_weights import import_run  # torch loads here, not for --help

    run = import_run(
        model,
        sources,
        name=name,
        preset=preset,
        settings=parse_assignments(assignments),
        resolution=resolution,
        seen=seen,
        runs_dir=runs_dir,
    )
    click.echo(str(run.folder))
    click.echo(
        f"measure: genbench evaluate --models {run.name} --runs {run.folder.parent} --data DATA "
        "--metrics swd,rmse,psnr",
        err=True,
    )
