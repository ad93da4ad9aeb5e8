"""``genbench quickstart``: the whole job in a few minutes, with nothing to download."""

from __future__ import annotations

import shutil
import textwrap
import time
from pathlib import Path

import click

from genbench.cli._options import Names, Place, device_option
from genbench.runtime import cores


@click.command()
@click.option(
    "--out",
    type=Place(),
    default=Path("genbench-quickstart"),
    show_default=True,
    help="Folder for runs, table and report.",
)
@click.option(
    "--models", type=Names(), help="Models to train.  [default: those with a preset quickstart]"
)
@device_option
def quickstart_command(out: Path, models: tuple[str, ...] | None, device: str) -> None:
    """Use the reference models, train small ones beside them, measure all, write a report.

    Stopped half-way, it goes on where it was when called again.

    \b
    Example:
      genbench quickstart --out genbench-quickstart
    """
    free = cores.free()  # before the work below counts, too

    import torch  # not for --help

    from genbench import registry
    from genbench.quickstart import steps
    from genbench.quickstart.findings import findings
    from genbench.quickstart.outlook import outlook
    from genbench.reporting.report import to_text

    began = time.monotonic()
    torch.set_num_threads(free)
    wanted = steps.Quickstart(out, models or steps.trainable(), device, free)
    for name in wanted.models:
        registry.model(name)  # a wrong name ends it here, not after minutes
    for line in outlook(wanted):
        click.echo(line, err=True)
    found = steps.collect(wanted)
    records = steps.measured(wanted, found)
    files = steps.reported(wanted, records, found)
    click.echo(to_text(records))
    for line in findings(records, found):
        click.echo(textwrap.fill(line, shutil.get_terminal_size().columns))
    click.echo(f"\nreport: {files[0]}  (in {(time.monotonic() - began) / 60:.1f} min)")
    click.echo("next:")
    for step in steps.next_steps(wanted):
        click.echo(f"  {step}")
