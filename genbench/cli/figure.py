"""``genbench figure``: figures as papers show them."""

from __future__ import annotations

import click

from genbench.cli import figure_charts, figure_models
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
    figure_models.samples_command,
    figure_models.reconstructions_command,
    figure_models.interpolations_command,
    figure_models.overview_command,
    figure_models.attributes_command,
    figure_models.directions_command,
    figure_models.neighbours_command,
    figure_models.side_by_side_command,
    figure_charts.training_command,
    figure_charts.tradeoff_command,
    figure_charts.ranks_command,
    figure_charts.fid_command,
):
    figure_command.add_command(each)
