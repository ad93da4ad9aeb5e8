"""``genbench figure``: figures as papers show them."""

from __future__ import annotations

import click

from genbench.cli import charts, sheets
from genbench.errors import UnknownName, nearest


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


for each in (
    sheets.samples_command,
    sheets.reconstructions_command,
    sheets.interpolations_command,
    sheets.attributes_command,
    sheets.directions_command,
    sheets.neighbours_command,
    sheets.side_by_side_command,
    charts.training_command,
    charts.tradeoff_command,
    charts.ranks_command,
    charts.fid_command,
):
    figure_command.add_command(each)
