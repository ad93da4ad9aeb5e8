"""``genbench show`` and ``genbench check``."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import click

from genbench.cli._options import Place
from genbench.contracts.outcome import Verdict


@click.command()
@click.argument("model")
def show_command(model: str) -> None:
    """Print the card of MODEL: paper, settings, presets, parameters, published numbers.

    \b
    Example:
      genbench show pioneer
    """
    from genbench.reporting.model_card import card  # torch loads here, not for --help

    for line in card(model):
        click.echo(line)


@click.command()
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(["model", "metric", "feature"]),
    help="What NAME is, where a model and a metric have one name.",
)
@click.option(
    "--weights-dir",
    type=Place(),
    help="Where network weights lie.  [env: GENBENCH_WEIGHTS]",
)
def check_command(name: str, kind: str | None, weights_dir: Path | None) -> None:
    """Run the contract on NAME, a model, metric or feature network, one of yours or of genbench.

    Ends with 1 if a promise is broken, or none could be checked.

    \b
    Examples:
      genbench check pca
      genbench check rmse
      genbench check my-package/my-model
    """
    from genbench.contracts.check import check

    broken = False
    for each, outcomes in check(name, kind, weights_dir):
        verdicts = Counter(outcome.verdict for outcome in outcomes)
        click.echo(f"{each}: " + ", ".join(f"{n} {v.value}" for v, n in verdicts.items()))
        if verdicts.keys() == {Verdict.NOT_CHECKED}:
            click.echo(f"  {outcomes[0].why}")
            outcomes = ()
        for outcome in outcomes:
            why = f": {outcome.why}" if outcome.why else ""
            click.echo(f"  {outcome.verdict.value:<11}  {outcome.promise}{why}")
        broken |= Verdict.BROKEN in verdicts or Verdict.KEPT not in verdicts
    if broken:
        click.echo(f"genbench: {name} breaks promises, or none could be checked", err=True)
        sys.exit(1)
