"""``genbench reproduce``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genbench.cli._options import (
    Names,
    Place,
    data_dir_option,
    device_option,
    runs_option,
    table_option,
    weights_options,
)
from genbench.errors import BadSetting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from genbench.reproduction import How, Verdict


@click.command()
@click.argument("table", required=False)
@click.option("--list", "list_all", is_flag=True, help="List the tables and what they cost.")
@click.option("--plan", "plan_only", is_flag=True, help="Say what is needed, and stop.")
@click.option(
    "--scale",
    type=click.FloatRange(0, 1, min_open=True),
    default=1.0,
    show_default=True,
    help="Share of all images, shown and measured; below 1: a smoke test.",
)
@click.option(
    "--data",
    "places",
    multiple=True,
    metavar="[NAME=]DATA",
    help="celeba-hq=folder:PATH says where a data set is read from; toyfaces alone "
    "takes the place of all of them, in a smoke test.",
)
@click.option("--systems", type=Names(), help="Only these, as the paper prints them: PIONEER,AGE.")
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="KEY=VALUE",
    help="Another setting for models that have it, in a smoke test.",
)
@data_dir_option
@weights_options
@click.option("--threads", type=click.IntRange(min=1), help="Of the CPU; 1 on a busy machine.")
@click.option(
    "--out",
    type=Place(file_okay=False),
    default=Path("reproduction"),
    show_default=True,
    help="Folder of the report and its chart.",
)
@device_option
@runs_option
@table_option
def reproduce_command(
    table: str | None,
    list_all: bool,
    plan_only: bool,
    places: tuple[str, ...],
    systems: tuple[str, ...] | None,
    assignments: tuple[str, ...],
    out: Path,
    **options: Any,
) -> None:
    """Train and measure what TABLE of a paper printed, and say how close it came.

    What is there already, trained runs with the published settings and numbers of the same
    protocol, is taken as it is; stopped half-way, the same command goes on.

    \b
    Examples:
      genbench reproduce --list
      genbench reproduce pioneer-table1 --plan
      genbench reproduce pioneer-table1 --scale 0.01
      genbench reproduce balanced-pioneer-ablation --data celeba-hq=folder:PATH
    """
    from genbench import reproduction
    from genbench.settings import parse_assignments

    instead = [place for place in places if "=" not in place]
    if len(instead) > 1:
        raise BadSetting(f"--data {instead[0]} and {instead[1]} would both replace all data sets")
    how = reproduction.How(
        data=dict(place.split("=", 1) for place in places if "=" in place),
        instead=instead[0] if instead else None,
        settings=parse_assignments(assignments).values,
        **options,
    )
    if list_all:
        _list(how)
        return
    if table is None:
        raise BadSetting("which table? See: genbench reproduce --list")
    about = reproduction.paper(table)
    chosen = _chosen(reproduction.targets(table), systems)
    click.echo(f"{table}: {about.title}" + (f" ({how.smoke})" if how.smoke else ""), err=True)
    for line in reproduction.needs(chosen, how):
        click.echo(line, err=not plan_only)
    if plan_only:
        for target in chosen:
            if target.why_not is not None:
                printed = target.published
                click.echo(
                    f"not attempted: {printed.system} {printed.where} {printed.split} "
                    f"{printed.metric}: {target.why_not}"
                )
        return

    def say(words: str) -> None:
        click.echo(words, err=True)

    try:
        results = reproduction.carry_out_all(table, how, say, systems or ())
    except reproduction.Interrupted as error:
        click.echo(f"genbench: {error}", err=True)
        sys.exit(130)
    _say(table, reproduction.judge(results, how.smoke), how, out)


def _chosen(targets: Sequence[Any], systems: tuple[str, ...] | None) -> list[Any]:
    known = {target.published.system for target in targets}
    if systems and (strange := sorted(set(systems) - known)):
        raise BadSetting(
            f"the table has no {', '.join(strange)}; it has {', '.join(sorted(known))}"
        )
    return [target for target in targets if not systems or target.published.system in systems]


def _list(how: How) -> None:
    """A line for each table: numbers, trainings, data, estimated cost."""
    from genbench import reproduction
    from genbench.reproduction.jobs import RATES_FROM

    for name, about in reproduction.PAPERS.items():
        found = reproduction.targets(name)
        jobs = reproduction.jobs_of(found)
        cost = sum(reproduction.hours(job, how) for job in jobs)
        data = ", ".join(dict.fromkeys(job.data for job in jobs))
        able = sum(target.job is not None for target in found)
        click.echo(f"{name}: {about.title}")
        click.echo(
            f"    {able} of {len(found)} numbers, by {len(jobs)} trainings on {data}; "
            f"about {cost:,.0f} GPU hours"
        )
    click.echo(f"GPU hours are estimates, from {RATES_FROM}", err=True)


def _say(table: str, verdicts: Sequence[Verdict], how: How, out: Path) -> None:
    """The table on standard output; the same and a chart into files."""
    from genbench import reproduction
    from genbench.evaluation.presets import PRESETS
    from genbench.reproduction.chart import chart
    from genbench.runtime import atomic

    about = reproduction.paper(table)
    title = about.title + (f" ({how.smoke})" if how.smoke else "")
    presets = dict.fromkeys(v.target.job.evaluation for v in verdicts if v.target.job is not None)
    gaps = [f"not known: {gap}" for preset in presets for gap in PRESETS[preset].unknown]
    read = [f"{name} was read from {place}, as it was said" for name, place in how.data.items()]
    notes = [*read, *dict.fromkeys(gaps), reproduction.in_all(verdicts)]
    body = [*reproduction.text(verdicts), "", *notes]
    click.echo("\n".join([title, "", *body]))
    name = table if how.smoke is None else f"{table}-smoke"
    atomic.write_text(out / f"{name}.txt", "\n".join([title, "", *body]) + "\n")
    drawing = chart(about.title, verdicts, how.smoke)
    if drawing is not None:
        drawing.save(out / f"{name}.png")
    click.echo(f"written to {out}", err=True)
