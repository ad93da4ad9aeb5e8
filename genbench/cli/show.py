"""``genbench show`` and ``genbench check``."""

from __future__ import annotations

import sys

import click


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
@click.argument("model")
def check_command(model: str) -> None:
    """Run the contract of models on MODEL, one of yours or of genbench; exit code 1 if it breaks.

    \b
    Example:
      genbench check pca
      genbench check my-package/my-model
    """
    from genbench import registry
    from genbench.contracts.model import check_model

    outcome = check_model(model, registry.model(model))
    for title, wrong in outcome.items():
        click.echo(f"{'broken' if wrong else 'kept  '}  {title}" + (f": {wrong}" if wrong else ""))
    broken = [title for title, wrong in outcome.items() if wrong]
    if broken:
        click.echo(f"genbench: {model} breaks {len(broken)} of {len(outcome)} promises", err=True)
        sys.exit(1)
